"""What the driver sees of a search: the names of trials, their ends, and the user's Ctrl-C.

Ray Tune pickles what observes it, to restore a search; so these objects hold a key only, and the search itself is
looked up by it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, Final

from ray import tune
from ray.tune import Stopper

from synapse_hooks.errors import RunError, StorageError
from synapse_hooks.journal import KILLED
from synapse_hooks.launches import RunPlan
from synapse_hooks.safe_text import text_of
from synapse_hooks.searches import Search, SearchOutcome, Trial, best_trial
from synapse_hooks.tuning import mark_stopped, read_trial, trial_id
from synapse_hooks_ray.run_process import wait_until_free
from synapse_hooks_ray.space import drawn
from synapse_hooks_ray.trial import CANCELLED, stopped

_sessions: Final[dict[str, Session]] = {}


class Session:
    """A search that goes on in this process.

    Args:
        plan: Its plan.
        search: The search.
        cancelled: Set when it is to end.
        report: Gets the trials.
        known: The trials that were reported before, by id.
    """

    def __init__(
        self,
        plan: RunPlan,
        search: Search,
        cancelled: Event,
        report: Callable[[Trial], None],
        known: Mapping[str, Trial],
    ) -> None:
        self.plan, self.search, self.cancelled, self.known = plan, search, cancelled, dict(known)
        self.completed = {id for id, trial in known.items() if not _goes_on(trial)}
        """The ids of the trials that have ended before the search was cancelled."""
        self._report = report
        self._ids = iter([id for id, trial in sorted(known.items()) if _goes_on(trial)])
        self._next = itertools.count(max((int(id) for id in known if id.isdecimal()), default=0) + 1)
        self._lock = threading.Lock()

    @property
    def unfinished(self) -> list[Mapping[str, Any]]:
        """The parameters of the trials that were interrupted."""
        return [trial.params for _, trial in sorted(self.known.items()) if _goes_on(trial)]

    @property
    def over(self) -> list[Mapping[str, Any]]:
        """The parameters of the trials that have ended."""
        return [trial.params for _, trial in sorted(self.known.items()) if not _goes_on(trial)]

    @property
    def was_cancelled(self) -> bool:
        """Whether trials were cancelled with the search: for Tune they have ended."""
        return any(trial.is_over and _goes_on(trial) for trial in self.known.values())

    def new_id(self) -> str:
        """The id of a trial that begins: of one that was interrupted, or the next number."""
        with self._lock:
            return next(self._ids, None) or trial_id(next(self._next))

    def report(self, trial: Trial) -> None:
        """Pass a trial on."""
        self.known[trial.id] = trial
        self._report(trial)

    def read(self, id: str, params: Mapping[str, Any]) -> Trial | None:
        """The state of a trial; None before it has a run directory."""
        with suppress(RunError):
            return read_trial(self.plan, self.search, id, params)
        return None

    def outcome(self, results: Any) -> SearchOutcome:
        """How the search has ended. A run that its actor has not ended yet is waited for."""
        for trial in list(self.known.values()):
            found = self._final(trial)
            is_lost = trial.status == 'failed' and trial.id in self.completed
            # Its record is of an earlier attempt.
            if found is not None and not (is_lost and found.status in ('running', 'cancelled')):
                self.report(found if found.is_over else replace(found, status='cancelled'))
        trials = tuple(trial for _, trial in sorted(self.known.items()))
        outcome = 'cancelled' if self.cancelled.is_set() else 'succeeded'
        best = best_trial(trials, self.search.config)
        if best is None and outcome == 'succeeded':
            outcome = 'failed'
        return SearchOutcome(outcome, trials, best)

    def _final(self, trial: Trial) -> Trial | None:
        """What its run says; None where it has none.

        One that was ended early is marked here if its actor was killed: Tune gives it 5 seconds at the end of a search.
        """
        found = self.read(trial.id, trial.params)
        if found is None:
            return None
        is_interrupted = self.cancelled.is_set() and trial.id not in self.completed
        was_signalled = found.status == 'cancelled' and found.error is not None
        is_unmarked = not found.is_over or found.error == KILLED or was_signalled
        if is_interrupted and (is_unmarked or found.stopped):
            # The scheduler may have interrupted it, which then was not its end.
            why = ''
        elif trial.stopped and not found.stopped and (is_unmarked or found.status == 'cancelled'):
            why = trial.stopped
        else:
            return found
        with suppress(RunError, StorageError, OSError):
            wait_until_free(Path(str(found.run_dir)))
            mark_stopped(str(found.run_dir), why)
        return self.read(trial.id, trial.params)


def _goes_on(trial: Trial) -> bool:
    """Whether a trial is run when the search is resumed: it was interrupted, or cancelled with the search."""
    return not trial.is_over or (trial.status == 'cancelled' and not trial.stopped)


@contextmanager
def session(key: str, found: Session) -> Iterator[None]:
    """A search goes on while the block runs."""
    _sessions[key] = found
    try:
        yield
    finally:
        del _sessions[key]


class _Keyed:
    def __init__(self, key: str) -> None:
        self.key = key

    @property
    def session(self) -> Session:
        """The search."""
        return _sessions[self.key]


class Named(_Keyed):
    """Names trials by their ids."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.__name__ = 'id_of_trial'

    def __call__(self, trial: Any) -> str:
        return trial.custom_trial_name or self.session.new_id()


class Cancelled(_Keyed, Stopper):
    """Stops all trials when the user cancels."""

    def __init__(self, key: str, folder: str) -> None:
        super().__init__(key)
        self.folder = folder

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """No trial is stopped by itself."""
        return False

    def stop_all(self) -> bool:
        """Whether the search was cancelled. Its actors find that in a file."""
        is_set = self.session.cancelled.is_set()
        if is_set:
            with suppress(OSError):
                Path(self.folder, CANCELLED).touch()
        return is_set


class Observer(_Keyed, tune.Callback):
    """Reports trials that begin and end. What it raises would end the whole search."""

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """It runs, perhaps once again."""
        self._observe(trial, 'running')

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """It has ended, or the scheduler has ended it: then its run is about to end."""
        if not self.session.cancelled.is_set():
            self.session.completed.add(str(trial))
        self._observe(trial, 'cancelled')

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """It was lost for the last time."""
        if not self.session.cancelled.is_set():
            self.session.completed.add(str(trial))
        self._observe(trial, 'failed')

    def _observe(self, trial: Any, status: str) -> None:
        with suppress(Exception):
            found = self._trial(trial, status)
            self.session.report(found)

    def _trial(self, trial: Any, status: str) -> Trial:
        session = self.session
        id, params = str(trial), drawn(session.search, trial.config)
        read = session.read(id, params)
        # A trial may be lost before its next attempt begins: what is recorded then is of the attempt before.
        is_earlier = status == 'failed' and read is not None and read.status == 'cancelled'
        if read is not None and read.is_over and status != 'running' and not is_earlier:
            return read
        result = trial.last_result or {}
        metric = session.search.config.metric
        values = {metric: float(result[metric])} if isinstance(result.get(metric), int | float) else {}
        error = None
        if status == 'failed':
            raised = trial.get_pickled_error()
            cause = getattr(raised, 'cause', None) or raised
            error = dict(KILLED) if cause is None else {'type': type(cause).__name__, 'message': text_of(cause, 1000)}
        why = stopped(int(result.get('epoch') or 0)) if status == 'cancelled' and not session.cancelled.is_set() else ''
        folder = None if read is None else read.run_dir
        return Trial(id, params, status, values, folder, error, why)
