"""The benchmarks run; what they find is for `make bench`, on a quiet machine."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / 'benchmarks'
RUNNER = BENCHMARKS / 'run.py'


def test_a_benchmark_ends_in_one_json_object() -> None:
    done = subprocess.run([sys.executable, str(RUNNER), 'hooks', '--json'], capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])['figures']
    assert figures[0]['unit'] == 'x'
    assert figures[0]['value'] > 0
    assert all({'name', 'value', 'unit', 'aim', 'note', 'met'} == figure.keys() for figure in figures)


def test_what_a_trace_costs_is_measured() -> None:
    command = [sys.executable, str(BENCHMARKS / 'traced.py'), '--json']
    figures = json.loads(subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[-1])['figures']
    assert (figures[0]['unit'], figures[0]['aim']) == ('us', 2)
    assert figures[0]['value'] > 0


def test_an_unknown_benchmark_is_refused() -> None:
    done = subprocess.run([sys.executable, str(RUNNER), 'speed'], capture_output=True, text=True)
    assert done.returncode == 2
    assert 'there is no benchmark speed; there are imports, help, pipeline' in done.stderr


def test_conversions_are_measured_against_their_floor() -> None:
    command = [sys.executable, str(BENCHMARKS / 'convert.py'), '--images', '200', '--rounds', '1', '--json']
    works = ['dm-yolo', 'coco-segment', 'dm-memory']
    done = subprocess.run([*command, '--works', *works], capture_output=True, text=True)
    figures = json.loads(done.stdout.splitlines()[-1])['figures']
    ratios = [figure for figure in figures if figure['unit'] == 'x']
    assert {ratio['name'].split(' / ')[0].split(',')[0] for ratio in ratios} == {'dm -> yolo', 'coco -> yolo segment'}
    # So few images take no longer than the imports: the aims in time are for 20,000.
    assert all(ratio['value'] > 0 and ratio['aim'] is None for ratio in ratios)
    assert '500 images' in ratios[-1]['note']
    peaks = [figure for figure in figures if figure['unit'] == 'MB']
    assert [peak['name'].rsplit(', ', 1)[1] for peak in peaks] == ['200 images', '500 images', '2,000 images']
    assert all(10 < peak['value'] < peak['aim'] == 300 for peak in peaks)


def test_formats_of_others_are_measured_against_coco() -> None:
    command = [sys.executable, str(BENCHMARKS / 'third_party.py'), '--images', '150', '--rounds', '1', '--json']
    done = subprocess.run(command, capture_output=True, text=True)
    figures = json.loads(done.stdout.splitlines()[-1])['figures']
    # So few images take less than processes differ by: the ratios are for some thousand.
    assert [(figure['name'].split(' / ')[0], figure['aim']) for figure in figures[1:]] == [
        ('openimages -> yolo', 1.3),
        ('lines -> yolo', 2.0),
        ('coco -> openimages', 1.5),
        ('coco -> lines', 4.0),
    ]


def test_a_source_too_large_for_every_disk_is_skipped_with_a_message() -> None:
    command = [
        sys.executable,
        str(BENCHMARKS / 'convert.py'),
        '--images',
        '100000000000',
        '--works',
        'dm-yolo',
        '--json',
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 'dm, 100,000,000,000 images: left out, there is no room for it in' in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])['figures'] == []


def test_the_curve_has_every_work_at_every_size() -> None:
    command = [sys.executable, str(BENCHMARKS / 'curve.py'), '--items', '20', '40', '60', '--json']
    done = subprocess.run(command, capture_output=True, text=True)
    figures = json.loads(done.stdout.splitlines()[-1])['figures']
    works = ('import', 'export', 'convert', 'inspect')
    sizes = [f'  {work}, {items} items' for work in works for items in (20, 40, 60)]
    assert [figure['name'] for figure in figures if figure['unit'] == 'us'] == sizes
    assert [figure['aim'] for figure in figures if figure['unit'] == 'x'] == [1.25] * 4


@pytest.mark.parametrize('kind', ['dm', 'coco'])
def test_sources_are_the_same_bytes_every_time(kind: str, tmp_path: Path) -> None:
    digests = []
    for name in ('one', 'other'):
        subprocess.run([sys.executable, str(BENCHMARKS / 'sources.py'), kind, str(tmp_path / name), '60'], check=True)
        files = sorted(file for file in (tmp_path / name).rglob('*') if file.is_file())
        assert len([file for file in files if file.suffix == '.jpg']) == 60
        told = ((file.relative_to(tmp_path / name).as_posix(), file.read_bytes()) for file in files)
        digests.append(hashlib.sha256(repr(list(told)).encode()).hexdigest())
    assert digests[0] == digests[1]


def test_sources_have_the_proportions_that_they_promise(tmp_path: Path) -> None:
    for kind in ('dm', 'coco'):
        subprocess.run([sys.executable, str(BENCHMARKS / 'sources.py'), kind, str(tmp_path / kind), '600'], check=True)
    documents = {file: json.loads(file.read_bytes())['images'][0] for file in (tmp_path / 'dm').rglob('*.json')}
    assert len([file for file in documents if file.parts[-3] == 'train']) == 480
    boxes, polygons = (sum(len(one[tool]) for one in documents.values()) for tool in ('bounding_box', 'polygon'))
    assert 6.5 < (boxes + polygons) / 600 < 7.5
    assert 0.25 < polygons / (boxes + polygons) < 0.35
    coco = json.loads((tmp_path / 'coco' / 'annotations' / 'instances_train.json').read_bytes())
    assert len(coco['images']) == 540
    assert 6 < len(coco['annotations']) / 540 < 8.5
    assert len({category['id'] for category in coco['categories']}) == 80
    places = {image['id']: (image['width'], image['height']) for image in coco['images']}
    for row in coco['annotations']:
        (x, y, w, h), (width, height) = row['bbox'], places[row['image_id']]
        assert 0 <= x < x + w <= width
        assert 0 <= y < y + h <= height


def test_slopes_are_measured_at_three_sizes() -> None:
    command = [sys.executable, str(BENCHMARKS / 'scale.py'), '--parts', 'dm-coco', 'runs', '--share', '0.005', '--json']
    done = subprocess.run(command, capture_output=True, text=True)
    figures = {one['name']: one for one in json.loads(done.stdout.splitlines()[-1])['figures']}
    assert figures['dm -> coco: entries, an item']['value'] == 1
    assert figures['dm -> coco: entries, an item']['note'] == '1 from 10 to 40, then to 160'
    assert figures['dm -> coco: largest document, an item']['value'] > 500
    assert figures['`runs --json`, peak memory, a run']['note'].endswith('from 2 to 5, then to 20')


def test_a_driver_gets_an_answer_of_each_run_twice_a_second() -> None:
    command = [sys.executable, str(BENCHMARKS / 'scale_driver.py'), '--one', '4', '2', '--seconds', '1']
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert 0 < found['answers'] <= 10
    assert found['busy'] > 0


def test_a_launched_run_is_measured_against_one_that_is_not() -> None:
    command = [sys.executable, str(BENCHMARKS / 'launch.py'), '--rounds', '1', '--json']
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])['figures']
    assert [figure['name'].rpartition(', ')[2] for figure in figures] == ['wall time', 'processor time', 'peak memory']
    assert all(0.2 < figure['value'] < 5 for figure in figures)
