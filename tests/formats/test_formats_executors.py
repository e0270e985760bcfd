"""The parts of a dataset are written wherever an executor of a plugin brings them, and the result is the same."""

from __future__ import annotations

import threading
from argparse import Namespace
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.cli.plugin_listing import entries, inspect_plugins
from synapse_hooks.context import Dataset, RuntimeContext, TrainContext
from synapse_hooks.data import DatasetInfo
from synapse_hooks.errors import PluginBlocked, PluginBroken, PluginMissing, UnreadableItem, WrongAnswer
from synapse_hooks.formats import BaseFormat, BaseSink, Batch, ReadContext, WriteContext, WriteResult
from synapse_hooks.formats.dm import DmFormat
from synapse_hooks.formats.dm.source import DmSource
from synapse_hooks.plugins import Settings, build
from synapse_hooks.plugins.settings import Level
from synapse_hooks.testing import Converted, convert_dataset
from tests.formats.format_kit import add_item, box, polygon, tree

CONTEXT = TrainContext(params={}, runtime_ctx=RuntimeContext(), hooks=build(Settings()).calls)
POOL = """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

from synapse_hooks.conversion import BaseExecutor


class Pool(BaseExecutor):
    '''Processes that have nothing of this one: what they need travels to them.'''

    name = 'pool'
    workers = 2

    def map(self, tasks, report):
        with ProcessPoolExecutor(self.workers, mp_context=get_context('spawn')) as pool:
            results = list(pool.map(run, tasks))
        report(0)
        return results


class Threads(BaseExecutor):
    '''Tasks that are not pickled, and are all in one process.'''

    name = 'threads'
    workers = 3

    def map(self, tasks, report):
        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(run, tasks))


def run(task):
    return task(ignore)


def ignore(count):
    pass


class Methods(BaseExecutor):
    name = 'methods'
    workers = 2

    def map(self, tasks, report):
        with ProcessPoolExecutor(self.workers, mp_context=get_context('fork')) as pool:
            return list(pool.map(self.run, tasks))

    def run(self, task):
        return task(ignore)


class Down(BaseExecutor):
    name = 'down'
    workers = 2

    def map(self, tasks, report):
        raise OSError('no cluster here')
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution with executors."""
    place = tmp_path / 'site'
    info = place / 'acme_pool-1.0.dist-info'
    info.mkdir(parents=True)
    (place / 'acme_pool.py').write_text(POOL)
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: acme-pool\nVersion: 1.0\n')
    (info / 'entry_points.txt').write_text(
        '[synapse_hooks.executors]\npool = acme_pool:Pool\nthreads = acme_pool:Threads\n'
        'methods = acme_pool:Methods\ndown = acme_pool:Down\nbroken = acme_pool:Missing\n'
    )
    monkeypatch.syspath_prepend(place)


@pytest.fixture
def dm(tmp_path: Path) -> Path:
    for number in range(300):
        label = f'class{number % 3}'
        shapes: dict[str, Any] = {'bounding_box': [box(1, 1, 5, 5, label)]}
        if number % 2:
            shapes['polygon'] = [polygon([[0, 0], [9, 0], [9, 9]], label)]
        add_item(tmp_path / 'dm', f'{number:03}', shapes)
    return tmp_path / 'dm'


def converted(dm: Path, target: str, out: Path, **settings: Any) -> Converted:
    source: Dataset = {'path': dm, 'format': 'dm'}
    options: dict[str, Any] = {'splits': {'train': 0.7, 'valid': 0.3}} if target == 'yolo' else {}
    plugins = []
    if settings.get('executor') in ('pool', 'threads', 'methods', 'down'):
        # The kit discovers nothing: what is installed is passed as the project's own.
        plugins.append(getattr(import_module('acme_pool'), settings['executor'].title())())
    return convert_dataset(source, target, out, *plugins, settings={target: settings}, **options)


def content(made: Converted) -> dict[str, Any]:
    """The files, but for those that name the folder they are in."""
    return {
        name: content
        for name, content in tree(made.path).items()
        if not name.endswith('.cache') and name != 'dataset.yaml'
    }


@pytest.mark.usefixtures('acme')
@pytest.mark.parametrize('target', ['yolo', 'coco'])
def test_any_executor_writes_the_same(tmp_path: Path, dm: Path, target: str) -> None:
    alone = converted(dm, target, tmp_path / 'alone', workers=1)
    assert len(content(alone)) >= 300
    for name, settings in (
        ('pool', {'executor': 'pool'}),
        ('threads', {'executor': 'threads'}),
        ('methods', {'executor': 'methods'}),
        ('forked', {'executor': 'fork', 'workers': 3}),
    ):
        other = converted(dm, target, tmp_path / name, **settings)
        assert content(other) == content(alone)
        assert other.dataset['digest'] == alone.dataset['digest']
        assert other.losses == alone.losses
        assert other.dataset['splits'] == alone.dataset['splits']


def test_forked_processes_do_not_open_the_dataset_again(tmp_path: Path, dm: Path) -> None:
    opened = tmp_path / 'opened'

    class Counted(DmFormat):
        name = 'counted'

        def source(self, path: Path, context: ReadContext) -> DmSource:
            with opened.open('a') as file:
                file.write('x')
            return super().source(path, context)

    for workers in (1, 3):
        opened.write_text('')
        source: Dataset = {'path': dm, 'format': 'counted'}
        out = tmp_path / f'out{workers}'
        convert_dataset(source, 'coco', out, Counted(), settings={'coco': {'executor': 'fork', 'workers': workers}})
        assert len(opened.read_text()) == 2  # for what it declares, and to read it


@pytest.mark.parametrize('items', [1, 300])
def test_an_executor_that_is_not_there_is_an_error_with_those_that_are(tmp_path: Path, dm: Path, items: int) -> None:
    for document in sorted((dm / 'json').iterdir())[items:]:
        document.unlink()
    for target in ('coco', 'imagefolder'):
        with pytest.raises(PluginMissing, match="there is no executor 'forks'; there are: fork, serial") as caught:
            converted(dm, target, tmp_path / 'out', executor='forks', workers=2)
        assert "did you mean 'fork'?" in caught.value.hint


@pytest.mark.usefixtures('acme')
def test_an_executor_that_cannot_be_used_is_named_with_its_distribution(tmp_path: Path, dm: Path) -> None:
    calls = build(Settings()).calls
    with pytest.raises(PluginBroken, match=r"acme-pool 1\.0 \(plugin 'broken'\) is broken: .*Missing"):
        calls.open_executor(context=CONTEXT, executor='broken', workers=None)
    assert calls.open_executor(context=CONTEXT, executor='pool', workers=5).workers == 5
    with pytest.raises(OSError, match='no cluster here'):
        converted(dm, 'coco', tmp_path / 'out', executor='down')


@pytest.mark.usefixtures('acme')
def test_executors_are_listed_with_their_versions_and_faults() -> None:
    plugins = entries(inspect_plugins(Namespace(block=[], only=[]), load_all=True))
    listed = {entry['name']: entry for entry in plugins if entry['kind'] == 'executor'}
    assert sorted(listed) == ['broken', 'down', 'fork', 'methods', 'pool', 'serial', 'threads']
    assert (listed['pool']['distribution'], listed['pool']['version']) == ('acme-pool', '1.0')
    assert listed['pool']['hooks'] == ['open_executor']
    assert listed['broken']['state'] == 'broken'
    assert 'Missing' in listed['broken']['reason']


@pytest.mark.usefixtures('acme')
def test_a_blocked_executor_is_not_used() -> None:
    plugins = build(Settings(levels=(Level('block', 'only', block=('pool',)),)))
    with pytest.raises(PluginBlocked, match=r"the executor 'pool' of acme-pool 1\.0"):
        plugins.calls.open_executor(context=CONTEXT, executor='pool', workers=2)


def blamed(error: BaseException) -> list[str]:
    return [note for note in getattr(error, '__notes__', ()) if note.startswith('raised by')]


class NumbersSink(BaseSink):
    def write(self, plan: Any, info: DatasetInfo, shard: int, batches: Iterator[Batch]) -> WriteResult:
        return WriteResult({'': sum(len(batch.samples) for batch in batches)}, state=lambda: shard)


class NumbersFormat(BaseFormat):
    """Leaves something that cannot be sent to another process."""

    name = 'numbers'

    def sink(self, context: WriteContext) -> NumbersSink:
        return NumbersSink()


class OpenFormat(DmFormat):
    """A format that cannot be sent to another process."""

    name = 'open'

    def __init__(self) -> None:
        self.lock = threading.Lock()


def test_a_result_that_cannot_be_sent_is_the_fault_of_the_sink(tmp_path: Path, dm: Path) -> None:
    with pytest.raises(WrongAnswer, match='the result of a shard must be picklable') as caught:
        convert_dataset(
            {'path': dm, 'format': 'dm'},
            'numbers',
            tmp_path / 'out',
            NumbersFormat(),
            settings={'numbers': {'workers': 2}},
        )
    assert blamed(caught.value) == ["raised by the project (plugin 'NumbersFormat') in hook 'convert'"]


@pytest.mark.usefixtures('acme')
def test_what_cannot_be_sent_is_not_the_fault_of_the_executor(tmp_path: Path, dm: Path) -> None:
    pool = import_module('acme_pool').Pool()
    with pytest.raises(WrongAnswer, match='what an executor runs must be picklable') as caught:
        convert_dataset(
            {'path': dm, 'format': 'open'},
            'coco',
            tmp_path / 'out',
            OpenFormat(),
            pool,
            settings={'coco': {'executor': 'pool'}},
        )
    assert not blamed(caught.value)


@pytest.mark.usefixtures('acme')
def test_an_error_of_the_executor_is_blamed_on_it(tmp_path: Path, dm: Path) -> None:
    with pytest.raises(OSError, match='no cluster') as caught:
        converted(dm, 'coco', tmp_path / 'out', executor='down')
    assert blamed(caught.value) == ["raised by the project (plugin 'Down') in hook 'open_executor'"]


@pytest.mark.usefixtures('acme')
def test_an_error_of_a_task_is_not_blamed_on_the_executor(tmp_path: Path, dm: Path) -> None:
    (dm / 'json' / '007.json').write_text('{')
    with pytest.raises(UnreadableItem) as caught:
        converted(dm, 'coco', tmp_path / 'out', executor='pool', unreadable='fail')
    assert not blamed(caught.value)
