"""One run, to look at: what its run.json and its journal say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from synapse_hooks.errors import RunError
from synapse_hooks.journal import KILLED, is_driven, last_metrics, read_events
from synapse_hooks.journal.reader import Events, last_time
from synapse_hooks.journal.record import missing, read_record
from synapse_hooks.journal.values import number_of
from synapse_hooks.runs.headline import Headline, headline, is_known
from synapse_hooks.runs.stage import Stage, moment
from synapse_hooks.safe_text import text_of
from synapse_hooks.storage import relocate

if TYPE_CHECKING:
    from synapse_hooks.pages.html import Html
    from synapse_hooks.runs.metric_table import Metrics

_AFTER_THE_END = ('run_end', 'sink_loss')
"""Events that another process may add to a run whose process was killed."""
UNREADABLE = 'unreadable'
"""The status of a run whose run.json cannot be used."""


class Run:
    """A run as it was when this object was made: `Run(run.path)` reads it again.

    A run.json that is damaged, or is not that of a run, is not an error: the status is `unreadable`, `problem` says
    why, and all else is empty.

    Args:
        path: The run directory.

    Raises:
        RunError: There is no run.json in that folder, or no such folder.

    Example:
        >>> from synapse_hooks.journal import RunDirectory
        >>> folder = getfixture('tmp_path') / 'first'
        >>> RunDirectory.create(folder, action='train', params={'epochs': 3}).update(status='succeeded')
        >>> run = Run(folder)
        >>> run.name, run.status, run.params, run.stages
        ('first', 'succeeded', {'epochs': 3}, [])
    """

    path: Path
    """The run directory."""
    record: dict[str, Any]
    """The content of run.json. Its paths fit the place where the run directory is now."""
    problem: str
    """Why run.json cannot be used; empty if it can."""
    status: str
    """`created`, `running`, `succeeded`, `failed`, `cancelled`, or `unreadable`. A run whose process was killed has
    `failed`, whatever its run.json says."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path).absolute()
        self.problem, self._was_killed = '', False
        self.record = self._read()
        if self.record.get('status') == 'running' and not is_driven(self.path):
            # It may have ended between the two looks.
            self.record = self._read()
            self._was_killed = self.record.get('status') == 'running'
        recorded = str(self.record.get('status', 'created'))
        self.status = UNREADABLE if self.problem else 'failed' if self._was_killed else recorded

    def _read(self) -> dict[str, Any]:
        try:
            record = read_record(self.path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise missing(self.path) from error
        except RunError as error:
            self.problem = error.problem
            return {}
        former = record.get('run_dir')
        if isinstance(former, str) and former != str(self.path):
            record = relocate(record, Path(former), self.path)
        return record

    def __repr__(self) -> str:
        return f'<Run {self.name!r}: {self.status}>'

    @property
    def name(self) -> str:
        """The name of the run: that of its folder, unless `run_name` and `run_dir` were both given."""
        return _text(self.record.get('run')) or self.path.name

    @property
    def is_active(self) -> bool:
        """Whether a process drives the run now."""
        return is_driven(self.path)

    @property
    def action(self) -> str | None:
        """The name of the action."""
        return _text(self.record.get('action'))

    @property
    def target(self) -> str | None:
        """How to import the action; None for a run that was started from Python."""
        return _text(self.record.get('target'))

    @property
    def params(self) -> dict[str, Any]:
        """The validated parameters."""
        return _mapping(self.record.get('params'))

    @property
    def dataset(self) -> dict[str, Any] | None:
        """The dataset that was trained on: `{path, format, digest, splits, classes, ...}`, if there is one."""
        found = _mapping(self.record.get('dataset'))
        for recorded in reversed(self._stages) if not found else ():
            found = found or _mapping(_mapping(recorded.get('context')).get('dataset'))
        return found or None

    @property
    def dataset_name(self) -> str | None:
        """What the parameters call the dataset: its name or id, else the path of the data."""
        for name in ('dataset', 'data_path'):
            if self.params.get(name) is not None:
                return text_of(self.params[name])
        return None

    @property
    def checkpoint(self) -> dict[str, Any] | None:
        """The model that the training started from: `{path, id, name, category}`."""
        return _mapping(self.record.get('checkpoint')) or None

    @property
    def model(self) -> dict[str, Any] | None:
        """The uploaded model: `{id, name, ...}`."""
        return _mapping(self.record.get('model')) or None

    @property
    def result(self) -> Any:
        """What `execute` returned, as JSON values."""
        return self.record.get('result')

    @property
    def error(self) -> dict[str, Any] | None:
        """Why the run failed: `{type, message, step, plugin, ...}`; the type of a killed one is `Killed`."""
        if self.problem:
            return {'type': 'RunError', 'message': self.problem}
        if self._was_killed:
            running = [recorded.get('name') for recorded in self._stages if recorded.get('status') == 'running']
            return {**KILLED, **({'step': running[-1]} if running else {})}
        return _mapping(self.record.get('error')) or None

    @property
    def note(self) -> str:
        """A text of the user's: `train --note`, `synapse-hooks runs note`."""
        return _text(self.record.get('note')) or ''

    @property
    def plugins(self) -> dict[str, Any]:
        """Every plugin that could be used, with its distribution and version."""
        return _mapping(self.record.get('plugins'))

    @property
    def environment(self) -> dict[str, Any]:
        """`{python, executable, platform}`."""
        return _mapping(self.record.get('environment'))

    @property
    def git(self) -> dict[str, Any] | None:
        """The revision of the checkout: `{sha, dirty}`."""
        return _mapping(self.record.get('git')) or None

    @property
    def attempts(self) -> int:
        """How often the run was begun or resumed."""
        return int(self.record.get('attempts') or 0)

    @property
    def started(self) -> datetime | None:
        """When the run was begun for the first time, in UTC."""
        return moment(self.record.get('created'))

    @property
    def finished(self) -> datetime | None:
        """When its last stage ended, in UTC; None for a run that is going on."""
        if self.status == 'running':
            return None
        return max((stage.finished for stage in self.stages if stage.finished), default=None)

    @property
    def duration(self) -> timedelta | None:
        """How long its stages took, each the last time that it ran; the waiting between two attempts does not count.

        A stage that runs counts until now, and one whose process was killed until its last event.
        """
        if not self.stages:
            return None
        return timedelta(seconds=sum(self._seconds(stage) for stage in self.stages))

    def _seconds(self, stage: Stage) -> float:
        if stage.status == 'running' and stage.started is not None:
            return max((datetime.now(UTC) - stage.started).total_seconds(), 0.0)
        return stage.seconds or 0.0

    @cached_property
    def stages(self) -> list[Stage]:
        """The stages of the run, in their order. One whose process was killed has failed."""
        stages = [Stage.of(recorded) for recorded in self._stages]
        return stages if self.status == 'running' else [self._ended(stage) for stage in stages]

    def _ended(self, stage: Stage) -> Stage:
        if stage.status != 'running':
            return stage
        last = moment(last_time(self.path, but=_AFTER_THE_END))
        seconds = None if last is None or stage.started is None else max((last - stage.started).total_seconds(), 0.0)
        return replace(stage, status='failed', seconds=seconds, finished=last, error='Killed')

    @property
    def _stages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.record.get('stages') or []
        return found

    @property
    def losses(self) -> Mapping[str, Any] | None:
        """What the conversion of the dataset changed and dropped: see `synapse_hooks.data.LossReport.to_dict`. None
        without a conversion."""
        return next((stage.losses for stage in reversed(self.stages) if stage.losses), None)

    @cached_property
    def last_values(self) -> dict[str, float]:
        """The last value of each metric: of the evaluation of the finished model, else of the validation, else of the
        training (see `synapse_hooks.journal.last_metrics`). Numbers of the result are among them if their names are
        those of metrics.

        A run that has ended has them in its run.json; of others the journal is read.
        """
        recorded = self.record.get('metrics')
        if _are_numbers(recorded) and self.status != 'running':
            # null is a number that is not finite.
            values = {name: math.nan if value is None else number_of(value) or 0.0 for name, value in recorded.items()}
        else:
            values = {}
            # It may have been removed since it was read.
            with suppress(RunError):
                values = last_metrics(self.path)
        result = {} if not isinstance(self.result, dict) else self.result
        return {
            **values,
            **{name: number_of(value) or 0.0 for name, value in result.items() if _is_number(value) and is_known(name)},
        }

    @cached_property
    def best_metric(self) -> Headline | None:
        """The metric that represents the run in a list: name, value, and whether higher is better.

        It is chosen of `last_values` by name: mAP50-95, accuracy and others that are better the higher they are go
        before losses and errors, and those before any other.
        """
        return headline(self.last_values)

    def metrics(self) -> Metrics:
        """All metrics, read from the journal."""
        from synapse_hooks.runs.metric_table import Metrics

        return Metrics.of(self.path)

    def events(self, *types: str) -> Events:
        """The events of the journal, of these types or all, one at a time; see `synapse_hooks.journal.read_events`."""
        return read_events(self.path, types=types)

    def to_dict(self) -> dict[str, Any]:
        """What `synapse-hooks runs --json` says of the run: JSON values."""
        best, duration = self.best_metric, self.duration
        return {
            'name': self.name,
            'path': str(self.path),
            'status': self.status,
            'action': self.action,
            'params': self.params,
            'dataset': self.dataset_name,
            'model': self.model,
            'best_metric': None if best is None else best._asdict(),
            'metrics': self.last_values,
            'started': None if self.started is None else self.started.isoformat(),
            'seconds': None if duration is None else round(duration.total_seconds(), 3),
            'attempts': self.attempts,
            'note': self.note,
            'error': self.error,
        }

    def _repr_html_(self) -> Html:
        from synapse_hooks.runs.notebook import run_html

        return run_html(self)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _are_numbers(values: object) -> TypeGuard[dict[str, float | None]]:
    return isinstance(values, dict) and all(value is None or _is_number(value) for value in values.values())


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
