"""The trace of a run as text: a tree of calls for each stage, with plugin, distribution, outcome and duration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from synapse_hooks.cli.amounts import count_text
from synapse_hooks.cli.table import table
from synapse_hooks.runs.summary import duration_text
from synapse_hooks.tracing import CallNode, StageCalls, Trace
from synapse_hooks.tracing.tree import slowest

_MARKED: Final = 3
"""How many of the slowest lines are marked."""
_USUAL: Final = ('answered', 'done', 'wrapped')
_UNFOLDED: Final = 1_000_000
_WORTH: Final = 0.05
"""The part of all time from which a line is marked."""


def trace_text(name: str, trace: Trace, stages: Sequence[StageCalls], attempts: Sequence[int]) -> str:
    """The whole trace.

    Args:
        name: The name of the run.
        trace: One of its attempts.
        stages: The calls of the trace, by stage.
        attempts: All attempts of the run that were traced.
    """
    every = [node for stage in stages for root in stage.nodes for _, node in root.walk()]
    total = sum(node.own_seconds for node in every if not node.thread)
    marks = {
        id(node): f'◀ {node.own_seconds / total:.0%} of the time'
        for node in slowest(list(stages), _MARKED)
        if total and node.own_seconds >= _WORTH * total
    }
    rows: list[list[object]] = []
    for number, stage in enumerate(stages):
        where = stage.step or ('before the first step' if number == 0 else 'after the last step')
        rows.append([where, ' ' if stage.seconds is None else _duration(stage.seconds), ' ', ' '])
        for prefix, node in _branches(stage.nodes):
            rows.append(_row(prefix, node, marks.get(id(node), '')))
    calls = sum(node.calls for node in every)
    head = f'{name}: {count_text(calls, "call")}, {_duration(trace.seconds)}'
    if len(attempts) > 1:
        others = ', '.join(str(attempt) for attempt in attempts if attempt != trace.attempt)
        head += f'; attempt {trace.attempt} (`--attempt N` shows another one: {others})'
    # A tree is not folded.
    drawn = table(['step and hook', 'took', 'plugin', ' '], rows, right=[1], columns=_UNFOLDED)
    return '\n\n'.join([head, drawn, *_remarks(trace, every)])


def _branches(nodes: Sequence[CallNode], indent: str = '') -> Iterator[tuple[str, CallNode]]:
    """Every node with the lines of the tree before it."""
    for node in nodes:
        is_last = node is nodes[-1]
        yield indent + ('└ ' if is_last else '├ '), node
        yield from _branches(node.inner, indent + ('  ' if is_last else '│ '))


def _row(prefix: str, node: CallNode, mark: str) -> list[object]:
    function = node.function
    origin = f'{function.distribution} {function.version}' if function.distribution else function.rank
    hook = f'{prefix}{function.hook}' + (' (wrapper)' if function.wrapper else '')
    if node.calls > 1:
        hook += f' x {node.calls:,}'
    outcome = f'raised {node.error}' if node.error else '' if node.outcome in _USUAL else node.outcome
    notes = [mark, outcome, f'in the thread {node.thread}' if node.thread else '']
    return [hook, _duration(node.seconds), f'{function.plugin} ({origin})', ', '.join(filter(None, notes)) or ' ']


def _remarks(trace: Trace, every: Sequence[CallNode]) -> Iterator[str]:
    lines = []
    if not trace.is_complete:
        lines.append('the trace has no end: the run goes on, was killed, or could not write it')
    if any(node.outcome == 'counted' for node in every):
        lines.append('counted: calls of a function that was called very often; only their number and time are kept')
    if trace.lost:
        lines.append(f'missing: {count_text(trace.lost, "call")}, faster than could be written')
    if trace.unreadable:
        lines.append(f'not readable: {count_text(trace.unreadable, "line")} of the file')
    if lines:
        yield '\n'.join(lines)


def _duration(seconds: float) -> str:
    """A duration with three digits: from microseconds on.

    Example:
        >>> _duration(0.0000031), _duration(0.0123), _duration(2.5), _duration(185)
        ('3.1 us', '12.3 ms', '2.5 s', '3:05')
    """
    if seconds < 0.001:
        return f'{seconds * 1e6:.1f} us'
    return f'{seconds * 1e3:.1f} ms' if seconds < 1 else duration_text(seconds)
