"""Annotations that other projects publish in their PyPI distributions, read by the contributed formats.

The same photographs, annotated three ways, are an answer key that nobody here wrote. They are downloaded when the tests
run (labelme's files are under the GPL and stay out of this repository); where there is no index, the tests are skipped.
What they taught is held without a network by the tests in `contrib/`, on files of our own.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from synapse_hooks.data import Box, Polygon, Sample
from synapse_hooks.testing import open_dataset
from tests.support.environments import Environment, Environments

CONTRIB = Path(__file__).parents[2] / 'contrib'

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def fetched(folder: Path, *words: str) -> Path:
    """What pip downloads, unpacked; the test is skipped where it cannot."""
    pip = (sys.executable, '-m', 'pip', '--disable-pip-version-check', 'download', '--no-deps', '--quiet')
    told = [*pip, '--retries', '1', '--timeout', '20', '--dest', str(folder / 'archives'), *words]
    done = subprocess.run(told, capture_output=True, encoding='utf-8', check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        pytest.skip(f'pip cannot download {words[-1]}: {(done.stderr.strip() or "no reason").splitlines()[-1]}')
    (archive,) = (folder / 'archives').iterdir()
    # The project's own `unpack` takes nothing that has links in it, as labelme's archive does.
    with zipfile.ZipFile(archive) if archive.suffix == '.whl' else tarfile.open(archive) as opened:
        if isinstance(opened, tarfile.TarFile):
            opened.extractall(folder / 'content', filter='data')
        else:
            opened.extractall(folder / 'content')
    return folder / 'content'


@pytest.fixture(scope='module')
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """labelme's examples."""
    folder = fetched(tmp_path_factory.mktemp('labelme'), '--no-binary', 'labelme', 'labelme==6.3.1')
    return folder / 'labelme-6.3.1' / 'examples'


@pytest.fixture(scope='module')
def quokka(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of imgaug's one photograph."""
    return fetched(tmp_path_factory.mktemp('imgaug'), 'imgaug==0.4.0') / 'imgaug'


@pytest.fixture(scope='module')
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With all contributed formats in it."""
    environments = Environments(tmp_path_factory.mktemp('environments'))
    names = ('createml', 'cvat', 'labelme', 'voc')
    return environments.fresh(environments.root / 'all', *(CONTRIB / f'synapse-hooks-{name}' for name in names))


def converted(environment: Environment, source: Path, out: Path, target: str) -> dict[str, Any]:
    """The answer of `synapse-hooks convert`: the source's format is guessed."""
    return environment.hooks('convert', source, out, '--to', target, '--json').json


def samples(environment: Environment, source: Path, out: Path) -> dict[str, Sample]:
    """A dataset by id, by way of the lossless format."""
    converted(environment, source, out, 'dm')
    return {sample.id: sample for sample in open_dataset({'path': out, 'format': 'dm'})}


def coco(file: Path) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """A COCO file: by image, each annotation with the name of its category."""
    content = json.loads(file.read_text())
    names = {category['id']: category['name'] for category in content['categories']}
    images = {image['id']: Path(image['file_name']).name for image in content['images']}
    found = defaultdict(list)
    for entry in content['annotations']:
        found[images[entry['image_id']]].append((names[entry['category_id']], entry))
    return dict(found)


def points(flat: list[float]) -> list[tuple[float, float]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def perimeter(segmentation: list[list[float]]) -> float:
    rings = [points(flat) for flat in segmentation]
    return sum(math.dist(one, other) for ring in rings for one, other in zip(ring, [*ring[1:], ring[0]], strict=True))


def test_rectangles_of_labelme_and_its_own_voc_export(environment: Environment, examples: Path, tmp_path: Path) -> None:
    """The same boxes, one pixel apart: labelme writes the corner 10.0 as pixel 10, which VOC counts from 1."""
    source = examples / 'bbox_detection'
    drawn = samples(environment, source / 'data_annotated', tmp_path / 'drawn')
    exported = samples(environment, source / 'data_dataset_voc', tmp_path / 'exported')
    assert drawn.keys() == exported.keys() == {'2011_000003', '2011_000006', '2011_000025'}
    count = 0
    for id, sample in drawn.items():
        told = ElementTree.parse(source / 'data_dataset_voc' / 'Annotations' / f'{id}.xml').iterfind('object/bndbox')
        for one, other, corners in zip(sample.annotations, exported[id].annotations, told, strict=True):
            assert isinstance(one, Box)
            assert isinstance(other, Box)
            assert one.label == other.label
            sides = [float(corners.findtext(side) or '') for side in ('xmin', 'ymin', 'xmax', 'ymax')]
            assert [one.x, one.y, one.x + one.w, one.y + one.h] == pytest.approx(sides)
            assert [other.x, other.y, other.w, other.h] == pytest.approx([one.x - 1, one.y - 1, one.w + 1, one.h + 1])
            count += 1
    assert count == 9


def test_polygons_of_labelme_and_its_own_coco_export(environment: Environment, examples: Path, tmp_path: Path) -> None:
    """The same objects, parts and points. Its areas count the outline as inside; pycocotools is the judge."""
    judge = pytest.importorskip('pycocotools.mask')
    source = examples / 'instance_segmentation'
    answer = converted(environment, source / 'data_annotated', tmp_path / 'ours', 'coco')
    assert [(loss['reason'].split(':')[0], loss['count']) for loss in answer['losses']['dropped']] == [
        ('__ignore__', 2)
    ]
    ours, theirs = coco(tmp_path / 'ours' / 'annotations.json'), coco(source / 'data_dataset_coco' / 'annotations.json')
    sizes = {
        image['file_name']: image
        for image in json.loads((tmp_path / 'ours' / 'annotations.json').read_text())['images']
    }
    assert ours.keys() == theirs.keys()
    assert sum(map(len, ours.values())) == 12
    for name, entries in ours.items():
        height, width = sizes[name]['height'], sizes[name]['width']
        for (label, one), (their_label, other) in zip(entries, theirs[name], strict=True):
            assert label == their_label
            assert len(one['segmentation']) == len(other['segmentation'])
            for ring, their_ring in zip(one['segmentation'], other['segmentation'], strict=True):
                inside = [(min(x, width), min(y, height)) for x, y in points(their_ring)]
                # Ours are cut at the image's edge, which can add a corner.
                assert all(min(math.dist(point, corner) for corner in points(ring)) < 1 for point in inside)
            judged = float(judge.area(judge.merge(judge.frPyObjects(one['segmentation'], height, width))))
            outline = perimeter(one['segmentation'])
            assert abs(one['area'] - judged) < abs(other['area'] - judged)
            assert 0.2 * outline < other['area'] - one['area'] < 0.5 * outline
            left, top, right, bottom = _corners(one['bbox'])
            assert _corners(other['bbox']) == pytest.approx((left, top, right, bottom), abs=1.01)


def _corners(bbox: list[float]) -> tuple[float, float, float, float]:
    x, y, w, h = bbox
    return x, y, x + w, y + h


@pytest.mark.parametrize(
    ('folder', 'kinds'),
    [
        ('bbox_detection/data_annotated', {'box': 9}),
        ('classification', {'classification': 2}),
        # DM holds the parts of the two divided objects as polygons of one group.
        ('instance_segmentation/data_annotated', {'polygon': 16}),
        ('primitives', {'box': 2, 'polygon': 2, 'polyline': 2, 'keypoint': 1, 'mask': 1}),
        ('semantic_segmentation/data_annotated', {'polygon': 16}),
        # Its `imagePath` is its own name; the photograph lies beside it, and is embedded too.
        ('tutorial', {'polygon': 4}),
        ('video_annotation/data_annotated', {'polygon': 15}),
    ],
)
def test_every_example_of_labelme_is_read_and_comes_back(
    environment: Environment, examples: Path, tmp_path: Path, folder: str, kinds: dict[str, int]
) -> None:
    first = samples(environment, examples / folder, tmp_path / 'first')
    assert Counter(shape.kind for sample in first.values() for shape in sample.annotations) == kinds
    converted(environment, tmp_path / 'first', tmp_path / 'again', 'labelme')
    second = samples(environment, tmp_path / 'again', tmp_path / 'second')
    assert first.keys() == second.keys()
    for id, sample in first.items():
        again = second[id]
        assert again.image is not None
        assert (sample.width, sample.height) == (again.width, again.height)
        for one, other in zip(_ordered(sample), _ordered(again), strict=True):
            assert (one.kind, one.label) == (other.kind, other.label)
            if isinstance(one, Polygon):
                assert one.rings[0] == other.rings[0]


def _ordered(sample: Sample) -> Iterator[Any]:
    return iter(sorted(sample.annotations, key=lambda shape: (shape.kind, shape.label)))


def test_the_quokka_is_the_same_through_labelme_and_createml(
    environment: Environment, quokka: Path, tmp_path: Path
) -> None:
    """imgaug's box, polygon and keypoints of one photograph, put into both formats by their rules."""
    told = json.loads((quokka / 'quokka_annotations.json').read_text())
    (box,), (polygon,) = told['bounding_boxes'], told['polygons']
    left, top, right, bottom = (box[side] for side in ('x1', 'y1', 'x2', 'y2'))
    ring = [[point['x'], point['y']] for point in polygon['keypoints']]
    shapes = [
        {'label': 'animal', 'shape_type': 'rectangle', 'points': [[right, bottom], [left, top]]},
        {'label': 'outline', 'shape_type': 'polygon', 'points': ring},
        *({'label': p['label'], 'shape_type': 'point', 'points': [[p['x'], p['y']]]} for p in told['keypoints']),
    ]
    size = {'x': (left + right) / 2, 'y': (top + bottom) / 2, 'width': right - left, 'height': bottom - top}
    contents: dict[str, Any] = {
        'labelme': {'shapes': shapes, 'imagePath': 'quokka.jpg', 'imageData': None},
        'createml': [{'image': 'quokka.jpg', 'annotations': [{'label': 'animal', 'coordinates': size}]}],
    }
    files = {'labelme': 'quokka.json', 'createml': '_annotations.createml.json'}
    found = {}
    for name, content in contents.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / 'quokka.jpg').hardlink_to(quokka / 'quokka.jpg')
        (tmp_path / name / files[name]).write_text(json.dumps(content))
        answer = converted(environment, tmp_path / name, tmp_path / f'{name}-coco', 'coco')
        found[name] = coco(tmp_path / f'{name}-coco' / 'annotations.json')['quokka.jpg']
        assert sum(loss['count'] for loss in answer['losses']['dropped']) == (7 if name == 'labelme' else 0)
    (animal, outline), (same,) = found['labelme'], found['createml']
    assert animal[1]['bbox'] == same[1]['bbox'] == [left, top, right - left, bottom - top]
    assert points(outline[1]['segmentation'][0]) == [tuple(point) for point in ring]
