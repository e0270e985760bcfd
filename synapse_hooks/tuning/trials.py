"""Trials: runs of their own, beside the run of their search, which begin with the stages that it has finished.

A launcher that searches calls `trial_plan` for the plan of a trial, runs it as any plan, and reports what `read_trial`
reads from its run directory.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from synapse_hooks.errors import SynapseHooksError, suggest
from synapse_hooks.journal import Journal, RunDirectory, last_metrics, read_events, secrets_of
from synapse_hooks.journal.record import RECORD
from synapse_hooks.journal.values import is_hidden
from synapse_hooks.launches import RunPlan
from synapse_hooks.searches import Search, SearchConfig, Trial
from synapse_hooks.steps.reuse import DONE
from synapse_hooks.steps.state import plain
from synapse_hooks.tuning.epochs import EpochMetrics
from synapse_hooks.types import ENDED

EXECUTE: Final = 'execute'
"""The stage that trains: in the run of a search it is the search."""
_COPIED: Final = ('action', 'target', 'workspace', 'host', 'environment', 'runtime', 'git', 'plugins')


def trial_id(number: int) -> str:
    """The id of a trial.

    Args:
        number: Its number, from 1.

    Example:
        >>> trial_id(3)
        '0003'
    """
    return f'{number:04}'


def trial_folder(search_dir: str | Path, id: str) -> Path:
    """The run directory of a trial: beside that of its search.

    Args:
        search_dir: The run directory of the search.
        id: The id of the trial, such as `0001`.

    Example:
        >>> str(trial_folder('/runs/search', '0003'))
        '/runs/search-0003'
    """
    folder = Path(search_dir)
    return folder.with_name(f'{folder.name}-{id}')


def trial_plan(plan: RunPlan, search: Search, id: str, params: Mapping[str, Any]) -> RunPlan:
    """The plan of a trial, whose run directory is made if it is not there.

    Its run has the finished stages of the search that have used no parameter that is searched: the dataset is neither
    exported nor converted nor copied again. It ends with the training, unless the models of all trials are uploaded.

    Args:
        plan: The plan that the hook `tune` got.
        search: The search.
        id: The id of the trial, such as `0001`.
        params: The values of the parameters that are searched.

    Raises:
        RunError, StorageError: The run directory cannot be made or used.
    """
    folder = trial_folder(plan.run_dir, id)
    values = {**plan.params, **plain(dict(params))}
    recorded = RunDirectory.open(Path(plan.run_dir)).read()['params']
    shown = {name: recorded[name] if is_hidden(recorded.get(name)) else value for name, value in values.items()}
    is_new = not (folder / RECORD).exists()
    if is_new:
        _fork(Path(plan.run_dir), folder, search, id, shown)
    else:
        directory = RunDirectory.open(folder, redact=secrets_of(os.environ))
        if directory.status != 'succeeded' and (directory.read()['params'] != shown or directory.read().get('stopped')):
            with directory.locked():
                directory.update(params=shown, stopped=None)
    until = None if search.models == 'all' else EXECUTE
    return replace(
        plan, run_dir=str(folder), params=values, run_name=None, resume=not is_new, from_stage=None, until=until
    )


def _fork(search_dir: Path, folder: Path, search: Search, id: str, params: Mapping[str, Any]) -> None:
    record = RunDirectory.open(search_dir).read()
    searched = set(search.names)
    stages, _ = shared_stages(record, search)
    fields = {name: record.get(name) for name in _COPIED}
    if not searched & set((record.get('checkpoint_of') or {}).get('params') or {}):
        fields |= {name: record.get(name) for name in ('checkpoint', 'checkpoint_of')}
    fields['runtime'] = {**(record.get('runtime') or {}), 'run_name': None}
    trial = {'search': record['run'], 'id': id}
    RunDirectory.create(folder, redact=secrets_of(os.environ), **fields, params=params, stages=stages, trial=trial)


def shared_stages(
    record: Mapping[str, Any], search: Search
) -> tuple[list[dict[str, Any]], tuple[str, list[str]] | None]:
    """The stages of a search that its trials share, and the first one that they do not, with what it has used.

    Args:
        record: What run.json of the search has.
        search: The search.
    """
    shared: list[dict[str, Any]] = []
    for stage in record['stages']:
        if stage['name'] == EXECUTE or stage['status'] not in DONE:
            break
        used = (stage.get('inputs') or {}).get('params') or {}
        if found := [name for name in search.names if name in used]:
            return shared, (stage['name'], found)
        shared.append(stage)
    return shared, None


def read_trial(plan: RunPlan, search: Search, id: str, params: Mapping[str, Any]) -> Trial:
    """The state of a trial, from its run directory.

    Of the metric of the search it has the best value of all epochs. The parameters are those in
    run.json once the run has ended, else `params`: a scheduler may have new ones for an attempt that never began.

    Args:
        plan: The plan of the search.
        search: The search.
        id: The id of the trial.
        params: The values of the parameters that are searched.

    Raises:
        RunError: There is no run directory, or it cannot be read.
    """
    directory = RunDirectory.open(trial_folder(plan.run_dir, id))
    record, config = directory.read(), search.config
    epochs = EpochMetrics(directory.path, config.metric)
    values = [epoch.values[config.metric] for epoch in epochs.read()]
    metrics = last_metrics(directory.path)
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        metrics[config.metric] = max(finite) if config.mode == 'max' else min(finite)
    error = record['error']
    if record['status'] == 'succeeded' and not values:
        metrics.pop(config.metric, None)
        problem = metric_missing(config, epochs.names)
        error = {'type': type(problem).__name__, 'message': problem.problem, 'hint': problem.hint, 'code': MISSING}
    status = record['status'] if record['status'] in ENDED else 'running'
    own = plain(dict(params))
    if status != 'running':
        recorded = {name: value for name, value in record['params'].items() if name in own and not is_hidden(value)}
        own |= recorded
    return Trial(
        id,
        own,
        'failed' if error is not None and status == 'succeeded' else status,
        {name: value for name, value in metrics.items() if math.isfinite(value)},
        str(directory.path),
        error,
        str(record.get('stopped') or ''),
        record['model'],
    )


MISSING: Final = 'metric-missing'
"""The `code` of the error of a trial that has not logged the metric of the search."""


def metric_missing(config: SearchConfig, names: Sequence[str]) -> SynapseHooksError:
    """The error for a trial that has ended without a value of the metric.

    Args:
        config: Of the search.
        names: The metrics that it has logged for epochs.
    """
    near = suggest(config.metric, names)
    logged = f'it logged {", ".join(names)}' if names else 'it logged no metric with an epoch'
    return SynapseHooksError(
        f'the trial has not logged the metric {config.metric!r} for any epoch; {logged}',
        hint=near or 'change `metric` (`--metric NAME`), or log it: `self.log_metrics({NAME: value}, step=epoch)`',
        metric=config.metric,
        logged=list(names),
    )


def mark_stopped(run_dir: str | Path, why: str = '') -> None:
    """Record that a trial was ended early, in its run directory, when its process has ended.

    Args:
        run_dir: The run directory of the trial.
        why: A phrase such as `by the scheduler after 3 epochs`; empty if the search was cancelled.

    Raises:
        RunError: It cannot be used.
    """
    directory = RunDirectory.open(Path(run_dir), redact=secrets_of(os.environ))
    with directory.locked():
        if directory.status == 'succeeded':
            # It was done before it could be ended.
            return
        # That it was ended by a signal is not an error.
        directory.update(status='cancelled', stopped=why or None, error=None)
        journal = Journal.join(directory.path, run=directory.name, redact=secrets_of(os.environ))
        text = f'stopped early {why}' if why else 'cancelled with the search'
        journal.record('message', {'level': 'info', 'code': 'trial-stopped', 'text': text})
        journal.close()


def recorded_trials(search_dir: str | Path) -> dict[str, Trial]:
    """The trials of a search as they were reported last, by id; from its journal.

    Args:
        search_dir: The run directory of the search.

    Raises:
        RunError: There is no run directory.
    """
    found = {}
    for event in read_events(Path(search_dir), types=('trial',)):
        if isinstance(event.get('id'), str):
            found[event['id']] = Trial.from_dict(event)
    return found
