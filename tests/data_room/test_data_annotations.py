"""What every kind of annotation says of itself."""

from __future__ import annotations

import math
from typing import get_args

import pytest

from synapse_hooks.data import (
    OBJECT_KINDS,
    Annotation,
    AnyAnnotation,
    Area,
    Box,
    Classification,
    Group,
    Joint,
    Keypoint,
    Keypoints,
    Mask,
    Other,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Shape,
)

SIZE = 40, 20
ALL: list[AnyAnnotation] = [
    Box(2, 3, 4, 6),
    RotatedBox(2, 3, 4, 6, math.pi / 2),
    Polygon([[[(1, 1), (9, 1), (9, 9), (1, 9)], [(3, 3), (5, 3), (5, 5)]]]),
    Polyline([(1, 2), (8, 5)]),
    Keypoint(7, 8),
    Keypoints([Joint(1, 2), Joint(0, 0, 0), Joint(6, 9, 1)], box=(1, 1, 8, 9)),
    Mask([(41, 3), (81, 2)]),
    Classification(label='sunny'),
    Relation('a', 'b'),
    Group(['a', 'b']),
    Other('images.hologram', 7),
]
DRAWN = [one for one in ALL if one.positions()]


class Mirror:
    """An image as a mirror shows it."""

    def point(self, x: float, y: float) -> tuple[float, float]:
        return SIZE[0] - x, y

    def mask(self, mask: Mask) -> Mask:
        return Mask([(start // 40 * 40 + 40 - start % 40 - length, length) for start, length in mask.runs])


def named(annotation: Annotation) -> str:
    return annotation.kind


def test_there_is_one_of_each_kind() -> None:
    assert [type(one) for one in ALL] == list(get_args(AnyAnnotation))
    assert {one.kind for one in ALL if isinstance(one, Shape)} == set(OBJECT_KINDS)


@pytest.mark.parametrize('one', ALL, ids=named)
def test_its_extent_is_around_its_points(one: AnyAnnotation) -> None:
    around = one.extent(*SIZE)
    if around is None:
        assert not isinstance(one, Shape)
        return
    for x, y in one.positions():
        assert around[0] - 1e-9 <= x <= around[2] + 1e-9
        assert around[1] - 1e-9 <= y <= around[3] + 1e-9
    assert not one.is_empty()


@pytest.mark.parametrize('one', [one for one in ALL if isinstance(one, Area)], ids=named)
def test_its_outlines_have_its_extent(one: Area) -> None:
    points = [point for part in one.outlines(*SIZE) for point in part[0]]
    around = one.extent(*SIZE)
    assert around is not None
    assert (min(x for x, _ in points), max(y for _, y in points)) == pytest.approx((around[0], around[3]))


@pytest.mark.parametrize('one', ALL, ids=named)
def test_what_is_drawn_is_moved_and_the_rest_stays(one: AnyAnnotation) -> None:
    moved, around = one.moved(Mirror()), one.extent(*SIZE)
    there = moved.extent(*SIZE)
    assert (moved.kind, moved.label) == (one.kind, one.label)
    if around is not None:
        assert there == pytest.approx((40 - around[2], around[1], 40 - around[0], around[3]))
    elif one.positions():
        assert moved.positions() == [(40 - x, y) for x, y in one.positions()]
    else:
        assert moved == one


@pytest.mark.parametrize('one', DRAWN, ids=named)
@pytest.mark.parametrize(
    ('number', 'fault'), [(math.nan, 'a coordinate is not finite'), (10**400, 'a coordinate is too large')]
)
def test_numbers_that_cannot_be_computed_with_are_found(one: AnyAnnotation, number: float, fault: str) -> None:
    assert one.number_fault() == ''

    class Somewhere(Mirror):
        def point(self, x: float, y: float) -> tuple[float, float]:
            return number, number

    if not isinstance(one, Box | RotatedBox):
        assert one.moved(Somewhere()).number_fault() == fault
    else:
        one = type(one)(*[number] * (5 if isinstance(one, RotatedBox) else 4))
        assert one.number_fault() == fault


@pytest.mark.parametrize(
    'empty',
    [
        Box(1, 1, 0, 5),
        RotatedBox(1, 1, 4, 0, 1),
        Polygon.simple([(0, 0), (5, 5), (5, 5)]),
        Polyline([(1, 1), (1, 1)]),
        Mask([]),
        Keypoints([], box=(1, 1, 0, 0)),
    ],
    ids=named,
)
def test_what_covers_nothing_is_empty(empty: AnyAnnotation) -> None:
    assert empty.is_empty()


@pytest.mark.parametrize(
    ('one', 'field'),
    [
        (Box(8, 2, -4, 3), None),
        (RotatedBox(8, 2, -4, 3, 1.0), None),
        (Polygon.simple([(0, 0), (4, 0), (4, 4)], box=(8, 2, -4, 3)), 'box'),
        (Keypoints([Joint(1, 1)], box=(8, 2, -4, 3)), 'box'),
        (Mask([(1, 2)], box=(8, 2, -4, 3)), 'box'),
    ],
)
def test_corners_in_reverse_order_are_sorted_once(one: AnyAnnotation, field: str | None) -> None:
    assert one.sort_corners()
    found = getattr(one, field) if field else tuple(getattr(one, name) for name in 'xywh')
    assert found == (4, 2, 4, 3)
    assert not one.sort_corners()


def test_relations_and_groups_follow_new_ids() -> None:
    relation, group, box = Relation('a', 'b'), Group(['a', 'c']), Box(1, 1, 1, 1, id='a')
    for one in (relation, group, box):
        one.follow({'a': 'z'})
    assert (relation.source, relation.target, group.members, box.id) == ('z', 'b', ['z', 'c'], 'a')


def test_only_annotations_with_a_place_are_compared() -> None:
    assert Box(1, 2, 3, 4).geometry() == Box(1, 2, 3, 4, label='x').geometry()
    assert Keypoint(0, 0, 0).geometry() is None
    assert Other('x.y', 1).geometry() is None
