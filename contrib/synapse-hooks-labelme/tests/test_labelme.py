"""Reading and writing LabelMe, through the hooks that synapse-hooks calls."""

from __future__ import annotations

import base64
import json
import math
import shutil
import struct
import zlib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from synapse_hooks_labelme import LabelmeFormat
from synapse_hooks_labelme.png import decode, encode

from synapse_hooks.data import (
    Box,
    Classification,
    DatasetInfo,
    Keypoint,
    LossReport,
    Mask,
    Other,
    Polygon,
    Polyline,
    RotatedBox,
    Sample,
    Unreadable,
)
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.testing import FormatConformance, check_distribution, png


def shape(type: str, *points: tuple[float, float], label: str = 'cat', **fields: Any) -> dict[str, Any]:
    found = {'label': label, 'points': [[*point] for point in points], 'shape_type': type, 'group_id': None}
    return {**found, 'flags': {}, 'description': None, 'mask': None, **fields}


def put(file: Path, *shapes: Any, image: str | None = '', **fields: Any) -> Path:
    """A JSON file, and its image beside it unless another place is named; None puts no image anywhere."""
    name = image or f'{file.stem}.png'
    if image is not None:
        (file.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (file.parent / name).write_bytes(png(100, 80))
    content = {'version': '5.5.0', 'flags': {}, 'shapes': shapes, 'imagePath': name, 'imageData': None}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**content, 'imageHeight': 80, 'imageWidth': 100, **fields}))
    return file


def read(root: Path) -> tuple[list[Sample], LossReport]:
    report = LossReport()
    return list(LabelmeFormat().bound(report=report, unreadable=Unreadable('skip', report)).read(root)), report


def read_one(tmp_path: Path, *shapes: Any, **fields: Any) -> tuple[list[Any], LossReport]:
    put(tmp_path / 'a.json', *shapes, **fields)
    (sample,), report = read(tmp_path)
    return [*sample.annotations], report


def write(out: Path, *annotations: Any, **fields: Any) -> tuple[dict[str, Any], LossReport]:
    image = out.parent / 'image.png'
    image.write_bytes(png(100, 80))
    report = LossReport()
    sample = Sample('a', image=image, width=100, height=80, annotations=[*annotations], **fields)
    LabelmeFormat().bound(report=report).write(iter([sample]), DatasetInfo(classes=('cat',)), out)
    content: dict[str, Any] = json.loads((out / (sample.split or '') / 'a.json').read_text())
    return content, report


def test_every_shape_becomes_its_annotation(tmp_path: Path) -> None:
    found, report = read_one(
        tmp_path,
        shape('rectangle', (40, 60), (10, 20.5)),
        shape('rectangle', (1, 2), (5, 2), (5, 9), (1, 9)),
        shape('polygon', (1, 1), (9, 1), (9, 9), (1, 1)),
        shape('line', (1, 1), (2, 2)),
        shape('linestrip', (1, 1), (2, 2), (3, 1)),
        shape('point', (7, 8), label='nose'),
        flags={'sunny': True, 'dark': False, '__ignore__': True},
    )
    assert found == [
        Classification(label='sunny'),
        Box(10, 20.5, 30, 39.5, id='1', label='cat'),
        Box(1, 2, 4, 7, id='2', label='cat'),
        Polygon.simple([(1, 1), (9, 1), (9, 9)], id='3', label='cat'),
        Polyline([(1, 1), (2, 2)], id='4', label='cat'),
        Polyline([(1, 1), (2, 2), (3, 1)], id='5', label='cat'),
        Keypoint(7, 8, id='6', label='nose'),
    ]
    assert report.lossless


def test_other_tools_write_types_with_capitals(tmp_path: Path) -> None:
    found, report = read_one(
        tmp_path,
        shape('Rectangle', (10, 10), (30, 10), (30, 30), (10, 30)),
        shape('POLYGON', (1, 1), (9, 1), (9, 9)),
        shape('Point', (7, 8)),
    )
    assert [annotation.kind for annotation in found] == ['box', 'polygon', 'keypoint']
    assert report.empty


def test_a_rectangle_of_four_turned_corners_is_a_rotated_box_and_reported(tmp_path: Path) -> None:
    turned, report = read_one(tmp_path, shape('rectangle', (20, 10), (30, 20), (20, 30), (10, 20)))
    (box,) = turned
    assert (box.kind, box.angle) == ('rotated_box', pytest.approx(math.pi / 4))
    assert [(loss.fate, loss.kind) for loss in report.losses.values()] == [('repaired', 'rectangle')]


def test_a_rotation_of_x_anylabeling_is_a_rotated_box(tmp_path: Path) -> None:
    drawn = shape('rotation', (20, 10), (30, 20), (20, 30), (10, 20)) | {'direction': math.pi / 4, 'difficult': True}
    (box,), report = read_one(tmp_path, drawn)
    assert (box.kind, box.w, box.angle) == ('rotated_box', pytest.approx(200**0.5), pytest.approx(math.pi / 4))
    assert box.attributes == {'difficult': True}
    assert report.empty


def test_a_circle_is_a_polygon_and_counted(tmp_path: Path) -> None:
    (circle,), report = read_one(tmp_path, shape('circle', (50, 40), (50, 70)))
    (ring,) = circle.rings
    assert all(math.isclose(math.dist(point, (50, 40)), 30) for point in ring)
    middles = [((x + u) / 2, (y + v) / 2) for (x, y), (u, v) in zip(ring, [*ring[1:], ring[0]], strict=True)]
    assert min(math.dist(middle, (50, 40)) for middle in middles) > 29.9
    assert [(loss.fate, loss.kind) for loss in report.losses.values()] == [('converted', 'circle')]


@pytest.mark.parametrize('angle', [0.0, 0.5, 2.0, -3.0])
def test_an_oriented_rectangle_comes_back_as_it_was_turned(tmp_path: Path, angle: float) -> None:
    before = RotatedBox(20, 30, 40, 10, angle, label='cat')
    content, report = write(tmp_path / 'out', before)
    assert content['shapes'][0]['shape_type'] == 'oriented_rectangle'
    (after,) = read(tmp_path / 'out')[0][0].annotations
    assert isinstance(after, RotatedBox)
    assert (after.x, after.y, after.w, after.h, after.angle) == pytest.approx((20, 30, 40, 10, angle))
    assert report.lossless


def test_an_oriented_rectangle_that_is_bent_is_a_polygon(tmp_path: Path) -> None:
    (found,), report = read_one(tmp_path, shape('oriented_rectangle', (0, 0), (20, 0), (30, 10), (10, 10)))
    assert isinstance(found, Polygon)
    assert [(loss.fate, loss.kind) for loss in report.losses.values()] == [('converted', 'oriented_rectangle')]


def test_areas_of_one_group_and_label_are_one_object(tmp_path: Path) -> None:
    found, report = read_one(
        tmp_path,
        shape('polygon', (1, 1), (9, 1), (9, 9), group_id=0, flags={'far': True}),
        shape('polygon', (1, 1), (9, 1), (9, 9), group_id=0, label='dog'),
        shape('polygon', (21, 1), (29, 1), (29, 9), group_id=0, flags={'far': False, 'old': True}),
        shape('polygon', (41, 1), (49, 1), (49, 9), group_id=1),
        shape('rectangle', (1, 1), (29, 9), group_id=0),
    )
    assert [(area.kind, area.label, area.group, area.id) for area in found] == [
        ('polygon', 'cat', '0', '1'),
        ('polygon', 'dog', '0', '2'),
        ('polygon', 'cat', '1', '4'),
        ('box', 'cat', '0', '5'),
    ]
    assert [ring[0] for ring in found[0].rings] == [(1, 1), (21, 1)]
    assert found[0].attributes == {'far': True, 'old': True}
    assert report.attributes == {'far': 1}


def test_parts_stay_together_and_holes_are_joined(tmp_path: Path) -> None:
    hole = [[(10, 10), (60, 10), (60, 60), (10, 60)], [(20, 20), (30, 20), (30, 30), (20, 30)]]
    island = [[(70, 10), (79, 10), (79, 19)]]
    content, report = write(tmp_path / 'out', Polygon([hole, island], label='cat'), Polygon([island], label='cat'))
    assert [found['group_id'] for found in content['shapes']] == [0, 0, None]
    assert [(loss.fate, loss.kind, loss.count) for loss in report.losses.values()] == [('converted', 'polygon', 1)]
    first, second = read(tmp_path / 'out')[0][0].annotations
    assert isinstance(first, Polygon)
    assert isinstance(second, Polygon)
    assert [len(part) for part in first.parts] == [1, 1]
    assert second.parts == [island]


def test_what_reaches_out_of_the_image_stays_as_it_is(tmp_path: Path) -> None:
    before = [
        Box(-5.5, 70, 30, 30, id='1', label='cat'),
        Polygon.simple([(-1, 1), (120, 1), (50, 90)], id='2', label='cat'),
    ]
    _, report = write(
        tmp_path / 'out', *before, Polygon.simple([(1, 1), (9, 9)], label='cat'), Polygon([], label='cat')
    )
    assert read(tmp_path / 'out')[0][0].annotations == before
    assert [(loss.fate, loss.kind, loss.count) for loss in report.losses.values()] == [('dropped', 'polygon', 2)]


def test_attributes_come_back(tmp_path: Path) -> None:
    attributes = {'occluded': True, 'old': False, 'description': 'a cat', 'score': 0.5, 'seen by': ['x', None]}
    content, report = write(tmp_path / 'out', Box(1, 1, 9, 9, label='cat', attributes={**attributes, 'points': 3}))
    (found,) = content['shapes']
    assert found['flags'] == {'occluded': True, 'old': False}
    assert (found['description'], found['score'], found['points']) == ('a cat', 0.5, [[1, 1], [10, 10]])
    assert report.attributes == {'points': 1}
    (after,) = read(tmp_path / 'out')[0][0].annotations
    assert after.attributes == attributes


@pytest.mark.parametrize('columns', [False, True])
def test_masks_come_back(tmp_path: Path, columns: bool) -> None:
    along = 80 if columns else 100
    before = Mask([(along * 3 + 5, 10), (along * 4 + along - 2, 7)], columns=columns, label='cat')
    content, report = write(tmp_path / 'out', before)
    (after,) = read(tmp_path / 'out')[0][0].annotations
    assert isinstance(after, Mask)
    assert not after.columns

    def places(mask: Mask) -> set[tuple[int, int]]:
        indices = (index for start, length in mask.runs for index in range(start, start + length))
        return {divmod(index, 80) if mask.columns else divmod(index, 100)[::-1] for index in indices}

    assert places(after) == places(before)
    assert report.lossless
    assert [type(number) for point in content['shapes'][0]['points'] for number in point] == [float] * 4


def test_pixels_beyond_the_image_are_cut_and_malformed_ones_reported(tmp_path: Path) -> None:
    odd = Other('images.polygon', 'x', fault='it is a text')
    content, report = write(tmp_path, Mask([(7998, 4)], label='cat'), Mask([(99_999_999, 1)], label='cat'), odd)
    assert [shape['points'] for shape in content['shapes']] == [[[98, 79], [99, 79]]]
    assert [(loss.fate, loss.kind, loss.reason) for loss in report.losses.values()] == [
        ('converted', 'mask', "cut at the image's edge"),
        ('dropped', 'mask', 'it lies outside the image'),
        ('dropped', 'images.polygon', 'it is malformed: it is a text'),
    ]


def packed(depth: int, *rows: bytes, colour: int = 0) -> str:
    """A PNG of 5 pixels a row; each row begins with the number of its filter."""
    header = struct.pack('>IIBBBBB', 5, len(rows), depth, colour, 0, 0, 0)
    chunks = ((b'IHDR', header), (b'IDAT', zlib.compress(b''.join(rows))), (b'IEND', b''))
    return base64.b64encode(
        b'\x89PNG\r\n\x1a\n'
        + b''.join(struct.pack('>I', len(data)) + kind + data + struct.pack('>I', 0) for kind, data in chunks)
    ).decode()


def test_masks_of_any_depth_and_filter() -> None:
    assert decode(packed(1, b'\0\xa8', b'\0\x50'))[2] == bytes([1, 0, 1, 0, 1, 0, 1, 0, 1, 0])
    assert decode(packed(4, b'\0\x10\x20\x30', colour=3))[2] == bytes([1, 0, 2, 0, 3])
    rows = (b'\0\1\2\3\4\5', b'\1\1\1\1\1\1', b'\2\1\1\1\1\1', b'\3\1\1\1\1\1', b'\4\1\1\1\1\1')
    found = decode(packed(8, *rows))[2]
    assert [list(found[at : at + 5]) for at in range(0, 25, 5)] == [
        [1, 2, 3, 4, 5],
        [1, 2, 3, 4, 5],
        [2, 3, 4, 5, 6],
        [2, 3, 4, 5, 6],
        [3, 4, 5, 6, 7],
    ]


def test_our_masks_are_what_pillow_reads_and_the_other_way() -> None:
    image = pytest.importorskip('PIL.Image')
    import io

    pixels = bytes((x * y + x) % 7 % 2 for y in range(23) for x in range(37))
    with image.open(io.BytesIO(base64.b64decode(encode(37, 23, pixels)))) as opened:
        assert (opened.mode, opened.size, opened.tobytes()) == ('L', (37, 23), pixels)
    for mode in ('L', '1', 'P'):
        file = io.BytesIO()
        image.frombytes('L', (37, 23), bytes(255 * pixel for pixel in pixels)).convert(mode).save(file, 'PNG')
        width, height, found = decode(base64.b64encode(file.getvalue()).decode())
        background = 0 if mode != 'P' else found[pixels.index(0)]
        assert (width, height) == (37, 23)
        assert bytes(int(pixel != background) for pixel in found) == pixels


def test_a_mask_lies_at_its_first_point_and_is_cut_at_the_edge(tmp_path: Path) -> None:
    full = encode(4, 2, bytes([1, 1, 0, 1, 1, 1, 1, 1]))
    found, _ = read_one(
        tmp_path,
        shape('mask', (10.7, 20.2), (13, 21), mask=full),
        shape('mask', (-1, -1), (2, 0), mask=full),
        shape('mask', (97, 79), (100, 80), mask=full),
    )
    assert [mask.runs for mask in found] == [
        [(2010, 2), (2013, 1), (2110, 4)],
        [(0, 3)],
        [(7997, 2)],
    ]


@pytest.mark.parametrize(
    ('broken', 'reason'),
    [
        (shape('polygon', (1, 1), (9, 1), (9, 9), label=7), 'not text'),
        (shape('polygon') | {'points': [[1, 'x']]}, 'not a number'),
        (shape('rectangle', (1, 1)), 'a rectangle must have 2 or 4 points, and has 1'),
        (shape('Circle', (1, 1), (9, 1), (9, 9), (1, 9)), 'a circle must have 2 points, and has 4'),
        (shape('blob', (1, 1)), "'blob' is not a known type of shape"),
        (shape(7, (1, 1)), '7 is not text'),
        ({'label': 'cat'}, 'malformed'),
        (shape('mask', (1, 1), (2, 2), mask='####'), 'malformed'),
        (shape('mask', (1, 1), (2, 2), mask=None), 'not text'),
        (shape('mask', (1, 1), (2, 2), mask=packed(8, colour=2)), 'more than one channel'),
        (shape('mask', (1, 1), (2, 2), mask=packed(8, b'\0\1')), 'too early'),
        (shape('mask', (1, 1), (2, 2), mask=packed(8, b'\x09\1\1\1\1\1')), 'no filter 9'),
        (shape('polygon', (1, 1), (9, 1), (9, 9), label='__ignore__'), '__ignore__'),
    ],
)
def test_a_shape_that_cannot_be_read_is_dropped_alone(tmp_path: Path, broken: Any, reason: str) -> None:
    found, report = read_one(tmp_path, broken, shape('point', (1, 1)))
    assert [annotation.kind for annotation in found] == ['keypoint']
    ((_, _, reported),) = report.losses
    assert reason in reported


def test_images_are_found_where_they_are_and_never_outside(tmp_path: Path) -> None:
    root = tmp_path / 'set'
    put(root / 'json' / 'a.json', image='../images/a.png')
    put(root / 'json' / 'b.json', image='..\\images\\a.png')
    put(root / 'json' / 'c.json', image=None, imagePath='C:\\photos\\d.png')
    (root / 'json' / 'd.png').write_bytes(png(100, 80))
    (root / 'json' / '..\\images\\a.png').unlink()
    (tmp_path / 'secret.png').write_bytes(png(100, 80))
    put(root / 'json' / 'e.json', image=None, imagePath='../../secret.png')
    put(root / 'json' / 'f.json', image=None, imagePath=str(tmp_path / 'secret.png'))
    put(root / 'json' / 'g.json', image=None, imagePath='')
    put(root / 'json' / 'h.json', image=None, imagePath='h.json')
    (root / 'json' / 'h.png').write_bytes(png(100, 80))
    samples, report = read(root)
    assert {sample.id: sample.image for sample in samples} == {
        'json/a': root / 'images' / 'a.png',
        'json/b': root / 'images' / 'a.png',
        'json/c': root / 'json' / 'd.png',
        'json/h': root / 'json' / 'h.png',
    }
    assert report.unreadable_count == 3


def test_an_image_that_is_only_embedded_is_named(tmp_path: Path) -> None:
    put(tmp_path / 'a.json', image=None, imageData=base64.b64encode(png(100, 80)).decode())
    with pytest.raises(UnreadableItem, match='embedded'):
        list(LabelmeFormat().read(tmp_path))


def test_points_for_another_size_are_not_taken(tmp_path: Path) -> None:
    put(tmp_path / 'a.json', shape('point', (1, 1)), imageWidth=200, imageHeight=160)
    with pytest.raises(UnreadableItem, match='200 x 160'):
        list(LabelmeFormat().read(tmp_path))
    put(tmp_path / 'a.json', shape('point', (1, 1)), imageWidth=None, imageHeight=None)
    assert [(sample.width, sample.height) for sample in read(tmp_path)[0]] == [(100, 80)]


def test_splits_and_classes(tmp_path: Path) -> None:
    for name in ('train/x/a', 'val/b', 'test/c'):
        put(tmp_path / f'{name}.json', shape('point', (1, 1)))
    (tmp_path / 'labels.txt').write_text('__ignore__\n_background_\nzebra\n\nant\nzebra\n')
    assert [(sample.id, sample.split) for sample in read(tmp_path)[0]] == [
        ('c', 'test'),
        ('x/a', 'train'),
        ('b', 'valid'),
    ]
    assert LabelmeFormat().declare(tmp_path).classes == ('zebra', 'ant')


def test_other_json_is_counted_and_alone_no_dataset(tmp_path: Path) -> None:
    (tmp_path / 'settings.json').write_text('{"colour": "red"}')
    (tmp_path / 'list.json').write_text('[1]')
    assert not LabelmeFormat().recognise(tmp_path)
    with pytest.raises(DatasetInvalid, match='not a LabelMe dataset'):
        read(tmp_path)
    file = put(tmp_path / 'a.json')
    (tmp_path / 'broken.json').write_text('{"shapes": [')
    (tmp_path / 'wrong.json').write_text('{"shapes": 1}')
    samples, report = read(tmp_path)
    assert [sample.id for sample in samples] == ['a']
    assert report.unreadable_count == 2
    assert [(loss.kind, loss.count) for loss in report.losses.values()] == [('file', 2)]
    assert LabelmeFormat().recognise(tmp_path)
    assert LabelmeFormat().recognise(file)
    assert [sample.id for sample in read(file)[0]] == ['a']


def test_it_is_found_by_its_entry_point_once_installed() -> None:
    found = [entry for entry in entry_points(group='synapse_hooks.formats') if entry.name == 'labelme']
    if not found:
        pytest.skip('synapse-hooks-labelme is not installed here')
    assert found[0].load() is LabelmeFormat
    assert check_distribution('synapse-hooks-labelme') == {'labelme': ('convert', 'open_dataset')}


class TestLabelme(FormatConformance):
    """What every format promises."""

    format = LabelmeFormat()


def test_a_size_that_is_wrong_is_corrected_where_points_prove_it(tmp_path: Path) -> None:
    for width, height, points in ((80, 100, ((70, 10), (95, 30))), (64, 64, ((70, 10), (95, 30)))):
        found, report = read_one(tmp_path, shape('rectangle', *points), imageWidth=width, imageHeight=height)
        assert found == [Box(70, 10, 25, 20, id='1', label='cat')]
        assert [(loss.fate, loss.kind) for loss in report.losses.values()] == [('repaired', 'image')]
    circle = shape('circle', (40, 80), (40, 99))
    put(tmp_path / 'a.json', circle, imageWidth=80, imageHeight=100)
    samples, report = read(tmp_path)
    assert not samples
    # Losses of its shapes are not of interest here.
    assert [loss.fate for loss in report.losses.values() if loss.kind == 'circle'] == []


@pytest.mark.parametrize('radius', [1e7, 1e12, 1e15, 1e17, 1e300])
def test_a_circle_larger_than_any_image_is_dropped_alone(tmp_path: Path, radius: float) -> None:
    found, report = read_one(tmp_path, shape('circle', (0, 0), (radius, 0)), shape('point', (1, 1)))
    assert len(found) == 1
    assert 'its radius is' in report.to_dict()['dropped'][0]['reason']


def test_numbers_that_are_too_large_to_compute_with_drop_their_shape(tmp_path: Path) -> None:
    far = 10**400
    found, report = read_one(tmp_path, shape('oriented_rectangle', (0, 0), (far, 0), (far, far), (0, far)))
    assert not found
    assert report.to_dict()['dropped'][0]['count'] == 1


def test_a_name_longer_than_a_disk_allows_and_deep_nesting_cost_their_item(tmp_path: Path) -> None:
    put(tmp_path / 'a.json', shape('point', (1, 1)))
    put(tmp_path / 'b.json', shape('point', (1, 1)), imagePath='a' * 5000 + '.png', image=None)
    (tmp_path / 'c.json').write_text('{"imagePath": "c.png", "shapes": [' + '[' * 100_000)
    samples, report = read(tmp_path)
    assert [sample.id for sample in samples] == ['a']
    assert report.unreadable_count == 2


def test_classes_that_are_not_utf_8_are_an_error_of_the_package(tmp_path: Path) -> None:
    (tmp_path / 'labels.txt').write_bytes(b'\xff')
    with pytest.raises(DatasetInvalid, match=r'labels\.txt must be UTF-8'):
        LabelmeFormat().declare(tmp_path)


def test_files_that_macos_leaves_beside_others_are_not_read(tmp_path: Path) -> None:
    put(tmp_path / 'a.json', shape('rectangle', (1, 1), (9, 9)))
    for name in ('._a.json', '._a.png', '__MACOSX/a.json'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'\0\5\x16\7')
    samples, report = read(tmp_path)
    assert [sample.id for sample in samples] == ['a']
    assert report.total('dropped') == 0


def test_an_archive_with_such_files_in_it_is_not_taken_for_one(tmp_path: Path) -> None:
    put(tmp_path / 'in/a.json', shape('rectangle', (1, 1), (9, 9)))
    archive = Path(shutil.make_archive(str(tmp_path / 'export'), 'tar', tmp_path / 'in'))
    assert LabelmeFormat().recognise(tmp_path / 'in')
    assert LabelmeFormat().recognise(tmp_path / 'in/a.json')
    assert not LabelmeFormat().recognise(archive)
