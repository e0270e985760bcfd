"""What a conversion answers, and whom it blames, at its edges."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse_hooks.conversion.contract import Source
from synapse_hooks.conversion.read_context import ReadContext
from synapse_hooks.conversion.reader import explain_os_errors
from synapse_hooks.data import DatasetInfo, Sample
from synapse_hooks.errors import DatasetInvalid, ParamsError
from synapse_hooks.formats import Format
from synapse_hooks.formats.coco import CocoFormat
from synapse_hooks.testing import convert_dataset, open_dataset, png
from tests.formats.coco_kit import content, entry, put
from tests.formats.format_kit import Converter, add_item, box


def image_folder(root: Path, *classes: str) -> Path:
    for split in ('train', 'val'):
        for name in classes:
            file = root / split / name / 'a.png'
            file.parent.mkdir(parents=True)
            file.write_bytes(png(8, 8))
    return root


def test_classes_of_images_are_an_image_folder_whatever_was_asked_for(converter: Converter, tmp_path: Path) -> None:
    said = {'classification': [{'id': 'c', 'classification': 'cat', 'attrs': [], 'data': {}}]}
    for split in ('train', 'valid'):
        add_item(tmp_path / 'dm' / split, split, said)
    made = converter(tmp_path / 'dm', 'dm', 'yolo')
    assert made['format'] == 'imagefolder'
    assert {sample.annotations[0].label for sample in open_dataset(made)} == {'cat'}


def test_a_list_of_create_ml_is_no_coco(tmp_path: Path) -> None:
    (tmp_path / 'annotations.json').write_text('[{"image": "a.png", "annotations": []}]')
    assert not CocoFormat().recognise(tmp_path)
    (tmp_path / 'annotations.json').write_text('\ufeff \n{"images": [], "annotations": []}', encoding='utf-8')
    assert CocoFormat().recognise(tmp_path)


def test_a_name_that_is_no_text_is_named(converter: Converter, tmp_path: Path) -> None:
    odd = os.fsdecode(b'caf\xe9')
    root = image_folder(tmp_path / 'folder', 'tea', odd)
    with pytest.raises(DatasetInvalid, match=r'caf.*not valid UTF-8'):
        converter(root, 'imagefolder', 'coco')


@pytest.mark.parametrize('where', ['declare', 'source', 'read'])
def test_whoever_reads_is_to_blame_for_an_error_of_reading(where: str, tmp_path: Path) -> None:
    class Broken(Format):
        name = 'broken'

        def declare(self, path: Path) -> DatasetInfo:
            return self.fail('declare') or DatasetInfo()

        def source(self, path: Path, context: ReadContext) -> Source:
            self.fail('source')
            return super().source(path, context)

        def read(self, path: Path) -> Iterator[Sample]:
            self.fail('read')
            yield Sample('a')

        def fail(self, here: str) -> None:
            if here == where:
                raise ZeroDivisionError(here)

    with pytest.raises(ZeroDivisionError) as caught:
        convert_dataset({'path': tmp_path, 'format': 'broken'}, 'coco', tmp_path / 'out', Broken())
    assert any("while format 'broken' was reading" in note for note in caught.value.__notes__)
    assert not any("'coco'" in note for note in caught.value.__notes__)


def test_splits_are_counted_as_written_and_every_one_has_its_folders(converter: Converter, tmp_path: Path) -> None:
    said = {'classification': [{'id': 'c', 'classification': 'cat', 'attrs': [], 'data': {}}]}
    add_item(tmp_path / 'dm' / 'train', 'a', said)
    add_item(tmp_path / 'dm' / 'train', 'b', {'bounding_box': [box(1, 1, 5, 5)]})
    add_item(tmp_path / 'dm' / 'valid', 'c', {'bounding_box': [box(1, 1, 5, 5)]})
    made = converter(tmp_path / 'dm', 'dm', 'imagefolder')
    assert made['splits'] == {'train': 1}
    assert sorted(folder.name for folder in made['path'].glob('*/cat')) == ['cat', 'cat']
    with pytest.raises(DatasetInvalid, match=r'valid has none \(splits: train 1, valid 0\)') as caught:
        converter(tmp_path / 'dm', 'dm', 'yolo', target_task='classify')
    assert 'valid had 1, which cannot be written for this task' in caught.value.hint


@pytest.mark.parametrize(('task', 'numbers'), [('detect', 4), ('segment', 8), ('obb', 8)])
def test_an_object_of_joints_and_a_box_arrives_in_every_task(
    task: str, numbers: int, converter: Converter, tmp_path: Path
) -> None:
    joints = [
        {'id': f'k{n}', 'classification': name, 'attrs': [], 'data': [10 + n, 20], 'visibility': 2, 'group_id': 'g'}
        for n, name in enumerate(('nose', 'tail'))
    ]
    joints[0]['group_bbox'] = [5, 5, 40, 30]
    group = {'id': 'g', 'classification': 'dog', 'attrs': [], 'data': ['k0', 'k1']}
    for split in ('train', 'valid'):
        add_item(tmp_path / 'dm' / split, split, {'keypoint': joints, 'group': [group]})
    made = converter(tmp_path / 'dm', 'dm', 'yolo', target_task=task)
    (row,) = (made['path'] / 'labels' / 'train' / 'train.txt').read_text().splitlines()
    assert len(row.split()) == 1 + numbers
    assert made['classes'] == ['dog']
    assert not converter.losses['dropped']


def test_a_group_that_nobody_is_in_is_no_group(converter: Converter, tmp_path: Path) -> None:
    for stem in 'abcd':
        add_item(tmp_path / 'dm', stem, {'bounding_box': [box(1, 1, 5, 5)]})
    shares = {'train': 0.5, 'valid': 0.5}
    with pytest.raises(ParamsError, match=r"no item has an attribute 'vidoe'"):
        converter(tmp_path / 'dm', 'dm', 'coco', splits=shares, settings={'coco': {'group_by': 'vidoe'}})
    converter(tmp_path / 'dm', 'dm', 'coco', settings={'coco': {'group_by': 'vidoe'}})
    assert any('nothing is divided' in message['text'] for message in converter.recorder.of('message'))


@pytest.mark.parametrize('target', ['yolo', 'coco'])
@pytest.mark.parametrize('missing', ['empty', 'null', 'absent'])
def test_what_has_no_class_is_dropped_and_makes_none(
    target: str, missing: str, converter: Converter, tmp_path: Path
) -> None:
    nameless = box(1, 1, 5, 5, '' if missing == 'empty' else None)  # type: ignore[arg-type]
    if missing == 'absent':
        del nameless['classification']
    for split in ('train', 'valid'):
        add_item(tmp_path / 'dm' / split, split, {'bounding_box': [nameless, box(9, 9, 5, 5, 'car')]})
    made = converter(tmp_path / 'dm', 'dm', target)
    assert made['classes'] == ['car']
    assert converter.reasons('dropped') == {('box', 'it has no class'): 2}
    assert converter.losses['written'] == {'box': 2}


def test_a_category_without_a_name_moves_no_number(converter: Converter, tmp_path: Path) -> None:
    names = {1: 'cat', 2: '', 3: 'dog'}
    for split in ('train', 'val'):
        said = content([entry(number, number) for number in names], categories=[])
        said['categories'] = [{'id': id, 'name': name} for id, name in names.items()]
        put(tmp_path / 'coco' / 'annotations' / f'instances_{split}.json', said, tmp_path / 'coco' / split)
    made = converter(tmp_path / 'coco', 'coco', 'yolo')
    assert made['classes'] == ['cat', 'dog']
    rows = (made['path'] / 'labels' / 'train' / 'a.txt').read_text().splitlines()
    assert [row.split()[0] for row in rows] == ['0', '1']
    assert converter.reasons('dropped') == {('box', 'it has no class'): 2}


def test_what_the_system_says_about_a_dataset_is_a_sentence_and_about_another_file_is_not(tmp_path: Path) -> None:
    inner, other = tmp_path / 'data' / 'a.jpg', tmp_path / 'other' / 'a.jpg'
    inner.parent.mkdir()
    for file in (inner, inner.parent, tmp_path):
        with (
            pytest.raises(DatasetInvalid, match='cannot be read: permission denied') as caught,
            explain_os_errors(inner.parent),
        ):
            raise PermissionError(13, 'Permission denied', str(file))
        assert caught.value.path == str(file)
        assert isinstance(caught.value.__cause__, PermissionError)
    for error in (PermissionError(13, 'no', str(other)), FileNotFoundError(2, 'no', str(inner)), OSError('no')):
        with pytest.raises(type(error), match='no'), explain_os_errors(inner.parent):
            raise error
