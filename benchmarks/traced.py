"""One hook call that is traced against the same call that is not, and what writing the trace costs beside it."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from pathlib import Path

from figures import Figure, main
from hooks import Answers, Declines

from synapse_hooks import RuntimeContext, TrainContext
from synapse_hooks.plugins import Plugins, Settings, build
from synapse_hooks.tracing import Tracer

CALLS, ROUNDS, PLUGINS = 150, 101, 5
"""So few calls a turn that most turns fall between two writes, as most calls of a run do."""


def measure() -> list[Figure]:
    """Five plugins are called, and the last of them answers."""
    context = TrainContext({}, RuntimeContext(), plugins(None).calls)
    tracer = Tracer()
    calls: list[Callable[..., object]] = [plugins(None).calls.export, plugins(tracer).calls.export]
    with tempfile.TemporaryDirectory() as folder:
        tracer.open(Path(folder), 1)
        turns = [
            [timeit.timeit(lambda call=call: call(context=context), number=CALLS) / CALLS * 1e6 for call in calls]
            for _ in range(ROUNDS)
        ]
        tracer.close()
        assert not tracer.failure
    off, on = (statistics.median(column) for column in zip(*turns, strict=True))
    added = statistics.median(traced - plain for plain, traced in turns) / PLUGINS
    return [
        Figure('what a trace adds to the call of a plugin', added, 'us', 2, f'median of {ROUNDS} interleaved turns'),
        Figure(f'  a hook with {PLUGINS} plugins, traced / not traced', on / off, 'x'),
        Figure('  not traced', off, 'us'),
        Figure('  traced', on, 'us'),
        Figure('  writing a call, in the thread of the trace', writing(context), 'us', note='processor time'),
    ]


def writing(context: TrainContext) -> float:
    """The processor time for each call that is written one by one, less that of the calls themselves."""
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(15):
        for is_written in times:
            tracer = Tracer()
            call = plugins(tracer).calls.export
            with tempfile.TemporaryDirectory() as folder:
                before = time.process_time()
                if is_written:
                    tracer.open(Path(folder), 1)
                for _ in range(CALLS):
                    call(context=context)
                tracer.close()
                times[is_written].append(time.process_time() - before)
    on, off = (statistics.median(found) for found in times.values())
    return (on - off) / CALLS / PLUGINS * 1e6


def plugins(tracer: Tracer | None) -> Plugins:
    """Four plugins that decline, and one that answers."""
    declining: list[object] = [type(f'Declines{number}', (Declines,), {})() for number in range(PLUGINS - 1)]
    return build(Settings(), extra=[*declining, Answers()], installed=(), tracer=tracer)


if __name__ == '__main__':
    sys.exit(main(measure, __doc__))
