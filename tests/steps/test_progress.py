"""Progress is weighted by step, never goes back, and adds up to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synapse_hooks.steps import BaseStep, StepResult
from synapse_hooks.steps.progress import Progress


class Named(BaseStep[Any]):
    name = ''
    progress_weight = 1.0

    def __init__(self, name: str, weight: float = 1.0) -> None:
        self.name, self.progress_weight = name, weight

    def execute(self, context: Any) -> StepResult:
        return StepResult()


class Events:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def record(self, type: str, payload: Mapping[str, Any]) -> None:
        self.events.append({'type': type, **payload})


def test_steps_count_by_their_weight() -> None:
    events = Events()
    progress = Progress(events, [Named('a', 1.0), Named('b', 3.0)])
    progress.begin('a')
    progress.record('progress', {'category': 'x', 'curr': 1, 'total': 2})
    assert progress.overall == pytest.approx(0.125)
    progress.finish('a')
    assert progress.overall == pytest.approx(0.25)
    progress.begin('b')
    progress.record('progress', {'category': 'x', 'curr': 1, 'total': 3})
    assert progress.overall == pytest.approx(0.5)
    progress.finish('b')
    assert progress.overall == pytest.approx(1.0)
    assert events.events[0] == {
        'type': 'progress', 'step': 'a', 'category': 'x', 'curr': 1, 'total': 2, 'overall': 0.125,
    }  # fmt: skip


def test_steps_without_any_weight_count_the_same() -> None:
    progress = Progress(Events(), [Named('a', 0), Named('b', 0)])
    progress.begin('a')
    progress.finish('a')
    assert progress.overall == pytest.approx(0.5)


def test_other_events_pass_unchanged() -> None:
    events = Events()
    Progress(events, [Named('a')]).record('message', {'text': 'x'})
    assert events.events == [{'type': 'message', 'text': 'x'}]


# A machine with other work to do is no fault of the inputs.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    weights=st.lists(st.floats(0, 100), min_size=1, max_size=6),
    reports=st.lists(st.tuples(st.floats(-5, 20), st.floats(0, 10)), max_size=20),
)
def test_progress_never_goes_back_and_ends_at_one(weights: list[float], reports: list[tuple[float, float]]) -> None:
    events = Events()
    progress = Progress(events, [Named(str(i), weight) for i, weight in enumerate(weights)])
    for i in range(len(weights)):
        # A step that is tried again begins again.
        for _ in range(2):
            progress.begin(str(i))
            for current, total in reports:
                progress.record('progress', {'category': 'x', 'curr': current, 'total': total})
        progress.finish(str(i))
    seen = [event['overall'] for event in events.events]
    assert seen == sorted(seen)
    assert all(0 <= value <= 1 for value in seen)
    assert seen[-1] == pytest.approx(1.0)
