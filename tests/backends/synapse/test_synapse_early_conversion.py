"""A dataset is converted while it is exported: two stages in the record, and the same result."""

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, hookimpl
from synapse_hooks.backends import Workspace
from synapse_hooks.backends.synapse import SynapseClient
from synapse_hooks.context import Dataset, RuntimeContext, TrainContext
from synapse_hooks.data import DatasetInfo
from synapse_hooks.errors import StepFailed
from synapse_hooks.formats import BaseSink, Batch, Format, Sink, WriteContext, WriteResult, Written
from synapse_hooks.journal import RunDirectory, read_events
from tests.backends.synapse.conftest import Clients, make_dm
from tests.support.dev_server import DevServer, dev_server
from tests.support.waiting import until


class Params(BaseTrainParams):
    target_task: str | None = None


class Trains(BaseTrainAction[Params]):
    target_format = 'yolo'

    def execute(self, data_path: Path, checkpoint: Any) -> Any:
        return {}


class TrainsOnCoco(Trains):
    target_format = 'coco'


class Observes:
    """Another plugin, which might edit the dataset between the stages."""

    @hookimpl
    def step_finished(self, step: Any) -> None:
        """Observe."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DevServer]:
    workspace = Workspace(tmp_path / 'there')
    workspace.add_dataset(make_dm(tmp_path / 'in', {'train': 140, 'valid': 20}), name='street')
    with dev_server(workspace) as running:
        yield running


def train(
    client: SynapseClient,
    run_dir: Path,
    action: type[Trains] = Trains,
    plugins: tuple[object, ...] = (),
    params: Mapping[str, Any] | None = None,
    **more: Any,
) -> tuple[dict[str, dict[str, Any]], bool]:
    """The stages of a run, and whether it was converted early."""
    more = {'keep_conversions': False, **more}
    ctx = RuntimeContext(client=client, run_dir=run_dir, discover=False, plugins=plugins, **more)
    action({'dataset': 1, **(params or {})}, ctx).run()
    stages = {stage['name']: stage for stage in RunDirectory.open(run_dir).read()['stages']}
    assert not (run_dir / '.staging').exists()
    return stages, any(event.get('code') == 'early' for event in read_events(run_dir))


def content(stages: Mapping[str, Mapping[str, Any]], run_dir: Path) -> tuple[Any, ...]:
    """What was converted. The caches of ultralytics hold absolute paths, and a hash of them."""
    folder = run_dir / 'stages' / 'convert'
    caches = []
    for file in sorted(folder.rglob('*.cache')):
        cache = np.load(file, allow_pickle=True).item()
        files = [str(Path(label.pop('im_file')).relative_to(folder)) for label in cache['labels']]
        caches.append((file.name, files, str(cache['labels']), cache['results']))
    others = {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob('*')
        if file.is_file() and file.suffix != '.cache'
    }
    assert len(caches) >= 2
    return caches, others, stages['convert']['context']['dataset']['digest']


def test_the_result_is_that_of_a_conversion_after_the_export(
    server: DevServer, client_of: Clients, tmp_path: Path
) -> None:
    client = client_of(server.host)
    early, was_early = train(client, tmp_path / 'run1')
    plain, was_plain = train(client, tmp_path / 'run2', plugins=(Observes(),))
    assert (was_early, was_plain) == (True, False)
    assert content(early, tmp_path / 'run1') == content(plain, tmp_path / 'run2')
    assert [early[name]['status'] for name in ('export', 'convert')] == ['succeeded', 'succeeded']
    assert early['export']['inputs'] == plain['export']['inputs'] | {'plugins': early['export']['inputs']['plugins']}
    assert early['convert']['losses'] == plain['convert']['losses']


def test_a_run_that_uses_a_kept_conversion_has_not_converted_early(
    server: DevServer, client_of: Clients, tmp_path: Path
) -> None:
    first, was_early = train(client_of(server.host), tmp_path / 'run1', keep_conversions=True)
    second, is_early = train(client_of(server.host), tmp_path / 'run2', keep_conversions=True)
    assert (was_early, is_early) == (True, False)
    assert first['convert']['kept'] == second['convert']['kept']
    assert first['convert']['losses'] == second['convert']['losses']


class NamesSink(BaseSink):
    """Writes a file for each image, in any order."""

    def __init__(self, context: WriteContext) -> None:
        self.context = context

    def needs_order(self, plan: Any) -> bool:
        return False

    def write(self, plan: Any, info: DatasetInfo, shard: int, batches: Iterator[Batch]) -> WriteResult:
        for batch in batches:
            for sample in batch.samples:
                (self.context.out / f'{sample.split}-{sample.id}').write_text(str(os.getpid()))
        return WriteResult()


class NamesFormat(Format):
    name = 'names'

    def sink(self, context: WriteContext) -> Sink:
        return NamesSink(context)


class TrainsOnNames(Trains):
    target_format = 'names'


def test_a_format_of_a_plugin_is_written_early_too(server: DevServer, client_of: Clients, tmp_path: Path) -> None:
    _, early = train(client_of(server.host), tmp_path / 'run', TrainsOnNames, plugins=(NamesFormat(),))
    files = list((tmp_path / 'run' / 'stages' / 'convert').iterdir())
    assert early
    assert len(files) == 160
    (pid,) = {file.read_text() for file in files}
    assert pid != str(os.getpid())


@pytest.mark.parametrize(
    ('action', 'params', 'project'),
    [
        (TrainsOnCoco, {}, ''),
        (Trains, {}, '[tool.synapse_hooks.settings.yolo]\nworkers = 1\n'),
        (Trains, {}, "[tool.synapse_hooks.settings.yolo]\nimages = 'symlink'\n"),
        (Trains, {'splits': {'train': 0.5, 'valid': 0.5}}, ''),
    ],
    ids=['a target in order', 'one worker', 'symbolic links', 'fractions, and splits of its own'],
)
def test_it_is_converted_afterwards_where_that_differs(
    server: DevServer, client_of: Clients, tmp_path: Path, action: type[Trains], params: dict[str, Any], project: str
) -> None:
    (tmp_path / 'pyproject.toml').write_text(project)
    stages, early = train(client_of(server.host), tmp_path / 'run', action, params=params, project=tmp_path)
    assert not early
    assert stages['convert']['status'] == 'succeeded'


class _Slow(SynapseClient):
    """Calls a function after the first items have arrived."""

    interrupt: Callable[[], None]

    def export_dataset(self, *args: Any, arrived: Any = None, **more: Any) -> Dataset:
        def announced(shard: Any) -> None:
            arrived(shard)
            self.interrupt()

        return super().export_dataset(*args, arrived=announced, **more)


def slow(client: SynapseClient, interrupt: Callable[[], None]) -> SynapseClient:
    client.__class__ = _Slow
    assert isinstance(client, _Slow)
    client.interrupt = interrupt
    return client


class _Announces(SynapseClient):
    """Announces what has arrived when everything is there, in a way of its own."""

    announce: Callable[[Callable[[Any], None], list[Any]], None]

    def export_dataset(self, *args: Any, arrived: Any = None, **more: Any) -> Dataset:
        shards: list[Any] = []
        made = super().export_dataset(*args, arrived=shards.append if arrived else None, **more)
        if arrived:
            self.announce(arrived, shards)
        return made


def announcing(client: SynapseClient, announce: Callable[[Callable[[Any], None], list[Any]], None]) -> SynapseClient:
    client.__class__ = _Announces
    assert isinstance(client, _Announces)
    client.announce = announce
    return client


def in_reverse(arrived: Callable[[Any], None], shards: list[Any]) -> None:
    for shard in reversed(shards):
        arrived(shard)


@pytest.mark.parametrize(
    ('counts', 'params'),
    [({'train': 20, 'valid': 140, 'test': 2}, {}), ({'': 140}, {'splits': {'train': 0.6, 'valid': 0.4}})],
    ids=['splits', 'fractions'],
)
def test_the_order_of_arrival_changes_nothing(
    tmp_path: Path, client_of: Clients, counts: dict[str, int], params: dict[str, Any]
) -> None:
    workspace = Workspace(tmp_path / 'there')
    workspace.add_dataset(make_dm(tmp_path / 'in', counts), name='street')
    with dev_server(workspace) as server:
        client = announcing(client_of(server.host), in_reverse)
        early, was_early = train(client, tmp_path / 'run1', params=params)
        plain, was_plain = train(client_of(server.host), tmp_path / 'run2', plugins=(Observes(),), params=params)
    assert (was_early, was_plain) == (True, False)
    assert content(early, tmp_path / 'run1') == content(plain, tmp_path / 'run2')
    assert early['convert']['losses'] == plain['convert']['losses']


def announces_half(arrived: Callable[[Any], None], shards: list[Any]) -> None:
    for shard in shards[::2]:
        arrived(shard)


def announces_twice(arrived: Callable[[Any], None], shards: list[Any]) -> None:
    for shard in shards * 2:
        arrived(shard)


def announces_paths(arrived: Callable[[Any], None], shards: list[Any]) -> None:
    for shard in shards:
        arrived({**shard, 'path': Path()})


def announces_something_else(arrived: Callable[[Any], None], shards: list[Any]) -> None:
    for shard in shards:
        arrived(shard['documents'])


def announces_nothing(arrived: Callable[[Any], None], shards: list[Any]) -> None:
    """Forget to."""


@pytest.mark.parametrize(
    'announce', [announces_half, announces_twice, announces_paths, announces_something_else, announces_nothing]
)
def test_what_a_client_announces_wrongly_changes_nothing(
    server: DevServer, client_of: Clients, tmp_path: Path, announce: Any
) -> None:
    stages, early = train(announcing(client_of(server.host), announce), tmp_path / 'run1')
    expected, _ = train(client_of(server.host), tmp_path / 'run2', plugins=(Observes(),))
    assert not early
    assert content(stages, tmp_path / 'run1') == content(expected, tmp_path / 'run2')


def rename_item(dataset: Path) -> None:
    for folder in (dataset / 'train' / 'json', dataset / 'train' / 'original_files'):
        first = min(folder.iterdir())
        first.rename(first.with_stem('other'))


class EditsInConvert(NamesFormat):
    @hookimpl
    def convert(self, context: TrainContext, dataset: Dataset, target_format: str) -> Dataset | None:
        rename_item(dataset['path'])
        return super().convert(context, dataset, target_format)


class EditsBetween(NamesFormat):
    @hookimpl
    def step_finished(self, context: TrainContext, step: Any) -> None:
        if step.name == 'export' and context.dataset is not None:
            rename_item(context.dataset['path'])


@pytest.mark.parametrize('format', [EditsInConvert, EditsBetween])
def test_a_format_that_may_edit_the_dataset_is_written_afterwards(
    server: DevServer, client_of: Clients, tmp_path: Path, format: type[NamesFormat]
) -> None:
    _, early = train(client_of(server.host), tmp_path / 'run', TrainsOnNames, plugins=(format(),))
    assert not early
    assert (tmp_path / 'run' / 'stages' / 'convert' / 'train-other').is_file()


class NotesSink(NamesSink):
    """Makes a folder at once, and keeps absolute paths for the end."""

    def __init__(self, context: WriteContext) -> None:
        super().__init__(context)
        self.notes = context.out / 'notes'
        self.notes.mkdir(exist_ok=True)

    def initialize_write(self, info: DatasetInfo) -> Any:
        return self.notes

    def write(self, plan: Any, info: DatasetInfo, shard: int, batches: Iterator[Batch]) -> WriteResult:
        file = plan / f'{shard}.txt'
        file.write_text('\n'.join(sorted(sample.id for batch in batches for sample in batch.samples)))
        return WriteResult(state=file)

    def finalize(self, plan: Any, info: DatasetInfo, results: Sequence[WriteResult]) -> Written:
        for result in results:
            (plan / 'all.txt').write_text(f'{result.state} {result.state.read_text()} {info.splits}')
        return Written()


class NotesFormat(Format):
    name = 'names'

    def sink(self, context: WriteContext) -> Sink:
        return NotesSink(context)


def test_a_sink_may_keep_absolute_paths(server: DevServer, client_of: Clients, tmp_path: Path) -> None:
    client = announcing(client_of(server.host), in_reverse)
    _, early = train(client, tmp_path / 'run', TrainsOnNames, plugins=(NotesFormat(),))
    notes = (tmp_path / 'run' / 'stages' / 'convert' / 'notes' / 'all.txt').read_text()
    shutil.rmtree(tmp_path / 'run')
    _, was_plain_early = train(client, tmp_path / 'run', TrainsOnNames, plugins=(NotesFormat(), Observes()))
    assert (early, was_plain_early) == (True, False)
    assert (tmp_path / 'run' / 'stages' / 'convert' / 'notes' / 'all.txt').read_text() == notes


class NeedsSettingFormat(NamesFormat):
    def sink(self, context: WriteContext) -> Sink:
        assert context.options.settings['kind'] == 'short'
        return NamesSink(context)


@pytest.mark.parametrize('kind', ['short', 'long'])
def test_a_format_may_need_a_setting(server: DevServer, client_of: Clients, tmp_path: Path, kind: str) -> None:
    (tmp_path / 'pyproject.toml').write_text(f"[tool.synapse_hooks.settings.names]\nkind = '{kind}'\n")
    options: Any = {'plugins': (NeedsSettingFormat(),), 'project': tmp_path}
    if kind == 'long':
        with pytest.raises(StepFailed, match="'convert'"):
            train(client_of(server.host), tmp_path / 'run', TrainsOnNames, **options)
        return
    _, early = train(client_of(server.host), tmp_path / 'run', TrainsOnNames, **options)
    assert early


class SlowFormat(NamesFormat):
    """Takes longer than an export may take, in the process that converts early."""

    def __init__(self) -> None:
        self.pid = os.getpid()

    def sink(self, context: WriteContext) -> Sink:
        if os.getpid() != self.pid:
            threading.Event().wait()
        return super().sink(context)


def test_the_deadline_of_the_export_is_not_spent_on_the_conversion(
    server: DevServer, client_of: Clients, tmp_path: Path
) -> None:
    stages, early = train(
        client_of(server.host), tmp_path / 'run', TrainsOnNames, plugins=(SlowFormat(),), deadlines={'export': 6.0}
    )
    assert not early
    assert [stages[name]['status'] for name in ('export', 'convert')] == ['succeeded', 'succeeded']


def children() -> set[int]:
    return {
        int(pid) for thread in Path('/proc/self/task').iterdir() for pid in (thread / 'children').read_text().split()
    }


def test_a_killed_process_changes_nothing(server: DevServer, client_of: Clients, tmp_path: Path) -> None:
    before = children()
    killed: list[int] = []

    def kill() -> None:
        for pid in children() - before - set(killed):
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    stages, early = train(slow(client_of(server.host), kill), tmp_path / 'run1')
    assert killed
    assert not early
    expected, _ = train(client_of(server.host), tmp_path / 'run2')
    assert content(stages, tmp_path / 'run1') == content(expected, tmp_path / 'run2')


def test_an_export_that_fails_is_resumed(server: DevServer, client_of: Clients, tmp_path: Path) -> None:
    before = children()

    def fail() -> None:
        raise OSError('the network is down')

    with pytest.raises(StepFailed, match='network'):
        train(slow(client_of(server.host), fail), tmp_path / 'run1')
    assert children() <= before
    stages, early = train(client_of(server.host), tmp_path / 'run1', resume=True)
    expected, _ = train(client_of(server.host), tmp_path / 'run2')
    assert early
    assert content(stages, tmp_path / 'run1') == content(expected, tmp_path / 'run2')


def test_a_killed_run_leaves_no_process_and_is_resumed(server: DevServer, client_of: Clients, tmp_path: Path) -> None:
    client = client_of(server.host)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:

        def die() -> None:
            os.write(writing, ' '.join(map(str, children())).encode())
            os.kill(os.getpid(), signal.SIGKILL)

        try:
            train(slow(client, die), tmp_path / 'run1')
        finally:
            os._exit(1)
    os.waitpid(pid, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        left = [int(word) for word in told.read().split()]
    assert left
    # The process that converts does not outlive the run.
    until(lambda: not any(Path(f'/proc/{each}/exe').exists() for each in left), seconds=10)
    stages, _ = train(client_of(server.host), tmp_path / 'run1', resume=True)
    expected, _ = train(client_of(server.host), tmp_path / 'run2')
    assert content(stages, tmp_path / 'run1') == content(expected, tmp_path / 'run2')
