"""A trace in the Trace Event Format, which Perfetto (ui.perfetto.dev) and chrome://tracing show.

The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (Trace Event Format).
"""

from __future__ import annotations

from typing import Any, Final

from synapse_hooks.tracing.reader import UNFINISHED, Trace, TracedCall

_PROCESS: Final = 1
_STEPS: Final = 1
"""The number of the row with the steps."""


def chrome_trace(trace: Trace, name: str) -> dict[str, Any]:
    """A trace as a JSON object of the format: a row for the steps and one for each thread.

    Args:
        trace: What `read_traces` returned.
        name: The name of the run.
    """
    threads = {'': _STEPS + 1}
    for call in trace.calls:
        threads.setdefault(call.thread, len(threads) + _STEPS + 1)
    events = [
        _named('process_name', _STEPS, f'{name}, attempt {trace.attempt}'),
        _named('thread_name', _STEPS, 'steps'),
        *(_named('thread_name', number, thread or 'main thread') for thread, number in threads.items()),
        *_steps(trace),
        *(_call(call, threads[call.thread]) for call in trace.calls),
    ]
    counted = {
        f'{function.hook} of {function.plugin}, step {more.step or "none"}': more.calls for function, more in trace.more
    }
    return {
        'traceEvents': events,
        'displayTimeUnit': 'ms',
        'otherData': {
            'run': name,
            'attempt': trace.attempt,
            'started': trace.started,
            'complete': trace.is_complete,
            'counted only': counted,
            'not traced': list(trace.not_traced),
        },
    }


def _steps(trace: Trace) -> list[dict[str, Any]]:
    return [
        _event(f'step {name}', 'step', 'X', _STEPS, start, dur=_micros(end - start), args={})
        for name, start, end in trace.step_spans()
    ]


def _call(call: TracedCall, row: int) -> dict[str, Any]:
    function = call.function
    facts = {
        'plugin': function.plugin,
        'distribution': function.distribution and f'{function.distribution} {function.version}',
        'rank': function.rank,
        'step': call.step,
        'outcome': call.outcome,
        'error': call.error,
    }
    name = f'{function.hook} ({function.plugin})'
    args = {key: value for key, value in facts.items() if value}
    if call.outcome == UNFINISHED:
        return _event(name, 'hook', 'B', row, call.start, args=args)
    return _event(name, 'hook', 'X', row, call.start, dur=_micros(call.seconds), args=args)


def _event(name: str, category: str, phase: str, row: int, start: float, **more: Any) -> dict[str, Any]:
    return {'name': name, 'cat': category, 'ph': phase, 'ts': _micros(start), 'pid': _PROCESS, 'tid': row, **more}


def _named(what: str, row: int, name: str) -> dict[str, Any]:
    return {'name': what, 'ph': 'M', 'ts': 0, 'pid': _PROCESS, 'tid': row, 'args': {'name': name}}


def _micros(seconds: float) -> float:
    return round(seconds * 1e6, 3)
