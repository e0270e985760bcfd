"""The calls of a trace as trees, by stage: calls that are alike and have the same call around them are one node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from synapse_hooks.tracing.reader import Trace, TracedCall
from synapse_hooks.tracing.records import Function

_DEEPEST: Final = 200
"""Calls within each other, as far as Python lets plugins call each other; in a damaged file there may be more."""


@dataclass
class CallNode:
    """Calls of one function, with the same outcome and the same call around them."""

    function: Function
    """Hook, plugin, distribution and version."""
    outcome: str
    """As `TracedCall.outcome`, or `counted` for calls that were only counted."""
    error: str | None = None
    """The type of the exception."""
    thread: str = ''
    """The name of the thread; empty for the main one."""
    calls: int = 0
    """How many there are."""
    seconds: float = 0.0
    """Of all calls together, with what they called."""
    longest: float = 0.0
    """Seconds of the longest call."""
    inner: list[CallNode] = field(default_factory=list)
    """What was called in them, in the order of the first calls."""

    @property
    def own_seconds(self) -> float:
        """Seconds without those of the calls that were made in them."""
        return max(0.0, self.seconds - sum(node.seconds for node in self.inner))

    def walk(self, depth: int = 0) -> Iterator[tuple[int, CallNode]]:
        """This node and all below it, each with its depth."""
        yield depth, self
        for node in self.inner:
            yield from node.walk(depth + 1)


@dataclass
class StageCalls:
    """The calls that were made in a step of the run, or before the first, or after the last one."""

    step: str
    """The name of the step; empty outside of the steps."""
    seconds: float | None
    """From the step's beginning to that of the next one; None outside of the steps."""
    nodes: list[CallNode] = field(default_factory=list)
    """The calls that were made in no other call, those of sinks last."""


def call_trees(trace: Trace) -> list[StageCalls]:
    """The calls of a trace, by stage.

    Args:
        trace: What `read_traces` returned.
    """
    stages = _stages(trace)
    first = next((step.start for step in trace.steps if step.name), None)
    by_name = {stage.step: stage for stage in stages if stage.step}
    before, after = stages[0], stages[-1]
    nodes: dict[int, CallNode] = {}
    depths: dict[int, int] = {}
    made: dict[tuple[object, ...], CallNode] = {}
    for call in trace.calls:
        outside = before if first is None or call.start < first else after
        stage = by_name.get(call.step, outside)
        around, depth = nodes.get(call.parent or 0), depths.get(call.parent or 0, -1) + 1
        if depth > _DEEPEST:
            around, depth = None, 0
        depths[call.id] = depth
        nodes[call.id] = _add(call, stage, around, made)
    for function, more in trace.more:
        node = CallNode(function, 'counted', None, more.thread, more.calls, more.seconds, more.longest)
        by_name.get(more.step, after).nodes.append(node)
    for stage in stages:
        # Those of sinks run beside the others.
        stage.nodes.sort(key=lambda node: bool(node.thread))
    return [stage for stage in stages if stage.nodes or stage.step]


def slowest(stages: list[StageCalls], count: int) -> list[CallNode]:
    """The nodes of the main thread that took the most time of their own, the slowest first.

    Args:
        stages: What `call_trees` returned.
        count: How many, at most.
    """
    nodes = [node for stage in stages for root in stage.nodes for _, node in root.walk() if not node.thread]
    return sorted(nodes, key=lambda node: node.own_seconds, reverse=True)[:count]


def _stages(trace: Trace) -> list[StageCalls]:
    """A stage for the time before the steps, one for each step, and one for the time after them."""
    found = [StageCalls('', None)]
    for name, start, end in trace.step_spans():
        known = next((stage for stage in found if stage.step == name), None)
        if known is None:
            found.append(StageCalls(name, end - start))
        else:
            known.seconds = (known.seconds or 0.0) + end - start
    return [*found, StageCalls('', None)]


def _add(
    call: TracedCall, stage: StageCalls, around: CallNode | None, made: dict[tuple[object, ...], CallNode]
) -> CallNode:
    key = (id(stage), id(around), call.function.id, call.outcome, call.error, call.thread)
    node = made.get(key)
    if node is None:
        node = made[key] = CallNode(call.function, call.outcome, call.error, call.thread)
        (stage.nodes if around is None else around.inner).append(node)
    node.calls += 1
    node.seconds += call.seconds
    node.longest = max(node.longest, call.seconds)
    return node
