"""Datasets that somebody made to do harm, or that were damaged: each costs an item, or is refused with a sentence."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.data import LossReport, Mask, Sample, Tolerance
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats import Fitter, Format, FormatReader
from synapse_hooks.testing import open_dataset, small_dataset
from tests.formats.format_kit import add_item, box, builtin, png


def read(path: Path, name: str, tolerance: Tolerance = 'skip') -> tuple[list[Sample], LossReport]:
    reader = FormatReader(builtin(name), {'path': path, 'format': name})
    reader.tolerance = tolerance
    return [*reader], reader.report


def dm(root: Path) -> Path:
    for stem in 'ab':
        add_item(root, stem, {'bounding_box': [box(1, 1, 5, 5)]})
    return root


def coco(root: Path, *names: str) -> Path:
    root.mkdir(exist_ok=True)
    images = [{'id': number, 'file_name': name, 'width': 64, 'height': 48} for number, name in enumerate(names)]
    boxes = [{'id': n, 'image_id': n, 'category_id': 1, 'bbox': [1, 1, 5, 5]} for n in range(len(names))]
    said = {'images': images, 'annotations': boxes, 'categories': [{'id': 1, 'name': 'c'}]}
    (root / 'annotations.json').write_text(json.dumps(said))
    return root


def yolo(root: Path, said: str = 'names: [cat]\n') -> Path:
    for folder in ('images/train', 'images/val', 'labels/train', 'labels/val'):
        (root / folder).mkdir(parents=True)
    for split in ('train', 'val'):
        for stem in 'ab':
            (root / f'images/{split}/{stem}.png').write_bytes(png(64, 48))
            (root / f'labels/{split}/{stem}.txt').write_text('0 .5 .5 .2 .2\n')
    (root / 'dataset.yaml').write_text(f'path:\ntrain: images/train\nval: images/val\n{said}')
    return root


def folders(root: Path) -> Path:
    for stem in 'ab':
        file = root / 'cat' / f'{stem}.png'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(64, 48))
    return root


def replace(file: Path, kind: str) -> None:
    file.unlink()
    if kind == 'pipe':
        os.mkfifo(file)
    else:
        file.symlink_to('/dev/zero')


@pytest.mark.timeout(10)
@pytest.mark.parametrize('kind', ['pipe', 'device'])
@pytest.mark.parametrize(
    ('name', 'make', 'file'),
    [
        ('dm', dm, 'original_files/a.png'),
        ('dm', dm, 'json/a.json'),
        ('yolo', yolo, 'images/train/a.png'),
        ('yolo', yolo, 'labels/train/a.txt'),
        ('coco', lambda root: coco(folders(root), 'cat/a.png', 'cat/b.png'), 'cat/a.png'),
        ('imagefolder', folders, 'cat/a.png'),
    ],
)
def test_what_is_no_file_costs_its_item(tmp_path: Path, name: str, make: Any, file: str, kind: str) -> None:
    root = make(tmp_path / 'set')
    replace(root / file, kind)
    samples, report = read(root, name)
    assert samples[0].id.rpartition('/')[2] == 'b'
    (found,) = report.unreadable_items
    assert Path(file).name in found['reason']
    assert 'not a regular file' in found['reason'] or 'leads out of the dataset' in found['reason']
    with pytest.raises(UnreadableItem):
        read(root, name, 'fail')


@pytest.mark.timeout(10)
@pytest.mark.parametrize('entry', ['/dev/zero', 'pipe', '/dev/null'])
def test_a_list_of_images_that_is_no_file_is_refused(tmp_path: Path, entry: str) -> None:
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'dataset.yaml').write_text(f'train: {entry}\nval: {entry}\nnames: [cat]\n')
    with pytest.raises(DatasetInvalid, match='not a regular file'):
        read(tmp_path, 'yolo')


@pytest.mark.parametrize('count', ['1000000000', '1' + '0' * 5000, '-1', '1.0e400'])
def test_no_number_of_classes_takes_the_memory_of_as_many(tmp_path: Path, count: str) -> None:
    with pytest.raises(DatasetInvalid, match=r'dataset\.yaml'):
        read(yolo(tmp_path / 'set', f'nc: {count}\n'), 'yolo')


BOMB = 'a: &a [l,l,l,l,l,l,l,l,l,l]\n' + ''.join(
    f'{name}: &{name} [{",".join([f"*{before}"] * 10)}]\n' for before, name in pairwise('abcdefghi')
)
MERGED = 'a: &a {x: 1, y: 2}\n' + ''.join(
    f'{name}: &{name} {{<<: [{",".join([f"*{before}"] * 10)}]}}\n' for before, name in pairwise('abcdefghi')
)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    'said',
    [
        f'{BOMB}names: [*i]\n',
        f'{MERGED}names: *i\n',
        f'names: {"[" * 5000}{"]" * 5000}\n',
        'names: &a [*a]\n',
        'names: [cat]\nnc: !!int ""\n',
        'names: [cat]\nmore: !!bool x\n',
        'names: [cat]\nmore: !!timestamp x\n',
        f'names: [cat]\nmore: 0x{"f" * 9000}\n',
        f'names: [cat]\n{"a: [b]" * (1 << 18)}\n',
        'names: [cat]\nkpt_shape: [1000000000, 3]\nflip_idx: [0]\n',
        'names: {²: cat}\n',
    ],
    ids=range(11),
)
def test_a_yaml_that_is_made_to_do_harm_is_refused_with_a_sentence(tmp_path: Path, said: str) -> None:
    with pytest.raises(DatasetInvalid, match=r'dataset\.yaml') as caught:
        read(yolo(tmp_path / 'set', said), 'yolo')
    assert len(str(caught.value)) < 1000


# -- links -------------------------------------------------------------------------------------------------------


def doubts(report: LossReport) -> dict[str, int]:
    return {one['kind']: one['count'] for one in report.to_dict()['doubtful']}


@pytest.mark.parametrize('name', ['x.avif', 'x.png'])
def test_a_link_to_a_file_outside_that_is_no_image_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / 'outside.key').write_text('PRIVATE KEY')
    root = coco(tmp_path / 'set', name)
    (root / name).symlink_to('../outside.key')
    samples, report = read(root, 'coco')
    assert not samples
    assert 'it leads out of the dataset, and is not an image' in report.unreadable_items[0]['reason']


@pytest.mark.parametrize(
    ('name', 'content'),
    [('x.png', png(64, 48)), ('x.avif', b'\0\0\0\x1cftypavif\0\0\0\0'), ('x.jp2', b'\xff\x4f\xff\x51')],
)
def test_a_link_to_an_image_outside_is_followed_and_reported(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / 'store').write_bytes(content)
    root = coco(tmp_path / 'set', name)
    (root / name).symlink_to(tmp_path / 'store')
    samples, report = read(root, 'coco')
    assert [sample.width for sample in samples] == [64]
    assert doubts(report) == {'image': 1}


def test_a_folder_that_is_a_link_to_a_shared_store_is_followed_and_reported(tmp_path: Path) -> None:
    dm(tmp_path / 'store')
    root = tmp_path / 'set'
    root.mkdir()
    for name in ('json', 'original_files'):
        (root / name).symlink_to(tmp_path / 'store' / name)
    samples, report = read(root, 'dm')
    assert [sample.id for sample in samples] == ['a', 'b']
    assert doubts(report) == {'file': 2, 'image': 2}


def test_links_within_a_dataset_and_a_dataset_that_is_a_link_itself_are_nothing_special(tmp_path: Path) -> None:
    root = dm(tmp_path / 'set')
    (root / 'pool').mkdir()
    for file in ('json/a.json', 'original_files/a.png'):
        (root / file).rename(root / 'pool' / Path(file).name)
        (root / file).symlink_to(f'../pool/{Path(file).name}')
    (tmp_path / 'way').symlink_to(root)
    samples, report = read(tmp_path / 'way', 'dm')
    assert [sample.id for sample in samples] == ['a', 'b']
    assert report.empty


@pytest.mark.parametrize(('name', 'make', 'file'), [('dm', dm, 'json/a.json'), ('yolo', yolo, 'labels/train/a.txt')])
def test_a_document_that_is_a_link_out_of_the_dataset_costs_its_item(
    tmp_path: Path, name: str, make: Any, file: str
) -> None:
    root = make(tmp_path / 'set')
    (root / file).rename(tmp_path / 'outside')
    (root / file).symlink_to(tmp_path / 'outside')
    _, report = read(root, name)
    assert [one['reason'] for one in report.unreadable_items] == [
        f'{root / file} cannot be read: it is a link that leads out of the dataset'
    ]


@pytest.mark.parametrize(
    ('name', 'make', 'file'),
    [('coco', lambda root: coco(folders(root), 'cat/a.png'), 'annotations.json'), ('yolo', yolo, 'dataset.yaml')],
)
def test_a_document_about_everything_that_is_a_link_out_is_refused(
    tmp_path: Path, name: str, make: Any, file: str
) -> None:
    root = make(tmp_path / 'set')
    (root / file).rename(tmp_path / file)
    (root / file).symlink_to(tmp_path / file)
    with pytest.raises(DatasetInvalid, match='is a link that leads out of the dataset'):
        read(root, name)


def test_what_a_yaml_names_elsewhere_is_its_own(tmp_path: Path) -> None:
    yolo(tmp_path / 'store')
    (tmp_path / 'set').mkdir()
    said = f'path: {tmp_path / "store"}\ntrain: images/train\nval: images/val\nnames: [cat]\n'
    (tmp_path / 'set' / 'dataset.yaml').write_text(said)
    samples, report = read(tmp_path / 'set', 'yolo')
    assert len(samples) == 4
    assert report.empty


def test_a_link_to_a_folder_that_holds_it_costs_one_item(tmp_path: Path) -> None:
    root = small_dataset(tmp_path / 'data')['path']
    (root / 'train/json/circle').symlink_to(root, target_is_directory=True)
    (root / 'train/json/itself.json').symlink_to('itself.json')
    reader = open_dataset({'path': root, 'format': 'dm'})
    assert isinstance(reader, FormatReader)
    reader.tolerance = 'skip'
    assert len(list(reader)) == 8
    assert all('it' in item['file'] or 'circle' in item['file'] for item in reader.report.unreadable_items)


def test_an_image_with_nul_in_its_name_is_an_item_that_cannot_be_read(tmp_path: Path) -> None:
    class Nul(Format):
        name = 'nul'

        def read(self, path: Path) -> Iterator[Sample]:
            yield Sample('a', image=f'{path}/a\0b.png')

    with pytest.raises(UnreadableItem, match='cannot be the name of a file'):
        list(open_dataset({'path': tmp_path, 'format': 'nul'}, Nul()))


# -- pixels ------------------------------------------------------------------------------------------------------


def masks(root: Path, side: int, counts: list[int], told: int | None = None) -> Path:
    coco(root, 'a.png')
    (root / 'a.png').write_bytes(png(side, side))
    said = json.loads((root / 'annotations.json').read_text())
    said['images'][0] |= {'width': told or side, 'height': told or side}
    said['annotations'][0] |= {'segmentation': {'size': [told or side, told or side], 'counts': counts}, 'iscrowd': 0}
    (root / 'annotations.json').write_text(json.dumps(said))
    return root


@pytest.mark.timeout(20)
@pytest.mark.parametrize('side', [100_000, 2**31 - 1])
def test_an_image_of_more_pixels_than_anybody_trains_on_is_unreadable(tmp_path: Path, side: int) -> None:
    samples, report = read(masks(tmp_path, side, [0, side * side]), 'coco')
    assert not samples
    assert f'a.png has {side:,} x {side:,} pixels' in report.unreadable_items[0]['reason']


@pytest.mark.timeout(20)
def test_a_size_that_only_the_document_tells_is_not_believed(tmp_path: Path) -> None:
    samples, _ = read(masks(tmp_path, 64, [0, 10**24], told=10**12), 'coco')
    assert [(sample.width, sample.height) for sample in samples] == [(64, 64)]


@pytest.mark.timeout(20)
@pytest.mark.parametrize('counts', [[0, 2**30], [1] * 20_000 + [2**30 - 20_000]], ids=['full', 'stripes'])
def test_a_mask_of_a_large_image_costs_no_more_than_it_says(tmp_path: Path, counts: list[int]) -> None:
    (sample,), _ = read(masks(tmp_path, 2**15, counts), 'coco')
    (mask,) = sample.annotations
    assert isinstance(mask, Mask)
    report = LossReport()
    rings = Fitter(report, 'yolo').rings(mask, sample)
    if len(counts) == 2:
        assert rings == [[(0, 0), (2**15, 0), (2**15, 2**15), (0, 2**15)]]
    else:
        assert rings is None
        assert 'more than 2,000 parts and holes' in report.to_dict()['dropped'][0]['reason']


def test_brackets_in_brackets_are_refused_before_they_take_time(tmp_path: Path) -> None:
    root = yolo(tmp_path, f'names: [cat]\nnested: {"[" * 3000}{"]" * 3000}\n')
    with pytest.raises(DatasetInvalid, match='nested too deep'):
        read(root, 'yolo')


def test_a_line_that_is_longer_than_any_path_is_named(tmp_path: Path) -> None:
    root = yolo(tmp_path)
    (root / 'list.txt').write_text('./a b.png' * 100_000)
    (root / 'dataset.yaml').write_text('names: [cat]\ntrain: list.txt\nval: images/val\n')
    with pytest.raises(DatasetInvalid, match=r'has a line of 900,000 characters'):
        read(root, 'yolo')


def test_a_message_quotes_what_a_dataset_says_in_part(tmp_path: Path) -> None:
    root = yolo(tmp_path)
    (root / 'dataset.yaml').write_text(f'names: [cat]\ntrain: {"x" * 100_000}\nval: images/val\n')
    with pytest.raises(DatasetInvalid, match='characters left out') as caught:
        read(root, 'yolo')
    assert len(str(caught.value)) < 12_000


def test_a_folder_that_is_a_link_to_a_file_elsewhere_is_named(tmp_path: Path) -> None:
    root = dm(tmp_path / 'data')
    (tmp_path / 'elsewhere.txt').touch()
    shutil.rmtree(root / 'original_files')
    (root / 'original_files').symlink_to(tmp_path / 'elsewhere.txt')
    with pytest.raises(DatasetInvalid, match='original_files/ cannot be read: not a directory'):
        read(root, 'dm')


def test_numbers_for_each_joint_may_be_written_with_a_fraction(tmp_path: Path) -> None:
    root = yolo(tmp_path, 'names: [cat]\nkpt_shape: [1, 3.0]\n')
    for file in root.rglob('labels/*/*.txt'):
        file.write_text('0 .5 .5 .2 .2 .5 .5 2\n')
    samples, report = read(root, 'yolo')
    assert [annotation.kind for sample in samples for annotation in sample.annotations] == ['keypoints'] * 4
    assert report.lossless


def test_a_link_in_a_circle_costs_none_of_its_neighbours(tmp_path: Path) -> None:
    root = coco(tmp_path, 'a.png', 'b.png')
    (root / 'b.png').write_bytes(png(64, 48))
    (root / 'a.png').symlink_to('a.png')
    samples, report = read(root, 'coco')
    assert [sample.id for sample in samples] == ['b']
    assert report.total('repaired') == 0
