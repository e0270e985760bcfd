"""What breaks converters in practice, each through a whole conversion: which labels come out, and what is reported.

Classes are looked up by the names that the written dataset gives them. Every conversion is balanced: each annotation
of the source is written, converted or dropped, once.
"""

from __future__ import annotations

import json
import math
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from tests.formats.account_kit import balanced, coco, ends, in_dm, names, yolo
from tests.formats.format_kit import Converter, add_item, box, png, polygon

CAR = {'bounding_box': [box(10, 20, 30, 40)]}
CAR_ROW = ('car', 0.25, 0.5, 0.3, 0.5)
CUT = "cut at the image's edge"


def splits(root: Path, entry: dict[str, Any], *, size: tuple[int, int] = (100, 80)) -> Path:
    """A dataset of two images in two splits, `train/a` with the entry and `valid/b` with a car."""
    add_item(root / 'train', 'a', entry, size=size)
    add_item(root / 'valid', 'b', CAR)
    return root


def mask(pixels: set[tuple[int, int]], width: int = 100, **fields: Any) -> dict[str, Any]:
    indices = sorted(y * width + x for x, y in pixels)
    said = {'id': 'm1', 'classification': 'lake', 'attrs': [], 'data': indices, 'encoding': 'raw_indices'}
    return {**said, 'isCompressed': False, 'compressionFormat': None, **fields}


def square(left: int, top: int, right: int, bottom: int) -> set[tuple[int, int]]:
    return {(x, y) for x in range(left, right) for y in range(top, bottom)}


def area_of(row: tuple[Any, ...], width: int = 100, height: int = 80) -> float:
    xs, ys = [x * width for x in row[1::2]], [y * height for y in row[2::2]]
    twice = sum(xs[n - 1] * ys[n] - xs[n] * ys[n - 1] for n in range(len(xs)))
    return abs(twice) / 2


# -- files -------------------------------------------------------------------------------------------------------


def test_a_document_without_its_image_is_told_and_the_rest_converted(tmp_path: Path, converter: Converter) -> None:
    root = splits(tmp_path / 'dm', CAR)
    add_item(root / 'train', 'gone', CAR)
    (root / 'train' / 'original_files' / 'gone.png').unlink()
    made = converter(root, 'dm', 'yolo', unreadable='skip')
    assert yolo(made['path']) == {'train/a': [CAR_ROW], 'val/b': [CAR_ROW]}
    assert converter.losses['written'] == {'box': 2}
    assert converter.losses['unreadable']['count'] == 1
    assert 'gone.json has no image' in converter.losses['unreadable']['examples'][0]['reason']
    with pytest.raises(UnreadableItem, match=r'gone\.json has no image'):
        converter(root, 'dm', 'yolo')


def test_an_image_without_a_document_is_left_out_aloud(tmp_path: Path, converter: Converter) -> None:
    root = splits(tmp_path / 'dm', CAR)
    add_item(root / 'train', 'alone', None)
    made = balanced(converter, root, 'dm', 'yolo')
    assert yolo(made['path']).keys() == {'train/a', 'val/b'}
    assert converter.reasons('dropped') == {('image', 'there is no document for it in json/'): 1}


@pytest.mark.parametrize('target', ['yolo', 'coco'])
def test_extensions_in_any_case_and_unusual_ones(tmp_path: Path, converter: Converter, target: str) -> None:
    suffixes = ('.PNG', '.JPG', '.JPEG', '.Bmp', '.webp', '.TIF', '.jfif')
    for split in ('train', 'valid'):
        for number, suffix in enumerate(suffixes):
            add_item(tmp_path / 'dm' / split, f'{number}', CAR, suffix=suffix)
    made = balanced(converter, tmp_path / 'dm', 'dm', target)
    assert converter.losses['written'] == {'box': 14}
    found = names(yolo(made['path'])) if target == 'yolo' else coco(made['path'])
    assert len(found) == 14
    assert all(len(rows) == 1 for rows in found.values())


def test_two_images_of_one_name_are_not_guessed_between(tmp_path: Path, converter: Converter) -> None:
    root = splits(tmp_path / 'dm', CAR)
    add_item(root / 'train', 'twin', CAR)
    add_item(root / 'train', 'twin', None, suffix='.jpg')
    made = converter(root, 'dm', 'yolo', unreadable='skip')
    assert yolo(made['path']).keys() == {'train/a', 'val/b'}
    assert 'twin.jpg or twin.png' in converter.losses['unreadable']['examples'][0]['reason']
    # With documents of their own, both are kept, apart.
    (root / 'train' / 'json' / 'twin.json').rename(root / 'train' / 'json' / 'twin.png.json')
    dog = {'images': [{'bounding_box': [box(1, 1, 5, 5, 'dog')]}]}
    (root / 'train' / 'json' / 'twin.jpg.json').write_text(json.dumps(dog))
    made = balanced(converter, root, 'dm', 'yolo')
    assert names(yolo(made['path'])) == {
        'train/a': ['car'],
        'train/twin.jpg': ['dog'],
        'train/twin.png': ['car'],
        'val/b': ['car'],
    }


@pytest.mark.parametrize('target', ['yolo', 'coco'])
def test_one_name_in_two_folders_and_two_splits(tmp_path: Path, converter: Converter, target: str) -> None:
    for split in ('train', 'valid'):
        for folder in ('a', 'b', 'images'):
            add_item(tmp_path / 'dm' / split, f'{folder}/1', {'bounding_box': [box(1, 1, 5, 5, f'{split} {folder}')]})
    made = balanced(converter, tmp_path / 'dm', 'dm', target)
    if target == 'coco':
        found = {name: [label for label, _ in rows] for name, rows in coco(made['path']).items()}
        assert found == {
            f'{split}/{folder}/1.png': [f'{split} {folder}']
            for split in ('train', 'valid')
            for folder in ('a', 'b', 'images')
        }
        return
    assert names(yolo(made['path'])) == {
        f'{to}/{folder}/1': [f'{split} {folder.rstrip("_")}']
        for split, to in (('train', 'train'), ('valid', 'val'))
        for folder in ('a', 'b', 'images_')
    }


@pytest.mark.parametrize('forms', [('NFC', 'NFD'), ('NFD', 'NFC'), ('NFD', 'NFD')])
def test_names_composed_in_either_way(tmp_path: Path, converter: Converter, forms: tuple[str, str]) -> None:
    document, image = (unicodedata.normalize(form, 'größe/사람 é') for form in forms)
    root = splits(tmp_path / 'dm', CAR)
    add_item(root / 'train', document, CAR)
    found = root / 'train' / 'original_files' / f'{document}.png'
    wanted = root / 'train' / 'original_files' / f'{image}.png'
    wanted.parent.mkdir(exist_ok=True)
    found.rename(wanted)
    made = balanced(converter, root, 'dm', 'yolo')
    rows = {unicodedata.normalize('NFC', name): row for name, row in names(yolo(made['path'])).items()}
    assert rows == {'train/a': ['car'], 'train/größe/사람 é': ['car'], 'val/b': ['car']}
    assert converter.losses['dropped'] == []


@pytest.mark.parametrize('orientation', range(1, 9))
def test_boxes_are_shares_of_the_image_as_it_is_displayed(
    tmp_path: Path, converter: Converter, orientation: int
) -> None:
    pillow = pytest.importorskip('PIL.Image')
    root = splits(tmp_path / 'dm', CAR)
    exif = pillow.Exif()
    exif[274] = orientation
    stored = (80, 100) if orientation > 4 else (100, 80)
    file = root / 'train' / 'original_files' / 'a.png'
    pillow.new('RGB', stored).save(file, exif=exif)
    made = balanced(converter, root, 'dm', 'yolo')
    assert yolo(made['path'])['train/a'] == [CAR_ROW]
    assert (made['path'] / 'images' / 'train' / 'a.png').read_bytes() == file.read_bytes()
    made = balanced(converter, root, 'dm', 'coco')
    (image,) = json.loads((made['path'] / 'train' / 'annotations.json').read_bytes())['images']
    assert (image['width'], image['height']) == (100, 80)


HALF = b'{"images": [{"bounding_box": ['
BROKEN = {'empty': b'', 'blank': b' \n', 'list': b'[]', 'half': HALF, 'bytes': b'\xff\xfe\0'}


@pytest.mark.parametrize('name', BROKEN)
def test_a_broken_document_is_named_and_costs_itself_alone(tmp_path: Path, converter: Converter, name: str) -> None:
    root = splits(tmp_path / 'dm', CAR)
    add_item(root / 'train', name, CAR)
    (root / 'train' / 'json' / f'{name}.json').write_bytes(BROKEN[name])
    with pytest.raises(UnreadableItem, match=f'{name}.json'):
        converter(root, 'dm', 'yolo')
    made = converter(root, 'dm', 'yolo', unreadable='skip')
    assert yolo(made['path']) == {'train/a': [CAR_ROW], 'val/b': [CAR_ROW]}
    assert converter.losses['unreadable']['count'] == 1


@pytest.mark.parametrize('workers', [1, 2])
def test_one_corrupt_image_among_thousands(tmp_path: Path, converter: Converter, workers: int) -> None:
    root = splits(tmp_path / 'dm', CAR)
    for number in range(1500):
        add_item(root / 'train', f'{number:04}', CAR)
    (root / 'train' / 'original_files' / '0777.png').write_bytes(b'\x89PNG\r\n\x1a\n torn')
    made = converter(root, 'dm', 'yolo', settings={'yolo': {'workers': workers}})
    found = yolo(made['path'])
    assert 'train/0777' not in found
    assert len(found) == 1501
    assert all(rows == [CAR_ROW] for rows in found.values())
    assert converter.losses['written'] == {'box': 1501}
    assert converter.losses['unreadable']['count'] == 1
    assert converter.losses['unreadable']['examples'][0]['file'].endswith('0777.png')


@pytest.mark.parametrize('target', ['yolo', 'coco'])
def test_empty_documents_are_background_images(tmp_path: Path, converter: Converter, target: str) -> None:
    root = splits(tmp_path / 'dm', CAR)
    empty: list[Any] = [{}, {'bounding_box': []}, {'bounding_box': None, 'polygon': None}]
    for number, entry in enumerate(empty):
        add_item(root / 'train', f'background{number}', entry)
    for number, document in enumerate(({}, {'images': []}, {'classification': None, 'images': [{}]})):
        add_item(root / 'train', f'bare{number}', None)
        (root / 'train' / 'json' / f'bare{number}.json').write_text(json.dumps(document))
    made = balanced(converter, root, 'dm', target)
    assert made['splits'] == {'train': 7, 'valid': 1}
    found: Any = yolo(made['path']) if target == 'yolo' else coco(made['path'])
    assert sorted(map(len, found.values())) == [0, 0, 0, 0, 0, 0, 1, 1]
    assert converter.losses['dropped'] == converter.losses['converted'] == []


def test_the_size_is_read_from_the_header_and_told_by_nobody_else(tmp_path: Path, converter: Converter) -> None:
    root = splits(tmp_path / 'dm', {'bounding_box': [box(0, 0, 4000, 1500)]}, size=(4000, 3000))
    made = balanced(converter, root, 'dm', 'yolo')
    assert yolo(made['path'])['train/a'] == [('car', 0.5, 0.25, 1, 0.5)]


# -- shapes ------------------------------------------------------------------------------------------------------


def test_boxes_at_the_edge(tmp_path: Path, converter: Converter) -> None:
    shapes = {
        'a fraction out': (box(-0.4, 79.5, 20.4, 1), ('car', 0.1, (79.5 + 80) / 160, 0.2, 0.5 / 80)),
        'half out': (box(90, 70, 40, 40), ('car', 0.95, 0.9375, 0.1, 0.125)),
        'larger than the image': (box(-50, -50, 500, 500), ('car', 0.5, 0.5, 1, 1)),
        'the image itself': (box(0, 0, 100, 80), ('car', 0.5, 0.5, 1, 1)),
    }
    lost = {'wholly outside': box(200, 0, 5, 5), 'touching': box(100, 0, 5, 5), 'flat': box(10, 10, 0, 5)}
    rows = [{**row, 'id': f'k{n}'} for n, (row, _) in enumerate(shapes.values())]
    rows += [{**row, 'id': f'l{n}'} for n, row in enumerate(lost.values())]
    made = balanced(converter, splits(tmp_path / 'dm', {'bounding_box': rows}), 'dm', 'yolo')
    found = yolo(made['path'])['train/a']
    for (name, (_, wanted)), row in zip(shapes.items(), found, strict=True):
        assert row[0] == wanted[0], name
        assert row[1:] == pytest.approx(wanted[1:], abs=1e-6), name
    assert converter.losses['written'] == {'box': 3}
    assert converter.reasons('converted') == {('box', CUT): 2}
    assert converter.reasons('dropped') == {('box', 'it has no area'): 1, ('box', 'it lies outside the image'): 2}


def test_a_polygon_with_one_vertex_outside_loses_the_corner_alone(tmp_path: Path, converter: Converter) -> None:
    rows = [
        polygon([[90, 10], [110, 20], [90, 30]], id='vertex'),
        polygon([[90.0, 10], [100.5, 20], [90, 30]], id='fraction'),
        polygon([[110, 10], [150, 20], [110, 30]], id='outside'),
        polygon([[10, 10], [20, 20], [30, 30]], id='line'),
    ]
    made = balanced(converter, splits(tmp_path / 'dm', {'polygon': rows}), 'dm', 'yolo', target_task='segment')
    vertex, fraction = yolo(made['path'])['train/a']
    assert area_of(vertex) == pytest.approx(150, abs=0.01)
    assert max(vertex[1::2]) == max(fraction[1::2]) == 1
    assert converter.reasons('converted')[('polygon', CUT)] == 1
    assert converter.reasons('dropped') == {
        ('polygon', 'it has no area'): 1,
        ('polygon', 'it lies outside the image'): 1,
    }


def test_rotated_boxes_in_every_task(tmp_path: Path, converter: Converter) -> None:
    """40 x 20 around (50, 40), a quarter turn: it stands upright, 20 wide and 40 high."""
    turned = box(30, 30, 40, 20, attrs=[{'name': 'rotation', 'value': math.pi / 2}])
    root = splits(tmp_path / 'dm', {'bounding_box': [turned]})
    made = balanced(converter, root, 'dm', 'yolo', target_task='detect')
    assert yolo(made['path'])['train/a'] == [('car', 0.5, 0.5, 0.2, 0.5)]
    assert converter.reasons('converted') == {('rotated_box', 'yolo detect holds boxes: its enclosing box'): 1}
    made = balanced(converter, root, 'dm', 'yolo', target_task='obb')
    assert yolo(made['path'])['train/a'] == [('car', 0.6, 0.25, 0.6, 0.75, 0.4, 0.75, 0.4, 0.25)]
    assert converter.losses['written'] == {'box': 1, 'rotated_box': 1}
    made = balanced(converter, root, 'dm', 'yolo', target_task='segment')
    assert area_of(yolo(made['path'])['train/a'][0]) == pytest.approx(800)
    made = balanced(converter, root, 'dm', 'coco')
    ((label, entry),) = coco(made['path'])['train/a.png']
    assert (label, entry['bbox'], entry['area']) == ('car', pytest.approx([40, 20, 20, 40]), pytest.approx(800))


@pytest.mark.filterwarnings('ignore:.*__array__ implementation')
def test_masks_with_holes_and_several_parts(tmp_path: Path, converter: Converter) -> None:
    pixels = (square(10, 10, 50, 50) - square(20, 20, 30, 30)) | square(60, 10, 70, 20)
    root = splits(tmp_path / 'dm', {'segmentation': [mask(pixels)]})
    made = balanced(converter, root, 'dm', 'yolo', target_task='segment')
    (row,) = yolo(made['path'])['train/a']
    assert row[0] == 'lake'
    assert area_of(row) == pytest.approx(len(pixels), abs=0.01)
    assert converter.reasons('converted')[('mask', 'yolo segment holds polygons: its pixels are traced')] == 1
    made = balanced(converter, root, 'dm', 'yolo', target_task='detect')
    assert yolo(made['path'])['train/a'] == [('lake', 0.4, 0.375, 0.6, 0.5)]
    made = balanced(converter, root, 'dm', 'coco')
    ((label, entry),) = coco(made['path'])['train/a.png']
    assert (label, entry['bbox'], entry['area'], entry['iscrowd']) == ('lake', [10, 10, 60, 40], len(pixels), 0)
    tools = pytest.importorskip('pycocotools.mask')
    decoded = tools.decode(entry['segmentation'])
    assert {(x, y) for y, x in zip(*decoded.nonzero(), strict=True)} == pixels


@pytest.mark.parametrize(
    ('indices', 'fate', 'reason', 'pixels'),
    [
        ([99_999_999], 'dropped', 'it lies outside the image', None),
        ([7998, 7999, 8000, 8001], 'converted', CUT, 2),
    ],
)
def test_pixels_that_the_image_does_not_have_are_told(
    tmp_path: Path, converter: Converter, indices: list[int], fate: str, reason: str, pixels: int | None
) -> None:
    root = splits(tmp_path / 'dm', {'segmentation': [mask(set(), data=indices)]})
    made = balanced(converter, root, 'dm', 'coco')
    assert [entry['area'] for _, entry in coco(made['path'])['train/a.png']] == [pixels] * (pixels is not None)
    assert converter.reasons(fate) == {('mask', reason): 1}


def test_both_entries_of_a_document_count(tmp_path: Path, converter: Converter) -> None:
    root = splits(tmp_path / 'dm', CAR)
    other = {'bounding_box': [box(0, 0, 100, 80, 'dog', 'b2')], 'polygon': [polygon([[0, 0], [9, 0], [9, 9]])]}
    (root / 'train' / 'json' / 'a.json').write_text(json.dumps({'images': [CAR, other]}))
    made = balanced(converter, root, 'dm', 'yolo', target_task='detect')
    assert names(yolo(made['path']))['train/a'] == ['car', 'dog', 'road']
    made = balanced(converter, root, 'dm', 'coco')
    assert [label for label, _ in coco(made['path'])['train/a.png']] == ['car', 'dog', 'road']


@pytest.mark.parametrize('joints', [1, 2, 4, 17])
def test_rows_of_skeletons_are_none_of_polygons(tmp_path: Path, converter: Converter, joints: int) -> None:
    """With an even number of joints a row is as long as that of a polygon."""

    def rows(group: str) -> list[dict[str, Any]]:
        return [
            {
                'id': f'{group}{number}',
                'classification': f'j{number:02}',
                'attrs': [],
                'data': [10 + number, 20 + number],
                'visibility': number % 3,
                'group_id': group,
            }
            for number in range(joints)
        ]

    entry = {
        'bounding_box': [box(5, 5, 50, 50, 'dog', 'b', group_id='g')],
        'keypoint': rows('g'),
        'group': [{'id': 'g', 'classification': 'dog', 'attrs': [], 'data': ['b', *(f'g{n}' for n in range(joints))]}],
    }
    for split in ('train', 'valid'):
        add_item(tmp_path / 'dm' / split, 'a', entry)
    made = balanced(converter, tmp_path / 'dm', 'dm', 'yolo', target_task='pose')
    (row,) = yolo(made['path'])['train/a']
    assert row[:5] == ('dog', 0.3, 0.375, 0.5, 0.625)
    assert len(row) == 5 + 3 * joints
    assert row[7::3] == tuple(number % 3 for number in range(joints))
    back = converter(made['path'], 'yolo', 'coco')
    ((label, entry),) = coco(back['path'])['train/a.png']
    assert (label, entry['segmentation'], len(entry['keypoints'])) == ('dog', [], 3 * joints)


def test_a_label_file_has_rows_of_one_kind(tmp_path: Path, converter: Converter) -> None:
    entry = {
        'bounding_box': [box(10, 10, 20, 20, id=f'b{n}') for n in range(2)],
        'polygon': [polygon([[0, 0], [50, 0], [50, 40]], id=f'p{n}') for n in range(2)],
    }
    root = splits(tmp_path / 'dm', entry)
    made = balanced(converter, root, 'dm', 'yolo', target_task='detect')
    assert [len(row) for row in yolo(made['path'])['train/a']] == [5] * 4
    assert converter.reasons('converted') == {('polygon', 'yolo detect holds boxes: its enclosing box'): 2}
    made = balanced(converter, root, 'dm', 'yolo', target_task='segment')
    assert [len(row) for row in yolo(made['path'])['train/a']] == [9, 9, 7, 7]
    made = balanced(converter, root, 'dm', 'yolo', target_task='obb')
    assert [len(row) for row in yolo(made['path'])['train/a']] == [9] * 4


def test_what_no_target_can_say_is_counted_by_kind(tmp_path: Path, converter: Converter) -> None:
    row = {'id': 'x', 'classification': 'lane', 'attrs': []}
    entry = {
        **CAR,
        'polyline': [{**row, 'data': [[0, 0], [5, 5]]}],
        'keypoint': [{**row, 'data': [5, 5], 'visibility': 2}],
        'relation': [{**row, 'data': ['b1', 'b1']}],
        'group': [{**row, 'data': ['b1']}],
        'classification': [{**row, 'data': {}}],
        'hologram': [{**row, 'data': 7}],
    }
    root = splits(tmp_path / 'dm', entry)
    (root / 'train' / 'json' / 'film.json').write_text(json.dumps({'videos': [{'segmentation': [row]}]}))
    source = in_dm(root)
    source['images.hologram'] = source.pop('hologram')
    for target, what in (('yolo', 'yolo detect has no place for it'), ('coco', 'coco has no place for it')):
        converter(root, 'dm', target)
        assert +ends(converter.losses) == source
        assert converter.losses['written'] == {'box': 2, **dict.fromkeys(source.keys() - {'box'}, 0)}
        dropped = converter.reasons('dropped')
        assert {kind for kind, _ in dropped} == source.keys() - {'box'} | {'video'}
        assert {reason for _, reason in dropped} == {what, 'the item is a video, not an image'}


def test_nothing_to_write_is_no_success(tmp_path: Path, converter: Converter) -> None:
    entry = {'polyline': [{'id': 'x', 'classification': 'lane', 'attrs': [], 'data': [[0, 0], [5, 5]]}]}
    for split in ('train', 'valid'):
        add_item(tmp_path / 'dm' / split, 'a', entry)
    for target in ('yolo', 'coco', 'imagefolder'):
        with pytest.raises(DatasetInvalid, match='none of its annotations can be expressed'):
            converter(tmp_path / 'dm', 'dm', target)


def test_an_image_is_brought_as_it_is(tmp_path: Path, converter: Converter) -> None:
    root = splits(tmp_path / 'dm', CAR)
    (root / 'train' / 'original_files' / 'a.png').write_bytes(png(100, 80) + b'whatever follows')
    for target, name in (('yolo', 'images/train/a.png'), ('coco', 'train/a.png')):
        made = balanced(converter, root, 'dm', target)
        assert (made['path'] / name).read_bytes() == (root / 'train' / 'original_files' / 'a.png').read_bytes()
