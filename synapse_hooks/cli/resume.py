"""Go on with a run that was interrupted or failed, at the stage that did not finish.

Finished stages are reused: after a failed upload only the upload is run, and a training continues from its last
checkpoint if its action can. For a run that has succeeded, only events that its sinks have not received are delivered.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.launching import add_launcher, chosen_resources, need_launcher
from synapse_hooks.cli.train import add_deadlines, add_job, add_params, add_pickles, add_plan, add_trace, deadlines_of
from synapse_hooks.errors import RunError
from synapse_hooks.launches import Resources


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run directory, and what to change."""
    parser.add_argument(
        'run_dir', metavar='RUN', type=Path, help='the folder that the run printed, or the name of the run'
    )
    parser.add_argument(
        '--from-stage', metavar='NAME', help='run this stage and all after it again, even if they have succeeded'
    )
    add_params(parser)
    add_plan(parser)
    add_pickles(parser)
    add_deadlines(parser)
    add_trace(parser)
    add_job(parser)
    add_launcher(parser)


def run(options: argparse.Namespace) -> CommandResult:
    """Load the run's action again, and run it."""
    from synapse_hooks.cli.run_action import failed_before_start

    try:
        return _run(options)
    except BaseException as error:
        return failed_before_start(error)


def _run(options: argparse.Namespace) -> CommandResult:
    from synapse_hooks.actions.params import known, validated
    from synapse_hooks.actions.target import load_action
    from synapse_hooks.backends import connect
    from synapse_hooks.cli.params import read_params
    from synapse_hooks.cli.plan import plan_result
    from synapse_hooks.cli.run_action import run_action
    from synapse_hooks.cli.run_folder import run_folder
    from synapse_hooks.context import RuntimeContext
    from synapse_hooks.journal import RunDirectory
    from synapse_hooks.journal.values import is_hidden
    from synapse_hooks.searches import Search, SearchRequest
    from synapse_hooks.storage.user_paths import working_directory

    directory = RunDirectory.open(run_folder(options.run_dir))
    record: dict[str, Any] = directory.read()
    changes = read_params(options.file, options.params)
    is_changed = options.plan or options.from_stage is not None or bool(changes) or bool(record.get('undelivered'))
    # A trial of a search has ended with its training: now its model is uploaded.
    is_changed = is_changed or record.get('until') is not None
    if record['status'] == 'succeeded' and not is_changed:
        model = record['model'] or {}
        text = 'the run has succeeded already'
        if model:
            text += f'; its model is {model["id"]}'
        text += f'\n  → to train again: `synapse-hooks resume {options.run_dir} --from-stage execute`'
        data = {key: record[key] for key in ('result', 'model', 'dataset', 'error')}
        return CommandResult(
            {'outcome': 'succeeded', 'run_dir': str(directory.path), 'metrics': {}, **data},
            text,
            has_side_effects=True,
        )
    if not record['target']:
        raise RunError(
            f'{directory.path} does not record its action: the run was started from Python',
            hint='resume it there: RuntimeContext(run_dir=..., resume=True)',
            path=str(directory.path),
        )
    hidden = [name for name, value in record['params'].items() if is_hidden(value) and name not in changes]
    if hidden:
        raise RunError(
            f'{directory.path} does not hold the parameters {", ".join(hidden)}: they are secret, and not stored',
            hint='give them with `-p NAME=VALUE`',
            path=str(directory.path),
        )
    runtime = record.get('runtime', {})
    start = Path(runtime.get('cwd') or '.')
    if start.is_dir() and start != working_directory():
        # Relative paths of the run are relative to the folder in which it was started.
        os.chdir(start)
    kind, target, _ = load_action(record['target'])
    workspace = record['workspace']
    job = options.job or runtime.get('job_id')
    ctx = RuntimeContext(
        client=connect(None if workspace is None else Path(workspace), record.get('host'), job=job),
        checkpoint=_checkpoint(runtime),
        run_dir=directory.path,
        run_name=runtime.get('run_name'),
        job_id=job,
        block=tuple(options.block or runtime.get('block', ())),
        only=tuple(options.only or runtime.get('only', ())),
        project=Path(runtime['project']) if runtime.get('project') else None,
        target=target,
        strict=bool(runtime.get('strict')),
        allow_pickle=tuple(options.allow_pickle or runtime.get('allow_pickle', ())),
        deadlines=deadlines_of(options) or runtime.get('deadlines', {}),
        trace=bool(options.trace or runtime.get('trace')),
        resume=True,
        from_stage=options.from_stage,
    )
    launched = _launcher(options, record.get('launch') or {})
    if record.get('search'):
        ctx.search, launched = SearchRequest(Search.from_dict(record['search']), *launched), (None, None)
    known(kind.params_model, changes)
    params = validated(kind.params_model, {**record['params'], **changes})
    if options.plan:
        return plan_result(kind, params, ctx)
    return run_action(kind, params, ctx, *launched)


def _launcher(options: argparse.Namespace, recorded: Mapping[str, Any]) -> tuple[str | None, Resources | None]:
    """What runs it: what is typed, else what has launched it.

    Raises:
        ConfigError: Resources were typed, and no launcher is known.
    """
    typed = chosen_resources(options)
    launcher = options.launcher or recorded.get('launcher')
    need_launcher(launcher, typed)
    if launcher != recorded.get('launcher') or typed is not None:
        return launcher, typed
    return launcher, Resources.from_dict(recorded.get('resources') or {})


def _checkpoint(runtime: dict[str, Any]) -> Any:
    given = runtime.get('checkpoint')
    if isinstance(given, dict) and isinstance(given.get('path'), str):
        return {**given, 'path': Path(given['path'])}
    return given
