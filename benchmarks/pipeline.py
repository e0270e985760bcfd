"""What a run costs by itself: an action whose `execute` does nothing, with five plugins; discovery and git left out."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from unittest import mock

from figures import MEMORY, Figure, main

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext, hookimpl
from synapse_hooks.backends import Workspace
from synapse_hooks.context import TrainContext
from synapse_hooks.storage import write_atomic

ROUNDS, FEW = 41, 11
PARTS = (
    ('plugins: find, validate, register', 'synapse_hooks.steps.preflight', 'build'),
    ('run directory: make, lock', 'synapse_hooks.journal:RunDirectory', 'create'),
    ('run.json: every change', 'synapse_hooks.journal:RunDirectory', 'update'),
    ('journal: every event', 'synapse_hooks.journal:Journal', 'record'),
    ('staging folders: make', 'synapse_hooks.steps.orchestrator:Orchestrator', '_fresh'),
    ('staging folders: publish or remove', 'synapse_hooks.steps.orchestrator:Orchestrator', '_publish'),
)
"""The parts of a run: where each one's function is. `create` contains one `update`."""


class Empty(BaseTrainAction[BaseTrainParams]):
    """Trains nothing."""

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        """Return at once."""


class Uploads(BaseTrainAction[BaseTrainParams]):
    """Trains nothing, and uploads a few bytes."""

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        """Write a file, which the run uploads."""
        (self.context.output_dir / 'best.pt').write_bytes(b'nothing')
        return {'weights_path': str(self.context.output_dir / 'best.pt')}


class Observer:
    """What a plugin usually does: observe, wrap, check, clean up."""

    @hookimpl
    def run_started(self, context: TrainContext) -> None:
        """Observe."""

    @hookimpl(wrapper=True)
    def run_step(self, context: TrainContext, step: Any) -> Iterator[None]:
        """Stand around every step."""
        return (yield)

    @hookimpl
    def pre_execute(self, context: TrainContext) -> None:
        """Check."""

    @hookimpl
    def step_finished(self, context: TrainContext, step: Any) -> None:
        """Observe."""

    @hookimpl
    def cleanup(self, context: TrainContext) -> None:
        """Clean up."""


def run(kind: type[BaseTrainAction[Any]], folder: Path) -> float:
    """Milliseconds of one run in a new folder."""
    (folder / 'data').mkdir(parents=True)
    plugins = tuple(type(f'Observer{number}', (Observer,), dict(vars(Observer)))() for number in range(5))
    ctx = RuntimeContext(
        client=Workspace(folder.parent / 'workspace'), run_dir=folder / 'run', plugins=plugins, discover=False
    )
    action = kind({'data_path': folder / 'data'}, ctx)
    started = time.perf_counter()
    action.run()
    return (time.perf_counter() - started) * 1000


def measure() -> list[Figure]:
    """In memory, where there is a disk in memory, then on the disk; part after part; then what git and uploads add."""
    figures = []
    if MEMORY.is_dir():
        with tempfile.TemporaryDirectory(dir=MEMORY) as root, without_git():
            times, busy = repeated(Path(root))
        note = f'median of {ROUNDS}; 5 plugins, without git and discovery'
        figures += [
            Figure('an empty run, in memory', statistics.median(times), 'ms', 20, note),
            Figure('  its processor time', statistics.median(busy), 'ms'),
        ]
    with tempfile.TemporaryDirectory() as root:
        folders = (Path(root) / f'{number}' for number in range(10_000))
        with without_git():
            times, _ = repeated(Path(root) / 'repeated')
            with timed() as parts:
                for _ in range(FEW):
                    run(Empty, next(folders))
            uploads = [run(Uploads, next(folders)) for _ in range(FEW)]
        with_git = [run(Empty, next(folders)) for _ in range(FEW)]
        floor = [bare(next(folders)) for _ in range(FEW)]
    empty = statistics.median(times)
    return [
        *figures,
        Figure('an empty run, on this disk', empty, 'ms', 20, f'median; the fastest {min(times):.1f}'),
        *(
            Figure(f'  {name}', sum(spent) / FEW, 'ms', None, f'{len(spent) / FEW:g} calls')
            for name, spent in parts.items()
        ),
        Figure('  git adds', statistics.median(with_git) - empty, 'ms', None, 'asked beside the steps'),
        Figure('  an upload adds', statistics.median(uploads) - empty, 'ms', None, 'SQLite, waits for the disk'),
        Figure('  swapping one file', statistics.median(floor), 'ms', None, "this disk's own price"),
    ]


def repeated(folder: Path) -> tuple[list[float], list[float]]:
    """Milliseconds on the clock and on the processor, run by run; the first, which imports, is left out."""
    run(Empty, folder / 'first')
    times, busy = [], []
    for number in range(ROUNDS):
        before = time.process_time()
        times.append(run(Empty, folder / f'{number}'))
        busy.append((time.process_time() - before) * 1000)
    return times, busy


@contextmanager
def without_git() -> Iterator[None]:
    """Runs inside do not ask git."""
    with mock.patch('synapse_hooks.steps.setup.git_revision', return_value=None):
        yield


@contextmanager
def timed() -> Iterator[dict[str, list[float]]]:
    """Keeps, for each part, the milliseconds of every call in the runs inside."""
    spent: dict[str, list[float]] = {name: [] for name, _, _ in PARTS}

    def around(function: Callable[..., Any], times: list[float]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                times.append((time.perf_counter() - started) * 1000)

        return call

    with ExitStack() as patches:
        for name, place, attribute in PARTS:
            owner = resolve_name(place)
            is_bound = isinstance(vars(owner)[attribute], classmethod | staticmethod)
            timer = around(getattr(owner, attribute), spent[name])
            patches.enter_context(mock.patch.object(owner, attribute, staticmethod(timer) if is_bound else timer))
        yield spent


def bare(folder: Path) -> float:
    """Milliseconds of what one change of run.json asks of the disk."""
    folder.mkdir()
    write_atomic(folder / 'file', b'one', durable=False)
    started = time.perf_counter()
    write_atomic(folder / 'file', b'other', durable=False)
    return (time.perf_counter() - started) * 1000


if __name__ == '__main__':
    sys.exit(main(measure, __doc__))
