"""Axes have round numbers, whatever the values are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_hooks.report.scale import Scale, number_text

VALUES = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(VALUES, min_size=1, max_size=20), st.sampled_from([0.0, 0.05]))
def test_every_value_has_a_place_and_ticks_are_on_the_axis(values: list[float], margin: float) -> None:
    scale = Scale.of(values, margin=margin)
    assert scale.low < scale.high
    assert all(-1e-6 <= scale.place(value) <= 1 + 1e-6 for value in values)
    ticks = scale.ticks(4)
    assert len(ticks) <= 12
    assert all(math.isfinite(tick) for tick in ticks)


@pytest.mark.parametrize(
    ('values', 'ticks'),
    [
        ([0, 1], [0, 0.2, 0.4, 0.6, 0.8, 1]),
        ([1, 3], [1, 2, 3]),
        ([-5, 5], [-4, -2, 0, 2, 4]),
        ([7], [6.5, 7, 7.5]),
    ],
)
def test_ticks(values: list[float], ticks: list[float]) -> None:
    assert Scale.of(values).ticks(5, whole=values == [1, 3]) == ticks


def test_values_of_many_magnitudes_get_a_logarithmic_axis() -> None:
    assert Scale.of([0.001, 1000], margin=0.05).logarithmic
    assert not Scale.of([0, 1000], margin=0.05).logarithmic


@pytest.mark.parametrize(('value', 'text'), [(1e12, '1e+12'), (1234.56, '1,234.6'), (-3, '-3'), (math.inf, 'inf')])
def test_numbers_as_text(value: float, text: str) -> None:
    assert number_text(value) == text
