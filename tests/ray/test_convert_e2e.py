"""Conversions on a cluster of two nodes: the same bytes as in one process, also when workers and nodes are killed."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from tests.formats.format_kit import add_item, box, polygon
from tests.ray.conftest import Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SLOW = """
import os, time
from pathlib import Path

from synapse_hooks.formats import BaseSink, BaseFormat
from synapse_hooks.formats.coco import CocoFormat


class SlowSink:
    def __init__(self, sink):
        self._sink = sink

    def __getattr__(self, name):
        return getattr(self._sink, name)

    def write(self, plan, info, shard, batches):
        def slowed():
            for number, batch in enumerate(batches):
                yield batch
                if number == 0:
                    work = Path(os.environ['WORK'])
                    (work / f'{os.getpid()}.{shard}').touch()
                    while not (work / 'go').exists():
                        time.sleep(0.02)
        return self._sink.write(plan, info, shard, slowed())


class Slow(CocoFormat):
    name = 'slow'

    def sink(self, context):
        return SlowSink(super().sink(context))


class Faulty(CocoFormat):
    name = 'faulty'

    def sink(self, context):
        raise ZeroDivisionError('in the sink')
"""


@pytest.fixture(scope='module')
def dm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('datasets') / 'dm'
    for number in range(600):
        shapes = {'bounding_box': [box(1, 1, 5, 5, f'class{number % 7}')]}
        if number % 3:
            shapes['polygon'] = [polygon([[0, 0], [9, 0], [9, 9]], 'road')]
        add_item(root / ('train' if number % 5 else 'valid'), f'{number:04}', shapes)
    return root


def digest(root: Path) -> str:
    """Of all files, with their names; the trainer's caches have absolute paths."""
    found = sha256()
    for file in sorted(path for path in root.rglob('*') if path.is_file()):
        found.update(f'{file.relative_to(root)} {sha256(file.read_bytes()).hexdigest()}\n'.encode())
    return found.hexdigest()


def test_the_bytes_are_those_of_one_process(cluster: Cluster, dm: Path, tmp_path: Path) -> None:
    at = cluster.at(tmp_path)
    source = dm
    for target in ('yolo', 'coco', 'dm'):
        digests = []
        for executor in ('serial', 'ray'):
            # In the same place: caches of the trainer have absolute paths.
            at.hooks('convert', source, 'out', '--to', target, '--executor', executor, '--workers', '4')
            for cache in (tmp_path / 'out').rglob('*.cache'):
                cache.unlink()
            digests.append(digest(tmp_path / 'out'))
            (tmp_path / 'out').rename(tmp_path / f'{target}-{executor}')
        assert digests[0] == digests[1]
        source = tmp_path / 'yolo-serial' / 'dataset.yaml' if target == 'coco' else source
    assert not list(tmp_path.glob('.*'))
