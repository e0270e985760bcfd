"""Reading and writing Open Images, through the hooks that synapse-hooks calls."""

from __future__ import annotations

import csv
import os
import tracemalloc
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar

import pytest
from synapse_hooks_openimages import OpenImagesFormat
from synapse_hooks_openimages.layout import BOX_HEADER

from synapse_hooks.data import Box, Classification
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats import Format
from synapse_hooks.testing import (
    FormatConformance,
    check_distribution,
    convert_dataset,
    open_dataset,
    png,
    small_samples,
)
from synapse_hooks.testing.formats import tree

FORMAT = OpenImagesFormat()
MANY = 420
"""Images: four ranges, so that three processes have different shares."""


class TestConformance(FormatConformance):
    format: ClassVar[Format] = FORMAT


Rows = Sequence[Sequence[Any]]


def row(image: str, label: str, left: Any, right: Any, top: Any, bottom: Any, *flags: int) -> list[Any]:
    return [image, 'xclick', label, 1, left, right, top, bottom, *(flags or [0] * 5)]


def put(root: Path, tables: dict[str, Rows], images: dict[str, Sequence[str]] | None = None) -> Path:
    """A dataset; its images are 100 wide and 80 high, and named by the tables where `images` says nothing."""
    first = root / 'first.png'
    root.mkdir(parents=True)
    first.write_bytes(png(100, 80))
    for split, rows in tables.items():
        (root / split).mkdir()
        with (root / f'{split}-annotations-bbox.csv').open('w', newline='', encoding='utf-8') as file:
            csv.writer(file).writerows([BOX_HEADER, *rows])
        for name in (images or {}).get(split) or dict.fromkeys(f'{row[0]}.png' for row in rows):
            os.link(first, root / split / name)
    first.unlink()
    with (root / 'class-descriptions-boxable.csv').open('w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows([['/m/1', 'Zebra'], ['/m/2', 'Ant, small']])
    return root


def read(root: Path) -> Iterator[Any]:
    reader = open_dataset({'path': root, 'format': 'openimages'}, FORMAT)
    reader.tolerance = 'skip'  # type: ignore[attr-defined]
    yield from reader
    yield reader.report.to_dict()  # type: ignore[attr-defined]


def test_fractions_become_pixels_and_codes_become_names(tmp_path: Path) -> None:
    rows = [row('a', '/m/2', 0.1, 0.6, 0.25, 0.5, 1, 0, 0, 0, -1), row('b', '/m/1', 0, 1, 0, 1, 0, 0, 1, 0, 0)]
    first, second, _ = read(put(tmp_path / 'in', {'validation': rows}))
    assert (first.id, first.split, first.width, first.height) == ('a', 'valid', 100, 80)
    box = Box(10, 20, 50, 20, id='1', label='Ant, small', attributes={'occluded': True})
    assert first.annotations == [box]
    assert second.annotations[0].attributes == {'iscrowd': True}


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        (b'a,xclick,/m/1,1,0.1,O.2,0.1,0.2,0,0,0,0,0', "could not convert string to float: 'O.2'"),
        (b'a,xclick,/m/1', 'expected 13 fields'),
        (b'a,xclick,/m/\xff,1,0.1,0.2,0.1,0.2,0,0,0,0,0', "codec can't decode"),
        (b'a,xclick,/m/1\r1,1,0.1,0.2,0.1,0.2,0,0,0,0,0', 'new-line character'),
        (b'gone,xclick,/m/1,1,0.1,0.2,0.1,0.2,0,0,0,0,0', 'there is no image train/gone'),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_takes_nothing_with_it(
    tmp_path: Path, line: bytes, message: str
) -> None:
    root = put(tmp_path / 'in', {'train': [row('a', '/m/1', 0.1, 0.2, 0.1, 0.2)]})
    with (root / 'train-annotations-bbox.csv').open('ab') as file:
        file.write(line + b'\n')
    sample, report = read(root)
    assert len(sample.annotations) == 1
    assert report['unreadable']['count'] == 1
    (example,) = report['unreadable']['examples']
    assert 'train-annotations-bbox.csv, line 3: ' in str(example)
    assert message in str(example)
    with pytest.raises(UnreadableItem, match='line 3: '):
        convert_dataset({'path': root, 'format': 'openimages'}, 'coco', tmp_path / 'out', FORMAT)


def test_rows_of_an_image_in_several_places_belong_together(tmp_path: Path) -> None:
    rows = [row(name, '/m/1', 0.1, 0.2, 0.1, 0.2) for name in ('a', 'b', 'a')]
    first, second, _ = read(put(tmp_path / 'in', {'train': rows}))
    assert (len(first.annotations), len(second.annotations)) == (2, 1)


def test_an_image_that_cannot_be_read_is_counted_once(tmp_path: Path) -> None:
    rows = [row(name, '/m/1', 0.1, 0.2, 0.1, 0.2) for name in ('a', 'b', 'c')]
    root = put(tmp_path / 'in', {'train': rows})
    (root / 'train' / 'b.png').unlink()
    (root / 'train' / 'b.png').write_bytes(b'nothing')
    made = convert_dataset({'path': root, 'format': 'openimages'}, 'coco', tmp_path / 'out', FORMAT, unreadable='skip')
    assert made.losses['unreadable']['count'] == 1
    assert made.losses['written'] == {'box': 2}


def test_hostile_names_stay_below_the_folder(tmp_path: Path) -> None:
    names = ['a,b', 'say "hi"', ' space ', 'line\u2028separator', '=1+1', '-rf', 'x' * 250, 'Ünï\u202ecode', "'; --"]
    rows = [row(name, name[:40], 0.1, 0.2, 0.1, 0.2) for name in names]
    root = put(tmp_path / 'in', {'train': rows, 'validation': rows})
    dataset: Any = {'path': root, 'format': 'openimages'}
    for target in ('yolo', 'dm', 'coco', 'openimages'):
        made = convert_dataset(dataset, target, tmp_path / target, FORMAT)
        dataset = made.dataset if target == 'coco' else dataset
        assert made.losses['written']['box'] == 2 * len(names)
        assert made.dataset['splits'] == {'train': len(names), 'valid': len(names)}
    (tmp_path / 'coco').rename(tmp_path / 'first')
    coco = convert_dataset(made.dataset, 'coco', tmp_path / 'coco', FORMAT).path
    assert (coco / 'train' / 'annotations.json').is_file()
    assert tree(coco) == tree(tmp_path / 'first')


def test_what_is_broken_beyond_doubt_is_a_sentence(tmp_path: Path) -> None:
    root = put(tmp_path / 'in', {'train': [row('a', '/m/1', 0.1, 0.2, 0.1, 0.2)]})
    (root / 'train-annotations-bbox.csv').write_text('image,label\n')
    with pytest.raises(DatasetInvalid, match='does not begin with ImageID,Source'):
        list(read(root))


def large(root: Path) -> Path:
    """Boxes of every kind: at the edge, beyond it, of groups, without area; images without any."""
    rows = {
        split: [
            row(
                f'{number:04}',
                f'/m/{number % 3}',
                place / 10,
                (place + number % 7) / 8,
                0.1,
                1 - number % 2,
                0,
                0,
                flag,
                0,
                0,
            )
            for number in range(MANY // 2)
            for place, flag in zip(range(number % 4), (0, 0, 1), strict=False)
        ]
        for split in ('train', 'validation')
    }
    names = [f'{number:04}.png' for number in range(MANY // 2)]
    return put(root, rows, {'train': names, 'validation': names})


@pytest.mark.parametrize('target', ['yolo', 'coco', 'dm', 'openimages'])
def test_any_number_of_processes_gives_the_same_bytes(tmp_path: Path, target: str) -> None:
    dataset: Any = {'path': large(tmp_path / 'in'), 'format': 'openimages'}
    if target == 'openimages':
        dataset = convert_dataset(dataset, 'coco', tmp_path / 'coco', FORMAT).dataset
    made = [
        convert_dataset(
            dataset, target, tmp_path / f'{workers}' / 'out', FORMAT, settings={target: {'workers': workers}}
        )
        for workers in (1, 3)
    ]
    assert made[0].losses == made[1].losses
    assert made[0].dataset['digest'] == made[1].dataset['digest']
    assert made[0].dataset['splits'] == {'train': MANY // 2, 'valid': MANY // 2}
    one, other = (tree(one.path) for one in made)
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []


def put_labels(file: Path, *rows: Sequence[Any]) -> None:
    with file.open('w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows([('ImageID', 'Source', 'LabelName', 'Confidence'), *rows])


def test_labels_of_images_are_read_and_absent_ones_are_counted(tmp_path: Path) -> None:
    root = put(tmp_path / 'in', {'validation': [row('a', '/m/1', 0.1, 0.6, 0.25, 0.5)]})
    labels = ('/m/1', 1), ('/m/2', 0), ('/m/9', 1), ('/m/2', 0.5)
    rows = [('a', 'verification', label, confidence) for label, confidence in labels]
    # V7 has its own name for the split.
    put_labels(root / 'oidv7-val-annotations-human-imagelabels.csv', *rows)
    (root / 'oidv7-class-descriptions.csv').write_text('LabelName,DisplayName\n/m/1,Other\n/m/9,"Rain, heavy"\n')
    sample, report = read(root)
    found = [annotation for annotation in sample.annotations if annotation.kind == 'classification']
    assert found == [Classification(id='label-1', label='Zebra'), Classification(id='label-2', label='Rain, heavy')]
    assert {(loss['reason'][:22], loss['count']) for loss in report['dropped']} == {
        ('it is not in the image', 1),
        ('it is not verified (it', 1),
    }


def test_labels_of_images_come_back(tmp_path: Path) -> None:
    samples = small_samples(tmp_path / 'images', 'classification')
    made = convert_dataset(samples, 'openimages', tmp_path / 'out', FORMAT)
    assert made.losses['written']['classification'] == 7
    before = {(sample.split, sample.id): [one.label for one in sample.annotations] for sample in samples}
    *after, _ = read(made.path)
    assert {(sample.split, sample.id): [one.label for one in sample.annotations] for sample in after} == before
    assert (made.path / 'class-descriptions.csv').is_file()


def test_masks_and_relationships_are_counted(tmp_path: Path) -> None:
    root = put(tmp_path / 'in', {'train': [row('a', '/m/1', 0.1, 0.6, 0.25, 0.5)]})
    for name in ('train-annotations-object-segmentation.csv', 'oidv6-train-annotations-vrd.csv'):
        (root / name).write_text('MaskPath,ImageID\n')
    _, report = read(root)
    assert [(loss['kind'], loss['reason']) for loss in report['dropped']] == [
        ('file', 'masks are not read'),
        ('file', 'relationships are not read'),
    ]


def test_how_boxes_were_drawn_and_degrees_of_occlusion_are_left_out_and_counted(tmp_path: Path) -> None:
    root = put(tmp_path / 'in', {'train': [row('a', '/m/1', 0.1, 0.6, 0.25, 0.5)]})
    made = convert_dataset({'path': root, 'format': 'openimages'}, 'coco', tmp_path / 'out', FORMAT)
    assert made.losses['attributes'] == {'Source': 1}
    (sample,) = small_samples(tmp_path / 'images')[:1]
    sample.annotations = [
        Box(1, 1, 9, 9, label='ant', attributes={'occluded': 2, 'truncated': True, 'confidence': '?'})
    ]
    made = convert_dataset([sample], 'openimages', tmp_path / 'there', FORMAT)
    assert made.losses['attributes'] == {'occluded': 1, 'confidence': 1}


def test_columns_after_those_of_boxes_are_no_fault(tmp_path: Path) -> None:
    """The clicks of V6, and a file that begins with a byte order mark and ends without a line feed."""
    root = put(tmp_path / 'in', {'train': [row('a', '/m/1', 0.1, 0.6, 0.25, 0.5)]})
    file = root / 'train-annotations-bbox.csv'
    header, line = file.read_text().splitlines()
    file.write_text(f'\ufeff{header},XClick1X\r\n{line},1')
    sample, report = read(root)
    assert [box.attributes for box in sample.annotations] == [{}]
    assert not report['unreadable']['count']


def test_rows_across_the_parts_in_which_a_table_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(name, '/m/1', 0.1, 0.2, 0.1, 0.2) for name in ('a', 'a', 'b', 'b', 'b', 'c')]
    root = put(tmp_path / 'in', {'train': rows})
    monkeypatch.setattr('synapse_hooks_openimages.table._CHUNK', 50)
    *samples, _ = read(root)
    assert [len(sample.annotations) for sample in samples] == [2, 3, 1]


def test_a_table_stays_on_the_disk(tmp_path: Path) -> None:
    """Memory grows with images, not with rows: a table of 40 MB is read in parts."""
    root = put(tmp_path / 'in', {'train': [row('a', '/m/1', 0.1, 0.2, 0.1, 0.2)]})
    line = 'gone,xclick,/m/1,1,0.1,0.2,0.1,0.2,0,0,0,0,0\n'
    with (root / 'train-annotations-bbox.csv').open('a') as file:
        file.writelines([line * 1000] * 900)
    tracemalloc.start()
    try:
        sample, _ = read(root)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(sample.annotations) == 1
    assert peak < 30e6


@pytest.mark.parametrize('name', ['link', 'pipe'])
def test_a_table_that_is_not_a_file_of_the_dataset_is_refused(tmp_path: Path, name: str) -> None:
    root = put(tmp_path / 'in', {'train': [row('a', '/m/1', 0.1, 0.2, 0.1, 0.2)]})
    table = root / 'train-annotations-bbox.csv'
    if name == 'link':
        table.rename(tmp_path / 'elsewhere.csv')
        table.symlink_to(tmp_path / 'elsewhere.csv')
    else:
        table.unlink()
        os.mkfifo(table)
    with pytest.raises((UnreadableItem, DatasetInvalid)):
        list(read(root))


def test_the_distribution_is_valid() -> None:
    if not any(entry.name == 'openimages' for entry in entry_points(group='synapse_hooks.formats')):
        pytest.skip('synapse-hooks-openimages is not installed here')
    check_distribution('synapse-hooks-openimages')
