"""What becomes of each shape in each kind of target, and what the report says of it: every trap, once."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Classification,
    Joint,
    Keypoint,
    Keypoints,
    LossReport,
    Mask,
    Other,
    Part,
    Polygon,
    Polyline,
    Ring,
    RotatedBox,
    Sample,
)
from synapse_hooks.data.geometry import area, bounds, corners
from synapse_hooks.geometry.shapes import Fitter

NAN, INF = math.nan, math.inf
SQUARE: Ring = [(10, 10), (30, 10), (30, 30), (10, 30)]
FAR: Ring = [(200, 10), (230, 10), (230, 30)]
CUT = "cut at the image's edge"
TRACED = 'it holds polygons: its pixels are traced'
SMALLEST = 'it holds rotated boxes: the smallest one around it'


def fitted(method: str, annotation: AnyAnnotation, *others: AnyAnnotation, **options: Any) -> tuple[Any, list[Any]]:
    """The annotation fitted into an image of 100 x 80, and what the report says: (fate, kind, reason, count)."""
    report = LossReport()
    sample = Sample('a', width=100, height=80, annotations=[annotation, *others])
    found = getattr(Fitter(report, 'it', **options), method)(annotation, sample)
    return found, [(loss.fate, loss.kind, loss.reason, loss.count) for loss in report.losses.values()]


def reason(told: list[Any]) -> str:
    assert len(told) <= 1, told
    return f'{told[0][0]}: {told[0][2]}' if told else ''


def mask(*runs: tuple[int, int], **fields: Any) -> Mask:
    return Mask(list(runs), **fields)


@pytest.mark.parametrize('method', ['box', 'rings', 'rectangle'])
@pytest.mark.parametrize(
    ('shape', 'expected'),
    [
        (Box(10, 10, 0, 5), 'it has no area'),
        (Box(10, 10, 5, 0), 'it has no area'),
        (Box(200, 10, 5, 5), 'it lies outside the image'),
        (Box(-5, 10, 5, 5), 'it lies outside the image'),
        (Box(NAN, 10, 5, 5), 'a coordinate is not finite'),
        (Box(1, 10, INF, 5), 'a coordinate is not finite'),
        (Box(1, 10, 10**400, 5), 'a coordinate is too large'),
        (Polygon.simple([(1, 1), (9, 1e300), (5, -1e300)]), 'a coordinate is too large'),
        (RotatedBox(200, 10, 5, 5, 1), 'it lies outside the image'),
        (RotatedBox(10, 10, 5, 5, INF), 'a coordinate is not finite'),
        (RotatedBox(10, -INF, 5, 5, 1), 'a coordinate is not finite'),
        (Polygon.simple(FAR), 'it lies outside the image'),
        (Polygon.simple([(1, 1), (NAN, 2), (5, 5)]), 'a coordinate is not finite'),
        (Polygon.simple([(1, 1), (5, INF), (5, 5)]), 'a coordinate is not finite'),
        (Polygon.simple(SQUARE, box=(1, 2, NAN, 4)), 'a coordinate is not finite'),
        (Polygon([]), 'it has no area'),
        (Polygon([[]]), 'it has no area'),
        (mask(), 'it has no area'),
        (Box(1, 1, 5, 5, attributes={'iscrowd': True}), 'it has no crowd regions'),
        (Polyline([(1, 1), (5, 5)]), 'it has no place for it'),
        (Keypoint(1, 1), 'it has no place for it'),
        (Classification(label='sunny'), 'it has no place for it'),
    ],
)
def test_what_cannot_be_fitted_is_dropped_for_this_reason(method: str, shape: AnyAnnotation, expected: str) -> None:
    found, told = fitted(method, shape)
    assert found is None
    assert told == [('dropped', shape.kind, expected, 1)]


@pytest.mark.parametrize('method', ['rings', 'rectangle'])
@pytest.mark.parametrize('ring', [[(1, 1), (9, 9)], [(1, 1)], [], [(1, 1), (5, 5), (9, 9)], [(1, 1), (9, 1), (1, 1)]])
def test_polygons_of_too_few_points_have_no_area(method: str, ring: Ring) -> None:
    assert fitted(method, Polygon.simple(ring)) == (None, [('dropped', 'polygon', 'it has no area', 1)])


@pytest.mark.parametrize('method', ['rings', 'rectangle'])
def test_rotated_boxes_without_a_side_have_no_area(method: str) -> None:
    found, told = fitted(method, RotatedBox(10, 10, 0, 5, 1))
    assert (found, reason(told)) == (None, 'dropped: it has no area')


@pytest.mark.parametrize('method', ['box', 'rings', 'rectangle', 'pixels'])
def test_a_mask_beyond_the_image_lies_outside(method: str) -> None:
    found, told = fitted(method, mask((8000, 50)))
    assert (found, reason(told)) == (None, 'dropped: it lies outside the image')


@pytest.mark.parametrize(
    ('shape', 'pixels', 'told'),
    [
        (mask((5, 3), (8, 2)), [(5, 5)], ''),
        (mask((7990, 10)), [(7990, 10)], ''),
        (mask((7998, 4)), [(7998, 2)], f'converted: {CUT}'),
        (mask((7998, 4), columns=True), [(7998, 2)], f'converted: {CUT}'),
        (mask(), None, 'dropped: it has no area'),
        (mask((5, 0)), None, 'dropped: it has no area'),
        (mask((1, 5), box=(1, NAN, 1, 1)), None, 'dropped: a coordinate is not finite'),
    ],
)
def test_pixels(shape: Mask, pixels: list[tuple[int, int]] | None, told: str) -> None:
    found, said = fitted('pixels', shape)
    assert (found, reason(said)) == (pixels, told)


def test_what_is_malformed_is_dropped_for_what_is_wrong_with_it() -> None:
    found, told = fitted('box', Other('images.polygon', 'x', fault='it is a text'))
    assert (found, told) == (None, [('dropped', 'images.polygon', 'it is malformed: it is a text', 1)])


@pytest.mark.parametrize(
    ('shape', 'box', 'told'),
    [
        (Box(30, 40, -20, -10), (10, 30, 30, 40), ''),
        (Box(-0.4, 10, 50, 70.3), (0, 10, 49.6, 80), ''),
        (Box(-5, 10, 50, 20), (0, 10, 45, 30), f'converted: {CUT}'),
        (Polygon.simple(SQUARE), (10, 10, 30, 30), 'converted: it holds boxes: its enclosing box'),
        (
            Polygon.simple(SQUARE, box=(9.5, 10, 21, 20)),
            (9.5, 10, 30.5, 30),
            'converted: it holds boxes: its enclosing box',
        ),
        (Polygon.simple(SQUARE, box=(0, 0, 0, 0)), (10, 10, 30, 30), 'converted: it holds boxes: its enclosing box'),
        (mask((105, 5), box=(4, 1, 7, 2)), (4, 1, 11, 3), 'converted: it holds boxes: its enclosing box'),
        (mask((7990, 500)), (90, 79, 100, 80), 'converted: it holds boxes: its enclosing box'),
        (Polygon([[SQUARE], [FAR]]), (10, 10, 100, 30), 'converted: it holds boxes: its enclosing box'),
    ],
)
def test_boxes(shape: AnyAnnotation, box: tuple[float, ...], told: str) -> None:
    found, said = fitted('box', shape)
    assert found == pytest.approx(box)
    assert reason(said) == told


@pytest.mark.parametrize(
    ('shape', 'areas', 'told'),
    [
        (Polygon.simple(SQUARE), [400], ''),
        (Polygon.simple([(-0.5, 10), (20, 10), (20, 30)]), [pytest.approx(205, abs=1)], ''),
        (Polygon.simple([(-20, 10), (20, 10), (20, 50)]), [600], f'converted: {CUT}'),
        (Polygon([[SQUARE], [FAR]]), [400], f'converted: {CUT}'),
        (
            Polygon([[SQUARE, [(15, 15), (20, 15), (20, 20), (15, 20)]]]),
            [375],
            'converted: it holds simple rings: parts and holes are joined by seams',
        ),
        (Polygon([[SQUARE, [(500, 500), (501, 500), (501, 501)]]]), [400], f'converted: {CUT}'),
        (
            Polygon([[SQUARE], [[(50, 50), (60, 50), (60, 60), (50, 60)]]]),
            [500],
            'converted: it holds simple rings: parts and holes are joined by seams',
        ),
        (Polygon.simple([(0, 0), (20, 0), (20, 20), (40, 20), (40, 40), (20, 40), (20, 20), (0, 20)]), [800], ''),
        (Box(30, 40, -20, -10), [200], 'converted: it holds polygons: its four corners'),
        (RotatedBox(40, 40, 20, 10, 0.5), [pytest.approx(200)], 'converted: it holds polygons: its four corners'),
        (mask((105, 5), (205, 5), (305, 5)), [15], f'converted: {TRACED}'),
        (mask((105, 5), (205, 1), (207, 3), (305, 5)), [14], f'converted: {TRACED}'),
        (mask((105, 5), (500, 3), (7990, 500)), [18], f'converted: {TRACED}'),
        (mask((84, 1), (164, 1), columns=True), [2], f'converted: {TRACED}'),
    ],
)
def test_rings(shape: AnyAnnotation, areas: list[float], told: str) -> None:
    found, said = fitted('rings', shape)
    assert [area(ring) for ring in found] == areas
    assert all(0 <= x <= 100 and 0 <= y <= 80 for ring in found for x, y in ring)
    assert reason(said) == told


def test_parts_stay_apart_where_only_holes_are_joined() -> None:
    found, said = fitted('rings', mask((105, 5), (205, 1), (207, 3), (305, 5), (2000, 2)), join='holes')
    assert [area(ring) for ring in found] == [14, 2]
    assert reason(said) == f'converted: {TRACED}'


def test_skeletons_are_the_corners_of_their_box() -> None:
    found, said = fitted('rings', Keypoints([Joint(1, 2)], box=(0, 0, 5, 5)))
    assert found == [[(0, 0), (5, 0), (5, 5), (0, 5)]]
    assert reason(said) == 'converted: it holds polygons: the corners of its box'
    found, said = fitted('rings', Keypoints([Joint(1, 2)]))
    assert (found, reason(said)) == (None, 'dropped: it has no place for it')


def test_a_rotated_box_is_written_as_it_is_with_corners_outside() -> None:
    for shape in (RotatedBox(40, 40, 20, 10, 0.5), RotatedBox(-4, 40, 20, 10, 0.5), RotatedBox(90, 70, 15, 10, 2)):
        found, said = fitted('rectangle', shape)
        assert found == corners(shape)
        assert not said


def test_a_rotated_box_whose_centre_is_outside_is_the_one_around_what_is_inside() -> None:
    found, said = fitted('rectangle', RotatedBox(-25, 30, 40, 10, 0.3))
    assert reason(said) == f'converted: {CUT}'
    assert direction(found) == pytest.approx(math.tan(0.3))
    assert found[0][0] + found[2][0] >= 0
    assert area(found) < 400


def test_a_rotated_box_larger_than_the_image_is_scaled_down() -> None:
    found, said = fitted('rectangle', RotatedBox(-30, 35, 160, 10, 0.7))
    assert reason(said) == f'converted: {CUT}; scaled down to the size of the image'
    assert direction(found) == pytest.approx(math.tan(0.7))
    left, top, right, bottom = bounds(found)
    assert right - left <= 100 + 1e-9
    assert bottom - top <= 80 + 1e-9


def direction(ring: Ring) -> float:
    (x1, y1), (x2, y2) = ring[:2]
    return (y2 - y1) / (x2 - x1)


@pytest.mark.parametrize(
    ('shape', 'size', 'told'),
    [
        (Box(-5, 10, 50, 20), 900, f'converted: {CUT}'),
        (Box(30, 40, -20, -10), 200, ''),
        (Polygon.simple([(50, 20), (70, 40), (50, 60), (30, 40)]), 800, f'converted: {SMALLEST}'),
        (Polygon.simple([(-20, 10), (20, 10), (20, 30), (-20, 30)]), 400, f'converted: {SMALLEST}'),
        (Polygon([[SQUARE], [[(30, 30), (50, 30), (50, 50)]]]), 1440, f'converted: {SMALLEST}'),
        (mask((105, 5), (205, 1), (207, 3), (305, 5)), 15, f'converted: {SMALLEST}'),
        (mask((7990, 500)), 10, f'converted: {SMALLEST}'),
        (RotatedBox(0, 0, 100.5, 80.5, 0), 8000, ''),
    ],
)
def test_rectangles(shape: AnyAnnotation, size: float, told: str) -> None:
    found, said = fitted('rectangle', shape)
    assert len(found) == 4
    assert area(found) <= size * 1.0001
    assert area(found) >= size * 0.8
    assert reason(said) == told


@given(
    st.floats(-150, 150),
    st.floats(-150, 150),
    st.floats(0.5, 300),
    st.floats(0.5, 300),
    st.floats(-4, 4),
    st.booleans(),
)
def test_every_rectangle_is_one_that_ultralytics_accepts(
    x: float, y: float, w: float, h: float, angle: float, as_polygon: bool
) -> None:
    box = RotatedBox(x, y, w, h, angle)
    found, told = fitted('rectangle', Polygon.simple(corners(box)) if as_polygon else box)
    if found is None:
        assert reason(told) in ('dropped: it lies outside the image', 'dropped: it has no area')
        return
    left, top, right, bottom = bounds(found)
    # What verify_image_label of ultralytics 8.4 looks at: centre and size of the upright box around the corners.
    for value in ((left + right) / 200, (top + bottom) / 160, (right - left) / 100, (bottom - top) / 80):
        assert -1e-9 <= value <= 1 + 1e-9
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = found
    assert (ax + cx, ay + cy) == pytest.approx((bx + dx, by + dy), abs=1e-6)
    assert (bx - ax) * (dx - ax) + (by - ay) * (dy - ay) == pytest.approx(0, abs=1e-4)


FLOATS = st.floats(-200, 200) | st.sampled_from([NAN, INF, -INF, 0.0])
RINGS = st.lists(st.tuples(FLOATS, FLOATS), max_size=6)
PARTS: st.SearchStrategy[list[Part]] = st.lists(st.lists(RINGS, max_size=3), max_size=3)
SHAPES = st.one_of(
    st.builds(Box, FLOATS, FLOATS, FLOATS, FLOATS, group=st.just('g')),
    st.builds(RotatedBox, FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, group=st.just('g')),
    st.builds(Polygon, PARTS, group=st.just('g')),
    st.builds(Mask, st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 900)), max_size=5), st.booleans()),
    st.builds(
        Keypoints,
        st.lists(st.builds(Joint, FLOATS, FLOATS, st.integers(0, 2)), max_size=4),
        box=st.none() | st.tuples(FLOATS, FLOATS, FLOATS, FLOATS),
        group=st.just('g'),
    ),
)


@given(SHAPES, SHAPES, st.sampled_from(['box', 'rings', 'rectangle', 'skeleton']))
def test_whatever_comes_is_inside_or_dropped_and_never_raises(
    shape: AnyAnnotation, other: AnyAnnotation, method: str
) -> None:
    found, told = fitted(method, shape, other)
    assert len(told) <= 1
    dropped = bool(told) and told[0][0] == 'dropped'
    if method == 'skeleton' and not isinstance(shape, Keypoints):
        assert found is None
        return
    assert (found is None) == dropped
    points: Ring = []
    if found is not None and method == 'box':
        points = [found[:2], found[2:]]
    elif found is not None and method == 'rings':
        points = [point for ring in found for point in ring]
    elif found is not None and method == 'skeleton':
        x, y, w, h = found.box
        points = [(x, y), (x + w, y + h), *((joint.x, joint.y) for joint in found.points)]
    assert all(-1e-6 <= x <= 100 + 1e-6 and -1e-6 <= y <= 80 + 1e-6 for x, y in points)
