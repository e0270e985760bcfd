"""Reading and writing Create ML, through the hooks that synapse-hooks calls."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from synapse_hooks_createml import FILE, CreatemlFormat

from synapse_hooks.data import Box, DatasetInfo, LossReport, Polygon, Sample, Unreadable
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.testing import FormatConformance, check_distribution, convert_dataset, png, small_samples


def box(x: float, y: float, w: float, h: float, label: Any = 'cat', **fields: Any) -> dict[str, Any]:
    return {'label': label, 'coordinates': {'x': x, 'y': y, 'width': w, 'height': h}, **fields}


def put(file: Path, *entries: Any) -> Path:
    """A JSON file, and the images that it names."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(entries))
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get('image'), str):
            (file.parent / entry['image']).write_bytes(png(100, 80))
    return file


def read(root: Path) -> tuple[list[Sample], LossReport]:
    report = LossReport()
    return list(CreatemlFormat().bound(report=report, unreadable=Unreadable('skip', report)).read(root)), report


def boxes(sample: Sample) -> list[tuple[float, ...]]:
    return [(found.x, found.y, found.w, found.h) for found in sample.annotations if isinstance(found, Box)]


def test_x_and_y_are_the_centre(tmp_path: Path) -> None:
    put(tmp_path / FILE, {'image': 'a.png', 'annotations': [box(50, 40, 20, 10), box(10.5, 9, 1, 2, 'big dog')]})
    (sample,), report = read(tmp_path)
    assert boxes(sample) == [(40, 35, 20, 10), (10, 8, 1, 2)]
    assert [found.label for found in sample.annotations] == ['cat', 'big dog']
    assert report.lossless


def test_apples_own_keys(tmp_path: Path) -> None:
    put(tmp_path / 'annotations.json', {'imagefilename': 'cat and dog.png', 'annotation': [box(50, 40, 20, 10)]})
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / 'cat and dog.png').write_bytes(png(100, 80))
    (sample,), _ = read(tmp_path)
    assert boxes(sample) == [(40, 35, 20, 10)]


def test_a_file_for_each_split(tmp_path: Path) -> None:
    for name in ('train', 'val', 'test'):
        put(tmp_path / name / FILE, {'image': f'{name}.png', 'annotations': []})
    assert [(sample.id, sample.split) for sample in read(tmp_path)[0]] == [
        ('train', 'train'),
        ('test', 'test'),
        ('val', 'valid'),
    ]


def test_what_is_written(tmp_path: Path) -> None:
    (tmp_path / 'a.png').write_bytes(png(100, 80))
    shapes = [
        Box(10, 20, 30, 41, label='cat', attributes={'occluded': True}),
        Box(0.1, 0.2, 0.3, 0.4, label='cat'),
        Polygon.simple([(0, 0), (50, 0), (50, 40)], label='dog'),
        Box(90, 70, 20, 20, label='cat'),
    ]
    samples = [
        Sample('b/a', image=tmp_path / 'a.png', width=100, height=80, split='train', annotations=[*shapes]),
        Sample('c', image=tmp_path / 'a.png', width=100, height=80, split='train'),
        Sample('a', image=tmp_path / 'a.png', width=100, height=80, split='valid'),
    ]
    report = LossReport()
    made = CreatemlFormat().bound(report=report).write(iter(samples), DatasetInfo(), tmp_path / 'out')
    assert made == tmp_path / 'out' / 'train' / FILE
    expected = [box(25, 40.5, 30, 41), box(0.25, 0.4, 0.3, 0.4), box(25, 20, 50, 40, 'dog'), box(95, 75, 10, 10)]
    assert json.loads(made.read_text()) == [
        {'image': 'b/a.png', 'annotations': expected},
        {'image': 'c.png', 'annotations': []},
    ]
    assert (tmp_path / 'out' / 'train' / 'b' / 'a.png').is_file()
    assert json.loads((tmp_path / 'out' / 'valid' / FILE).read_text()) == [{'image': 'a.png', 'annotations': []}]
    assert {(loss.kind, loss.reason) for loss in report.losses.values()} == {
        ('polygon', 'createml holds boxes: its enclosing box'),
        ('box', "cut at the image's edge"),
    }
    assert report.attributes == {'occluded': 1}


def test_what_has_no_place_in_a_sample_is_counted(tmp_path: Path) -> None:
    entry = {'image': 'a.png', 'verified': True, 'annotations': [box(50, 40, 20, 10, uniqueIdentifier='4E6F')]}
    put(tmp_path / FILE, entry)
    assert read(tmp_path)[1].attributes == {'verified': 1, 'uniqueIdentifier': 1}


@pytest.mark.parametrize(
    'broken',
    [
        'cat',
        {'label': 'cat'},
        {'label': 'cat', 'coordinates': [1, 2, 3, 4]},
        {'label': 'cat', 'coordinates': {'x': 1, 'y': 2, 'width': 3}},
        box(1, 2, 3, 4, label=None),
        box(1, 2, 3, 4) | {'coordinates': {'x': True, 'y': 2, 'width': '3', 'height': 4}},
    ],
)
def test_a_broken_annotation_is_dropped_alone(tmp_path: Path, broken: Any) -> None:
    put(tmp_path / FILE, {'image': 'a.png', 'annotations': [broken, box(50, 40, 20, 10)]})
    (sample,), report = read(tmp_path)
    assert boxes(sample) == [(40, 35, 20, 10)]
    assert [(loss.fate, loss.examples[0]) for loss in report.losses.values()] == [('dropped', {'file': 'a', 'id': '1'})]


def test_broken_entries_are_unreadable_items(tmp_path: Path) -> None:
    put(tmp_path / 'set' / FILE, {'image': 'a.png'}, 7, {'annotations': []}, {'image': 'b.png', 'annotations': 1})
    (tmp_path / 'secret.png').write_bytes(png(100, 80))
    content = json.loads((tmp_path / 'set' / FILE).read_text())
    for name in ('../secret.png', '..\\secret.png', str(tmp_path / 'secret.png'), 'missing.png', FILE):
        content.append({'image': name, 'annotations': []})
    (tmp_path / 'set' / FILE).write_text(json.dumps(content))
    samples, report = read(tmp_path / 'set')
    assert [sample.id for sample in samples] == ['a']
    assert report.unreadable_count == 8
    with pytest.raises(UnreadableItem, match=r'entry 2'):
        list(CreatemlFormat().read(tmp_path / 'set'))


def test_a_file_of_coco_is_not_taken(tmp_path: Path) -> None:
    made = convert_dataset(small_samples(tmp_path / 'images'), 'coco', tmp_path / 'coco')
    assert not CreatemlFormat().recognise(made.path)
    assert not CreatemlFormat().recognise(made.path / 'train' / 'annotations.json')
    with pytest.raises(DatasetInvalid, match='not a Create ML dataset'):
        read(made.path)


@pytest.mark.parametrize('name', ['annotations.json', 'createml.json', FILE])
def test_its_file_is_known_by_what_is_in_it(tmp_path: Path, name: str) -> None:
    file = put(tmp_path / name, {'image': 'a.png', 'annotations': []})
    file.write_bytes(b'\xef\xbb\xbf\n' + file.read_bytes())
    assert CreatemlFormat().recognise(tmp_path)
    assert CreatemlFormat().recognise(file)
    assert [sample.id for sample in read(file)[0]] == ['a']
    file.write_text(file.read_text(encoding='utf-8-sig')[:-2])
    with pytest.raises(DatasetInvalid, match='not a JSON list'):
        read(tmp_path)


def test_it_is_found_by_its_entry_point_once_installed() -> None:
    found = [entry for entry in entry_points(group='synapse_hooks.formats') if entry.name == 'createml']
    if not found:
        pytest.skip('synapse-hooks-createml is not installed here')
    assert found[0].load() is CreatemlFormat
    assert check_distribution('synapse-hooks-createml') == {'createml': ('convert', 'open_dataset')}


class TestCreateml(FormatConformance):
    """What every format promises."""

    format = CreatemlFormat()


def test_what_is_made_to_do_harm_costs_its_annotation_or_its_item(tmp_path: Path) -> None:
    put(tmp_path / FILE, {'image': 'a.png', 'annotations': [box(10**400, 5, 4, 4), box(5, 5, 4, 4)]})
    entries = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps([*entries, {'image': 'a' * 300 + '.png', 'annotations': []}]))
    samples, report = read(tmp_path)
    assert [len(sample.annotations) for sample in samples] == [1]
    assert report.unreadable_count == 1


def test_deep_nesting_is_an_error_of_the_package(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('[{"image": "a.png", "annotations": ' + '[' * 100_000)
    with pytest.raises(DatasetInvalid, match='is not a JSON list'):
        read(tmp_path)
