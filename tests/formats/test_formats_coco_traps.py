"""COCO files as they come: every trap has an outcome, and what is lost is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.data import Box, Mask, Polygon
from synapse_hooks.data.masks import by_rows, to_counts, to_indices
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats import FormatReader
from synapse_hooks.testing.sandbox import Sandbox
from tests.formats.coco_kit import COCO, SQUARE, content, entry, put, read, reasons
from tests.formats.format_kit import Converter, info_of, png, read_all, source_of


def test_null_and_empty_fields_are_fields_that_are_not_there(tmp_path: Path) -> None:
    rows = [
        entry(1, segmentation=[]),
        entry(2, segmentation=None, attributes=None, iscrowd=None, area=None, keypoints=None),
        entry(3, segmentation=[[]], keypoints=[], num_keypoints=0),
        entry(3, segmentation={}),
        entry(3, segmentation={}, keypoints=[]),
        entry(4, bbox=[], segmentation=[SQUARE]),
        entry(5, keypoints=[0, 0, 0, 0, 0, 0], num_keypoints=0),
    ]
    put(tmp_path / 'annotations.json', content(rows, info=None, licenses=None))
    (sample,), report = read(tmp_path)
    assert report.lossless
    assert [annotation.kind for annotation in sample.annotations] == [*['box'] * 5, 'polygon', 'box']


def test_a_shape_carries_the_box_that_its_entry_gives(tmp_path: Path) -> None:
    mask = {'counts': [805, 3, 80 * 100 - 808], 'size': [80, 100]}
    rows = [
        entry(1, bbox=[9.5, 9, 21, 22], segmentation=[SQUARE]),
        entry(2, bbox=[9, 9, 3, 3], segmentation=mask),
        entry(3, bbox=None, segmentation=mask, iscrowd=1),
    ]
    put(tmp_path / 'annotations.json', content(rows))
    (sample,), _ = read(tmp_path)
    boxes = [annotation.box for annotation in sample.annotations if isinstance(annotation, Polygon | Mask)]
    assert boxes == [(9.5, 9, 21, 22), (9, 9, 3, 3), None]


def test_annotations_that_share_an_id_are_all_kept(tmp_path: Path) -> None:
    rows = [entry(7), entry(7, 2), entry(7, score=1), entry(8), {**entry(9), 'id': None}]
    put(tmp_path / 'annotations.json', content(rows))
    (sample,), report = read(tmp_path)
    assert report.lossless
    assert [annotation.id for annotation in sample.annotations][:4] == ['7', '7-2', '7-3', '8']
    assert len({annotation.id for annotation in sample.annotations}) == 5
    assert [annotation.label for annotation in sample.annotations] == ['car', 'dog', 'car', 'car', 'car']


def test_an_image_id_of_two_images_makes_both_unreadable(tmp_path: Path) -> None:
    said = content([entry(1, image=1), entry(2, image=2)], ['a.png', 'b.png', 'c.png'])
    said['images'][2]['id'] = 1
    put(tmp_path / 'annotations.json', said)
    samples, report = read(tmp_path)
    assert [sample.id for sample in samples] == ['b']
    assert report.unreadable_count == 2
    assert 'a.png shares its id 1' in report.unreadable_items[0]['reason']
    with pytest.raises(UnreadableItem, match='shares its id'):
        list(FormatReader(COCO, {'path': tmp_path, 'format': 'coco'}))


def test_an_image_that_is_listed_twice_is_one_with_the_annotations_of_both(tmp_path: Path) -> None:
    put(tmp_path / 'annotations.json', content([entry(1, image=1), entry(2, image=2)], ['a.png', 'a.png']))
    (sample,), report = read(tmp_path)
    assert [annotation.id for annotation in sample.annotations] == ['1', '2']
    assert reasons(report) == {'its file is listed twice: joined': '2'}


def test_boxes_without_width_and_outside_cost_themselves_alone(tmp_path: Path, converter: Converter) -> None:
    rows = [
        entry(1, bbox=[10, 10, 0, 20]),
        entry(2, bbox=[200, 10, 20, 20]),
        entry(3, bbox=[90, 70, 20, 20]),
        entry(4),
    ]
    for split in ('train', 'valid'):
        put(tmp_path / 'coco' / split / 'annotations.json', content(rows))
    made = converter(tmp_path / 'coco', 'coco', 'yolo')
    assert len((made['path'] / 'labels' / 'train' / 'a.txt').read_text().splitlines()) == 2
    assert converter.reasons('dropped') == {('box', 'it has no area'): 2, ('box', 'it lies outside the image'): 2}
    assert converter.reasons('converted') == {('box', "cut at the image's edge"): 2}


def test_a_crowd_may_be_told_among_the_attributes(tmp_path: Path, converter: Converter) -> None:
    rows = [entry(1), entry(2, segmentation=[SQUARE], attributes={'iscrowd': 1})]
    for split in ('train', 'valid'):
        put(tmp_path / 'coco' / split / 'annotations.json', content(rows))
    converter(tmp_path / 'coco', 'coco', 'yolo', target_task='segment')
    assert converter.reasons('dropped') == {('polygon', 'yolo segment has no crowd regions'): 2}


def test_what_cannot_be_named_does_not_stop_the_rest(tmp_path: Path) -> None:
    file = put(tmp_path / 'annotations.json', content([entry(1), entry(2) | {'id': 'x', 'image_id': 99}]))
    file.write_bytes(file.read_bytes().replace(b'"x"', b'"\xff"'))
    (sample,), report = read(tmp_path)
    assert len(sample.annotations) == 1
    assert reasons(report) == {'its image is not in the file': ''}
    file.write_text(f'{{"images": [], "annotations": {"[" * 50_000}{"]" * 50_000}}}')
    with pytest.raises(DatasetInvalid, match='is not JSON'):
        read(tmp_path)


def test_a_category_whose_id_is_an_empty_text_is_not_meant_by_those_who_name_none(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        entry(1),
        {'id': 2, 'image_id': 1, 'bbox': [1, 1, 5, 5]},
        entry(3) | {'category_id': ''},
    ]
    categories = [{'id': 1, 'name': 'car'}, {'id': '', 'name': 'blank'}]
    put(tmp_path / 'annotations.json', content(rows, categories=categories))
    source = source_of(COCO, tmp_path, projection='shapes')
    (batch,) = source.read(source.shards()[0])
    assert [shape.label for _, _, shape in batch.others] == ['car', 'blank']


def test_where_boxes_are_written_a_broken_outline_costs_nothing(tmp_path: Path, converter: Converter) -> None:
    mask = {'counts': [805, 3, 80 * 100 - 808], 'size': [80, 100]}
    rows = [entry(1, segmentation=[[1, 2, 3, 4, 5, 6, 7]]), entry(2, image=2, segmentation=[[1, 2, 3, 4, 5, 6, 7]])]
    # Beside a crowd, an image is read in another way.
    rows.append(entry(3, image=2, segmentation=mask, iscrowd=1))
    for split in ('train', 'valid'):
        put(tmp_path / 'coco' / split / 'annotations.json', content(rows, ['a.png', 'b.png']))
    made = converter(tmp_path / 'coco', 'coco', 'yolo', target_task='detect')
    labels = [(made['path'] / 'labels' / 'train' / name).read_text() for name in ('a.txt', 'b.txt')]
    assert labels == ['0 0.200000 0.250000 0.200000 0.250000\n'] * 2
    assert converter.reasons('dropped') == {('mask', 'yolo detect has no crowd regions'): 2}
    with pytest.raises(
        DatasetInvalid, match='dropped 4 polygon: it is malformed: expected pairs of numbers, got a ring of 7 numbers'
    ):
        converter(tmp_path / 'coco', 'coco', 'yolo', target_task='segment')


@pytest.mark.parametrize(
    ('more', 'reason'),
    [
        ({'segmentation': {'counts': [5], 'size': [100, 80]}}, 'a mask of another size than its image'),
        ({'segmentation': {'counts': [0, 8001], 'size': [80, 100]}}, 'a mask of more pixels than its image'),
        ({'segmentation': {'counts': 'X', 'size': [80, 100]}}, 'compressed counts end in the middle of a number'),
        ({'segmentation': {'counts': [5]}}, 'a mask of another size than its image'),
        ({'segmentation': 'none'}, ''),
        ({'segmentation': [[1, 2, 3, 4, 5, 6, 7]]}, 'expected pairs of numbers, got a ring of 7 numbers'),
        ({'segmentation': [[1, 2, 3, 4]]}, 'expected a ring of at least 3 points, got 4 numbers'),
        ({'segmentation': [[1, 2, 3, 4, 5, '6']]}, ''),
        ({'bbox': [1, 2, 3]}, 'expected 4 numbers of a box, got 3'),
        ({'bbox': [1, 2, None, 4]}, 'NoneType is not a number'),
        ({'bbox': [1, 2, True, 4]}, 'bool is not a number'),
        ({'bbox': [1, 2, float('nan'), 4]}, 'NaN is not a number'),
        ({'bbox': [1, 2, float('inf'), 4]}, 'Infinity is not a number'),
        ({'bbox': None}, 'neither bbox nor segmentation'),
        ({'keypoints': [1, 2, 2, 4]}, 'expected x, y and visibility of each joint, got 4 numbers'),
        ({'category_id': [1]}, ''),
        ({'attributes': 'red'}, ''),
    ],
)
def test_a_malformed_entry_is_counted_with_what_is_wrong(tmp_path: Path, more: dict[str, Any], reason: str) -> None:
    put(tmp_path / 'annotations.json', content([{**entry(1), **more}, entry(2), {**entry(3), 'x': 1, **more}]))
    (sample,), report = read(tmp_path)
    assert [annotation.id for annotation in sample.annotations] == ['2']
    assert report.total('dropped') == 2
    for loss in report.losses.values():
        assert loss.reason.startswith(f'it is malformed: {reason}')
        assert loss.examples[0]['file'] == 'a'


def test_entries_that_are_no_objects_are_counted(tmp_path: Path) -> None:
    said = content([entry(1)])
    said['annotations'] += [5, None, {'id': 3, 'image_id': [1]}]
    put(tmp_path / 'annotations.json', said)
    (sample,), report = read(tmp_path)
    assert len(sample.annotations) == 1
    assert report.total('dropped') == 3


def test_a_part_without_area_does_not_cost_the_others(tmp_path: Path) -> None:
    put(tmp_path / 'annotations.json', content([entry(1, segmentation=[SQUARE, [5, 5, 6, 6], []])]))
    (sample,), _ = read(tmp_path)
    (shape,) = sample.annotations
    assert isinstance(shape, Polygon)
    assert len(shape.parts) == 1


def test_nan_where_nobody_looks_costs_nothing(tmp_path: Path) -> None:
    rows = [entry(1, area=float('nan')), entry(2, score=float('nan'), note='say "NaN" or \\')]
    put(tmp_path / 'annotations.json', content(rows))
    (sample,), report = read(tmp_path)
    assert report.lossless
    assert [annotation.extra for annotation in sample.annotations] == [
        {},
        {'coco': {'score': 'NaN', 'note': 'say "NaN" or \\'}},
    ]


def test_a_half_written_file_is_named(tmp_path: Path) -> None:
    file = put(tmp_path / 'annotations.json', content([entry(1), entry(2)]))
    for length in (1, 50, -1, -30):
        file.write_text(json.dumps(content([entry(1), entry(2)]))[:length])
        with pytest.raises(DatasetInvalid, match=r'annotations\.json is not JSON'):
            read(tmp_path)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = put(tmp_path / 'annotations.json', content([entry(1)]))
    file.write_bytes(b'\xef\xbb\xbf' + file.read_bytes())
    assert len(read(tmp_path)[0]) == 1


@pytest.mark.parametrize(
    ('categories', 'message'),
    [
        ([{'id': 1, 'name': 'car'}, {'id': 1, 'name': 'dog'}], "the category id 1 means 'car' and 'dog'"),
        ([{'id': 1}], r'categories\[0\] has no id or no name'),
        ([{'name': 'car'}], r'categories\[0\] has no id or no name'),
        ([1], 'lists of objects'),
    ],
)
def test_categories_that_make_classes_uncertain_are_refused(
    tmp_path: Path, categories: list[Any], message: str
) -> None:
    put(tmp_path / 'annotations.json', content([entry(1)], categories=categories))
    for ask in (info_of, read_all):
        with pytest.raises(DatasetInvalid, match=message):
            ask(COCO, tmp_path)


def test_categories_of_one_name_are_one_class(tmp_path: Path) -> None:
    categories = [{'id': 5, 'name': 'car'}, {'id': 2, 'name': 'dog'}, {'id': 9, 'name': 'car'}]
    rows = [entry(1, 5), entry(2, 9), entry(3, 2)]
    put(tmp_path / 'annotations.json', content(rows, categories=categories))
    assert info_of(COCO, tmp_path).classes == ('dog', 'car')
    assert [annotation.label for annotation in read(tmp_path)[0][0].annotations] == ['car', 'car', 'dog']


@pytest.mark.parametrize('categories', [[], None])
def test_without_categories_every_annotation_is_counted_as_dropped(tmp_path: Path, categories: Any) -> None:
    put(tmp_path / 'annotations.json', content([entry(1), entry(2, x=1)], categories=categories))
    (sample,), report = read(tmp_path)
    assert not sample.annotations
    assert info_of(COCO, tmp_path).classes == ()
    assert report.to_dict()['dropped'][0]['count'] == 2


def test_nothing_that_can_be_read_is_told_with_what_is_wrong(tmp_path: Path, converter: Converter) -> None:
    file = put(tmp_path / 'coco' / 'annotations.json', content([entry(1)], ['a.png', 'b.png']))
    (file.parent / 'a.png').unlink()
    (file.parent / 'b.png').unlink()
    with pytest.raises(DatasetInvalid, match=r'has nothing that can be read\n.*\n  unreadable 2: .*image a.png is'):
        converter(file.parent, 'coco', 'dm', unreadable='skip')
    put(file, content([entry(1, bbox=None)]))
    with pytest.raises(DatasetInvalid, match=r'has no labels that can be used\n.*\n  dropped 1 annotation: it is malf'):
        converter(file.parent, 'coco', 'dm')


def test_images_without_names_are_not_counted_among_those_that_have_one(tmp_path: Path, converter: Converter) -> None:
    said = content([entry(1)])
    said['images'] += [{'id': 2}, {'id': 3}]
    file = tmp_path / 'coco' / 'annotations.json'
    put(file, content([entry(1)]))
    file.write_text(json.dumps(said))
    assert len(list((converter(file.parent, 'coco', 'dm', unreadable='skip')['path'] / 'json').iterdir())) == 1
    assert converter.losses['unreadable']['count'] == 2
    with pytest.raises(UnreadableItem, match='so are 1 more of 3 items'):
        converter(file.parent, 'coco', 'dm', unreadable=0.5)


def test_categories_of_one_name_are_told(tmp_path: Path) -> None:
    categories = [{'id': 1, 'name': 'car'}, {'id': 2, 'name': 'car'}]
    put(tmp_path / 'annotations.json', content([entry(1), entry(2, 2)], categories=categories))
    (sample,), report = read(tmp_path)
    assert [shape.label for shape in sample.annotations] == ['car', 'car']
    assert reasons(report) == {'another category has its name: they are one': 'car'}


def test_a_category_without_annotations_stays_a_class(tmp_path: Path, converter: Converter) -> None:
    for split in ('train', 'valid'):
        put(tmp_path / 'coco' / split / 'annotations.json', content([entry(1, 2)]))
    assert converter(tmp_path / 'coco', 'coco', 'yolo')['classes'] == ['car', 'dog']


def test_a_name_composed_in_another_way_is_found(tmp_path: Path) -> None:
    put(tmp_path / 'annotations.json', content([entry(1)], ['café.png']), tmp_path / 'aside')
    (tmp_path / 'café.png').write_bytes(png(100, 80))
    assert len(read(tmp_path)[0]) == 1


def test_images_are_found_in_folders_of_the_same_names(tmp_path: Path) -> None:
    names = ['a/1.png', 'b/1.png', './b//2.png', 'c\\3.png', 'images/4.png']
    put(tmp_path / 'annotations.json', content([], [name.replace('\\', '/') for name in names]))
    put(tmp_path / 'annotations.json', content([], names), tmp_path / 'aside')
    samples, report = read(tmp_path)
    assert not report.unreadable_count
    assert [sample.id for sample in samples] == ['a/1', 'b/1', 'b/2', 'c/3', 'images/4']


@pytest.mark.parametrize('size', [(50, 40), (80, 100)])
def test_annotations_for_another_size_are_scaled_to_the_images_own(tmp_path: Path, size: tuple[int, int]) -> None:
    mask = {'counts': [80 * 10 + 20, 40, 80 * 90 - 60], 'size': [80, 100]}
    rows = [
        entry(1, bbox=[10, 20, 40, 8]),
        entry(2, bbox=[10, 20, 40, 8], segmentation=[[10, 20, 50, 20, 50, 28]]),
        entry(3, bbox=[10, 20, 1, 40], segmentation=mask),
    ]
    put(tmp_path / 'annotations.json', content(rows))
    (tmp_path / 'a.png').write_bytes(png(*size))
    (sample,), report = read(tmp_path)
    assert (sample.width, sample.height) == size
    assert {loss.reason for loss in report.losses.values() if loss.fate == 'converted'} == {
        'its annotations are for another size: scaled to its own'
    }
    # That the sides are swapped as well is strange: the mask proves that the annotations are for the declared size.

    assert ('doubtful' in {loss.fate for loss in report.losses.values()}) == (size == (80, 100))
    across, down = size[0] / 100, size[1] / 80
    box, polygon, traced = sample.annotations
    assert isinstance(box, Box)
    assert isinstance(polygon, Polygon)
    assert isinstance(traced, Polygon)
    assert (box.x, box.y, box.w, box.h) == polygon.box == (10 * across, 20 * down, 40 * across, 8 * down)
    assert polygon.rings == [[(10 * across, 20 * down), (50 * across, 20 * down), (50 * across, 28 * down)]]
    corners = [(10, 20), (11, 20), (11, 60), (10, 60)]
    assert traced.rings == [[(x * across, y * down) for x, y in corners]]


@pytest.mark.parametrize(
    ('orientation', 'stored'),
    [(1, True), (3, False), *((turned, stored) for turned in range(5, 9) for stored in (0, 1))],
)
def test_annotations_are_where_the_object_is_displayed(tmp_path: Path, orientation: int, stored: bool) -> None:
    """Painted into the stored or the displayed picture, annotated there, and found where an upright viewer shows it."""
    pillow = pytest.importorskip('PIL.Image')
    ops = pytest.importorskip('PIL.ImageOps')
    picture = pillow.new('RGB', (100, 80))
    picture.paste((255, 255, 255), (10, 20, 30, 28))
    exif = pillow.Exif()
    exif[274] = orientation
    picture.save(tmp_path / 'a.png', exif=exif)
    displayed = ops.exif_transpose(pillow.open(tmp_path / 'a.png')).convert('L')
    left, top, right, bottom = picture.getbbox() if stored else displayed.getbbox()
    size = picture.size if stored else displayed.size
    counts = to_counts([(x * size[1] + top, bottom - top) for x in range(left, right)], size[0] * size[1])
    ring = [left, top, right, top, right, bottom, left, bottom]
    bbox = [left, top, right - left, bottom - top]
    rows = [
        entry(1, bbox=bbox),
        entry(2, bbox=bbox, segmentation=[ring]),
        entry(3, bbox=bbox, segmentation={'counts': counts, 'size': [size[1], size[0]]}),
        entry(4, bbox=bbox, keypoints=[left, top, 2, 0, 0, 0]),
    ]
    said = content(rows)
    said['images'][0].update(width=size[0], height=size[1])
    (tmp_path / 'annotations.json').write_text(json.dumps(said))
    (sample,), report = read(tmp_path)
    assert (sample.width, sample.height) == displayed.size
    x0, y0, x1, y1 = displayed.getbbox()
    box, polygon, mask, skeleton = sample.annotations
    assert isinstance(box, Box)
    assert (box.x, box.y, box.w, box.h) == (x0, y0, x1 - x0, y1 - y0)
    assert set(polygon.rings[0]) == {(x0, y0), (x1, y0), (x1, y1), (x0, y1)}
    assert polygon.box == skeleton.box == mask.box == (x0, y0, x1 - x0, y1 - y0)
    assert skeleton.points[0][:2] in polygon.rings[0]
    assert skeleton.points[1] == (0, 0, 0)
    white = [place for place, value in enumerate(displayed.tobytes()) if value]
    assert to_indices(by_rows(mask, *displayed.size)) == white
    assert report.lossless == (size == displayed.size)


@pytest.mark.parametrize('said', [1e15, 'head', {'0': 'head'}, True])
def test_joints_of_a_category_that_are_no_list_are_named(said: Any, tmp_path: Path) -> None:
    put(tmp_path / 'annotations.json', content([entry(1)], categories=[{'id': 1, 'name': 'car', 'keypoints': said}]))
    reader = FormatReader(COCO, {'path': tmp_path, 'format': 'coco'})
    with pytest.raises(DatasetInvalid, match=r'keypoints of categories\[0\] must be a list'):
        _ = reader.declared


def test_a_size_that_no_image_has_is_corrected(tmp_path: Path) -> None:
    said = content([entry(1)])
    said['images'][0]['width'] = 10**400
    put(tmp_path / 'annotations.json', said)
    (sample,), report = read(tmp_path)
    assert (sample.width, sample.height, len(sample.annotations)) == (100, 80, 1)
    assert [(loss.fate, loss.kind, loss.count) for loss in report.losses.values()] == [('doubtful', 'image', 1)]


def test_a_long_text_beside_numbers_that_are_none_takes_no_memory(tmp_path: Path) -> None:
    said = content([entry(1), entry(2, area=float('nan'))], info={'description': 'x\\' * 4_000_000})
    put(tmp_path / 'annotations.json', said)
    with Sandbox(lambda: len(read(tmp_path)[0]), tmp_path, memory=150 << 20) as sandbox:
        assert sandbox() == 1
