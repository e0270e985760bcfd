"""What becomes of skeletons, single joints and their objects in a target that holds skeletons with their boxes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Group,
    Joint,
    Keypoint,
    Keypoints,
    LossReport,
    Mask,
    Polygon,
    Polyline,
    Ring,
    RotatedBox,
    Sample,
)
from synapse_hooks.data.skeletons import assemble
from synapse_hooks.geometry.shapes import Fitter, enclosing_box

NAN, INF = math.nan, math.inf
SQUARE: Ring = [(10, 10), (30, 10), (30, 30), (10, 30)]
CUT = "cut at the image's edge"


def posed(*annotations: AnyAnnotation) -> tuple[list[Keypoints], list[Any]]:
    """The skeletons written for a sample of 100 x 80, and what the report says of all of it."""
    report = LossReport()
    sample = Sample('a', width=100, height=80, annotations=assemble([*annotations]))
    fitter = Fitter(report, 'it')
    found = [made for one in sample.annotations if (made := fitter.skeleton(one, sample)) is not None]
    return found, [(loss.fate, loss.kind, loss.reason, loss.count) for loss in report.losses.values()]


def person(*points: Joint, **fields: Any) -> Keypoints:
    return Keypoints([*points], label='person', group='g', **fields)


A, B = Joint(20, 20), Joint(40, 50, 1)


def test_a_skeleton_with_its_own_box_is_written() -> None:
    found, told = posed(person(A, B, Joint(7, 7, 0), box=(10, 10, 50, 50)))
    assert found[0].box == (10, 10, 50, 50)
    assert found[0].points == [A, B, Joint(0, 0, 0)]
    assert not told


def test_the_box_of_a_skeleton_is_cut_at_the_edge() -> None:
    found, told = posed(person(A, B, box=(-10, 10, 50, 50)))
    assert found[0].box == (0, 10, 40, 50)
    assert told == [('converted', 'keypoints', CUT, 1)]


def test_the_objects_box_is_the_skeletons_and_is_not_lost() -> None:
    found, told = posed(person(A, B), Box(10, 10, 50, 50, group='g'))
    assert found[0].box == (10, 10, 50, 50)
    assert not told
    found, told = posed(person(A, B), Box(-10, 10, 50, 50, group='g'))
    assert found[0].box == (0, 10, 40, 50)
    assert told == [('converted', 'box', CUT, 1)]


@pytest.mark.parametrize(
    'shape',
    [
        Polygon.simple(SQUARE, group='g'),
        Mask([(1010, 20), (2910, 20)], group='g'),
        RotatedBox(10, 10, 20, 20, math.pi / 2, group='g'),
    ],
)
def test_another_shape_of_the_object_becomes_the_box_around_it(shape: AnyAnnotation) -> None:
    found, told = posed(shape, person(A, B))
    assert found[0].box == pytest.approx((10, 10, 20, 20))
    assert told == [('converted', shape.kind, 'it holds boxes: its enclosing box', 1)]


def test_several_shapes_of_an_object_share_the_box_around_them() -> None:
    other = [(x + 30, y) for x, y in SQUARE]
    found, told = posed(person(A, B), Polygon.simple(SQUARE, group='g'), Polygon.simple(other, group='g'))
    assert found[0].box == (10, 10, 50, 20)
    assert told == [('converted', 'polygon', 'it holds one box an object: the one around it', 2)]


def test_a_shape_that_the_skeletons_box_does_not_hold_is_dropped() -> None:
    found, told = posed(person(A, B, box=(50, 50, 10, 10)), Box(10, 10, 20, 20, group='g'))
    assert found[0].box == (50, 50, 10, 10)
    assert told == [('dropped', 'box', 'its skeleton has another box', 1)]


def test_without_a_box_it_is_drawn_around_the_visible_joints() -> None:
    found, told = posed(person(A, B, Joint(1, 1, 0)))
    assert found[0].box == (20, 20, 20, 30)
    assert told == [('converted', 'keypoints', 'it needs boxes: its box is drawn around its joints', 1)]
    found, told = posed(person(A, B, box=(5, 5, 0, 0)))
    assert found[0].box == (20, 20, 20, 30)


def test_joints_outside_are_missing_and_told_of() -> None:
    found, told = posed(person(A, Joint(140, 5), Joint(-0.5, 80.4), box=(0, 0, 50, 50)))
    assert found[0].points == [A, Joint(0, 0, 0), Joint(0, 80)]
    assert told == [('converted', 'keypoints', 'its joints outside the image are missing', 1)]


def joints(*points: Joint) -> list[AnyAnnotation]:
    return [Keypoint(*point, id=f'k{place}', label=f'j{place}', group='g') for place, point in enumerate(points)]


def test_single_joints_are_counted_as_what_they_were() -> None:
    box, group = Box(10, 10, 50, 50, id='b'), Group(['b', 'k0', 'k1', 'k2'], id='g', label='dog')
    found, told = posed(*joints(A, B, Joint(140, 5)), box, group)
    assert (found[0].label, found[0].box) == ('dog', (10, 10, 50, 50))
    assert told == [('dropped', 'keypoint', 'it lies outside the image', 1)]
    found, told = posed(*joints(A, B, Joint(140, 5)), group)
    drawn = 'it needs boxes: its box is drawn around its joints'
    assert told == [
        ('dropped', 'keypoint', 'it lies outside the image', 1),
        ('converted', 'keypoint', drawn, 2),
        ('converted', 'group', drawn, 1),
    ]


def test_a_skeleton_that_is_lost_takes_its_joints_and_its_objects_box_with_it() -> None:
    found, told = posed(*joints(A, B), Box(200, 10, 50, 50, group='g'))
    assert not found
    assert told == [
        ('dropped', 'keypoint', 'it lies outside the image', 2),
        ('dropped', 'box', 'its skeleton is dropped: it lies outside the image', 1),
    ]


@pytest.mark.parametrize(
    ('skeleton', 'expected'),
    [
        (person(A), 'it has no area'),
        (person(), 'it has neither a box nor a joint in the image'),
        (person(Joint(200, 5)), 'it has neither a box nor a joint in the image'),
        (person(A, Joint(NAN, 5)), 'a coordinate is not finite'),
        (person(A, B, box=(1, 2, INF, 4)), 'a coordinate is not finite'),
        (person(A, B, box=(200, 2, 5, 5)), 'it lies outside the image'),
        (person(A, B, attributes={'iscrowd': True}), 'it has no crowd regions'),
    ],
)
def test_skeletons_that_cannot_be_fitted(skeleton: Keypoints, expected: str) -> None:
    assert posed(skeleton) == ([], [('dropped', 'keypoints', expected, 1)])


def test_missing_joints_may_have_any_coordinates() -> None:
    found, told = posed(person(A, B, Joint(NAN, NAN, 0), box=(0, 0, 50, 60)))
    assert found[0].points[2] == Joint(0, 0, 0)
    assert not told


def test_what_has_no_skeleton_has_no_place() -> None:
    shapes: list[AnyAnnotation] = [Box(1, 1, 5, 5), Box(1, 1, 5, 5, group='h'), Keypoint(1, 1), Polyline([(1, 1)])]
    found, told = posed(*shapes)
    assert not found
    assert {one[2] for one in told} == {'it has no place for it'}
    assert sum(one[3] for one in told) == 4


def test_a_broken_shape_of_an_object_does_not_break_its_skeleton() -> None:
    found, told = posed(person(A, B), RotatedBox(1, 1, 5, 5, INF, group='g'))
    assert found[0].box == (20, 20, 20, 30)
    assert ('dropped', 'rotated_box', 'a coordinate is not finite', 1) in told


def test_the_attributes_of_an_object_are_left_out_where_there_is_no_place_for_them() -> None:
    report = LossReport()
    sample = Sample('a', width=100, height=80, annotations=[person(A, B, attributes={'mood': 'good'})])
    Fitter(report, 'it').skeleton(sample.annotations[0], sample)
    assert report.attributes == {'mood': 1}


def test_two_skeletons_of_one_group_are_no_shapes_of_each_other() -> None:
    one, other = person(A, B, box=(0, 0, 5, 5)), person(A, B, box=(9, 9, 5, 5))
    for others, expected in ((other, (0, 0, 5, 5)), (Box(1, 1, 2, 2, group='g'), None)):
        sample = Sample('a', width=100, height=80, annotations=[one, others])
        assert Fitter(LossReport(), 'it').box(one, sample) == expected


def test_the_box_of_a_skeleton_may_be_given_backwards() -> None:
    sample = Sample('a', width=100, height=80)
    assert enclosing_box(person(A, box=(10, 10, -5, -5)), sample) == (5, 5, 10, 10)
