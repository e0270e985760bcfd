"""Geometry and masks, against independent answers."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_hooks.data import Mask, Polygon, RotatedBox
from synapse_hooks.data.geometry import (
    Part,
    Ring,
    area,
    bounds,
    clip_bounds,
    clip_ring,
    corners,
    has_area,
    hull,
    join,
)
from synapse_hooks.data.masks import (
    by_columns,
    by_rows,
    compress,
    from_counts,
    from_indices,
    mask_bounds,
    tidy,
    to_counts,
    to_indices,
    transpose,
)
from synapse_hooks.data.rectangles import min_area_rect, rect_around


def test_a_ring_inside_the_image_is_untouched() -> None:
    ring = [(1, 1), (5, 1), (5, 5)]
    assert clip_ring(ring, 8, 8) is ring


@pytest.mark.parametrize(
    ('ring', 'expected'),
    [
        ([(-4, -4), (12, -4), (12, 12), (-4, 12)], 64),
        ([(4, 4), (12, 4), (12, 6), (4, 6)], 8),
        ([(4, 4), (20, 4), (4, 7)], 24 - 12 * 12 * 3 / 16 / 2),
        ([(-3, 1), (-1, 1), (-1, 5)], 0),
        ([(9, 9), (12, 9), (12, 12)], 0),
    ],
)
def test_what_reaches_out_is_cut(ring: list[tuple[float, float]], expected: float) -> None:
    clipped = clip_ring(ring, 8, 8)
    assert all(0 <= x <= 8 and 0 <= y <= 8 for x, y in clipped)
    assert (area(clipped) if clipped else 0) == pytest.approx(expected)


def test_clipping_a_random_star_keeps_its_area_inside() -> None:
    rng = random.Random(3)
    for _ in range(10):
        ring = [(rng.uniform(-5, 15), rng.uniform(-5, 15)) for _ in range(3)]
        clipped = clip_ring(ring, 10, 10)
        assert all(-1e-9 <= x <= 10 + 1e-9 and -1e-9 <= y <= 10 + 1e-9 for x, y in clipped)
        inside = sum(_within(ring, (x + 0.5) / 20, (y + 0.5) / 20) for x in range(0, 200, 4) for y in range(0, 200, 4))
        assert (area(clipped) if len(clipped) > 2 else 0) == pytest.approx(inside / 25, abs=1.5)


def _within(ring: list[tuple[float, float]], x: float, y: float) -> bool:
    found = False
    for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            found = not found
    return found


def test_a_box_outside_is_nothing() -> None:
    assert clip_bounds((-5, 0, 0, 4), 8, 8) is None
    assert clip_bounds((8, 8, 9, 9), 8, 8) is None


def test_a_quarter_turn_swaps_the_sides_of_a_box() -> None:
    turned = bounds(corners(RotatedBox(0, 0, 4, 2, 3.141592653589793 / 2)))
    assert turned == pytest.approx((1, -1, 3, 3))


def test_a_clockwise_turn_moves_the_top_left_corner_up_and_right() -> None:
    x, y = corners(RotatedBox(0, 0, 2, 2, 0.1))[0]
    assert x > 0 > y


def test_joining_keeps_holes_under_both_fill_rules() -> None:
    outer, hole = [(0, 0), (9, 0), (9, 9), (0, 9)], [(3, 3), (6, 3), (6, 6), (3, 6)]
    for turned in (hole, hole[::-1]):
        for around in (outer, outer[::-1]):
            ring = join([[around, turned]])
            assert area(ring) == 72
            assert _within(ring, 1, 4.5)
            assert not _within(ring, 4.5, 4.5)


def test_joining_parts_adds_their_areas() -> None:
    parts = [[[(0, 0), (2, 0), (2, 2), (0, 2)]], [[(5, 5), (5, 8), (8, 8), (8, 5)]]]
    assert area(join(parts)) == 4 + 9
    assert Polygon(parts).rings == [part[0] for part in parts]


def test_a_line_has_no_area() -> None:
    assert not has_area([(0, 0), (4, 4)])
    assert not has_area([(0, 0), (4, 4), (8, 8)])


def test_masks_go_between_rows_and_columns() -> None:
    rng = random.Random(5)
    for _ in range(20):
        width, height = rng.randint(1, 9), rng.randint(1, 9)
        pixels = sorted(rng.sample(range(width * height), rng.randint(0, width * height)))
        rows = from_indices(pixels)
        assert to_indices(rows) == pixels
        columns = transpose(rows, height, width)
        expected = sorted(pixel % width * height + pixel // width for pixel in pixels)
        assert to_indices(columns) == expected
        assert by_rows(Mask(columns, columns=True), width, height) == rows
        assert by_columns(Mask(rows), width, height) == columns
        assert from_counts(to_counts(columns, width * height)) == columns
        if pixels:
            xs, ys = [pixel % width for pixel in pixels], [pixel // width for pixel in pixels]
            box = (min(xs), min(ys), max(xs) + 1, max(ys) + 1)
            assert mask_bounds(Mask(rows), width, height) == box
            assert mask_bounds(Mask(columns, columns=True), width, height) == box


def test_compressed_counts_are_read_as_pycocotools_writes_them() -> None:
    mask_tools = pytest.importorskip('pycocotools.mask')
    numpy = pytest.importorskip('numpy')
    rng = numpy.random.default_rng(7)
    for size in ((1, 1), (5, 7), (40, 60), (300, 200)):
        pixels = (rng.random(size) < 0.3).astype(numpy.uint8)
        packed = mask_tools.encode(numpy.asfortranarray(pixels))['counts']
        runs = from_counts(packed)
        assert to_indices(runs) == numpy.flatnonzero(pixels.ravel(order='F')).tolist()
        assert from_counts(packed.decode()) == runs


@pytest.mark.parametrize('counts', ['o', [2, -1]])
def test_damaged_counts(counts: str | list[int]) -> None:
    with pytest.raises(ValueError, match=r'counts|negative'):
        from_counts(counts)


@given(st.lists(st.integers(0, 2**31), max_size=40))
def test_counts_survive_compression(counts: list[int]) -> None:
    packed = compress(counts)
    starts = from_counts(packed)
    assert starts == from_counts(counts)


def test_counts_are_compressed_as_pycocotools_does() -> None:
    mask_tools = pytest.importorskip('pycocotools.mask')
    numpy = pytest.importorskip('numpy')
    rng = numpy.random.default_rng(8)
    for size in ((1, 1), (5, 7), (40, 60), (300, 200)):
        for share in (0, 0.02, 0.5, 1):
            pixels = (rng.random(size) < share).astype(numpy.uint8)
            runs = from_indices(numpy.flatnonzero(pixels.ravel(order='F')).tolist())
            packed = mask_tools.encode(numpy.asfortranarray(pixels))['counts'].decode()
            assert compress(to_counts(runs, pixels.size)) == packed


RUNS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=8)


@given(RUNS)
def test_tidy_runs_are_the_same_pixels_once_each_in_order(runs: list[tuple[int, int]]) -> None:
    pixels = sorted({index for index in to_indices(runs) if index < 48})
    assert tidy(runs, 48) == from_indices(pixels)
    assert from_counts(to_counts(runs, 48)) == from_indices(pixels)
    assert transpose(transpose(runs, 6, 8), 8, 6) == from_indices(pixels)


def test_runs_beyond_the_image_do_not_widen_a_mask() -> None:
    assert mask_bounds(Mask([(9, 1000)]), 4, 3) == (1, 2, 4, 3)
    assert mask_bounds(Mask([(12, 5)]), 4, 3) is None
    assert sum(to_counts([(9, 1000), (2000, 1)], 12)) == 12


def _slow_join(parts: list[Part]) -> Ring:
    """Every pair of points compared, one after the other."""
    rings = [
        ring[::-1]
        if (sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1], strict=True)) < 0)
        != (place > 0)
        else ring
        for part in parts
        for place, ring in enumerate(part)
    ]
    joined = rings[0]
    for ring in rings[1:]:
        _, here, there = min(
            ((x - u) ** 2 + (y - v) ** 2, i, j) for i, (x, y) in enumerate(joined) for j, (u, v) in enumerate(ring)
        )
        joined = [*joined[: here + 1], *ring[there:], *ring[: there + 1], *joined[here:]]
    return joined


POINTS = st.tuples(st.integers(-9, 9), st.integers(-9, 9))


@given(st.lists(st.lists(st.lists(POINTS, min_size=3, max_size=12), min_size=1, max_size=3), min_size=2, max_size=4))
def test_seams_join_the_first_of_the_nearest_pairs(parts: list[Part]) -> None:
    assert join(parts) == _slow_join(parts)


def test_seams_of_large_rings_are_those_of_small_ones() -> None:
    rng = random.Random(2)

    def ring(count: int, x: float, y: float) -> Ring:
        turns = [math.tau * place / count for place in range(count)]
        return [(x + rng.uniform(20, 30) * math.cos(turn), y + rng.uniform(20, 30) * math.sin(turn)) for turn in turns]

    parts: list[Part] = [[ring(20, 0, 0)], [ring(150, 90, 10), ring(40, 200, 10)], [ring(70, 30, 120)]]
    assert join(parts) == _slow_join(parts)


def test_rings_of_many_thousand_points_are_compared_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(4)
    parts: list[Part] = [[[(rng.random(), rng.random() + 2 * k) for _ in range(60)]] for k in range(3)]
    whole = join(parts)
    monkeypatch.setattr('synapse_hooks.data.geometry._MANY', 100)
    assert join(parts) == whole


@given(st.lists(POINTS, min_size=1, max_size=30))
def test_a_hull_holds_every_point_and_turns_one_way(points: Ring) -> None:
    ring = hull(points)
    assert set(ring) <= set(points)
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1], strict=True):
        assert len(ring) < 3 or all((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) >= 0 for x, y in points)


@given(st.lists(POINTS, min_size=1, max_size=30))
def test_the_smallest_rectangle_holds_every_point_and_no_other_is_smaller(points: Ring) -> None:
    box = min_area_rect(points)
    assert 0 <= box.angle < math.pi / 2
    for step in range(90):
        assert (
            box.w * box.h
            <= rect_around(points, math.radians(step)).w * rect_around(points, math.radians(step)).h + 1e-6
        )
    cos, sin = math.cos(box.angle), math.sin(box.angle)
    for x, y in points:
        dx, dy = x - box.x - box.w / 2, y - box.y - box.h / 2
        assert abs(dx * cos + dy * sin) <= box.w / 2 + 1e-6
        assert abs(dy * cos - dx * sin) <= box.h / 2 + 1e-6


@given(st.floats(-50, 50), st.floats(1, 50), st.floats(1, 50), st.floats(-7, 7))
def test_the_smallest_rectangle_around_a_rectangle_is_itself(x: float, w: float, h: float, angle: float) -> None:
    ring = corners(RotatedBox(x, 3, w, h, angle))
    found = corners(min_area_rect(ring))
    for corner in ring:
        assert min(math.dist(corner, other) for other in found) < 1e-3


def test_the_smallest_rectangle_around_an_upright_one_is_exact() -> None:
    assert corners(min_area_rect([(0, 0), (10, 0), (10, 4), (0, 4), (5, 2)])) == [(0, 0), (10, 0), (10, 4), (0, 4)]


def test_a_ring_that_touches_itself_has_an_area() -> None:
    eight = [(0, 0), (2, 0), (2, 2), (4, 2), (4, 4), (2, 4), (2, 2), (0, 2)]
    assert has_area(eight)
    twisted = [(0, 0), (2, 0), (2, 2), (2, 4), (4, 4), (4, 2), (2, 2), (0, 2)]
    assert area(twisted) == 0
    assert has_area(twisted)
