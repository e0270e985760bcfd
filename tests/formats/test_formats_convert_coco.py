"""Ultralytics' own converter against ours, on one COCO file: equal where both answer, and who is right where not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.formats.account_kit import yolo
from tests.formats.coco_kit import SQUARE, content, entry, put
from tests.formats.format_kit import Converter

pytestmark = pytest.mark.e2e

MS_COCO = [number for number in range(1, 91) if number not in (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)]
CATEGORIES = [{'id': number, 'name': f'thing {number:02}', 'keypoints': ['a', 'b']} for number in MS_COCO]
NAMES = [category['name'] for category in CATEGORIES]
JOINTS = [12, 12, 2, 28, 20, 1]
Labels = dict[str, list[tuple[Any, ...]]]


def put_coco(root: Path, rows: list[dict[str, Any]], images: list[str] | None = None) -> Path:
    for split in ('train', 'val'):
        said = content(rows, images, categories=CATEGORIES)
        put(root / 'annotations' / f'instances_{split}.json', said, root / split)
    return root


def theirs(root: Path, out: Path, **options: Any) -> Labels:
    """What ultralytics makes of it. It writes no dataset.yaml, so names are those of the 80 classes in their order."""
    converter = pytest.importorskip('ultralytics.data.converter')
    converter.convert_coco(str(root / 'annotations'), str(out), **options)
    found = {}
    for file in sorted((out / 'labels').rglob('*.txt')):
        rows = [line.split() for line in file.read_text().splitlines()]
        name = file.relative_to(out / 'labels').with_suffix('').as_posix()
        found[name] = [(NAMES[int(number)], *map(float, numbers)) for number, *numbers in rows]
    assert not list(out.rglob('*.y*ml'))
    return found


def ours(root: Path, converter: Converter, task: str) -> Labels:
    return yolo(converter(root, 'coco', 'yolo', target_task=task)['path'])


def assert_close(one: Labels, other: Labels) -> None:
    assert one.keys() == other.keys()
    for name, rows in one.items():
        assert [row[0] for row in rows] == [row[0] for row in other[name]]
        assert [row[1:] for row in rows] == [pytest.approx(row[1:], abs=1.01e-6) for row in other[name]]


def test_the_same_boxes_and_classes(tmp_path: Path, converter: Converter) -> None:
    rows = [
        entry(n, number, bbox=[10.123 + n / 7, 5.5, 20 + n / 3, 30.25]) for n, number in enumerate(reversed(MS_COCO), 1)
    ]
    root = put_coco(tmp_path / 'coco', rows)
    found = ours(root, converter, 'detect')
    assert_close(found, theirs(root, tmp_path / 'theirs'))
    assert [row[0] for row in found['train/a']] == NAMES[::-1]


def test_the_same_polygons_and_boxes_among_them(tmp_path: Path, converter: Converter) -> None:
    rows = [
        entry(1, 90, segmentation=[[10.5, 10, 30.25, 11, 29, 33, 12, 30, 11, 20]]),
        entry(2, 13, segmentation=[SQUARE]),
        entry(3, 1, bbox=[50, 50, 20, 10]),
    ]
    root = put_coco(tmp_path / 'coco', rows)
    assert_close(ours(root, converter, 'segment'), theirs(root, tmp_path / 'theirs', use_segments=True))


def test_the_same_points_of_several_parts(tmp_path: Path, converter: Converter) -> None:
    """They are joined at other corners, in one row by both."""
    parts = [SQUARE, [60, 10, 80, 10, 80, 30], [10, 60, 30, 60, 30, 70]]
    root = put_coco(tmp_path / 'coco', [entry(1, segmentation=parts)])
    made = ours(root, converter, 'segment'), theirs(root, tmp_path / 'theirs', use_segments=True)
    points = [set(zip(row[1::2], row[2::2], strict=True)) for found in made for row in found['train/a']]
    assert len(points) == 2
    assert points[0] == points[1]


def test_the_same_skeletons(tmp_path: Path, converter: Converter) -> None:
    root = put_coco(tmp_path / 'coco', [entry(1, keypoints=JOINTS, num_keypoints=2)])
    assert_close(ours(root, converter, 'pose'), theirs(root, tmp_path / 'theirs', use_keypoints=True))


def test_where_they_are_silent_we_tell(tmp_path: Path, converter: Converter) -> None:
    """A crowd, a box without width and a second equal annotation are gone there; here they are counted, or kept."""
    crowd = {'counts': [0, 800, 7200], 'size': [80, 100]}
    rows = [
        entry(1),
        entry(2),
        entry(3, bbox=[10, 10, 0, 20]),
        entry(4, segmentation=crowd, iscrowd=1),
    ]
    root = put_coco(tmp_path / 'coco', rows, ['a.png', 'background.png'])
    assert {name: len(rows) for name, rows in theirs(root, tmp_path / 'theirs').items()} == {'train/a': 1, 'val/a': 1}
    found = ours(root, converter, 'detect')
    assert {name: len(rows) for name, rows in found.items()} == {
        'train/a': 2,
        'train/background': 0,
        'val/a': 2,
        'val/background': 0,
    }
    assert converter.reasons('dropped') == {
        ('box', 'it has no area'): 2,
        ('mask', 'yolo detect has no crowd regions'): 2,
    }


def test_only_we_cut_at_the_edge(tmp_path: Path, converter: Converter) -> None:
    """Of labels above 1, ultralytics' training ignores the whole image: "non-normalized or out of bounds"."""
    wide = [90, 10, 120, 10, 120, 30, 90, 30]
    root = put_coco(tmp_path / 'coco', [entry(1, bbox=[90, 10, 30, 20], segmentation=[wide])])
    assert theirs(root, tmp_path / 'theirs')['train/a'][0][1:] == pytest.approx((1.05, 0.25, 0.3, 0.25))
    assert ours(root, converter, 'detect')['train/a'][0][1:] == pytest.approx((0.95, 0.25, 0.1, 0.25))
    segments = theirs(root, tmp_path / 'segments', use_segments=True)
    assert max(segments['train/a'][0][1:]) == pytest.approx(1.2)
    assert max(ours(root, converter, 'segment')['train/a'][0][1:]) == 1


def test_where_they_stop_in_the_middle_we_count(tmp_path: Path, converter: Converter) -> None:
    """An annotation of no image: what was written before stays there, half a dataset."""
    root = put_coco(tmp_path / 'coco', [entry(1), entry(2, image=99)])
    with pytest.raises(KeyError):
        theirs(root, tmp_path / 'theirs')
    assert (tmp_path / 'theirs' / 'labels' / 'train' / 'a.txt').exists()
    made = ours(root, converter, 'detect')
    assert {name: len(rows) for name, rows in made.items()} == {'train/a': 1, 'val/a': 1}
    assert converter.reasons('dropped') == {('annotation', 'its image is not in the file'): 2}


def test_ids_that_are_not_those_of_ms_coco(tmp_path: Path, converter: Converter) -> None:
    """There, a table of MS-COCO or one less than the id, which 0 turns into -1; here, a place among the categories."""
    root = tmp_path / 'coco'
    categories = [{'id': 0, 'name': 'zero'}, {'id': 13, 'name': 'thirteen'}]
    for split in ('train', 'val'):
        said = content([entry(1, 0), entry(2, 13)], categories=categories)
        put(root / 'annotations' / f'instances_{split}.json', said, root / split)
    made = converter(root, 'coco', 'yolo')
    assert [row[0] for row in yolo(made['path'])['train/a']] == ['zero', 'thirteen']
    other = pytest.importorskip('ultralytics.data.converter')
    other.convert_coco(str(root / 'annotations'), str(tmp_path / 'theirs'), cls91to80=False)
    rows = (tmp_path / 'theirs' / 'labels' / 'train' / 'a.txt').read_text().splitlines()
    assert [row.split()[0] for row in rows] == ['-1', '12']
