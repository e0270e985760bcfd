"""Many runs at once, each a run of its own: one that fails does not end the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Event, Lock, Thread
from typing import Any, NamedTuple

from synapse_hooks.launches import RunOutcome
from synapse_hooks.launching.driver import LOCAL, Launch, in_background
from synapse_hooks.launching.outcome import error_of


class SweptRun(NamedTuple):
    """A run of a sweep."""

    name: str
    """The name of the run."""
    values: Mapping[str, Any]
    """The parameters that this run has of its own."""
    prepare: Callable[[], Launch]
    """Makes its directory and its plan."""


def launch_all(
    runs: Sequence[SweptRun],
    *,
    launcher: str,
    parallel: int,
    on_begin: Callable[[SweptRun, Launch], None] = lambda run, ready: None,
    on_end: Callable[[SweptRun, RunOutcome | BaseException], None] = lambda run, outcome: None,
    on_cancel: Callable[[], None] = lambda: None,
) -> dict[str, RunOutcome | BaseException]:
    """Launch runs, some at a time, and wait until all have ended.

    Args:
        runs: The runs, in the order in which they begin.
        launcher: The name of their launcher; runs of `local` follow each other in this thread.
        parallel: How many are launched at once.
        on_begin: Called before a run is launched, not in two threads at once.
        on_end: Called with how it ended, or why it could not begin; not in two threads at once.
        on_cancel: Called when the user cancels, before the end of the runs is waited for.

    Returns:
        By name, how each ended, or why it could not begin.

    Raises:
        KeyboardInterrupt: They were cancelled. Runs that had not begun do not begin.
    """
    ended: dict[str, RunOutcome | BaseException] = {}
    lock = Lock()

    def one(run: SweptRun, cancelled: Event) -> None:
        if cancelled.is_set():
            return
        outcome: RunOutcome | BaseException
        try:
            # Building the plugins of a run imports modules, and shows warnings.
            with lock:
                ready = run.prepare()
                on_begin(run, ready)
            outcome = ready.run(cancelled)
        except BaseException as error:
            if launcher == LOCAL and isinstance(error, KeyboardInterrupt):
                raise
            # Whatever a launcher raises, SystemExit too, ends one run. Ctrl-C does not arrive in this thread.
            outcome = error
        with lock:
            ended[run.name] = outcome
            on_end(run, outcome)
        if launcher == LOCAL and isinstance(outcome, RunOutcome) and outcome.outcome == 'cancelled':
            raise error_of(outcome) or KeyboardInterrupt

    def all_of_them(cancelled: Event) -> None:
        waiting = iter(runs)
        failures: list[BaseException] = []

        def some() -> None:
            try:
                for run in waiting:
                    one(run, cancelled)
            except BaseException as error:
                failures.append(error)

        # Python waits for the threads of an executor at its exit, also after a second Ctrl-C.
        threads = [Thread(target=some, name='sweep', daemon=True) for _ in range(min(parallel, len(runs)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    if launcher == LOCAL:
        for run in runs:
            one(run, Event())
    else:
        in_background(all_of_them, on_cancel)
    return {run.name: ended[run.name] for run in runs if run.name in ended}


def names_of(sweep: str, runs: Iterable[object]) -> list[str]:
    """The names of the runs of a sweep.

    Example:
        >>> names_of('first', range(2))
        ['first-0001', 'first-0002']
    """
    return [f'{sweep}-{number:04}' for number, _ in enumerate(runs, 1)]
