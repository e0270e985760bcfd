"""The directory of a run, and `run.json` in it: what the run is, and how far it got.

    run.json        the record: every change replaces the file atomically
    events.jsonl    the journal
    sinks/          how far each sink has got in the journal, and what it remembers
    .staging/       the output of the current stage
    .lock           held while a process drives the run

`run.json`, version 1. Keys that others add are kept.

    v, run, created (ISO 8601 with offset)
    status          created, running, succeeded, failed, cancelled
    action, target  the action's name; how to import it, for `synapse-hooks resume`
    params          the validated parameters
    plugins         {name: version};  left_out: those that could not take part, each with its reason
    code            {file: digest} of the project's and the action's own source
    environment     {python, executable, host, platform};  git: {sha, dirty} or null
    workspace, host, dataset, checkpoint;  checkpoint_of: what went into finding it
    stages          the outcome of each stage, in order
    attempts        how often the run was begun or resumed
    result, model, error;  metrics: the last value of each, when the run ended
    note            a text of the user's
    until           the stage after which the run was to end, if any
    search          of a search: hyperparameters, tune_config, models, and the trials once it has ended
    trial           of a trial: {search, id};  stopped: why it was ended early
    launch          {launcher, resources} of a run that was launched
    undelivered     {sink: number of events not delivered}, if any
    journal         {lost, reason}: events that could not be written, where there are any
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from synapse_hooks.errors import RunError
from synapse_hooks.journal.cursor import FOLDER as SINKS
from synapse_hooks.journal.record import RECORD, VERSION, missing, read_record, unusable
from synapse_hooks.journal.values import Redactor, encode
from synapse_hooks.storage import safe_name, sweep, write_atomic
from synapse_hooks.storage.ownership import is_temporary

_LOCK: Final = '.lock'
_HOLDER: Final = '.lock.holder'
LAST: Final = 'last'
"""What commands take for the run that was begun last; a run cannot have this name."""
LOCK_FILES: Final = frozenset((_LOCK, _HOLDER))
"""What `RunDirectory.locked` leaves in a folder that had no run."""
_WAIT: Final = 0.1
"""Seconds to wait for the lock: `is_driven` holds it for some microseconds."""
KILLED: Final = {
    'type': 'Killed',
    'message': 'the process ended without reporting it: it was killed (SIGKILL, out of memory), or the machine stopped',
}
"""The `error` of a run whose process is dead."""
_KEYS: Final = (
    'v run created status action target params plugins left_out code environment git workspace host dataset '
    'checkpoint checkpoint_of stages attempts result model metrics note error'
)
_STAGING: Final = '.staging'
_FILLED: Final = {'v': VERSION, 'status': 'created', 'params': {}, 'plugins': {}, 'environment': {}, 'stages': []}
_EMPTY: Final[dict[str, Any]] = {**dict.fromkeys(_KEYS.split()), **_FILLED, 'attempts': 0}


class RunDirectory:
    """A run's folder. Get one from `create`, `new` or `open`; `path` is absolute.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = RunDirectory.new(Path(folder), 'train', params={'epochs': 3})
        ...     with run.locked():
        ...         run.update(status='running', attempts=1)
        ...     RunDirectory.open(run.path).read()['params']
        {'epochs': 3}
    """

    def __init__(self, path: Path, record: dict[str, Any], redact: Sequence[str] = ()) -> None:
        self.path = Path(path).absolute()
        self._record = record
        self._redactor = Redactor(redact)
        self._lock = threading.RLock()
        self._durable = False
        self._was_opened = False

    @classmethod
    def create(cls, path: Path, /, *, redact: Sequence[str] = (), **fields: Any) -> RunDirectory:
        """Make a run directory at `path`, a folder that is missing or empty; those above it are made.

        Args:
            path: Where.
            redact: Secrets that `run.json` must not hold; see `secrets_of`.
            **fields: The initial fields of `run.json`, besides `v`, `run` (the folder's name) and `created`.

        Raises:
            RunError: There is a run at `path` already, or something else, or it cannot be made.
            DiskFull: There is no space.
            StorageError: The folder cannot be written.
        """
        run = cls(path, {**_EMPTY, 'run': Path(path).absolute().name}, redact)
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            _refuse_taken(run.path)
            with run.locked():
                _refuse_taken(run.path)
                run.update(created=datetime.now(UTC).isoformat(timespec='seconds'), **fields)
        except OSError as error:
            raise unusable(run.path, f'cannot be made: {error}', 'choose another folder') from error
        return run

    @classmethod
    def new(cls, runs: Path, action: str, /, *, redact: Sequence[str] = (), **fields: Any) -> RunDirectory:
        """Make a run directory with a new name below the folder `runs`. Arguments and errors are those of `create`."""
        runs = Path(runs).absolute()
        while True:
            path = runs / new_run_name(datetime.now().astimezone(), action)
            try:
                runs.mkdir(parents=True, exist_ok=True)
                path.mkdir()
            except OSError as error:
                if path.is_dir():
                    continue
                raise unusable(path, f'cannot be made: {error}', 'choose another folder') from error
            return cls.create(path, redact=redact, **fields)

    @classmethod
    def open(cls, path: Path, *, redact: Sequence[str] = ()) -> RunDirectory:
        """An existing run. It is not locked: reading is always possible.

        Raises:
            RunError: There is no run at `path`, its record is damaged, has a field of another type, or a newer version
                wrote it.
        """
        path = Path(path).absolute()
        try:
            record = read_record(path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise missing(path) from error
        run = cls(path, {**_EMPTY, **record}, redact)
        run._durable = run._was_opened = True
        return run

    @property
    def name(self) -> str:
        """The name of the run."""
        return str(self._record['run'])

    @property
    def status(self) -> str:
        """How far the run is: `created`, `running`, `succeeded`, `failed` or `cancelled`."""
        return str(self._record['status'])

    def read(self) -> dict[str, Any]:
        """The content of `run.json`; a copy."""
        with self._lock:
            copy: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self._record))
            return copy

    def update(self, *, durable: bool = False, **changes: Any) -> None:
        """Change keys of `run.json`: readers find the old record or the new one, also when this process is killed.

        A killed process loses nothing either way. `durable` is for power failures: it waits for the disk, for some
        milliseconds, and so does every later change, so that none undoes what was safe. Use it when a stage that took
        longer than a second is done. An opened run is durable from the start.

        Args:
            durable: Wait for the disk.
            **changes: New values by key. What is not JSON becomes the nearest thing that is.

        Raises:
            DiskFull: There is no space; the old record stays.
            StorageError: The folder cannot be written; the old record stays.
        """
        with self._lock:
            self._durable = self._durable or durable
            line = self._redactor(encode({**self._record, **changes}))
            data = msgspec.json.format(line, indent=2) + b'\n'
            write_atomic(self.path / RECORD, data, durable=self._durable)
            self._record = msgspec.json.decode(line)

    def staging(self, name: str) -> Path:
        """Where the stage `name` puts its output until it is published. Nothing is made."""
        return self.path / _STAGING / safe_name(name)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Drive the run, alone: no other process or thread can while the block runs. It does not wait.

        What a process that died left unfinished in the folder is removed.

        Raises:
            RunError: Another process drives the run (`pid` is the process, None where it is not known), or has removed
                it since it was opened.
        """
        # Importing filelock takes as long as an empty run.
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / _LOCK, thread_local=False)
        holder = self.path / _HOLDER
        try:
            lock.acquire(timeout=_WAIT, poll_interval=_WAIT / 10)
        except Timeout as error:
            pid, host = _holder(holder)
            who = f'process {pid} on {host}' if pid else 'another process'
            hint = f'wait until it is done, or end it: `kill {pid}`' if pid else 'wait until it is done'
            raise unusable(self.path, f'is in use by {who}', hint, pid=pid) from error
        except OSError as error:
            raise unusable(self.path, f'cannot be locked: {error}', 'choose another folder') from error
        try:
            with suppress(OSError):
                holder.write_text(f'{os.getpid()} {os.uname().nodename}\n')
            with suppress(OSError, RunError):
                # The process that drove the run until a moment ago has written more than was read before.
                self._record = {**_EMPTY, **read_record(self.path)}
            if self._was_opened and not (self.path / RECORD).exists():
                # The lock has made the folder again.
                raise unusable(self.path, 'was removed by another process', 'start a new run')
            sweep(self.path)
            sweep(self.path / SINKS)
            sweep(self.path / 'stages')
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()


def is_driven(path: Path) -> bool:
    """Whether a process drives the run in a folder now; True as well where that cannot be found out.

    A process that is killed loses its lock, so a run that is `running` and not driven has ended.
    """
    try:
        file = os.open(Path(path, _LOCK), os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def current_path(run_dir: Path, recorded: str | Path) -> Path:
    """Where a file is now that an event names.

    The path in the event is relative to the run directory, or absolute. What a stage has recorded of its own output
    was in `.staging/`, and is in `stages/` once that output was published.

    Example:
        >>> run_dir = getfixture('tmp_path')
        >>> current_path(run_dir, '.staging/execute/best.pt').relative_to(run_dir)
        PosixPath('stages/execute/best.pt')
    """
    path = Path(run_dir, recorded)
    staging = Path(run_dir, _STAGING)
    if path.is_relative_to(staging) and not path.exists():
        return Path(run_dir, 'stages', path.relative_to(staging))
    return path


def new_run_name(now: datetime, action: str) -> str:
    """A name for a run: the time, the action, and something that no other run has.

    Example:
        >>> new_run_name(datetime(2026, 11, 23, 20, 15), 'train')[:-4]
        '20261123-201500-train-'
    """
    word = re.sub(r'[^a-z0-9]+', '-', action.lower()).strip('-')[:40] or 'run'
    return f'{now:%Y%m%d-%H%M%S}-{word}-{secrets.token_hex(2)}'


def _refuse_taken(path: Path) -> None:
    taken = sorted(name for name in os.listdir(path) if name not in LOCK_FILES and not is_temporary(name))
    if RECORD in taken:
        raise unusable(path, 'holds a run already', f'type `synapse-hooks resume {path}`, or choose another folder')
    if taken:
        raise unusable(path, f'is not empty: it holds {taken[0]!r}', 'choose an empty or a new folder')


def _holder(file: Path) -> tuple[int | None, str]:
    try:
        pid, host = file.read_text().split()
        return int(pid), host
    except (OSError, ValueError):
        return None, ''
