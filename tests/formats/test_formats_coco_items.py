"""A COCO dataset by number: pieces are the whole, the fast way says what the plain one says, memory stays flat."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from synapse_hooks.data import LossReport
from synapse_hooks.data.outline import Outline
from synapse_hooks.formats.coco.source import BATCH
from tests.formats.coco_kit import COCO, SQUARE, content, entry, put, read, reasons
from tests.formats.format_kit import png, read_all, source_of


def rows() -> list[dict[str, Any]]:
    """Usual entries of every kind."""
    mask = {'counts': [805, 3, 80 * 100 - 808], 'size': [80, 100]}
    return [
        entry(1, bbox=[1, 2.5, 3, 4.25]),
        entry(2, 2, segmentation=[SQUARE, [40, 40, 50.5, 40, 50, 50]], area=17),
        entry(3, segmentation=mask),
        entry(4, segmentation=mask, iscrowd=1, attributes={'occluded': True}),
        entry(5, segmentation=[SQUARE], iscrowd=True),
        entry(6, segmentation=[SQUARE], attributes={'colour': 'red'}, bbox=None),
        entry(7, 99),
        entry(8, bbox=[1]),
        entry(8, segmentation=[[1, 2, 3, 4, 5]]),
    ]


def test_any_piece_is_a_piece_of_the_whole(tmp_path: Path) -> None:
    names = [f'{split}{number}.png' for split in 'ab' for number in range(5)]
    for split, some in (('train', names[:5]), ('valid', names[5:])):
        said = content([entry(n, image=n % 5 + 1) for n in range(12)], some)
        put(tmp_path / split / 'annotations.json', said)
    whole, _ = read_all(COCO, tmp_path)
    source = source_of(COCO, tmp_path)
    assert [*source.shards()] == [range(10)]
    assert source.count == len(whole) == 10
    assert [sample.split for sample in whole] == ['train'] * 5 + ['valid'] * 5
    for start in range(11):
        for stop in range(start, 12):
            (batch,) = source.read(range(start, stop))
            assert batch.samples == whole[start:stop]


def test_more_images_than_a_batch_holds(tmp_path: Path) -> None:
    count = BATCH + 3
    said = content([entry(n, image=n) for n in range(1, count + 1)], ['a.png'])
    said['images'] = [{**said['images'][0], 'id': n, 'file_name': f'{n}.png'} for n in range(1, count + 1)]
    put(tmp_path / 'annotations.json', said)
    assert [sample.annotations[0].id for sample in read_all(COCO, tmp_path)[0]] == [str(n) for n in range(1, count + 1)]


def test_usual_entries_say_the_same_as_when_they_are_read_in_the_plain_way(tmp_path: Path) -> None:
    put(tmp_path / 'usual' / 'annotations.json', content(rows()))
    put(tmp_path / 'plain' / 'annotations.json', content([{**row, 'odd': 1} for row in rows()]))
    (usual,), report = read(tmp_path / 'usual')
    (plain,), other = read(tmp_path / 'plain')
    for annotation in plain.annotations:
        assert annotation.extra == {'coco': {'odd': 1}}
        annotation.extra = {}
    assert usual.annotations == plain.annotations
    assert len(usual.annotations) == 6
    assert msgspec.json.encode(usual.annotations) == msgspec.json.encode(plain.annotations)
    assert other.attributes.pop('odd') == 8
    assert report.to_dict() == other.to_dict()


def test_one_odd_entry_does_not_change_its_neighbours(tmp_path: Path) -> None:
    put(tmp_path / 'annotations.json', content([*rows()[:3], entry(50, odd=1), *rows()[3:6]]))
    (sample,), report = read(tmp_path)
    assert [annotation.id for annotation in sample.annotations] == ['1', '2', '3', '50', '4', '5', '6']
    assert report.lossless


def test_outlines_are_polygons_whose_numbers_were_not_read_yet(tmp_path: Path) -> None:
    put(tmp_path / 'annotations.json', content([*rows(), entry(60, segmentation=[SQUARE], num_keypoints=0)]))
    (batch,) = source_of(COCO, tmp_path, projection='shapes').read(range(1))
    (late,) = batch.rows()
    (early,), _ = read(tmp_path)
    outlines = [annotation for annotation in late.annotations if isinstance(annotation, Outline)]
    # The ring of five numbers is not looked at, and keys that say nothing of shapes do not matter.
    assert [outline.id for outline in outlines] == ['2', '5', '6', '8', '60']
    assert {outline.kind for outline in outlines} == {'polygon'}
    assert json.loads(outlines[0].text) == rows()[1]['segmentation']
    assert outlines[0].box == (10, 10, 20, 20)
    with pytest.raises(ValueError, match='expected pairs of numbers, got a ring of 5 numbers'):
        outlines[-2].polygon()
    late.annotations.remove(outlines[-2])
    assert [shape.polygon() if isinstance(shape, Outline) else shape for shape in late.annotations] == early.annotations


def test_what_concerns_the_whole_file_is_reported_once_when_it_is_opened(tmp_path: Path) -> None:
    put(tmp_path / 'annotations.json', content([entry(1), entry(2, image=9), entry(3, 7)]))
    report = LossReport()
    source = source_of(COCO, tmp_path, report=report)
    (shard,) = source.shards()
    assert reasons(report) == {'its image is not in the file': '2'}
    for _ in range(2):
        report.clear()
        (batch,) = source.read(shard)
        assert len(batch.samples) == 1
        assert reasons(report) == {"its category_id 7 is not in the file, which declares 1 ('car'), 2 ('dog')": '3'}


def test_ids_may_be_text(tmp_path: Path) -> None:
    said = content([{**entry(1), 'id': 'x', 'image_id': 'first', 'category_id': 'c'}], categories=[])
    said['images'][0]['id'] = 'first'
    said['categories'] = [{'id': 'c', 'name': 'car'}]
    put(tmp_path / 'annotations.json', said)
    (sample,), report = read(tmp_path)
    assert report.lossless
    assert (sample.annotations[0].id, sample.annotations[0].label) == ('x', 'car')


_MEASURE = """
import resource, sys
from pathlib import Path
import synapse_hooks.data.batch
from synapse_hooks.conversion.contract import Projection
from synapse_hooks.conversion.read_context import ReadContext
from synapse_hooks.formats.coco import CocoFormat
from synapse_hooks.formats.coco.columns import PlainEntries
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
projection = 'shapes' if sys.argv[2] == 'columns' else 'samples'
opened = CocoFormat().source(Path(sys.argv[1]), ReadContext(projection=projection))
shards = opened.shards()
after = peak()
count = sum(len(batch.polygons) + len(batch.others) for shard in shards for batch in opened.read(shard))
print(count, after - before, peak() - after)
"""


def test_opening_takes_little_more_than_the_file_and_reading_next_to_nothing(tmp_path: Path) -> None:
    ring = [round(number / 7, 2) for number in range(60)]
    said = content([entry(n, image=n // 8 + 1, segmentation=[ring]) for n in range(24_000)], ['a.png'])
    said['images'] = [{**said['images'][0], 'id': n, 'file_name': f'{n}.png'} for n in range(1, 3001)]
    file = tmp_path / 'annotations.json'
    size = file.write_bytes(msgspec.json.encode(said))
    for n in range(1, 3001):
        (tmp_path / f'{n}.png').write_bytes(png(100, 80))
    for how in ('columns', 'polygons'):
        command = [sys.executable, '-c', _MEASURE, str(tmp_path), how]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        count, opening, reading = map(int, done.stdout.split())
        assert count == 24_000
        assert opening < 1.7 * size
        assert reading < 0.3 * size
