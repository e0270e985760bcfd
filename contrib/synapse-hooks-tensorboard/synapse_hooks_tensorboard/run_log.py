"""The event files of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.errors import ConfigError, RunError, SinkUnavailable, suggest
from synapse_hooks.journal import RunDirectory, SinkState
from synapse_hooks.storage import safe_name
from synapse_hooks_tensorboard.event_file import EventFile
from synapse_hooks_tensorboard.summaries import folder_of, hyperparameters, restart, scalars, seconds, table, text

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

STATE: Final = 'synapse-hooks-tensorboard'
_WHERE: Final = '[tool.synapse_hooks.settings.tensorboard]'
_ATTEMPT: Final = 'attempt of '
_TRAINED: Final = ('train', 'val')


def log_dir_of(settings: Mapping[str, Mapping[str, Any]]) -> Path | None:
    """The folder that the project sets for the logs of its runs, or None.

    Raises:
        ConfigError: A setting is unknown, or has a value of another type.
    """
    table = settings.get('tensorboard', {})
    for name in table:
        if name != 'log_dir':
            raise ConfigError(f'{_WHERE}: unknown setting {name!r}', hint=suggest(name, ['log_dir']))
    value = table.get('log_dir')
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise ConfigError(f'{_WHERE}: log_dir must be a folder, got {value!r}')
    return Path(value).expanduser().absolute()


class RunLog:
    """Writes what a run logs into its folder, with a folder in it for each training and axis.

    Args:
        run_dir: The run directory; the folder is `tensorboard` in it if there is no `log_dir`.
        name: The name of the run.
        log_dir: Where the folder of the run is created, with its name.
    """

    def __init__(self, run_dir: Path, name: str, log_dir: Path | None) -> None:
        self.run_dir, self.name = run_dir, name
        self._state = SinkState(run_dir, STATE)
        self._folder = run_dir / 'tensorboard' if log_dir is None else self._taken(log_dir)
        self._files: dict[str, EventFile] = {}
        self._params: dict[str, dict[str, Any]] = {}
        self._described: set[str] = set()
        self._begun: dict[str, int] = {}
        self._started = _created(run_dir)

    def started(self, event: Mapping[str, Any]) -> float:
        """When the run was created, in seconds since 1970; without a record, when its first event here was recorded."""
        if self._started is None:
            self._started = seconds(event)
        return self._started

    def write(self, folder: str, events: Sequence[Event]) -> None:
        """Write events that are not written yet."""
        file = self._file(folder)
        file.write(file.new(events))

    def add_params(self, folder: str, params: Mapping[str, Any]) -> None:
        """Keep parameters until `describe`: TensorBoard has one set of hyperparameters for each folder."""
        self._params.setdefault(folder, {}).update(params)

    def describe(self, folder: str, event: Mapping[str, Any]) -> None:
        """Write the parameters of the run and of the training of this folder, once in a process."""
        if folder in self._described:
            return
        params = {**self._params.get('', {}), **self._params.get(folder, {})}
        if params:
            time = seconds(event)
            row = hyperparameters(params, f'{self.name}/{folder}'.rstrip('/'), time)
            self.write(folder, [text('params', table(params), time, 0), row])
        self._described.add(folder)

    def write_points(self, points: Sequence[Mapping[str, Any]]) -> None:
        """Write metrics; steps that are trained again replace those of an earlier attempt."""
        waiting: dict[str, list[Event]] = {}
        begun: dict[str, int] = {}
        for point in points:
            folder, attempt = folder_of(point), int(point['attempt'])
            new = self._file(folder).new([scalars(point)])
            is_trained = point.get('phase') in _TRAINED and point.get('step') is not None
            if new and is_trained and attempt > begun.get(folder, self._attempt(folder)):
                new.insert(0, restart(new[0].wall_time, new[0].step))
                begun[folder] = attempt
            waiting.setdefault(folder, []).extend(new)
        for folder, events in waiting.items():
            self._file(folder).write(events)
            if folder in begun:
                self._state[_ATTEMPT + folder] = self._begun[folder] = begun[folder]
            self.describe(folder, points[0])

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()

    def _attempt(self, folder: str) -> int:
        """The last attempt that has begun to write into a folder; what it trains again was forgotten then."""
        if folder not in self._begun:
            self._begun[folder] = int(self._state.get(_ATTEMPT + folder, 1))
        return self._begun[folder]

    def _file(self, folder: str) -> EventFile:
        if folder not in self._files:
            self._files[folder] = EventFile(self._folder / folder)
        return self._files[folder]

    def _taken(self, log_dir: Path) -> Path:
        """The folder of the run below `log_dir`: another run of the same name has another one."""
        if 'folder' not in self._state:
            for number in count(1):
                folder = log_dir / safe_name(self.name if number == 1 else f'{self.name}-{number}')
                try:
                    folder.mkdir(parents=True)
                except FileExistsError:
                    continue
                except OSError as error:
                    raise SinkUnavailable(f'{folder} cannot be created: {error}') from error
                self._state['folder'] = str(folder)
                break
        return Path(self._state['folder'])


def _created(run_dir: Path) -> float | None:
    try:
        return datetime.fromisoformat(RunDirectory.open(run_dir).read()['created']).timestamp()
    except (RunError, KeyError, ValueError, TypeError):
        return None
