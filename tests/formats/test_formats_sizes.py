"""A declared size that the image does not have: annotations prove which of the two they were made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.data import Box, Keypoints, LossReport, Mask, Polygon, Polyline, RotatedBox, Sample
from synapse_hooks.data.annotations import Joint
from synapse_hooks.data.outline import Outline
from synapse_hooks.formats import FormatReader, declared_wrongly
from synapse_hooks.formats.coco.mask_sizes import MASKS
from synapse_hooks.geometry.sizes import SWAPPED, WRONG
from tests.formats.coco_kit import content, entry
from tests.formats.format_kit import Converter, builtin, png

RIGHT = [70, 10, 25, 20]
"""A box that lies in an image of 100 x 80 pixels, and not in one of 80 x 100."""
BELOW = [10, 70, 20, 25]
"""The contrary."""
EITHER = [10, 10, 20, 20]


def coco(root: Path, declared: tuple[int, int], *boxes: list[float], **more: Any) -> Path:
    said = content([entry(number, bbox=box, **more) for number, box in enumerate(boxes, 1)])
    said['images'][0].update(width=declared[0], height=declared[1])
    root.mkdir()
    (root / 'annotations.json').write_text(json.dumps(said))
    (root / 'a.png').write_bytes(png(100, 80))
    return root


def read(root: Path, format: str = 'coco') -> tuple[Sample, dict[tuple[str, str], int]]:
    reader = FormatReader(builtin(format), {'path': root, 'format': format})
    (sample,) = reader
    losses = reader.report.losses.values()
    return sample, {(loss.fate, loss.reason): loss.count for loss in losses if loss.kind == 'image'}


@pytest.mark.parametrize('box', [RIGHT, EITHER])
def test_swapped_sizes_are_corrected_and_boxes_stay(tmp_path: Path, converter: Converter, box: list[float]) -> None:
    root = coco(tmp_path / 'in', (80, 100), box, EITHER)
    sample, told = read(root)
    assert (sample.width, sample.height) == (100, 80)
    found = sample.annotations[0]
    assert isinstance(found, Box)
    assert [found.x, found.y, found.w, found.h] == box
    assert told.pop(('repaired', SWAPPED)) == 1
    # Boxes that fit both ways prove nothing.
    assert [fate for fate, _ in told] == ([] if box == RIGHT else ['doubtful'])
    converter(root, 'coco', 'dm')
    assert converter.losses['repaired'][0]['examples'] == [{'file': 'a', 'id': ''}]


def test_annotations_that_fit_the_swapped_size_alone_are_scaled_and_doubted(tmp_path: Path) -> None:
    sample, told = read(coco(tmp_path / 'in', (80, 100), BELOW, EITHER))
    assert sorted(fate for fate, _ in told) == ['converted', 'doubtful']
    box = sample.annotations[0]
    assert isinstance(box, Box)
    assert (box.x, box.y, box.w, box.h) == (12.5, 56, 25, 20)


def test_a_wrong_size_is_corrected_where_annotations_prove_it(tmp_path: Path) -> None:
    sample, told = read(coco(tmp_path / 'in', (64, 64), RIGHT, EITHER))
    assert told == {('repaired', WRONG): 1}
    box = sample.annotations[0]
    assert isinstance(box, Box)
    assert [box.x, box.y, box.w, box.h] == RIGHT


@pytest.mark.parametrize(
    ('own', 'declared', 'stored'),
    [((200, 160), (100, 80), False), ((80, 100), (100, 80), True)],
    ids=['a larger copy', 'stored on its side'],
)
def test_a_box_that_reaches_out_a_little_proves_no_other_size(own: Any, declared: Any, stored: bool) -> None:
    report = LossReport()
    for box in (Box(75, 10, 32, 20), Box(20, 70, 10, 17)):
        sample = Sample('a', annotations=[box], width=100, height=80)
        assert not declared_wrongly(sample, declared, own, report, stored=stored)
    assert not report.losses


def test_swapped_sizes_are_corrected_where_a_box_reaches_out_a_little(tmp_path: Path) -> None:
    sample, told = read(coco(tmp_path / 'in', (80, 100), [10, 60, 20, 24]))
    box = sample.annotations[0]
    assert isinstance(box, Box)
    assert [box.x, box.y, box.w, box.h] == [10, 60, 20, 24]
    assert sorted(fate for fate, _ in told) == ['doubtful', 'repaired']


def test_an_image_that_was_made_smaller_is_scaled(tmp_path: Path) -> None:
    sample, told = read(coco(tmp_path / 'in', (200, 160), [140, 20, 50, 40]))
    assert [fate for fate, _ in told] == ['converted']
    box = sample.annotations[0]
    assert isinstance(box, Box)
    assert [box.x, box.y, box.w, box.h] == RIGHT


@pytest.mark.parametrize('more', [{}, {'score': 1}], ids=['usual', 'with more'])
@pytest.mark.parametrize('target', ['dm', 'yolo'])
def test_a_mask_of_the_images_own_size_proves_it(
    tmp_path: Path, converter: Converter, more: dict[str, Any], target: str
) -> None:
    mask = {'size': [80, 100], 'counts': [810, 20, 60, 20, 7090]}
    root = coco(tmp_path / 'in', (80, 100), [10, 10, 2, 20], segmentation=mask, **more)
    sample, told = read(root)
    assert told == {('repaired', MASKS): 1}
    assert isinstance(sample.annotations[0], Mask)
    if target == 'dm':
        converter(root, 'coco', target)
        assert converter.losses['dropped'] == []
        assert converter.reasons('repaired') == {('image', MASKS): 1}


@pytest.mark.parametrize(
    ('orientation', 'box', 'stays'), [(6, EITHER, False), (6, RIGHT, True), (6, BELOW, False), (1, RIGHT, True)]
)
def test_a_photo_that_is_displayed_on_its_side(tmp_path: Path, orientation: int, box: list[float], stays: bool) -> None:
    """Stored and declared as 80 x 100, displayed as 100 x 80: turned, unless boxes prove that the size is swapped."""
    pillow = pytest.importorskip('PIL.Image')
    exif = pillow.Exif()
    exif[274] = orientation
    root = coco(tmp_path / 'in', (80, 100), box)
    pillow.new('RGB', (80, 100) if orientation == 6 else (100, 80)).save(root / 'a.png', exif=exif)
    sample, told = read(root)
    found = sample.annotations[0]
    assert isinstance(found, Box)
    assert ([found.x, found.y, found.w, found.h] == box) == stays
    assert [fate for fate, _ in told] == ['repaired' if stays else 'converted']


def dm1(root: Path, declared: tuple[int, int], box: list[float]) -> Path:
    place = dict(zip(('x', 'y', 'width', 'height'), box, strict=True))
    said = {
        'extra': {'image_1': {'width': declared[0], 'height': declared[1]}},
        'annotations': {'image_1': [{'id': 'b', 'tool': 'bounding_box', 'classification': {'class': 'car'}}]},
        'annotationsData': {'image_1': [{'id': 'b', 'coordinate': place}]},
    }
    for folder in ('json', 'original_files'):
        (root / folder).mkdir(parents=True)
    (root / 'json' / 'a.json').write_text(json.dumps(said))
    (root / 'original_files' / 'a.png').write_bytes(png(100, 80))
    return root


@pytest.mark.parametrize(
    ('declared', 'box', 'fates'),
    [
        ((100, 80), RIGHT, []),
        ((80, 100), RIGHT, ['repaired']),
        ((80, 100), BELOW, ['doubtful']),
        ((64, 64), RIGHT, ['repaired']),
        ((200, 160), EITHER, ['doubtful']),
    ],
)
def test_so_does_a_document_of_dm(
    tmp_path: Path, converter: Converter, declared: tuple[int, int], box: list[float], fates: list[str]
) -> None:
    root = dm1(tmp_path / 'in', declared, box)
    sample, told = read(root, 'dm')
    assert [fate for fate, _ in told] == fates
    found = sample.annotations[0]
    assert isinstance(found, Box)
    assert [found.x, found.y, found.w, found.h] == box
    converter(root, 'dm', 'coco')
    assert [fate for fate in ('repaired', 'doubtful') if converter.losses[fate]] == fates


@pytest.mark.parametrize(
    'shape',
    [
        Box(70, 10, 25, 20),
        RotatedBox(70, 10, 25, 20, 0.1),
        Polygon([[[(70, 10), (95, 10), (95, 30)]]]),
        Outline(b'[[70,10,95,10,95,30]]'),
        Polyline([(70, 10), (95, 30)]),
        Keypoints([Joint(95, 10, 2), Joint(0, 300, 0)]),
    ],
)
def test_every_kind_of_annotation_proves_it(shape: Any) -> None:
    report = LossReport()
    sample = Sample('a', annotations=[shape])
    assert declared_wrongly(sample, (80, 100), (100, 80), report)
    assert [loss.fate for loss in report.losses.values()] == ['repaired']


def test_what_cannot_be_computed_with_proves_nothing() -> None:
    sample = Sample('a', annotations=[Box(0.5, 0, 10**400, 4), Box(float('nan'), 0, 1, 1), Outline(b'[[1]]')])
    assert not declared_wrongly(sample, (64, 64), (100, 80), LossReport())


@pytest.mark.parametrize('declared', [(80, 100), (64, 64)])
def test_several_processes_say_the_same(tmp_path: Path, converter: Converter, declared: tuple[int, int]) -> None:
    said = content([entry(n, image=n, bbox=RIGHT) for n in range(1, 301)], [f'{n}.png' for n in range(1, 301)])
    root = tmp_path / 'in'
    root.mkdir()
    for listed in said['images']:
        listed.update(width=declared[0], height=declared[1])
        (root / listed['file_name']).write_bytes(png(100, 80))
    (root / 'annotations.json').write_text(json.dumps(said))
    told = []
    for workers in (1, 2):
        converter(root, 'coco', 'dm')
        converter(root, 'coco', 'yolo', settings={'yolo': {'workers': workers}}, splits={'train': 0.5, 'valid': 0.5})
        told.append(converter.losses)
    assert told[0] == told[1]
    assert told[0]['repaired'][0]['count'] == 300
