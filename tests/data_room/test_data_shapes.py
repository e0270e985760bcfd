"""Geometry and masks, against independent answers."""

from __future__ import annotations

import random

import pytest

from synapse_hooks.data import Mask, Polygon, RotatedBox
from synapse_hooks.data.geometry import area, bounds, clip_bounds, clip_ring, corners, has_area, join
from synapse_hooks.data.masks import (
    by_columns,
    by_rows,
    from_counts,
    from_indices,
    mask_bounds,
    to_counts,
    to_indices,
    transpose,
)


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
