"""What a conversion writes is judged by pycocotools: loaded, decoded, and perfect when it is held against itself."""

from __future__ import annotations

import contextlib
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.formats.account_kit import balanced, coco
from tests.formats.coco_kit import content, put
from tests.formats.format_kit import Converter, add_item, box, polygon

pytestmark = pytest.mark.filterwarnings('ignore:.*__array__ implementation')

Pixels = set[tuple[int, int]]
WIDTH, HEIGHT = 100, 80


def rectangle(left: int, top: int, right: int, bottom: int) -> Pixels:
    return {(x, y) for x in range(left, right) for y in range(top, bottom)}


RING = rectangle(5, 5, 45, 45) - rectangle(15, 15, 30, 30) | rectangle(60, 10, 70, 20)
CHECKS = {(x, y) for x, y in rectangle(50, 40, 70, 60) if (x + y) % 2}
CROWD = rectangle(70, 30, 95, 75) - rectangle(80, 40, 85, 50)


def mask(pixels: Pixels, label: str, id: str, *, runs: bool, **attributes: Any) -> dict[str, Any]:
    indices = sorted(y * WIDTH + x for x, y in pixels)
    data: list[Any] = [[index, 1] for index in indices] if runs else indices
    attrs = [{'name': name, 'value': value} for name, value in attributes.items()]
    more = {'encoding': 'dm_rle', 'isCompressed': True, 'compressionFormat': 'rle'} if runs else {}
    more = more or {'encoding': 'raw_indices', 'isCompressed': False, 'compressionFormat': None}
    return {'id': id, 'classification': label, 'attrs': attrs, 'data': data, **more}


@pytest.fixture
def dm(tmp_path: Path) -> Path:
    """Boxes, polygons, masks with holes and parts, single pixels in a pattern, a crowd; and background."""
    dice = random.Random(1)
    for number in range(6):
        shift = dice.uniform(0, 20)
        entry: dict[str, Any] = {
            'bounding_box': [box(shift, 3.25, 30.5, 20.125, 'car', f'b{n}') for n in range(number % 2)],
            'polygon': [polygon([[60 + shift / 2, 5], [90, 8.5], [80, 30 + shift], [55, 20]], 'car', 'p')],
            'segmentation': [
                mask(RING, 'lake', 'm1', runs=bool(number % 2)),
                mask(CHECKS, 'lake', 'm2', runs=True),
                mask(CROWD, 'people', 'c', runs=False, iscrowd=True),
                mask(rectangle(2, 50, 20, 70), 'people', 'm3', runs=True),
            ],
        }
        add_item(tmp_path / 'dm' / ('train' if number % 3 else 'valid'), f'{number}', entry)
    add_item(tmp_path / 'dm' / 'train', 'background', {})
    return tmp_path / 'dm'


def decoded(segmentation: dict[str, Any]) -> Pixels:
    tools = pytest.importorskip('pycocotools.mask')
    if isinstance(segmentation['counts'], list):
        segmentation = tools.frPyObjects(segmentation, *segmentation['size'])
    return {(x, y) for y, x in zip(*tools.decode(segmentation).nonzero(), strict=True)}


def test_every_pixel_is_where_it_was(dm: Path, converter: Converter) -> None:
    made = balanced(converter, dm, 'dm', 'coco', strict=True)
    for rows in coco(made['path']).values():
        masks = [
            (label, each) for label, each in rows if each['segmentation'] and isinstance(each['segmentation'], dict)
        ]
        pixels = [decoded(each['segmentation']) for _, each in masks]
        assert pixels == ([RING, CHECKS, CROWD, rectangle(2, 50, 20, 70)] if rows else [])
        assert [each['area'] for _, each in masks] == [len(each) for each in pixels]
        assert [(label, each['iscrowd']) for label, each in masks][2:3] == ([('people', 1)] if rows else [])
    assert converter.losses['attributes'] == {}


@pytest.mark.parametrize('judged', ['bbox', 'segm'])
@pytest.mark.parametrize('split', ['train', 'valid'])
def test_the_ground_truth_is_perfect(dm: Path, converter: Converter, judged: str, split: str) -> None:
    tools = pytest.importorskip('pycocotools.coco')
    evaluation = pytest.importorskip('pycocotools.cocoeval')
    made = balanced(converter, dm, 'dm', 'coco')
    with contextlib.redirect_stdout(io.StringIO()):
        truth = tools.COCO(str(made['path'] / split / 'annotations.json'))
        # A box has no outline, so there is nothing to judge.
        known = [each for each in truth.dataset['annotations'] if judged == 'bbox' or each['segmentation']]
        truth.dataset['annotations'] = known
        truth.createIndex()
        found = []
        for number, each in enumerate(known):
            if not each['iscrowd']:
                result = {name: each[name] for name in ('image_id', 'category_id')} | {'score': 1 - number / 1000}
                what = {'bbox': each['bbox']} if judged == 'bbox' else {'segmentation': truth.annToRLE(each)}
                found.append(result | what)
        judge = evaluation.COCOeval(truth, truth.loadRes(found), judged)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    assert len(judge.params.catIds) == 3
    assert judge.stats[:3].tolist() == pytest.approx([1, 1, 1])
    crowds = [each for each in known if each['iscrowd']]
    assert len(crowds) == len([image for image in truth.getImgIds() if truth.getAnnIds(image)])


def test_detections_within_a_crowd_are_no_mistakes(dm: Path, converter: Converter) -> None:
    """It is a crowd to pycocotools, too: what is found inside of it is ignored."""
    tools = pytest.importorskip('pycocotools.coco')
    evaluation = pytest.importorskip('pycocotools.cocoeval')
    made = balanced(converter, dm, 'dm', 'coco')
    with contextlib.redirect_stdout(io.StringIO()):
        truth = tools.COCO(str(made['path'] / 'valid' / 'annotations.json'))
        people = truth.getCatIds(catNms=['people'])
        found = []
        for each in truth.loadAnns(truth.getAnnIds(catIds=people, iscrowd=0)):
            common = {'image_id': each['image_id'], 'category_id': each['category_id']}
            found.append(common | {'bbox': each['bbox'], 'score': 0.5})
            found.append(common | {'bbox': [72, 52, 8, 8], 'score': 0.9})
        judge = evaluation.COCOeval(truth, truth.loadRes(found), 'bbox')
        judge.params.catIds = people
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    assert judge.stats[0] == pytest.approx(1)


def test_areas_are_exact_where_others_count_painted_pixels(tmp_path: Path, converter: Converter) -> None:
    """The area of a polygon is that of its outline. pycocotools paints it, and comes within the pixels of its edge."""
    tools = pytest.importorskip('pycocotools.coco')
    ring = [10.25, 10.5, 60.75, 12, 55, 61.5, 12, 58]
    entry = {'id': 1, 'image_id': 1, 'category_id': 1, 'bbox': [10.25, 10.5, 50.5, 51], 'segmentation': [ring]}
    put(tmp_path / 'coco' / 'annotations.json', content([{**entry, 'iscrowd': 0}]))
    dm = converter(tmp_path / 'coco', 'coco', 'dm')
    made = balanced(converter, dm['path'], 'dm', 'coco')
    said = json.loads(made['config_path'].read_bytes())['annotations'][0]
    xs, ys = ring[::2], ring[1::2]
    exact = abs(sum(xs[n - 1] * ys[n] - xs[n] * ys[n - 1] for n in range(4))) / 2
    assert said['area'] == pytest.approx(exact, abs=1e-6)
    with contextlib.redirect_stdout(io.StringIO()):
        painted = int(tools.COCO(str(made['config_path'])).annToMask(said).sum())
    assert painted == pytest.approx(exact, rel=0.01)
