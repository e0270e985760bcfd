"""Property tests: from DM into another format and back, everything that the other one can express is there again.

Documents are compared as they are on disk, without our reader; coordinates to a millionth of the image's size.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synapse_hooks.data import AnyAnnotation, Mask, Polygon, RotatedBox, Sample
from synapse_hooks.data.geometry import area, corners
from synapse_hooks.data.masks import by_rows, to_indices
from synapse_hooks.testing import convert_dataset, open_dataset, png
from tests.formats.account_kit import balanced
from tests.formats.format_kit import Converter

quick = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))

Entry = dict[str, list[dict[str, Any]]]
Size = tuple[int, int]
Item = tuple[Size, Entry]

NAMES = st.text(st.characters(exclude_categories=('Cs', 'Cc')), min_size=1, max_size=8).filter(str.strip)
LABELS = st.one_of(NAMES, st.sampled_from(['car', 'on', '1', 'null', 'a: "b"', '~', 'train', '고양이', '../up', 'CON']))
SIZES = st.tuples(st.integers(8, 64), st.integers(8, 64))
SHARE = st.floats(0, 1)
VALUES = st.one_of(st.text(max_size=5), st.integers(-(2**53), 2**53), st.booleans(), st.lists(st.text(max_size=3)))


def row(label: str, data: Any, **more: Any) -> dict[str, Any]:
    return {'id': '', 'classification': label, 'attrs': [], 'data': data, **more}


@st.composite
def boxes(draw: st.DrawFn, size: Size) -> list[float]:
    """Inside, with some area; at the edge, too."""
    (left, right), (top, bottom) = (
        sorted(draw(st.lists(SHARE, min_size=2, max_size=2).filter(lambda ends: abs(ends[0] - ends[1]) > 0.01)))
        for _ in range(2)
    )
    return [left * size[0], top * size[1], (right - left) * size[0], (bottom - top) * size[1]]


@st.composite
def rings(draw: st.DrawFn, size: Size) -> list[list[float]]:
    points = st.lists(st.tuples(SHARE, SHARE), min_size=3, max_size=8, unique=True)
    ring = draw(points.filter(lambda ring: abs(area(ring)) > 0.001))
    return [[x * size[0], y * size[1]] for x, y in ring]


@st.composite
def turned(draw: st.DrawFn, size: Size) -> RotatedBox:
    """Inside with all its corners."""
    w, h = (draw(st.floats(0.05, 0.5)) * min(size) / 2 for _ in range(2))
    reach = math.hypot(w, h) / 2
    x, y = (reach + draw(SHARE) * (side - 2 * reach) for side in size)
    return RotatedBox(x - w / 2, y - h / 2, w, h, draw(st.floats(-3.14, 3.14)))


def box_row(draw: st.DrawFn, size: Size) -> Entry:
    return {'bounding_box': [row(draw(LABELS), draw(boxes(size)))]}


def ring_row(draw: st.DrawFn, size: Size) -> Entry:
    return {'polygon': [row(draw(LABELS), draw(rings(size)))]}


def turned_row(draw: st.DrawFn, size: Size) -> Entry:
    box = draw(turned(size))
    attrs = [{'name': 'rotation', 'value': box.angle}]
    return {'bounding_box': [row(draw(LABELS), [box.x, box.y, box.w, box.h], attrs=attrs)]}


def mask_row(draw: st.DrawFn, size: Size) -> Entry:
    pixels = sorted(draw(st.sets(st.integers(0, size[0] * size[1] - 1), min_size=1, max_size=40)))
    more = {'encoding': 'raw_indices', 'isCompressed': False, 'compressionFormat': None}
    return {'segmentation': [row(draw(LABELS), pixels, **more)]}


def skeleton_rows(draw: st.DrawFn, size: Size) -> Entry:
    """An object with a box and joints, of which one at least is in the image."""
    names = draw(st.lists(st.sampled_from(['nose', 'left_eye', 'right_eye', 'tail']), min_size=1, unique=True))
    label = draw(st.sampled_from(['cow', 'dog']))
    joints = []
    for name in names:
        place = [draw(SHARE) * size[0], draw(SHARE) * size[1]]
        joints.append(row(name, place, visibility=draw(st.sampled_from([1, 2])), group_id=''))
    return {
        'bounding_box': [row(label, draw(boxes(size)), group_id='')],
        'keypoint': joints,
        'group': [row(label, [], group_id='')],
    }


def class_row(draw: st.DrawFn, size: Size) -> Entry:
    return {'classification': [row(draw(LABELS), {})]}


@st.composite
def datasets(
    draw: st.DrawFn, *makers: Callable[[st.DrawFn, Size], Entry], most: int = 4, attributes: bool = False
) -> dict[str, Item]:
    """`train`, `valid` and sometimes `test`, with an image each at least; one image at least has annotations."""
    found: dict[str, Item] = {}
    for split in ('train', 'valid', 'test')[: draw(st.integers(2, 3))]:
        for number in range(draw(st.integers(1, 2))):
            size = draw(SIZES)
            entry: Entry = {}
            for count in range(draw(st.integers(0 if found and most > 1 else 1, most))):
                made = draw(st.sampled_from(makers))(draw, size)
                for tool, rows in made.items():
                    entry.setdefault(tool, []).extend(rows)
                    for each in rows:
                        if 'group_id' in each:
                            each['group_id'] = f'object{count}'
                        if tool == 'group':
                            each['id'] = each.pop('group_id')
            for tool, rows in entry.items():
                for place, each in enumerate(rows):
                    each['id'] = each['id'] or f'{tool[0]}{place}'
                    if attributes and tool not in ('keypoint', 'group'):
                        said = draw(st.dictionaries(st.sampled_from(['colour', 'n', 'ü', 'score']), VALUES))
                        each['attrs'] = each['attrs'] + [{'name': name, 'value': value} for name, value in said.items()]
            found[f'{split}/{draw(st.sampled_from(["", "deep/"]))}{number}'] = (size, entry)
    return found


def put(root: Path, made: dict[str, Item]) -> None:
    for place, (name, (size, entry)) in enumerate(made.items()):
        split, stem = name.split('/', 1)
        document, image = root / split / 'json' / f'{stem}.json', root / split / 'original_files' / f'{stem}.png'
        for file in (document, image):
            file.parent.mkdir(parents=True, exist_ok=True)
        document.write_text(json.dumps({'images': [entry]}))
        # Every image is known by its colour.
        image.write_bytes(png(*size, (), (place, 7, 9)))


def seen(root: Path) -> dict[str, Entry]:
    """The documents by `split/name`."""
    found = {}
    for split in sorted(folder.name for folder in root.iterdir()):
        # A class may be called `1.json`, and so may its folder.
        for file in sorted(path for path in (root / split / 'json').rglob('*.json') if path.is_file()):
            name = file.relative_to(root / split / 'json').with_suffix('').as_posix()
            (entry,) = json.loads(file.read_bytes())['images'] or [{}]
            found[f'{split}/{name}'] = {tool: rows for tool, rows in entry.items() if rows}
    return found


@contextmanager
def through(made: dict[str, Item], target: str, *, converted: bool = False) -> Any:
    """What is there after the way into the target and back; nothing may be lost on it, nor converted."""
    name, _, task = target.partition(' ')
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        put(root / 'dm', made)
        converter = Converter(root)
        there = balanced(converter, root / 'dm', 'dm', name, target_task=task or None)
        assert not converter.losses['dropped']
        assert not converter.losses['converted'] or converted
        back = converter(there['path'], name, 'dm')
        assert not converter.losses['dropped']
        assert not converter.losses['converted'] or converted
        yield back['path']


def assert_same(before: dict[str, Item], root: Path, tool: str, near: Callable[[Any, Any, Size], bool]) -> None:
    """Whether the rows of a tool are the same, in their order."""
    after = seen(root)
    assert after.keys() == before.keys()
    for name, (size, entry) in before.items():
        rows, others = entry.get(tool, []), after[name].get(tool, [])
        assert [each['classification'] for each in rows] == [each['classification'] for each in others]
        for one, other in zip(rows, others, strict=True):
            assert near(one, other, size), (name, one, other)
        split, stem = name.split('/', 1)
        assert (root / split / 'original_files' / f'{stem}.png').read_bytes() == png(
            *size, (), (list(before).index(name), 7, 9)
        )


def near(one: Any, other: Any, size: Size) -> bool:
    flat = [list(map(float, _flat(each['data']))) for each in (one, other)]
    return len(flat[0]) == len(flat[1]) and flat[1] == pytest.approx(flat[0], abs=1.01e-6 * max(size), rel=0)


def _flat(data: list[Any]) -> list[float]:
    return [number for point in data for number in point] if data and isinstance(data[0], list) else data


def near_corners(one: Any, other: Any, size: Size) -> bool:
    """Whether two rotated boxes have their corners at the same places, in the same order."""
    rings = []
    for each in (one, other):
        angles = [attr['value'] for attr in each['attrs'] if attr['name'] == 'rotation']
        rings.append(corners(RotatedBox(*each['data'], *(angles or [0.0]))))
    return all(math.dist(*pair) <= 3e-6 * max(size) for pair in zip(*rings, strict=True))


@quick
@given(datasets(box_row))
def test_yolo_detect(made: dict[str, Item]) -> None:
    with through(made, 'yolo detect') as root:
        assert_same(made, root, 'bounding_box', near)


@quick
@given(datasets(ring_row))
def test_yolo_segment(made: dict[str, Item]) -> None:
    with through(made, 'yolo segment') as root:
        assert_same(made, root, 'polygon', near)


@quick
@given(datasets(turned_row, box_row))
def test_yolo_obb(made: dict[str, Item]) -> None:
    with through(made, 'yolo obb') as root:
        assert_same(made, root, 'bounding_box', near_corners)


@quick
@given(datasets(skeleton_rows, most=2), st.sampled_from(['yolo pose', 'coco']))
def test_skeletons(made: dict[str, Item], target: str) -> None:
    with through(made, target) as root:
        after = seen(root)
        assert after.keys() == made.keys()
        for name, (size, entry) in made.items():
            ours, theirs = objects(entry), objects(after[name])
            assert [label for label, *_ in theirs] == [label for label, *_ in ours]
            for (_, box, joints), (_, other_box, others) in zip(ours, theirs, strict=True):
                assert other_box == pytest.approx(box, abs=1.01e-6 * max(size))
                assert others.keys() == joints.keys()
                for joint, place in joints.items():
                    assert others[joint] == pytest.approx(place, abs=1.01e-6 * max(size))


def objects(entry: Entry) -> list[tuple[str, list[float], dict[str, list[float]]]]:
    """For each object, in the order of the groups: its class, its box, and its joints that are not missing."""
    found = []
    for group in entry.get('group', []):
        (box,) = [each for each in entry['bounding_box'] if each.get('group_id') == group['id']]
        joints = [each for each in entry['keypoint'] if each.get('group_id') == group['id'] and each['visibility']]
        found.append(
            (group['classification'], box['data'], {j['classification']: [*j['data'], j['visibility']] for j in joints})
        )
    return found


@quick
@given(datasets(class_row, most=1), st.sampled_from(['imagefolder', 'yolo classify']))
def test_image_folders(made: dict[str, Item], target: str) -> None:
    """Images are known by what is in them: the folder of the class becomes a part of their names."""
    with through(made, target.replace('yolo classify', 'imagefolder'), converted=True) as root:
        after = seen(root)
        found = {}
        for name, entry in after.items():
            split, stem = name.split('/', 1)
            content = (root / split / 'original_files' / f'{stem}.png').read_bytes()
            (said,) = entry['classification']
            found[split, content] = said['classification']
        assert found == {
            (name.split('/')[0], png(*size, (), (place, 7, 9))): entry['classification'][0]['classification']
            for place, (name, (size, entry)) in enumerate(made.items())
        }


@quick
@given(datasets(box_row, ring_row, mask_row, attributes=True))
def test_coco(made: dict[str, Item]) -> None:
    with through(made, 'coco') as root:
        assert_same(
            made, root, 'bounding_box', lambda *rows: near(*rows) and attributes_of(rows[0]) == attributes_of(rows[1])
        )
        assert_same(
            made, root, 'polygon', lambda *rows: near(*rows) and attributes_of(rows[0]) == attributes_of(rows[1])
        )
        assert_same(
            made,
            root,
            'segmentation',
            lambda one, other, size: pixels_of(one) == pixels_of(other) and attributes_of(one) == attributes_of(other),
        )


def attributes_of(said: dict[str, Any]) -> dict[str, Any]:
    return {attr['name']: attr['value'] for attr in said['attrs']}


def pixels_of(said: dict[str, Any]) -> list[int]:
    if said['encoding'] == 'raw_indices':
        return sorted(said['data'])
    return sorted(index for start, length in said['data'] for index in range(start, start + length))


@st.composite
def areas(draw: st.DrawFn) -> tuple[Size, list[AnyAnnotation]]:
    size = draw(SIZES)
    shapes: list[AnyAnnotation] = []
    for number in range(draw(st.integers(1, 3))):
        parts = [[list(map(tuple, draw(rings(size))))] for _ in range(draw(st.integers(1, 3)))]
        shapes.append(Polygon(parts, id=str(number + 1), label=draw(LABELS)))  # type: ignore[arg-type]
        columns = sorted(draw(st.sets(st.integers(0, size[0] * size[1] - 1), min_size=1, max_size=20)))
        crowd = {'iscrowd': True} if draw(st.booleans()) else {}
        shapes.append(Mask([(at, 1) for at in columns], columns=True, label=draw(LABELS), attributes=crowd))
    return size, shapes


@quick
@given(areas())
def test_coco_keeps_what_dm_has_no_words_for(made: tuple[Size, list[AnyAnnotation]]) -> None:
    """Polygons of several rings, and crowds."""
    (width, height), shapes = made
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / 'a.png').write_bytes(png(width, height))
        sample = Sample('a', image=root / 'a.png', width=width, height=height, annotations=shapes)
        there = convert_dataset([sample], 'coco', root / 'coco', classes=None, strict=True)
        (found,) = open_dataset(there.dataset)
        assert [(one.kind, one.label) for one in found.annotations] == [(one.kind, one.label) for one in shapes]
        for one, other in zip(shapes, found.annotations, strict=True):
            assert one.attributes == other.attributes
            if isinstance(one, Polygon) and isinstance(other, Polygon):
                assert [len(part) for part in other.parts] == [1] * len(one.parts)
                for ring, again in zip(one.rings, other.rings, strict=True):
                    assert [*sum(again, ())] == pytest.approx([*sum(ring, ())], abs=1e-6)
            else:
                assert isinstance(one, Mask)
                assert isinstance(other, Mask)
                pixels = [sorted(to_indices(by_rows(mask, width, height))) for mask in (one, other)]
                assert pixels[0] == pixels[1]
