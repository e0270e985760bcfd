"""Single joints become skeletons, and joints have an order and mirror images."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_hooks.data import AnyAnnotation, Box, Group, Joint, Keypoint, Keypoints, LossReport, Polygon
from synapse_hooks.data.skeletons import PERSON, arrange, assemble, flip_index, joint_order, made_of


def joint(name: str, x: float = 1, y: float = 2, group: str | None = 'g', **fields: object) -> Keypoint:
    return Keypoint(x, y, label=name, id=f'k-{name}-{x}', group=group, **fields)  # type: ignore[arg-type]


def skeletons(annotations: list[AnyAnnotation]) -> list[Keypoints]:
    return [found for found in assemble(annotations) if isinstance(found, Keypoints)]


def test_joints_of_a_group_become_one_skeleton_with_the_groups_class_and_its_members_box() -> None:
    box = Box(0, 0, 9, 9, id='b', label='human')
    group = Group(['b', 'k-nose-1'], id='g', label='person')
    found = assemble([box, joint('nose'), joint('tail', 3, 4, visibility=1), group])
    assert [one.kind for one in found] == ['box', 'keypoints']
    assert found[0].group == 'g'
    assert box.group is None, 'the source is left alone'
    skeleton = found[1]
    assert isinstance(skeleton, Keypoints)
    assert skeleton.points == [Joint(1, 2, 2), Joint(3, 4, 1)]
    assert skeleton.names == ['nose', 'tail']
    assert (skeleton.label, skeleton.id, skeleton.group, skeleton.box) == ('person', 'g', 'g', (0, 0, 9, 9))
    assert made_of(skeleton) == {'keypoint': 2, 'group': 1}


def test_joints_that_only_the_group_names_are_found() -> None:
    joints = [joint('nose', group=None), joint('tail', group=None)]
    (skeleton,) = skeletons([*joints, Group([one.id for one in joints], id='g', label='dog')])
    assert (skeleton.label, skeleton.names, skeleton.group) == ('dog', ['nose', 'tail'], 'g')


def test_a_group_of_another_id_names_the_object_of_its_members() -> None:
    (skeleton,) = skeletons(
        [joint('nose', group='x'), Box(1, 1, 3, 3, id='b'), Group(['k-nose-1', 'b'], id='y', label='cat')]
    )
    assert (skeleton.label, skeleton.group, skeleton.box) == ('cat', 'x', (1, 1, 3, 3))


def test_a_group_of_several_objects_is_about_none_of_them() -> None:
    couple = Group(['k-nose-1', 'k-nose-2'], id='c', label='couple')
    found = assemble([joint('nose', 1, group='p'), joint('nose', 2, group='q'), couple])
    assert [(one.kind, one.label) for one in found] == [('keypoints', ''), ('keypoints', ''), ('group', 'couple')]


def test_the_class_comes_from_the_objects_shape_where_no_group_says_it() -> None:
    shape = Polygon.simple([(0, 0), (9, 0), (9, 9)], label='dog', group='g')
    (skeleton,) = skeletons([joint('nose'), shape])
    assert (skeleton.label, skeleton.box) == ('dog', None)
    assert skeletons([joint('nose')])[0].label == ''


@pytest.mark.parametrize('key', ['group_bbox', 'bounding_box'])
@pytest.mark.parametrize('value', [[1, 2, 3.5, 4], {'x': 1, 'y': 2, 'width': 3.5, 'height': 4}])
def test_the_box_on_a_joint_goes_before_the_box_in_the_group(key: str, value: object) -> None:
    told = joint('nose', extra={'dm': {'rest': {key: value}}})
    (skeleton,) = skeletons([joint('tail'), told, Box(0, 0, 50, 50, group='g')])
    assert skeleton.box == (1, 2, 3.5, 4)


@pytest.mark.parametrize('value', [None, [1, 2, 3], 'box', [1, 2, 3, '4'], {'x': 1}])
def test_what_is_no_box_on_a_joint_is_none(value: object) -> None:
    (skeleton,) = skeletons([joint('nose', extra={'dm': {'rest': {'group_bbox': value}}}), Box(0, 0, 5, 5, group='g')])
    assert skeleton.box == (0, 0, 5, 5)


def test_several_boxes_of_an_object_are_surrounded() -> None:
    (skeleton,) = skeletons([joint('nose'), Box(0, 0, 5, 5, group='g'), Box(10, 8, -3, 2, group='g')])
    assert skeleton.box == (0, 0, 10, 10)


def test_single_joints_second_joints_of_a_name_and_everything_else_stay() -> None:
    others = [
        joint('nose', group=None),
        Box(0, 0, 1, 1, id='b'),
        Group(['b', 'c'], id='h'),
        Polygon.simple([], group='z'),
    ]
    found = assemble([joint('nose', 1), joint('nose', 5), *others])
    assert [one.kind for one in found] == ['keypoints', 'keypoint', 'keypoint', 'box', 'group', 'polygon']
    assert found[2:] == others
    boxes: list[AnyAnnotation] = [Box(0, 0, 1, 1)]
    assert assemble(boxes) is boxes


def test_entries_of_one_file_are_kept_apart() -> None:
    found = skeletons([joint('nose', 1), joint('nose', 2, entry=1)])
    assert [(one.entry, len(one.points)) for one in found] == [(0, 1), (1, 1)]


def test_what_was_said_of_joints_and_group_is_kept() -> None:
    group = Group(['k-nose-1'], id='g', label='dog', attributes={'mood': 'good'})
    (skeleton,) = skeletons([joint('nose', attributes={'wet': True}), group])
    assert skeleton.attributes == {'mood': 'good', 'nose.wet': True}


@given(st.permutations(PERSON))
def test_the_joints_of_a_person_are_in_cocos_order(names: list[str]) -> None:
    assert joint_order(names) == PERSON
    assert joint_order(reversed(names)) == PERSON
    assert joint_order(names[:5]) == tuple(sorted(names[:5], key=PERSON.index))


def test_other_joints_are_sorted_never_by_appearance() -> None:
    assert joint_order(['tail', 'head', 'tail', 'paw']) == ('head', 'paw', 'tail')
    assert joint_order(['neck', 'left_eye', 'nose']) == ('nose', 'left_eye', 'neck')
    assert joint_order(['REye', 'eye.L', 'Nose']) == ('Nose', 'eye.L', 'REye')
    assert joint_order([]) == ()


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        ('left_eye', 'right_eye'),
        ('l_eye', 'r_eye'),
        ('eye_left', 'eye_right'),
        ('LeftEye', 'RightEye'),
        ('leftEye', 'rightEye'),
        ('eye.L', 'eye.R'),
        ('EYE-LEFT', 'EYE-RIGHT'),
        ('Left Eye', 'Right Eye'),
        ('pinky 1 l', 'pinky 1 r'),
        ('왼_left', '왼_right'),
    ],
)
def test_sides_mirror_each_other(one: str, other: str) -> None:
    assert flip_index([one, 'nose', other]) == [2, 1, 0]


def test_joints_without_a_mirror_image_stay() -> None:
    assert flip_index(['left_horn', 'tail', 'clavicle', 'upright', 'lever']) == [0, 1, 2, 3, 4]
    assert flip_index(['left_eye', 'l_eye', 'right_eye']) == [0, 1, 2], 'which of the two is not known'
    assert flip_index(PERSON) == [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


@given(st.lists(st.sampled_from(['l_a', 'r_a', 'left_a', 'b.L', 'b.R', 'c', 'd_left', 'l', 'r']), unique=True))
def test_mirroring_twice_is_nothing(names: list[str]) -> None:
    mirrored = flip_index(names)
    assert [mirrored[place] for place in mirrored] == list(range(len(names)))


def test_a_skeleton_without_names_is_taken_as_it_comes() -> None:
    skeleton = Keypoints([Joint(1, 1), Joint(2, 2)])
    assert arrange(skeleton, ('a', 'b', 'c')) == [Joint(1, 1), Joint(2, 2), Joint(0, 0, 0)]
    assert arrange(skeleton, ('a',)) == [Joint(1, 1)]


def test_of_two_joints_of_a_name_the_first_is_taken() -> None:
    assert arrange(Keypoints([Joint(1, 1), Joint(2, 2)], names=['a', 'a']), ('a',)) == [Joint(1, 1)]


def test_a_report_counts_several_at_once_with_one_example() -> None:
    report = LossReport()
    report.dropped('keypoint', 'no place', 'a', 'k', 17)
    report.converted('group', 'poorer', 'a', 'g', count=2)
    assert (report.total('dropped'), report.total('converted'), report.accounted('keypoint')) == (17, 2, 17)
    assert report.to_dict()['dropped'][0]['examples'] == [{'file': 'a', 'id': 'k'}]
