"""COCO in pieces: columns say what entries say, any way and any number of shares give the same bytes and digest."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from synapse_hooks.conversion.contract import Source
from synapse_hooks.data import AnyAnnotation, Box, LossReport, Mask, Polygon, RotatedBox, Sample
from synapse_hooks.data.outline import Outline
from synapse_hooks.formats.coco import CocoFormat, document
from synapse_hooks.formats.coco.rows import Rows
from tests.formats.coco_kit import COCO, SQUARE, content, entry, put, write
from tests.formats.format_kit import Converter, info_of, png, read_all, source_of, tree

RING = [(10, 10.5), (40, 10.25), (40.125, 50), (10, 50)]
OTHER = [(60.0, 60), (90.1234567, 60), (90, 75)]


def samples(root: Path) -> list[Sample]:
    """Plain shapes and others, of every size."""
    numbers: list[Any] = [1, 0.1 + 0.2, 2 / 3, 1e-7, 18.600000000000023, 79.9999999, 30.0000005]
    shapes: list[AnyAnnotation] = [Box(x, 79.5 - x / 3, y, 0.5, label='car') for x in numbers[:5] for y in numbers]
    shapes += [Box(50, 60, -5.5, -7, label='dog', attributes={'a': 1.0, 'b': [None, '\u00e9']})]
    shapes += [Box(-3, 5, 200, 10, label='car'), Box(1, 1, 0, 5, label='car'), Box(200, 1, 5, 5, label='car')]
    shapes += [Box(float('nan'), 1, 2, 3, label='car'), RotatedBox(40, 40, 10, 5, 0.3, label='dog')]
    shapes += [
        Polygon.simple(RING, label='roof'),
        Polygon([[RING], [OTHER]], label='roof', box=(9.5, 10, 81, 65)),
        Polygon.simple(RING[::-1], label='roof', box=(0, 0, 0, 0)),
        Polygon.simple([(x / 3, 10 + x * x / 7) for x in range(20)], label='wall', attributes={'iscrowd': True}),
        Polygon.simple([(1 + x / 3, 10 + x * x / 7) for x in range(20)], label='wall', attributes={'c': 'd'}),
        Polygon.simple([(-5, 5), (20.5, 5), (20, 30)], label='wall', id='out'),
        Polygon.simple([(1, 1), (2, 2), (3, 3)], label='wall'),
        Polygon([[[(5, 5), (90, 5), (90, 70)], [(60, 10), (80, 10), (80, 20)]]], label='roof', box=(-5, -5, 300, 200)),
        Mask([(805, 3)], columns=True, label='cat'),
    ]
    made = []
    for number in range(7):
        image = root / f'{number}.png'
        image.write_bytes(png(100, 80))
        split = 'train' if number % 3 else 'valid'
        some = shapes[number::5] if number != 4 else []
        made.append(Sample(f'a/{number}', image, 100, 80, split, list(some)))
    return made


def test_both_ways_of_writing_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick, report = write(samples(tmp_path), tmp_path / 'quick')
    quickly = Rows.texts
    counts = [0, 0]

    def slow(self: Rows, columns: Any, sizes: Any) -> Any:
        plain, texts = quickly(self, columns, sizes)
        counts[0] += int(plain.sum())
        counts[1] += len(plain)
        return np.zeros(len(columns), dtype=bool), texts

    monkeypatch.setattr(Rows, 'texts', slow)
    slowly, other = write(samples(tmp_path), tmp_path / 'slow')
    assert 30 < counts[0] < counts[1]
    assert slowly.read_bytes() == quick.read_bytes()
    assert tree(tmp_path / 'quick') == tree(tmp_path / 'slow')
    assert {key: loss.count for key, loss in report.losses.items()} == {
        key: loss.count for key, loss in other.losses.items()
    }


def test_any_number_of_shares_gives_the_same_files(tmp_path: Path) -> None:
    write(samples(tmp_path), tmp_path / 'one')
    for shares in (2, 3, 7):
        write(samples(tmp_path), tmp_path / f'{shares}', shares=shares)
        assert tree(tmp_path / f'{shares}') == tree(tmp_path / 'one')
    for split, count in (('train', 4), ('valid', 3)):
        said = json.loads((tmp_path / 'one' / split / 'annotations.json').read_bytes())
        assert [image['id'] for image in said['images']] == list(range(1, count + 1))
        numbers = [each['id'] for each in said['annotations']]
        assert numbers == list(range(1, len(numbers) + 1))
        owners = [each['image_id'] for each in said['annotations']]
        assert owners == sorted(owners)


def test_numbers_are_as_short_as_they_can_be(tmp_path: Path) -> None:
    file, _ = write(samples(tmp_path)[:1], tmp_path / 'out')
    text = file.read_text()
    assert '"bbox":[1,79.166667,1,0.333333]' not in text
    assert '.0,' not in text.partition('"attributes"')[0]
    assert '.0]' not in text


def dataset(root: Path) -> Path:
    """Some hundred images in two splits, with entries of all kinds."""
    mask = {'counts': [805, 3, 80 * 100 - 808], 'size': [80, 100]}
    for split, count in (('train', 300), ('valid', 41)):
        rows: list[dict[str, Any]] = []
        for n in range(1, count + 1):
            rows += [entry(9 * n, 1 + n % 2, n, segmentation=[SQUARE]), entry(9 * n + 1, 1, n, bbox=[1, 2, 3.5, 4])]
            if n % 7 == 0:
                rows += [entry(9 * n + 2, 1, n, segmentation=mask, iscrowd=n % 2), entry(9 * n + 3, 5, n)]
            if n % 11 == 0:
                rows += [entry(9 * n + 4, 2, n, segmentation=[SQUARE, [40, 40, 50, 40, 50, 50]], width=5)]
            if n % 13 == 0:
                rows += [entry(9 * n, 2, n, attributes={'x': n}), {**entry(3, 1, n), 'bbox': 'wrong'}]
            if n % 17 == 0:
                rows += [entry(9 * n + 5, 2, n, segmentation=[[1, 2, 3]], bbox=None)]
        said = content(rows[::-1], [f'{n}.png' for n in range(1, count + 1)])
        if split == 'valid':
            said['images'][3] |= {'width': 200, 'height': 160}
            (root / split).mkdir(parents=True)
        put(root / split / 'annotations.json', said)
    (root / 'train' / '17.png').unlink()
    return root


def opened(root: Path, report: LossReport | None = None) -> Source:
    source = source_of(COCO, root, report=report, projection='shapes')
    source.shards()
    return source


def shapes(annotations: Sequence[Any]) -> list[Any]:
    """Annotations without what only their own format needs, and with the numbers of their polygons."""
    found = []
    for one in annotations:
        if isinstance(one, Outline):
            try:
                one = one.polygon()
            except ValueError:
                continue
        found.append(msgspec.structs.replace(one, extra={}))
    return found


def test_columns_hold_what_entries_say(tmp_path: Path) -> None:
    reports = LossReport(), LossReport()
    columns = opened(dataset(tmp_path), reports[0])
    plain = source_of(COCO, tmp_path, report=reports[1])
    plain.shards()
    for start in range(0, plain.count or 0, 50):
        (batch,) = columns.read(range(start, start + 50))
        found: dict[tuple[int, int], Any] = {(item, place): one for item, place, one in batch.others}
        for some in (batch.boxes, batch.polygons):
            found |= {(some.items[row], some.places[row]): some.annotation(row) for row in range(len(some))}
        (rows,) = plain.read(range(start, start + 50))
        expected = rows.samples
        assert [sample.id for sample in batch.samples] == [sample.id for sample in expected]
        assert [place for _, place in sorted(found)] == list(range(len(found)))
        said = [[annotation for _, annotation in sorted(found.items()) if _[0] == n] for n in range(len(expected))]
        assert list(map(shapes, said)) == [shapes(sample.annotations) for sample in expected]
    # Whose values are wanted only where whole samples are.
    assert reports[1].attributes.pop('width') == 30
    # The numbers of an outline are read by who writes it.
    assert (
        reports[1]
        .losses.pop(('dropped', 'annotation', 'it is malformed: expected pairs of numbers, got a ring of 3 numbers'))
        .count
        == 18
    )
    ends = [{key: loss.count for key, loss in report.losses.items()} for report in reports]
    assert ends[0] == ends[1]
    assert reports[0].unreadable_count == 1


STRANGE: list[Any] = [
    7,
    ['no', 'object'],
    {'image_id': 1},
    {'image_id': 9, 'category_id': 1},
    {'image_id': [1], 'category_id': 1},
    entry(7) | {'id': 70.5},
    entry(7) | {'id': {'a': 1}},
    entry(7) | {'id': '2'},
    entry(7) | {'category_id': [1]},
    entry(7) | {'category_id': None},
    entry(7) | {'bbox': float('nan')},
    entry(7) | {'bbox': [1, 2, float('inf'), 4]},
    entry(7) | {'bbox': '1 2 3 4'},
    entry(7) | {'bbox': [1, 2, 3]},
    entry(7) | {'bbox': [1, 2, 10**400, 3]},
    entry(7, segmentation='none'),
    entry(7, segmentation=[['x'] * 6]),
    entry(7, attributes=['red']),
    entry(7, attributes={'iscrowd': 1}, segmentation=[SQUARE]),
    entry(7, attributes=None, iscrowd='yes'),
    entry(7, caption='a car', keypoints=[]),
    entry(7, keypoints=[1, 2, 2], segments_info=[{'id': 1}]),
    {'id': 7, 'image_id': 1, 'caption': 'a street'},
]


@pytest.mark.parametrize('strange', STRANGE, ids=str)
def test_a_strange_entry_costs_its_neighbours_nothing(tmp_path: Path, strange: Any) -> None:
    usual = [
        entry(1),
        entry(2, 2, segmentation=[SQUARE]),
        entry(3, image=2),
        entry(4, segmentation=[SQUARE], bbox=None),
    ]
    put(tmp_path / 'annotations.json', content([*usual[:2], strange, *usual[2:]], ['a.png', 'b.png']))
    (batch,) = opened(tmp_path).read(range(2))
    found = [(item, place, one) for item, place, one in batch.others]
    for some in (batch.boxes, batch.polygons):
        found += [(some.items[row], some.places[row], some.annotation(row)) for row in range(len(some))]
    found.sort(key=lambda one: one[:2])
    said = [one for sample in read_all(COCO, tmp_path)[0] for one in sample.annotations]
    assert shapes([one for _, _, one in found]) == shapes(said)
    assert {'1', '2', '3', '4'} <= {one.id for one in said}


@pytest.mark.parametrize(
    ('target', 'options'), [('yolo', {'target_task': 'detect'}), ('yolo', {'target_task': 'segment'}), ('dm', {})]
)
def test_the_digest_does_not_depend_on_the_workers(
    tmp_path: Path, converter: Converter, target: str, options: dict[str, Any]
) -> None:
    source = dataset(tmp_path / 'in')
    made = [
        converter(source, 'coco', target, settings={target: {'workers': workers}}, **options) for workers in (1, 2, 3)
    ]
    assert made[0]['digest'] == made[1]['digest'] == made[2]['digest']
    assert tree(made[0]['path']) == tree(made[1]['path']) == tree(made[2]['path'])


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        ('"bbox": [10, 10, 20, 20]', '"bbox": [10, 10, 20, 21]'),
        ('"name": "dog"', '"name": "cat"'),
        ('"id": 2, "name"', '"id": 5, "name"'),
        ('"height": 80', '"height": 81'),
        ('"file_name": "a.png"', '"file_name": "b.png"'),
    ],
)
def test_the_digest_tells_one_file_from_another(tmp_path: Path, converter: Converter, old: str, new: str) -> None:
    rows = [entry(1, image=1), entry(2, 2, image=2, segmentation=[SQUARE])]
    file = put(tmp_path / 'in' / 'annotations.json', content(rows, ['a.png', 'b.png', 'c.png']))
    digests = {converter(file, 'coco', 'dm')['digest'] for _ in range(2)}
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    digests.add(converter(file, 'coco', 'dm', settings={'dm': {}})['digest'])
    assert len(digests) == 2


def test_what_is_written_from_dm_does_not_depend_on_the_workers(tmp_path: Path, converter: Converter) -> None:
    dm = converter(dataset(tmp_path / 'in'), 'coco', 'dm')['path']
    made = [converter(dm, 'dm', 'coco', settings={'coco': {'workers': workers}}) for workers in (1, 2, 3)]
    assert tree(made[0]['path']) == tree(made[1]['path']) == tree(made[2]['path'])
    assert made[0]['digest'] == made[2]['digest']
    before = {sample.id: sample for sample in read_all(COCO, tmp_path / 'in')[0] if sample.split == 'valid'}
    after = {sample.id: sample for sample in read_all(COCO, made[0]['path'])[0] if sample.split == 'valid'}
    assert before.keys() == after.keys()
    for id, sample in before.items():
        # DM has a polygon for each part of one.
        kinds = [{(one.kind, one.label) for one in shapes(each.annotations)} for each in (sample, after[id])]
        assert kinds[0] == kinds[1]


def test_every_annotation_ends_once(tmp_path: Path, converter: Converter) -> None:
    source = dataset(tmp_path / 'in')
    for target, options in (('yolo', {'target_task': 'segment'}), ('yolo', {'target_task': 'detect'}), ('dm', {})):
        converter(source, 'coco', target, **options)
        losses = converter.losses
        counts = [loss['count'] for loss in losses['converted'] + losses['dropped'] if loss['kind'] != 'image']
        ended = sum(losses['written'].values()) + sum(counts)
        listed = [json.loads(file.read_text()) for file in sorted(source.glob('*/annotations.json'))]
        lost = [each for each in listed[0]['annotations'] if each['image_id'] == 17]
        assert ended == sum(len(said['annotations']) for said in listed) - len(lost)


def test_a_file_is_opened_once_for_what_it_declares_and_for_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(tmp_path / 'annotations.json', content([entry(1)]))
    decoded = []
    real = document.open_document

    def counting(path: Path, *, whole: bool) -> document.Document:
        decoded.append((path, whole))
        return real(path, whole=whole)

    monkeypatch.setattr(document, 'open_document', counting)
    format = CocoFormat()

    def count(*, compact: bool) -> int:
        source = source_of(format, tmp_path, projection='shapes' if compact else 'samples')
        source.shards()
        return source.count or 0

    assert info_of(format, tmp_path).classes == ('car', 'dog')
    assert count(compact=True) == 1
    assert decoded == [(file, False)]
    # It does not stay in memory.
    assert count(compact=True) == 1
    assert decoded == [(file, False)] * 2
    assert info_of(format, tmp_path).classes == ('car', 'dog')
    # Whoever wants every key gets every key.
    assert count(compact=False) == 1
    assert decoded == [(file, False), (file, False), (file, False), (file, True)]
    assert info_of(format, tmp_path).classes == ('car', 'dog')
    put(file, content([entry(1)], ['a.png', 'b.png']))
    os.utime(file, ns=(1, 1))
    assert count(compact=True) == 2


def test_splits_and_joints_are_declared(tmp_path: Path) -> None:
    people = [{'id': 1, 'name': 'person', 'keypoints': ['head', 'foot'], 'skeleton': [[1, 2]]}]
    for split in ('train', 'val'):
        put(tmp_path / split / 'annotations.json', content([], categories=people))
    declared = info_of(COCO, tmp_path)
    assert (declared.splits, declared.skeletons) == ({'train': 0, 'valid': 0}, {'person': ('head', 'foot')})
    shutil.move(tmp_path / 'val' / 'annotations.json', tmp_path / 'annotations.json')
    assert info_of(COCO, tmp_path).splits == {}
