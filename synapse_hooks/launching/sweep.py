"""Many runs at once, each a run of its own: one that fails does not end the others."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Final, NamedTuple

from synapse_hooks.errors import ConfigError, ParamsError
from synapse_hooks.launches import RunOutcome
from synapse_hooks.launching.driver import LOCAL, Launch, in_background
from synapse_hooks.launching.outcome import error_of
from synapse_hooks.safe_text import repr_of
from synapse_hooks.storage import parse_yaml, read_file, read_yaml
from synapse_hooks.storage.safe_yaml import YAML_LIMIT

MOST_RUNS: Final = 10_000
"""Of one sweep."""


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


def read_sweep(file: Path) -> list[dict[str, Any]]:
    """The parameters of each run of a sweep.

    Args:
        file: YAML or JSON: a list of mappings, one for each run; or one mapping of names to lists, for every
            combination of their values. CSV: a line of names, then a line for each run, of YAML values.

    Raises:
        ConfigError: It cannot be read.
        ParamsError: It holds something else, no run, or more than `MOST_RUNS`.

    Example:
        >>> file = getfixture('tmp_path') / 'sweep.yaml'
        >>> _ = file.write_text('lr: [0.1, 0.01]\\nepochs: [5]')
        >>> read_sweep(file)
        [{'lr': 0.1, 'epochs': 5}, {'lr': 0.01, 'epochs': 5}]
    """
    try:
        found = _of_csv(file) if file.suffix.lower() == '.csv' else read_yaml(file)
    except OSError as error:
        raise ConfigError(f'{file}: {error.strerror}', hint='check the path', path=str(file)) from error
    except ValueError as error:
        raise ParamsError(f'{file} cannot be read: {error}', hint='fix that line', path=str(file)) from error
    if isinstance(found, Mapping):
        found = _combinations(found, file)
    if not isinstance(found, list) or not found:
        raise _not_a_sweep(file, found)
    _bound(len(found), file)
    for row in found:
        if not isinstance(row, Mapping) or not all(isinstance(name, str) for name in row):
            raise _not_a_sweep(file, row)
    return [dict(row) for row in found]


def _of_csv(file: Path) -> list[dict[str, Any]]:
    text = read_file(file, limit=YAML_LIMIT).decode('utf-8-sig')
    try:
        rows = list(csv.reader(io.StringIO(text, newline=''), strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    names = [name.strip() for name in rows[0]] if rows else []
    if len(set(names)) < len(names):
        raise ValueError(f'line 1 has a name twice: {", ".join(names)}')
    values = [row for row in rows[1:] if row]
    for number, row in enumerate(values, 2):
        if len(row) != len(names):
            raise ValueError(f'line {number} must have {len(names)} values, got {len(row)}')
    return [{name: parse_yaml(value) for name, value in zip(names, row, strict=True)} for row in values]


def _combinations(lists: Mapping[Any, Any], file: Path) -> list[dict[Any, Any]]:
    for name, values in lists.items():
        if not isinstance(values, list) or not values:
            raise ParamsError(
                f'{file}: {name} must be a list of values, got {repr_of(values)}',
                hint=f'write `{name}: [{repr_of(values)}]`',
                path=str(file),
            )
    _bound(math.prod(map(len, lists.values())), file)
    return [dict(zip(lists, chosen, strict=True)) for chosen in itertools.product(*lists.values())]


def _bound(count: int, file: Path) -> None:
    if count > MOST_RUNS:
        raise ParamsError(
            f'{file}: a sweep may have {MOST_RUNS:,} runs, got {count:,}',
            hint='leave out values; `synapse-hooks tune` samples a space instead',
            path=str(file),
        )


def _not_a_sweep(file: Path, found: object) -> ParamsError:
    return ParamsError(
        f'{file}: expected a list with the parameters of each run, got {repr_of(found)}',
        hint='write `- {epochs: 5, lr: 0.1}` for each run, or `lr: [0.1, 0.01]` for every combination',
        path=str(file),
    )


def names_of(sweep: str, runs: Iterable[object]) -> list[str]:
    """The names of the runs of a sweep.

    Example:
        >>> names_of('first', range(2))
        ['first-0001', 'first-0002']
    """
    return [f'{sweep}-{number:04}' for number, _ in enumerate(runs, 1)]
