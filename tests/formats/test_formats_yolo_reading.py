"""Reading YOLO: every layout, every kind of row, and any part of a dataset by itself."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from synapse_hooks.data import AnyAnnotation, Box, Keypoints, LossReport, Polygon, RotatedBox, Sample
from synapse_hooks.data.geometry import corners
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats.yolo.config import read_config, write_config
from synapse_hooks.formats.yolo.labels import turned_box
from synapse_hooks.formats.yolo.layout import label_path
from synapse_hooks.formats.yolo.schema import pose_config
from tests.formats.format_kit import builtin, info_of, png, read_all, source_of

YOLO = builtin('yolo')
BOX = '0 0.5 0.5 0.2 0.4\n'


def put(root: Path, name: str, rows: str | None = BOX, *, size: tuple[int, int] = (100, 50)) -> None:
    """An image of 100 x 50 pixels, and its labels where ultralytics looks for them."""
    image = root / name
    image.parent.mkdir(parents=True, exist_ok=True)
    image.write_bytes(png(*size))
    if rows is not None:
        file = label_path(image)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(rows)


def say(root: Path, **said: Any) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / 'dataset.yaml').write_text(yaml.safe_dump({'names': ['car', 'dog'], **said}))


def read(root: Path) -> tuple[list[Sample], LossReport]:
    return read_all(YOLO, root)


def rows(root: Path, text: str, **said: Any) -> list[AnyAnnotation]:
    put(root, 'images/train/a.png', text)
    say(root, train='images/train', **said)
    (sample,), _ = read(root)
    return sample.annotations


def found(root: Path) -> list[tuple[str | None, str, int]]:
    return [(sample.split, sample.id, len(sample.annotations)) for sample in read(root)[0]]


# -- layouts -----------------------------------------------------------------------------------------------------


def test_images_and_labels_by_split(tmp_path: Path) -> None:
    for name in ('images/train/b.png', 'images/train/deep/a.png', 'images/train/a.PNG', 'images/val/a.png'):
        put(tmp_path, name)
    say(tmp_path, train='images/train', val='images/val', test=None, channels=3, download='https://example.org/x.zip')
    assert found(tmp_path) == [('train', 'a', 1), ('train', 'b', 1), ('train', 'deep/a', 1), ('valid', 'a', 1)]
    assert read(tmp_path)[1].lossless


def test_a_roboflow_export(tmp_path: Path) -> None:
    for split in ('train', 'valid', 'test'):
        put(tmp_path, f'{split}/images/a_jpg.rf.0123.png')
    (tmp_path / 'data.yaml').write_text(
        'train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnc: 2\nnames: [car, dog]\n'
        'roboflow: {workspace: x, version: 1}\n'
    )
    assert found(tmp_path) == [(split, 'a_jpg.rf.0123', 1) for split in ('train', 'valid', 'test')]


def test_images_and_labels_in_one_folder(tmp_path: Path) -> None:
    for name in ('obj/a.png', 'obj/b.png'):
        put(tmp_path, name)
    put(tmp_path, 'obj/c.png', None)
    (tmp_path / 'obj' / 'classes.txt').write_text('car\ndog\n')
    (tmp_path / 'obj' / 'train.txt').write_text('obj/b.png\n./c.png\n\n')
    (tmp_path / 'obj' / 'valid.txt').write_text(f'\ufeff{tmp_path}/obj/a.png\r\n', encoding='utf-8')
    say(tmp_path, train='obj/train.txt', val='obj/valid.txt')
    assert found(tmp_path) == [('train', 'b', 1), ('train', 'c', 0), ('valid', 'a', 1)]
    assert read(tmp_path)[1].lossless


def test_several_sources_make_a_split(tmp_path: Path) -> None:
    put(tmp_path, 'one/images/a.png')
    put(tmp_path, 'two/images/train/cam/b.png')
    (tmp_path / 'more.txt').write_text('./two/images/train/cam/b.png\n')
    say(tmp_path, train=['one/images', 'more.txt'])
    assert found(tmp_path) == [('train', 'a', 1), ('train', 'cam/b', 1)]


def test_nothing_in_a_source_is_a_pattern(tmp_path: Path) -> None:
    put(tmp_path, 'set[1]/images/*/a.png')
    say(tmp_path, train='set[1]/images')
    assert found(tmp_path) == [('train', '_/a', 1)]
    say(tmp_path, train='set*/images')
    with pytest.raises(DatasetInvalid, match='is not there'):
        read(tmp_path)


@pytest.mark.parametrize('told', ['', '.', 'data', '{root}/data', '../datasets/data', '/nowhere/data', 'data/'])
def test_path_is_absolute_or_relative_or_missing_or_of_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    put(tmp_path, 'data/images/train/a.png')
    (tmp_path / 'images').mkdir()
    monkeypatch.chdir(tmp_path)
    said = {'path': told.format(root=tmp_path)} if told else {}
    say(tmp_path / 'data', train='images/train', **said)
    assert found(tmp_path / 'data') == [('train', 'a', 1)]
    assert found(Path('data/dataset.yaml')) == [('train', 'a', 1)]


@pytest.mark.parametrize(
    ('said', 'problem'),
    [
        ({'path': {'a': 1}}, '`path` must be a folder'),
        ({'path': 'long' * 2_000, 'train': 'images/gone'}, '`train: images/gone` is not there'),
        ({'train': 'long' * 2_000}, '`train: longlong'),
    ],
    ids=('mapping', 'long path', 'long entry'),
)
def test_places_that_are_none(tmp_path: Path, said: dict[str, Any], problem: str) -> None:
    put(tmp_path, 'images/train/a.png')
    say(tmp_path, **{'train': 'images/train', **said})
    with pytest.raises(DatasetInvalid) as caught:
        read(tmp_path)
    assert problem in caught.value.problem


def test_a_path_that_is_too_long_is_one_of_another_machine(tmp_path: Path) -> None:
    put(tmp_path, 'images/train/a.png')
    say(tmp_path, train='images/train', path='long' * 2_000)
    assert found(tmp_path) == [('train', 'a', 1)]


def test_a_test_split_that_is_not_there_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    put(tmp_path, 'images/train/a.png')
    say(tmp_path, train='images/train', test='test-dev.txt')
    samples, report = read(tmp_path)
    assert len(samples) == 1
    assert report.to_dict()['dropped'][0]['examples'] == [{'file': 'test-dev.txt', 'id': ''}]


def test_hidden_files_are_no_images_and_links_are_followed_once(tmp_path: Path) -> None:
    put(tmp_path, 'pool/images/x/a.png')
    put(tmp_path, 'pool/images/x/._a.png', None)
    put(tmp_path, 'pool/images/.cache/a.png', None)
    (tmp_path / 'pool' / 'images' / 'x' / 'up').symlink_to(tmp_path / 'pool' / 'images')
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / 'train').symlink_to(tmp_path / 'pool' / 'images')
    say(tmp_path, train='images/train')
    assert found(tmp_path) == [('train', 'x/a', 1)]


def test_an_image_of_a_list_that_is_missing_is_unreadable(tmp_path: Path) -> None:
    put(tmp_path, 'images/a.png')
    (tmp_path / 'train.txt').write_text('./images/a.png\n./images/gone.png\n')
    say(tmp_path, train='train.txt')
    samples, report = read(tmp_path)
    assert [sample.id for sample in samples] == ['a']
    assert 'gone.png is missing' in report.unreadable_items[0]['reason']


def test_splits_may_share_a_folder_of_labels(tmp_path: Path) -> None:
    for stem in ('a', 'b'):
        put(tmp_path, f'images/all/{stem}.png')
    (tmp_path / 'labels' / 'all' / 'lost.txt').write_text(BOX)
    (tmp_path / 'train.txt').write_text('./images/all/a.png\n')
    (tmp_path / 'val.txt').write_text('./images/all/b.png\n')
    say(tmp_path, train='train.txt', val='val.txt')
    samples, report = read(tmp_path)
    assert [(sample.split, sample.id) for sample in samples] == [('train', 'all/a'), ('valid', 'all/b')]
    (loss,) = report.to_dict()['dropped']
    assert (loss['count'], loss['examples'][0]['file']) == (1, 'lost.txt')


def test_a_folder_of_classes_is_not_taken_for_yolo(tmp_path: Path) -> None:
    for split in ('train', 'val'):
        put(tmp_path, f'{split}/car/a.png', None)
    assert not YOLO.recognise(tmp_path)
    assert not YOLO.recognise(tmp_path / 'train')
    say(tmp_path / 'named.v1', train='../train')
    assert YOLO.recognise(tmp_path / 'named.v1')


@pytest.mark.parametrize('count', [2, '2', 2.0])
def test_classes_that_are_only_counted(tmp_path: Path, count: object) -> None:
    put(tmp_path, 'images/a.png')
    (tmp_path / 'dataset.yaml').write_text(yaml.safe_dump({'train': 'images', 'nc': count}))
    assert info_of(YOLO, tmp_path).classes == ('class_0', 'class_1')


def test_valid_is_a_key_as_well_as_val(tmp_path: Path) -> None:
    for split in ('train', 'valid'):
        put(tmp_path, f'images/{split}/a.png')
    say(tmp_path, train='images/train', valid='images/valid')
    samples, _ = read(tmp_path)
    assert [sample.split for sample in samples] == ['train', 'valid']


def test_a_count_of_classes_that_contradicts_their_names_is_refused(tmp_path: Path) -> None:
    put(tmp_path, 'images/a.png')
    say(tmp_path, train='images', nc=3)
    with pytest.raises(DatasetInvalid, match='`nc` is 3, and there are 2 names'):
        info_of(YOLO, tmp_path)


def test_two_classes_of_one_name_are_told(tmp_path: Path) -> None:
    put(tmp_path, 'images/a.png', BOX)
    say(tmp_path, train='images', names=['car', 'car', 'dog'])
    _, report = read(tmp_path)
    (loss,) = report.to_dict()['converted']
    assert (loss['kind'], loss['reason']) == ('class', 'another class has its name: they are one')
    assert loss['examples'] == [{'file': 'dataset.yaml', 'id': 'car'}]


@pytest.mark.parametrize(
    ('flip', 'names', 'kept'),
    [
        ([0, 2, 1], None, False),
        ([0, 1, 2], None, True),
        ([0, 2, 1], ['nose', 'left_eye', 'right_eye'], True),
        ([0, 1, 2], ['nose', 'left_eye', 'right_eye'], False),
        ([0, 2, 1], ['nose', 'eye 1', 'eye 2'], False),
    ],
)
def test_mirror_images_that_names_do_not_tell_are_told(
    tmp_path: Path, flip: list[int], names: list[str] | None, kept: bool
) -> None:
    put(tmp_path, 'images/a.png', '0 0.5 0.5 0.2 0.4 0.1 0.2 2 0 0 0 0.3 0.4 1')
    say(tmp_path, train='images', kpt_shape=[3, 3], flip_idx=flip, **({'kpt_names': {0: names}} if names else {}))
    _, report = read(tmp_path)
    assert report.lossless is kept
    if not kept:
        assert report.to_dict()['dropped'][0]['kind'] == 'flip_idx'


# -- rows --------------------------------------------------------------------------------------------------------


def test_each_row_is_read_for_what_it_is_and_duplicates_are_kept(tmp_path: Path) -> None:
    first, second, area, sure = rows(tmp_path, f'{BOX}\t{BOX}\n1.0 0 0 1 0 1 1\n1 .5 5e-1 .2 .4 0.25')
    assert isinstance(first, Box)
    assert first == Box(40, 15, 20, 20, label='car', id='1')
    assert second == Box(40, 15, 20, 20, label='car', id='2')
    assert area == Polygon.simple([(0, 0), (100, 0), (100, 50)], label='dog', id='4')
    assert sure == Box(40, 15, 20, 20, label='dog', id='5', attributes={'confidence': 0.25})


def test_what_reaches_out_of_the_image_is_read_as_it_is(tmp_path: Path) -> None:
    box, area = rows(tmp_path, '0 0 0.5 0.5 2\n0 -0.1 0 1.5 0 1 1.2\n')
    assert box == Box(-25, -25, 50, 100, label='car', id='1')
    assert isinstance(area, Polygon)
    assert area.rings == [[(-10, 0), (150, 0), (100, 60)]]


@pytest.mark.parametrize(
    ('row', 'said'),
    [
        ('2 0.5 0.5 0.1 0.1', 'there is no class 2, only 0 to 1'),
        ('0.5 0.5 0.5 0.1 0.1', 'there is no class 0.5'),
        ('nan 0.5 0.5 0.1 0.1', 'there is no class nan'),
        ('0', 'neither a box'),
        ('0 1 2 3', 'neither a box'),
        ('0 1 2 3 4 5 6 7', 'neither a box'),
        ('0 0.5 0.5 0.1 1e999', 'not finite'),
        ('0 0.5 0.5 0.1 1e308', 'infinity'),
        ('0 0.5 0.5 0.1 0,1', 'could not convert'),
        ('0 0.5 0.5 0.1 0.1],[0', 'could not convert'),
        ('0,0.5,0.5,0.1,0.1', 'could not convert'),
        ('0 0.5 0.5 0.1 "0.1"', 'could not convert'),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, row: str, said: str) -> None:
    put(tmp_path, 'images/a.png', f'{BOX}\n{row}\n')
    say(tmp_path, train='images')
    with pytest.raises(UnreadableItem, match=r'labels/a\.txt, line 3: ') as caught:
        read_all(YOLO, tmp_path, unreadable='fail')
    assert said in caught.value.problem
    assert (caught.value.facts['path'], caught.value.facts['line']) == (str(tmp_path / 'labels' / 'a.txt'), 3)


def test_a_label_file_that_is_no_text_is_unreadable(tmp_path: Path) -> None:
    put(tmp_path, 'images/a.png')
    (tmp_path / 'labels' / 'a.txt').write_bytes(BOX.encode('utf-16'))
    say(tmp_path, train='images')
    _, report = read(tmp_path)
    assert 'cannot be read' in report.unreadable_items[0]['reason']


# -- skeletons ---------------------------------------------------------------------------------------------------


def test_a_skeleton_has_its_box_and_the_names_of_its_class(tmp_path: Path) -> None:
    text = '0 0.5 0.5 0.2 0.4 0.1 0.2 2 0 0 0 0.3 0.4 1\n1 0.5 0.5 0.2 0.4 0.1 0.2 0.9 0.5 0.5 2 0 0 0\n'
    names = {0: ['nose', 'left_eye', 'right_eye'], '1': ['head', 'tail']}
    face, dog = rows(tmp_path, text, kpt_shape=[3, 3], kpt_names=names, flip_idx=[0, 2, 1])
    assert face == Keypoints(
        [(10, 10, 2), (0, 0, 0), (30, 20, 1)],  # type: ignore[list-item]
        names=['nose', 'left_eye', 'right_eye'],
        box=(40, 15, 20, 20),
        label='car',
        id='1',
    )
    assert isinstance(dog, Keypoints)
    assert (dog.points, dog.names) == ([(10, 10, 2), (50, 25, 2)], ['head', 'tail'])


def test_joints_of_two_numbers(tmp_path: Path) -> None:
    """An even number of them makes rows as long as those of polygons: `kpt_shape` decides."""
    pose, area = rows(tmp_path, '0 0.5 0.5 0.2 0.4 0.1 0.2 -0.005 0\n0 0 0 1 0 1 1\n', kpt_shape=[2, 2])
    assert isinstance(pose, Keypoints)
    assert pose.points == [(10, 10, 2), (-0.5, 0, 0)]
    assert pose.names == []
    assert isinstance(area, Polygon)


@pytest.mark.parametrize('names', [['a', 'b'], {0: ['a', 'b', 'too many'], 7: ['no class']}, [['a', 'b']]])
def test_names_of_joints_for_all_classes_or_each(tmp_path: Path, names: object) -> None:
    (pose,) = rows(tmp_path, '0 0.5 0.5 0.2 0.4 0.1 0.2 0.3 0.4\n', kpt_shape=[2, 2], kpt_names=names)
    assert isinstance(pose, Keypoints)
    assert pose.names == ['a', 'b']


def test_a_joint_without_a_name_is_kept(tmp_path: Path) -> None:
    (pose,) = rows(tmp_path, '0 0.5 0.5 0.2 0.4 0.1 0.2 0.3 0.4\n', kpt_shape=[2, 2], kpt_names=['a'])
    assert isinstance(pose, Keypoints)
    assert pose.names == ['a', '']


@pytest.mark.parametrize('said', [{'kpt_shape': [17]}, {'kpt_shape': [3, 4]}, {'kpt_shape': 17}])
def test_a_kpt_shape_that_means_nothing(tmp_path: Path, said: dict[str, Any]) -> None:
    with pytest.raises(DatasetInvalid, match='kpt_shape'):
        rows(tmp_path, BOX, **said)


@pytest.mark.parametrize('names', ['nose', {0: 'nose'}, {0: None}, [['nose'], 5]])
def test_kpt_names_that_name_nothing(tmp_path: Path, names: object) -> None:
    with pytest.raises(DatasetInvalid, match='kpt_names'):
        rows(tmp_path, BOX, kpt_shape=[1, 3], kpt_names=names)


def test_what_pose_config_says_is_read_again(tmp_path: Path) -> None:
    skeletons = {'face': ['nose', 'left_eye', 'right_eye'], 'dog': ['head', 'tail']}
    said = pose_config(['tree', 'dog', 'face'], skeletons, [0, 2, 1])
    assert said == {
        'kpt_shape': [3, 3],
        'flip_idx': [0, 2, 1],
        'kpt_names': {1: ['head', 'tail'], 2: skeletons['face']},
    }
    put(tmp_path, 'images/train/a.png')
    file = write_config(tmp_path, ('tree', 'dog', 'face'), {'train': 'images/train'}, task='pose', **said)
    config = read_config(file)
    assert (config.task, config.joints) == ('pose', (3, 3))
    assert {name: list(joints) for name, joints in config.skeletons.items()} == skeletons
    with pytest.raises(ValueError, match='longest skeleton 3'):
        pose_config(['face'], {'face': skeletons['face']}, [0, 1])


# -- rotated boxes -----------------------------------------------------------------------------------------------


def corner_row(box: RotatedBox, number: int = 0, size: tuple[int, int] = (100, 50)) -> str:
    return ' '.join([str(number), *(f'{x / size[0]:.9f} {y / size[1]:.9f}' for x, y in corners(box))]) + '\n'


SIDE = st.floats(1, 2000)


@given(st.floats(-500, 2500), st.floats(-500, 2500), SIDE, SIDE, st.floats(-math.pi, math.pi), st.booleans())
def test_four_corners_give_the_box_back(x: float, y: float, w: float, h: float, angle: float, back: bool) -> None:
    box = RotatedBox(x, y, w, h, angle)
    points = corners(box)
    again = turned_box([points[0], *points[:0:-1]] if back else points)
    assert max(math.dist(*pair) for pair in zip(points, corners(again), strict=True)) < 1e-6
    assert (again.x, again.y, again.w, again.h) == pytest.approx((x, y, w, h), abs=1e-6)
    assert math.cos(again.angle - angle) == pytest.approx(1)


def test_rotated_boxes_where_the_task_says_so(tmp_path: Path) -> None:
    box = RotatedBox(40, 20, 30, 10, 0.5)
    turned, flat, quadrilateral, area = rows(
        tmp_path, f'{corner_row(box)}{BOX}0 0 0 1 0 1 1 0 0.4\n1 0 0 1 0 1 1\n', task='obb'
    )
    assert isinstance(turned, RotatedBox)
    assert (turned.x, turned.y, turned.w, turned.h, turned.angle) == pytest.approx((40, 20, 30, 10, 0.5), abs=1e-4)
    assert (turned.label, turned.id) == ('car', '1')
    assert isinstance(flat, Box)
    assert isinstance(quadrilateral, Polygon)
    assert isinstance(area, Polygon)


def test_polygons_where_the_task_says_so(tmp_path: Path) -> None:
    (area,) = rows(tmp_path, corner_row(RotatedBox(40, 20, 30, 10, 0.5)), task='segment')
    assert isinstance(area, Polygon)


@pytest.mark.parametrize(
    ('others', 'kind'),
    [('', RotatedBox), (corner_row(RotatedBox(10, 10, 20, 20, 1)), RotatedBox), ('0 0 0 1 0 1 1\n', Polygon)],
)
def test_without_a_task_all_rows_must_be_rectangles(tmp_path: Path, others: str, kind: type) -> None:
    put(tmp_path, 'images/train/a.png', corner_row(RotatedBox(40, 20, 30, 10, 0.5)))
    put(tmp_path, 'images/train/background.png', None)
    put(tmp_path, 'images/val/b.png', others)
    say(tmp_path, train='images/train', val='images/val')
    samples, _ = read(tmp_path)
    assert len(samples) == 3
    assert all(isinstance(annotation, kind) for sample in samples for annotation in sample.annotations)


# -- in parts ----------------------------------------------------------------------------------------------------


def test_any_part_can_be_read_in_another_process(tmp_path: Path) -> None:
    for name in ('train/a', 'train/b', 'train/sub/c', 'val/d', 'val/e'):
        put(tmp_path, f'images/{name}.png')
    say(tmp_path, train='images/train', val='images/val')
    source = source_of(YOLO, tmp_path)
    assert list(source.shards()) == [range(5)]
    ids = ['train a', 'train b', 'train sub/c', 'valid d', 'valid e']
    again = pickle.loads(pickle.dumps(source))
    for start in range(6):
        for stop in range(start, 7):
            (batch,) = again.read(range(start, stop))
            assert [f'{sample.split} {sample.id}' for sample in batch.samples] == ids[start:stop]


def test_a_dataset_without_images_has_no_items(tmp_path: Path) -> None:
    (tmp_path / 'images').mkdir()
    say(tmp_path, train='images')
    source = source_of(YOLO, tmp_path)
    assert (list(source.shards()), source.count) == ([], 0)


def test_an_unreadable_item_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    put(tmp_path, 'images/a.png', 'x')
    put(tmp_path, 'images/b.png')
    say(tmp_path, train='images')
    samples, report = read(tmp_path)
    assert [sample.id for sample in samples] == ['b']
    assert report.unreadable_count == 1
    with pytest.raises(UnreadableItem):
        read_all(YOLO, tmp_path, unreadable='fail')


# -- ultralytics -------------------------------------------------------------------------------------------------


@pytest.mark.e2e
@pytest.mark.parametrize('dims', [2, 3])
def test_ultralytics_reads_the_same_skeletons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dims: int) -> None:
    joints = '0.1 0.2 0.3 0.4' if dims == 2 else '0.1 0.2 2 0.3 0.4 1'
    labels = seen_by_ultralytics(
        tmp_path,
        monkeypatch,
        'pose',
        f'0 0.5 0.5 0.2 0.4 {joints}\n',
        pose_config(['car', 'dog'], {'car': ['left_eye', 'right_eye']}, [1, 0], dims),
    )
    ours = read(tmp_path)[0][0].annotations[0]
    assert isinstance(ours, Keypoints)
    assert ours.names == ['left_eye', 'right_eye']
    there = labels[0]['keypoints'][0][:, :2] * (100, 50)
    assert there.ravel().tolist() == pytest.approx([number for joint in ours.points for number in joint[:2]], abs=1e-4)


@pytest.mark.e2e
def test_ultralytics_reads_the_same_corners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = RotatedBox(40, 20, 30, 10, 0.5)
    labels = seen_by_ultralytics(tmp_path, monkeypatch, 'obb', corner_row(box), {})
    from ultralytics.utils.ops import xyxyxyxy2xywhr

    x, y, w, h, angle = xyxyxyxy2xywhr(labels[0]['segments'][0][None] * (100, 50))[0].tolist()
    ours = read(tmp_path)[0][0].annotations[0]
    assert isinstance(ours, RotatedBox)
    assert (x, y) == pytest.approx((ours.x + ours.w / 2, ours.y + ours.h / 2), abs=1e-3)
    assert (w, h, angle) == pytest.approx((ours.w, ours.h, ours.angle), abs=1e-3)


@pytest.mark.e2e
def test_ultralytics_finds_the_same_images_and_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('YOLO_CONFIG_DIR', str(tmp_path / 'settings'))
    pytest.importorskip('ultralytics')
    from ultralytics.data.base import BaseDataset
    from ultralytics.data.utils import check_det_dataset, img2label_paths

    root = tmp_path / 'images' / 'set[1]'
    for name in ('images/train/a.PNG', 'images/train/images/deep/b.c.png', 'images/train/.hidden/d.png', 'flat/e.png'):
        put(root, name)
    put(root, 'images/train/f.png', None)
    (root / 'linked').symlink_to(root / 'images' / 'train')
    (root / 'list.txt').write_text('./flat/e.png\n./images/train/f.png\n')
    said = {'train': ['images/train', 'list.txt'], 'val': '../flat', 'test': 'linked'}
    say(root, **said)
    data = check_det_dataset(str(root / 'dataset.yaml'), autodownload=False)
    theirs = {}
    for key, split in (('train', 'train'), ('val', 'valid'), ('test', 'test')):
        finder = SimpleNamespace(prefix='', fraction=1.0)
        images = BaseDataset.get_img_files(finder, data[key])
        theirs[split] = [
            (image, Path(label).exists()) for image, label in zip(images, img2label_paths(images), strict=True)
        ]
    ours = {
        split: sorted((str(it.image), bool(it.annotations)) for it in read(root)[0] if it.split == split)
        for split in theirs
    }
    assert ours == theirs
    assert [len(found) for found in ours.values()] == [5, 1, 3]


def seen_by_ultralytics(
    root: Path, monkeypatch: pytest.MonkeyPatch, task: str, text: str, said: dict[str, Any]
) -> list[dict[str, Any]]:
    """The labels that ultralytics finds in a dataset with one image in each split."""
    monkeypatch.setenv('YOLO_OFFLINE', '1')
    monkeypatch.setenv('YOLO_CONFIG_DIR', str(root / 'settings'))
    pytest.importorskip('ultralytics')
    image = pytest.importorskip('PIL.Image')
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    for split in ('train', 'val'):
        put(root, f'images/{split}/a.png', text)
        image.new('RGB', (100, 50)).save(root / 'images' / split / 'a.png')
    folders = {'train': 'images/train', 'val': 'images/val'}
    config = write_config(root, ('car', 'dog'), folders, task=task, **said)
    data = check_det_dataset(str(config), autodownload=False)
    dataset = YOLODataset(img_path=data['train'], data=data, task=task, augment=False, imgsz=64)
    labels: list[dict[str, Any]] = dataset.labels
    assert [len(label['cls']) for label in labels] == [1]
    return labels
