"""Masks traced along the edges of their pixels, and filled again."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_hooks.data import Mask, Part, Ring
from synapse_hooks.data.geometry import area, join
from synapse_hooks.data.masks import by_columns, from_indices, to_indices
from synapse_hooks.data.trace import fill, trace


def drawn(*rows: str) -> tuple[Mask, int, int]:
    """A mask as text: `#` is inside."""
    text = ''.join(rows)
    return Mask(from_indices(place for place, mark in enumerate(text) if mark == '#')), len(rows[0]), len(rows)


def signed(ring: Ring) -> float:
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True)) / 2


def pieces(pixels: set[int], width: int) -> int:
    """How many pieces there are of pixels that share sides, one pixel after the other."""
    left, count = set(pixels), 0
    while left:
        count += 1
        edge = [left.pop()]
        while edge:
            here = edge.pop()
            sides = {here - width, here + width}
            sides |= {here - 1} if here % width else set()
            sides |= {here + 1} if (here + 1) % width else set()
            edge += left & sides
            left -= sides
    return count


MASKS = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: st.tuples(
        st.just(size), st.lists(st.booleans(), min_size=size[0] * size[1], max_size=size[0] * size[1])
    )
)


@given(MASKS)
def test_tracing_is_exact_and_filling_is_its_inverse(drawing: tuple[tuple[int, int], list[bool]]) -> None:
    (width, height), marks = drawing
    pixels = {place for place, mark in enumerate(marks) if mark}
    mask = Mask(from_indices(sorted(pixels)))
    parts = trace(mask, width, height)
    assert fill(parts, width, height) == mask.runs
    assert sum(area(part[0]) - sum(map(area, part[1:])) for part in parts) == len(pixels)
    assert len(parts) == pieces(pixels, width)
    assert trace(Mask(by_columns(mask, width, height), columns=True), width, height) == parts
    for part in parts:
        assert pieces(set(to_indices(fill([part], width, height))), width) == 1
        assert [signed(ring) > 0 for ring in part] == [True, *(False for _ in part[1:])]
        for ring in part:
            assert len(set(ring)) == len(ring), 'a ring touches itself'
            assert ring[0] == min(ring, key=lambda point: (point[1], point[0]))
            assert all(
                (x1 == x2) != (y1 == y2) and (x1 == x2) != (x2 == x3)
                for (x1, y1), (x2, y2), (x3, _) in zip(ring, ring[1:] + ring[:1], ring[2:] + ring[:2], strict=True)
            )


@given(MASKS)
def test_one_ring_with_seams_fills_the_same_pixels(drawing: tuple[tuple[int, int], list[bool]]) -> None:
    (width, height), marks = drawing
    mask = Mask(from_indices(place for place, mark in enumerate(marks) if mark))
    parts = trace(mask, width, height)
    if parts:
        assert fill([[join(parts)]], width, height) == mask.runs


def test_holes_belong_to_their_part_and_islands_in_them_do_not() -> None:
    mask, width, height = drawn(
        '#######.',
        '#.....#.',
        '#.###.##',
        '#.#.#.#.',
        '#.###.##',
        '#.....##',
        '#######.',
    )
    parts = trace(mask, width, height)
    assert [len(part) for part in parts] == [2, 2]
    assert parts[0][1] == [(1, 1), (1, 6), (6, 6), (6, 1)]
    assert parts[1] == [[(2, 2), (5, 2), (5, 5), (2, 5)], [(3, 3), (3, 4), (4, 4), (4, 3)]]


def test_pixels_that_touch_at_a_corner_are_two_parts() -> None:
    assert [part[0][0] for part in trace(*drawn('#.', '.#'))] == [(0, 0), (1, 1)]
    assert [part[0][0] for part in trace(*drawn('.#', '#.'))] == [(1, 0), (0, 1)]


def test_a_hole_may_meet_its_ring_in_a_point() -> None:
    part: Part
    (part,) = trace(*drawn('###', '#.#', '##.'))
    assert part[0] == [(0, 0), (3, 0), (3, 2), (2, 2), (2, 3), (0, 3)]
    assert part[1] == [(1, 1), (1, 2), (2, 2), (2, 1)]


@pytest.mark.parametrize('runs', [[], [(12, 3)], [(500, 1)]])
def test_a_mask_without_pixels_in_the_image_has_no_parts(runs: list[tuple[int, int]]) -> None:
    assert trace(Mask(runs), 4, 3) == []


def test_runs_beyond_the_image_and_runs_that_overlap_are_put_right() -> None:
    assert trace(Mask([(10, 90), (9, 2)]), 4, 3) == [[[(1, 2), (4, 2), (4, 3), (1, 3)]]]


def test_only_centres_count_when_filling_and_parts_add_up() -> None:
    assert fill([[[(0.4, 0.4), (2.6, 0.4), (2.6, 1.6), (0.4, 1.6)]]], 4, 3) == [(0, 3), (4, 3)]
    assert fill([[[(0.6, 0.6), (1.4, 0.6), (1.4, 1.4), (0.6, 1.4)]]], 4, 3) == []
    square: Part = [[(0, 0), (2, 0), (2, 1), (0, 1)]]
    assert fill([square, [[(1, 0), (3, 0), (3, 1), (1, 1)]]], 4, 3) == [(0, 3)]
    assert fill([[[(-9, -9), (99, -9), (99, 99), (-9, 99)]]], 4, 3) == [(0, 12)]


def test_large_masks_take_no_time() -> None:
    size = 1000
    rows = [(y, int((400**2 - (y - 500) ** 2) ** 0.5)) for y in range(101, 900)]
    mask = Mask([(y * size + 500 - half, 2 * half) for y, half in rows])
    start = time.process_time()
    parts = trace(mask, size, size)
    assert fill(parts, size, size) == mask.runs
    by_columns(mask, size, size)
    # Some milliseconds; a loop over a million pixels would take far longer.
    assert time.process_time() - start < 0.5
