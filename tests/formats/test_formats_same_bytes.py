"""The same input gives the same bytes: in any number of processes, and in columns as one by one. Digests say so."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from synapse_hooks.data import Box, Sample, batch
from synapse_hooks.formats import Format
from synapse_hooks.formats.coco.source import CocoSource
from synapse_hooks.formats.dm.source import DmSource
from synapse_hooks.formats.yolo import YoloFormat
from tests.formats.account_kit import ends, in_dm
from tests.formats.coco_kit import content, entry, put
from tests.formats.format_kit import Converter, add_item, box, png, polygon, tree

TARGETS = ['yolo detect', 'yolo segment', 'yolo obb', 'yolo pose', 'yolo classify', 'coco', 'imagefolder', 'dm']
COUNT = 420
"""Items; four batches, so that three processes have different shares."""


def converted(converter: Converter, source: Path, format: str, target: str, workers: int, **more: Any) -> Any:
    """The files, the digest and the report."""
    name, _, task = target.partition(' ')
    made = converter(source, format, name, settings={name: {'workers': workers}}, target_task=task or None, **more)
    assert not list(made['path'].rglob('.*'))
    return tree(made['path']), made['digest'], converter.losses, made['classes'], made['splits']


def skeleton(dice: random.Random) -> dict[str, Any]:
    joints = dice.sample(['nose', 'tail', 'left_ear', 'right_ear'], dice.randint(1, 4))
    common = {'attrs': [], 'visibility': 2, 'group_id': 'g'}
    points = [
        {'id': f'k{n}', 'classification': name, 'data': [dice.uniform(0, 110), dice.uniform(0, 90)], **common}
        for n, name in enumerate(joints)
    ]
    return {'keypoint': points, 'group': [{'id': 'g', 'classification': 'class 9', 'attrs': [], 'data': ['s']}]}


def large(root: Path) -> Path:
    """A dataset with some of everything, in an order that is nobody's, with classes that come and go."""
    dice = random.Random(7)
    for number in range(COUNT):
        said: dict[str, Any] = {'bounding_box': [], 'polygon': []}
        for place in range(dice.randint(0, 4)):
            x, y, w, h = (dice.uniform(*ends) for ends in ((-20, 110), (-20, 90), (0, 40), (0, 40)))
            label = f'class {dice.choice([number // 40, 9, 3])}'
            attrs = [{'name': 'rotation', 'value': 0.3}] if dice.random() < 0.1 else []
            said['bounding_box'].append(box(x, y, w, h, label, f'b{place}', attrs=attrs))
            ring = [[dice.uniform(-5, 105), dice.uniform(-5, 85)] for _ in range(dice.randint(2, 7))]
            said['polygon'].append(polygon(ring, label, f'p{place}'))
        if dice.random() < 0.3:
            said |= skeleton(dice)
        label = f'scene {dice.randint(0, 3)}'
        said['classification'] = [{'id': 'c', 'classification': label, 'attrs': [], 'data': {}}]
        add_item(root / ('valid' if number % 5 == 0 else 'train'), f'{dice.randint(0, 9)}/{number}', said)
    (root / 'train' / 'original_files' / 'alone.png').write_bytes(png(9, 9))
    return root


@pytest.mark.parametrize('target', TARGETS)
def test_any_number_of_processes_writes_the_same(tmp_path: Path, converter: Converter, target: str) -> None:
    source, format = large(tmp_path / 'dm'), 'dm'
    if target == 'dm':
        source, format = converter(source, 'dm', 'coco')['path'], 'coco'
    alone = converted(converter, source, format, target, 1)
    assert len(alone[0]) > COUNT / 2
    for workers in (2, 3):
        assert converted(converter, source, format, target, workers) == alone, f'{workers} processes'


@pytest.mark.parametrize(('format', 'target'), [('coco', 'yolo segment'), ('yolo', 'coco'), ('imagefolder', 'coco')])
def test_any_number_of_processes_reads_the_same(tmp_path: Path, converter: Converter, format: str, target: str) -> None:
    source = converter(large(tmp_path / 'dm'), 'dm', format, target_task='detect' if format == 'yolo' else None)['path']
    if format == 'imagefolder':
        target = 'dm'
    alone = converted(converter, source, format, target, 1)
    for workers in (2, 3):
        assert converted(converter, source, format, target, workers) == alone, f'{workers} processes'


# -- in columns and one by one -----------------------------------------------------------------------------------

across = st.one_of(
    st.sampled_from([0, 0.0, -0.4, 100, 100.0, 100.5, 50, 1e-7, 99.9999999, -3, 250]),
    st.floats(-30, 130),
    st.integers(-10, 110),
)
down = st.one_of(st.sampled_from([0, 80, 80.0, 80.3, -0.9, 40, 1e-9, 79.9999996, -3, 250]), st.floats(-30, 110))
extent = st.one_of(st.sampled_from([0, 1e-8, 5, 100, 80, 1000, -7.5]), st.floats(0, 60))
shapes = st.one_of(
    st.tuples(across, down, extent, extent).map(lambda numbers: ('bounding_box', list(numbers))),
    st.lists(st.tuples(across, down), min_size=1, max_size=7).map(lambda ring: ('polygon', list(map(list, ring)))),
)
images = st.lists(st.lists(shapes, max_size=5), min_size=1, max_size=4)


def put_dm(root: Path, made: list[list[tuple[str, Any]]]) -> None:
    for number, said in enumerate(made):
        rows: dict[str, list[Any]] = {'bounding_box': [], 'polygon': []}
        for place, (tool, data) in enumerate(said):
            attrs = [{'name': 'n', 'value': place}] if place % 3 == 0 else []
            row = {'id': f'a{place}', 'classification': f'c{place % 2}', 'attrs': attrs, 'data': data}
            rows[tool].append(row)
        add_item(root / 'train', f'{number}', rows)
    add_item(root / 'valid', 'v', {'bounding_box': [box(1, 1, 5, 5)], 'polygon': [polygon([[0, 0], [9, 0], [9, 9]])]})


def put_coco(root: Path, made: list[list[tuple[str, Any]]]) -> None:
    rows, id = [], 0
    for number, said in enumerate(made, 1):
        for place, (tool, data) in enumerate(said):
            id += 1
            flat = [[number for point in data for number in point]] if tool == 'polygon' else []
            # Entries of a kind are written in columns; a ring may have a second part.
            more = {'bbox': data} if tool == 'bounding_box' else {'segmentation': flat * (1 + place % 2)}
            rows.append({**entry(id, 1 + place % 2, image=number, area=7.5), **({'bbox': None} | more)})
    put(root / 'train' / 'annotations.json', content(rows, [f'{number}.png' for number in range(len(made))]))
    put(root / 'valid' / 'annotations.json', content([entry(1), entry(2, segmentation=[[1, 1, 9, 1, 9, 9]])]))


BROKEN_BESIDE_TWO_PARTS: list[list[tuple[str, Any]]] = [
    [('polygon', [[0, 0]])],
    [('bounding_box', [0, 0, 0, 0]), ('polygon', [[0, 0], [0, 80], [1.0, 0]])],
]
"""As many rings as polygons, and yet one has two of them."""


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@example(made=BROKEN_BESIDE_TWO_PARTS, format='coco', target='yolo segment')
@given(made=images, format=st.sampled_from(['dm', 'coco']), target=st.sampled_from([*TARGETS[:3], 'coco']))
def test_columns_say_the_same_as_one_by_one(made: list[list[tuple[str, Any]]], format: str, target: str) -> None:
    if format == target:
        return
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        root = Path(folder)
        (put_dm if format == 'dm' else put_coco)(root / 'in', made)
        converter = Converter(root)
        in_columns = converted(converter, root / 'in', format, target, 1)
        if format == 'dm':
            assert +ends(converter.losses) == in_dm(root / 'in')
        patch.setattr(DmSource, 'read', by_samples(DmSource.read))
        patch.setattr(CocoSource, 'read', by_samples(CocoSource.read))
        gathered = converted(converter, root / 'in', format, target, 1)
        patch.setattr(batch, '_COLUMNS', {})
        one_by_one = converted(converter, root / 'in', format, target, 1)
        for other in (gathered, one_by_one):
            assert in_columns[0] == other[0]
            assert in_columns[1] == other[1]
            assert counts(in_columns[2]) == counts(other[2])
            assert in_columns[3:] == other[3:]


def by_samples(read: Any) -> Any:
    """The `read` of a source, for shapes too, as if there were no columns."""

    def reads(source: Any, shard: range) -> Any:
        if isinstance(source, DmSource):
            yield source._samples(shard)
        else:
            yield batch.Batch.of_samples(list(source._samples(shard)), measured=True)

    return reads


def counts(losses: dict[str, Any]) -> dict[str, Any]:
    """Without examples, which are told in the order in which they are met."""
    told = [
        (fate, loss['kind'], loss['reason'], loss['count'])
        for fate in ('converted', 'dropped')
        for loss in losses[fate]
    ]
    return {'written': losses['written'], 'told': told, 'attributes': losses['attributes']}


@pytest.mark.parametrize('rare', [{}, {'polyline': []}, {'keypoint': [{**box(0, 0, 0, 0), 'data': [1, 2]}]}])
@pytest.mark.parametrize('first', ['bounding_box', 'polygon'])
def test_labels_keep_the_order_of_their_document(
    tmp_path: Path, converter: Converter, first: str, rare: dict[str, Any]
) -> None:
    shapes = {'bounding_box': [box(1, 2, 30, 40)], 'polygon': [polygon([[0, 0], [9, 0], [9, 9]])]}
    entry = {name: shapes[name] for name in sorted(shapes, reverse=first == 'polygon')}
    for split in ('train', 'valid'):
        add_item(tmp_path / 'dm' / split, 'a', {**entry, **rare})
    made = converter(tmp_path / 'dm', 'dm', 'yolo', target_task='detect')
    rows = (made['path'] / 'labels' / 'train' / 'a.txt').read_text().splitlines()
    written = [made['classes'][int(row.split()[0])] for row in rows]
    assert written == (['car', 'road'] if first == 'bounding_box' else ['road', 'car'])


# -- digests -----------------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Path:
    for split in ('train', 'valid'):
        add_item(tmp_path / 'dm' / split, 'a', {'bounding_box': [box(1, 2, 30, 40)]})
        add_item(tmp_path / 'dm' / split, 'b', {'bounding_box': [box(5, 6, 7, 8, 'dog')]})
    return tmp_path / 'dm'


@pytest.mark.parametrize('format', ['dm', 'coco', 'yolo'])
def test_a_digest_covers_every_byte_that_is_read(small: Path, converter: Converter, format: str) -> None:
    target = 'coco' if format == 'yolo' else 'yolo'
    source = small if format == 'dm' else converter(small, 'dm', format, settings={format: {'images': 'copy'}})['path']
    text, image = {
        'dm': ('train/json/a.json', 'train/original_files/a.png'),
        'coco': ('train/annotations.json', 'train/a.png'),
        'yolo': ('labels/train/a.txt', 'images/train/a.png'),
    }[format]

    def digest() -> str:
        return str(converter(source, format, target)['digest'])

    seen = [digest()]
    assert digest() == seen[0]

    document = source / text
    before, times = document.read_bytes(), document.stat()
    place = before.index(b'8') if format == 'coco' else before.rindex(b'0')
    document.write_bytes(before[:place] + b'9' + before[place + 1 :])
    seen.append(digest())
    document.write_bytes(before)
    os.utime(document, ns=(times.st_atime_ns, times.st_mtime_ns + 10**9))
    assert digest() == seen[0], 'when a document was written says nothing'

    picture = source / image
    times = picture.stat()
    os.utime(picture, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    seen.append(digest())
    picture.write_bytes(picture.read_bytes() + b'more')
    os.utime(picture, ns=(times.st_atime_ns, times.st_mtime_ns))
    seen.append(digest())
    assert len(set(seen)) == 4


@pytest.mark.parametrize('format', ['dm', 'coco', 'yolo'])
def test_a_digest_covers_the_extension_that_an_image_has(small: Path, converter: Converter, format: str) -> None:
    target = 'coco' if format == 'yolo' else 'yolo'
    source = small if format == 'dm' else converter(small, 'dm', format)['path']
    first = converter(source, format, target)
    (picture,) = (file for file in source.rglob('a.png') if 'train' in file.parts)
    picture.rename(picture.with_suffix('.PNG'))
    if format == 'coco':
        document = source / 'train' / 'annotations.json'
        document.write_bytes(document.read_bytes().replace(b'a.png', b'a.PNG'))
    second = converter(source, format, target)
    assert tree(first['path']).keys() != tree(second['path']).keys()
    assert first['digest'] != second['digest']


def test_a_digest_covers_how_the_rows_of_yolo_are_understood(small: Path, converter: Converter) -> None:
    source = converter(small, 'dm', 'yolo', target_task='obb')['path']
    digests = [converter(source, 'yolo', 'coco')['digest']]
    config = source / 'dataset.yaml'
    config.write_text(config.read_text().replace('task: obb', 'task: segment'))
    digests.append(converter(source, 'yolo', 'coco')['digest'])
    assert digests[0] != digests[1]


def test_a_digest_covers_what_a_stranger_says_beside_annotations(small: Path, converter: Converter) -> None:
    class Stranger(Format):
        name = 'stranger'
        said = 'day'

        def read(self, path: Path) -> Iterator[Sample]:
            image = path / 'train' / 'original_files' / 'a.png'
            yield Sample('a', image, annotations=[Box(1, 2, 3, 4, label='car')], extra={'stranger': self.said})

    stranger = Stranger()
    converter.manager.register(stranger)
    digests = [converter(small, 'stranger', 'dm')['digest'] for _ in range(2)]
    Stranger.said = 'night'
    digests.append(converter(small, 'stranger', 'dm')['digest'])
    assert digests[0] == digests[1] != digests[2]


def test_a_digest_covers_what_was_asked_for(
    small: Path, tmp_path: Path, converter: Converter, monkeypatch: pytest.MonkeyPatch
) -> None:
    flat = tmp_path / 'flat'
    for number in range(20):
        add_item(flat, f'{number}', {'bounding_box': [box(1, 2, 30, 40)]})

    def digest(source: Path = small, target: str = 'yolo', **more: Any) -> str:
        return str(converter(source, 'dm', target, **more)['digest'])

    seen = [
        digest(),
        digest(target='coco'),
        digest(target_task='segment'),
        digest(settings={'yolo': {'task': 'obb'}}),
        digest(dataset={'classes': ['dog', 'car']}),
        digest(dataset={'classes': ['car', 'dog', 'ape']}),
        digest(flat, splits={'train': 0.5, 'valid': 0.5}),
        digest(flat, splits={'train': 0.6, 'valid': 0.4}),
    ]
    assert len(set(seen)) == len(seen)
    for workers in (1, 2, 5):
        assert digest(settings={'yolo': {'workers': workers}}) == seen[0]
    monkeypatch.setattr(YoloFormat, 'version', 'another')
    assert digest() not in seen


def test_a_digest_covers_names_and_splits(small: Path, converter: Converter) -> None:
    first = converter(small, 'dm', 'yolo')['digest']
    for kind, suffix in (('json', '.json'), ('original_files', '.png')):
        (small / 'train' / kind / f'b{suffix}').rename(small / 'train' / kind / f'c{suffix}')
    second = converter(small, 'dm', 'yolo')['digest']
    for kind, suffix in (('json', '.json'), ('original_files', '.png')):
        (small / 'train' / kind / f'c{suffix}').rename(small / 'valid' / kind / f'c{suffix}')
    third = converter(small, 'dm', 'yolo')['digest']
    assert len({first, second, third}) == 3
