"""The actor in which a launched run happens: it has the run's resources, and a child process does the work.

The actor is detached and has a name: it outlives its driver, and a later one finds it. The run is a process of its own,
so that it can be interrupted, ended with everything that it has started, and take down nothing else.
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from synapse_hooks.errors import RunError, StorageError, SynapseHooksError
from synapse_hooks.journal import RunDirectory, journal_files
from synapse_hooks.journal.record import RECORD
from synapse_hooks.launches import RunPlan
from synapse_hooks.storage import TABLE_LIMIT, open_regular, read_file, sweep
from synapse_hooks.storage.ownership import temporary_path
from synapse_hooks_ray.child import Child, Output
from synapse_hooks_ray.keeper import Keeper
from synapse_hooks_ray.project import placed
from synapse_hooks_ray.run_process import start_run, wait_until_free
from synapse_hooks_ray.storage import Store

_SEEN_SECONDS: Final = 5.0
"""A network file system shows a new file after some seconds."""
_MOST_BYTES: Final = 1 << 20
"""Of a journal in one report."""
_PAUSES: Final = (1.0, 5.0, 15.0, 60.0)
"""Seconds between attempts to send the rest of a run that has ended."""
_LINGER: Final = 60.0
"""Seconds without work and without a call until the actor gives its resources back."""


@dataclass(frozen=True)
class Order:
    """What an actor needs to run a plan."""

    plan: RunPlan = field(repr=False)
    root: str | None = None
    """The driver's folder that was shipped as `working_dir`."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables that only the process of the run gets."""
    env: Mapping[str, str] = field(default_factory=dict)
    storage: tuple[str, str] | None = None
    """The URL and the name there, for a run directory that is not shared."""
    push_seconds: float = 30.0
    grace: float = 60.0
    """Seconds that a cancelled run has to end."""


@dataclass(frozen=True)
class Report:
    """What is new."""

    lines: tuple[str, ...] = ()
    next_line: int = 0
    """The number of the line after them."""
    journal: Mapping[str, bytes] = field(default_factory=dict)
    """What was appended to each file, whole lines, where the run directory is not shared."""
    code: int | None = None
    """The exit code, once the run has ended and everything was reported."""
    status: str = ''
    """What `run.json` says then."""
    last_line: str = ''
    """What the run has printed as its result."""
    error: SynapseHooksError | None = None
    """Why the actor could not run it."""


class Worker:
    """The actor. Its methods run in threads of their own: `start` returns at once."""

    def __init__(self) -> None:
        self._output = Output()
        self._child: Child | None = None
        self._keeper: Keeper | None = None
        self._run_dir: Path | None = None
        self._scratch: Path | None = None
        self._storage = False
        self._cancelled = False
        self._error: SynapseHooksError | None = None
        self._grace = 0.0
        self._lock = threading.Lock()
        self._is_started = False
        self._is_over = threading.Event()
        self._called = time.monotonic()
        # The driver may be killed at any time, also before it starts the run.
        threading.Thread(target=self._leave, name='leave', daemon=True).start()

    def sees(self, run_dir: str, record: bytes) -> dict[str, Any]:
        """Where this is, and whether the run directory is the driver's: whether it holds the same record."""
        same, deadline = False, time.monotonic() + _SEEN_SECONDS
        while not same and time.monotonic() < deadline:
            with suppress(OSError):
                same = read_file(Path(run_dir, RECORD), limit=TABLE_LIMIT) == record
            time.sleep(0 if same else 0.5)
        return {'host': platform.node(), 'pid': os.getpid(), 'same': same}

    def start(self, order: Order) -> None:
        """Start the run, once."""
        with self._lock:
            if self._is_started:
                return
            self._is_started = True
        self._storage, self._grace = order.storage is not None, order.grace
        # One thread starts the child and waits for it, as the child is killed when the thread that started it ends.
        threading.Thread(target=self._work, args=(order,), name='run', daemon=True).start()

    def is_at_work(self) -> bool:
        """Whether the run was started, and has not ended."""
        return self._is_started and not self._is_over.is_set()

    def report(self, line: int, places: Mapping[str, int], wait: float = 0.5) -> Report:
        """What is new.

        Args:
            line: The number of the first line of output that is wanted.
            places: How many bytes of each journal file the driver has.
            wait: Seconds to wait for something new.
        """
        self._called = time.monotonic()
        is_over = self._is_over.is_set()
        lines, following = self._output.since(line, wait=0.0 if is_over else wait)
        journal = self._appended(places) if self._storage else {}
        if not is_over or journal:
            return Report(tuple(lines), following, journal)
        return Report(
            tuple(lines),
            following,
            code=-1 if self._child is None else self._child.code,
            status=self._status(),
            last_line='' if self._child is None else self._child.last_line,
            error=self._error,
        )

    def cancel(self) -> None:
        """End the run as SIGTERM does; it is killed if that takes too long."""
        with self._lock:
            self._cancelled = True
            child = self._child
        if child is not None:
            child.terminate(self._grace)

    def finish(self) -> None:
        """Remove what is not needed any more, as the storage or the driver has everything."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _work(self, order: Order) -> None:
        try:
            plan = self._placed(order)
            here = _working_dir(order)
            with self._lock:
                if self._cancelled:
                    return
                self._child = start_run(plan, here, order.secrets, order.env, self._output)
            self._child.wait()
            if self._keeper is not None:
                self._send_rest(self._keeper)
        except SynapseHooksError as error:
            self._error = error
        except BaseException as error:  # whatever it is, the driver reports it
            self._error = RunError(f'the run could not be started: {type(error).__name__}: {error}')
        finally:
            self._output.end()
            self._is_over.set()

    def _placed(self, order: Order) -> RunPlan:
        """The plan with the paths of this machine."""
        plan = placed(order.plan, order.root, _working_dir(order))
        if order.storage is None:
            self._run_dir = Path(plan.run_dir)
            wait_until_free(self._run_dir)
            return plan
        url, name = order.storage
        store = Store(url, name)
        # What actors have left that were killed goes.
        sweep(Path(tempfile.gettempdir()))
        self._scratch = temporary_path(Path(tempfile.gettempdir(), 'synapse-hooks-run'))
        self._run_dir = self._scratch / Path(plan.run_dir).name
        store.fetch(self._run_dir)
        self._keeper = Keeper(store, self._run_dir, order.push_seconds, lambda text: self._output.add(text.encode()))
        return replace(plan, run_dir=str(self._run_dir))

    def _send_rest(self, keeper: Keeper) -> None:
        """Send what is not sent yet. It is all that there is of the run: it stays here if that is impossible."""
        for pause in _PAUSES:
            try:
                keeper.close()
            except StorageError as error:
                self._output.add(f'{error.problem}; trying again in {pause:g} s'.encode())
                time.sleep(pause)
            else:
                return
        try:
            keeper.close()
        except StorageError as error:
            kept, self._scratch = self._scratch, None
            hint = f'the run is kept on {platform.node()}, in {kept}'
            raise StorageError(error.problem, hint=hint, **error.facts) from error

    def _status(self) -> str:
        if self._run_dir is None:
            return ''
        try:
            return RunDirectory.open(self._run_dir).status
        except SynapseHooksError:
            return ''

    def _appended(self, places: Mapping[str, int]) -> dict[str, bytes]:
        found = {}
        for path in journal_files(self._run_dir) if self._run_dir is not None else ():
            with suppress(OSError), open(open_regular(path), 'rb') as file:
                file.seek(places.get(path.name, 0))
                data = file.read(_MOST_BYTES)
                if whole := data[: data.rfind(b'\n') + 1]:
                    found[path.name] = whole
        return found

    def _leave(self) -> None:
        """Give the resources back when there is nothing to do, and no driver calls any more."""
        while self.is_at_work() or time.monotonic() < self._called + _LINGER:
            time.sleep(1.0)
        self.finish()
        os._exit(0)


def _working_dir(order: Order) -> Path | None:
    """Where Ray has unpacked the project: the working directory of the actor."""
    return None if order.root is None else Path.cwd()
