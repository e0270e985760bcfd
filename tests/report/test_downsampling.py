"""Curves with fewer points lose no peak."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from synapse_hooks.report.downsampling import downsampled

VALUES = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(VALUES, max_size=400), st.integers(4, 60))
def test_what_is_left_is_part_of_the_curve_in_its_order_and_has_its_ends_and_extremes(
    values: list[float], most: int
) -> None:
    points = list(enumerate(values))
    few = downsampled(points, most)
    assert len(few) <= max(most, 0)
    assert few == sorted(set(few))
    assert set(few) <= set(points)
    if points:
        assert (few[0], few[-1]) == (points[0], points[-1])
        assert {min(v for _, v in few), max(v for _, v in few)} == {min(values), max(values)}


def test_a_curve_that_is_short_enough_stays_as_it_is() -> None:
    points = [(1.0, 2.0), (2.0, 1.0)]
    assert downsampled(points, 4) == points
