"""A run directory that is sent to a URL, and comes back."""

from __future__ import annotations

import json
from math import log2
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fsspec import register_implementation
from fsspec.implementations.memory import MemoryFileSystem
from synapse_hooks_ray.keeper import Keeper
from synapse_hooks_ray.storage import INDEX, Store

from synapse_hooks.errors import StorageError
from synapse_hooks.journal import Journal, RunDirectory

PROTOCOLS = ('file', 'memory')


def make_run(folder: Path) -> Path:
    run = RunDirectory.create(folder)
    Journal(run.path).record('message', {'text': 'hello'})
    (run.path / 'stages' / 'convert').mkdir(parents=True)
    (run.path / 'stages' / 'convert' / 'a.txt').write_text('a')
    return run.path


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        file.relative_to(folder).as_posix(): (file.read_bytes(), file.stat().st_mtime_ns)
        for file in folder.rglob('*')
        if file.is_file() and not file.name.startswith('.lock')
    }


@pytest.fixture(params=PROTOCOLS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f'{request.param}://{tmp_path}/store'


def test_what_comes_back_is_the_same_to_the_times_of_files(url: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / 'run')
    store = Store(url, 'one')
    assert not store.has_run()
    assert store.status() == ''
    store.push(run)
    assert store.has_run()
    assert store.status() == 'created'
    Store(url, 'one').fetch(tmp_path / 'back')
    assert content(tmp_path / 'back') == content(run)
    store.remove()
    assert not Store(url, 'one').has_run()


def test_only_what_has_changed_is_sent_and_what_is_gone_goes(url: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / 'run')
    store = Store(url, 'one')
    assert store.push(run) == 2
    assert store.push(run) == 0
    # Another process, which has the directory from the storage, sends nothing again either.
    other = Store(url, 'one')
    other.fetch(tmp_path / 'elsewhere')
    assert other.push(tmp_path / 'elsewhere') == 0
    (run / 'stages' / 'convert' / 'a.txt').unlink()
    (run / 'stages' / 'convert' / 'b.txt').write_text('b')
    assert store.push(run) == 1
    Store(url, 'one').fetch(tmp_path / 'back')
    assert content(tmp_path / 'back') == content(run)


def test_fetching_keeps_what_is_there_and_replaces_what_is_old(url: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / 'run')
    store = Store(url, 'one')
    store.push(run)
    here = tmp_path / 'here'
    (here / '.staging' / 'execute').mkdir(parents=True)
    (here / '.staging' / 'execute' / 'half').touch()
    (here / 'notes.txt').write_text('mine')
    (here / 'run.json').write_text('old')
    store.fetch(here)
    assert set(content(here)) == {'run.json', 'events.jsonl', 'stages/convert/a.txt', 'notes.txt'}
    assert json.loads((here / 'run.json').read_text())['status'] == 'created'


@pytest.mark.parametrize('name', ['../evil', '/etc/evil', 'a/../../evil', 'a//b', ''])
def test_a_name_that_leaves_the_run_directory_is_refused(name: str, tmp_path: Path) -> None:
    store = Store(f'file://{tmp_path}/store', 'one')
    store.push(make_run(tmp_path / 'run'))
    (tmp_path / 'store' / 'evil').write_text('x')
    (tmp_path / 'store' / 'one' / INDEX).write_text(json.dumps({name: [1, 1]}))
    with pytest.raises(StorageError, match='outside of the run directory'):
        Store(f'file://{tmp_path}/store', 'one').fetch(tmp_path / 'sub' / 'back')
    assert not (tmp_path / 'sub' / 'back').exists()
    assert not (tmp_path / 'sub' / 'evil').exists()


def test_a_file_that_is_written_meanwhile_is_left_for_the_next_time(tmp_path: Path) -> None:
    run = make_run(tmp_path / 'run')
    store = Store(f'file://{tmp_path}/store', 'one')
    weights = run / '.staging' / 'execute' / 'last.pt'
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b'1')
    put = store._fs.put_file

    def slowly(source: str, target: str) -> None:
        put(source, target)
        if source.endswith('last.pt'):
            with open(source, 'ab') as file:
                file.write(b'2')

    store._fs.put_file = slowly
    try:
        store.push(run)
        assert not (tmp_path / 'store' / 'one' / '.staging' / 'execute' / 'last.pt').exists()
    finally:
        store._fs.put_file = put
    store.push(run)
    assert (tmp_path / 'store' / 'one' / '.staging' / 'execute' / 'last.pt').read_bytes() == b'12'


def test_a_keeper_sends_when_a_stage_is_done_and_at_the_end(tmp_path: Path) -> None:
    run = make_run(tmp_path / 'run')
    store = Store(f'file://{tmp_path}/store', 'one')
    warnings: list[str] = []
    keeper = Keeper(store, run, 3600, warnings.append)
    Journal(run).record('step', {'name': 'convert', 'status': 'succeeded'})
    for _ in range(100):
        if store.has_run():
            break
        keeper._closing.wait(0.1)
    assert store.has_run()
    (run / 'late.txt').write_text('late')
    keeper.close()
    assert (tmp_path / 'store' / 'one' / 'late.txt').exists()
    assert warnings == []


def test_errors_of_a_storage_name_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match='--storage nosuch://x'):
        Store('nosuch://x', 'one')
    (tmp_path / 'file').touch()
    with pytest.raises(StorageError, match='cannot be used'):
        Store(f'file://{tmp_path}/file', 'one').push(make_run(tmp_path / 'run'))
    damaged = Store(f'file://{tmp_path}/store', 'one')
    (tmp_path / 'store' / 'one').mkdir(parents=True)
    (tmp_path / 'store' / 'one' / INDEX).write_text('[1]')
    with pytest.raises(StorageError, match='is damaged'):
        damaged.fetch(tmp_path / 'back')


class Counting(MemoryFileSystem):
    """A storage that counts the bytes of journals which it gets."""

    protocol = 'counting'
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = ['']
    received = 0

    def pipe_file(self, path: str, value: bytes, **kwargs: Any) -> None:
        Counting.received += len(value) if 'events' in path else 0
        super().pipe_file(path, value, **kwargs)


@pytest.fixture
def counting() -> str:
    register_implementation('counting', Counting, clobber=True)
    Counting.store.clear()
    Counting.received = 0
    return 'counting://store'


def segments(store: Store) -> int:
    return len(store._fs.ls(f'{store._root}/events.jsonl'))


def test_a_journal_is_not_sent_again_whenever_it_has_grown(counting: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / 'run')
    store = Store(counting, 'one')
    pushes = 256
    for number in range(pushes):
        Journal(run).record('message', {'text': f'{number:100}'})
        store.push(run)
    size = (run / 'events.jsonl').stat().st_size
    assert size > 50_000
    assert Counting.received <= size * (log2(pushes) + 1), 'each push alone would have sent half of it: 128 times'
    assert segments(store) <= log2(pushes) + 2
    Store(counting, 'one').fetch(tmp_path / 'back')
    assert content(tmp_path / 'back') == content(run)


def test_a_run_that_goes_on_elsewhere_continues_the_segments(url: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / 'run')
    Journal(run).record('message', {'text': 'long' * 100})
    Store(url, 'one').push(run)
    for number in range(5):
        other, there = Store(url, 'one'), tmp_path / f'there{number}'
        other.fetch(there)
        assert content(there) == content(run)
        Journal(there).record('message', {'text': f'{number}'})
        assert other.push(there) == 1
        assert other.sizes() == {'events.jsonl': (there / 'events.jsonl').stat().st_size}
        run = there


def test_a_line_that_is_not_complete_is_sent_later(url: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / 'run')
    store = Store(url, 'one')
    whole = (run / 'events.jsonl').read_bytes()
    with (run / 'events.jsonl').open('ab') as file:
        file.write(b'{"half":')
        file.flush()
        store.push(run)
        store.fetch(tmp_path / 'back')
        assert (tmp_path / 'back' / 'events.jsonl').read_bytes() == whole
        file.write(b' 1}\n')
    store.push(run)
    store.fetch(tmp_path / 'again')
    assert content(tmp_path / 'again') == content(run)


@pytest.mark.parametrize('failing', ['events.jsonl/', 'run.json', INDEX])
def test_an_interrupted_push_leaves_what_was_there(counting: str, tmp_path: Path, failing: str) -> None:
    run = make_run(tmp_path / 'run')
    Store(counting, 'one').push(run)
    before = content(run)['events.jsonl']
    # The new segment takes in the one that is there.
    Journal(run).record('message', {'text': 'long' * 100})

    class Failing(Counting):
        protocol = 'counting'

        def pipe_file(self, path: str, value: bytes, **kwargs: Any) -> None:
            if failing in path:
                raise OSError('the storage fails')
            super().pipe_file(path, value, **kwargs)

    register_implementation('counting', Failing, clobber=True)
    with pytest.raises(StorageError, match='the storage fails'):
        Store(counting, 'one').push(run)
    register_implementation('counting', Counting, clobber=True)
    other = Store(counting, 'one')
    other.fetch(tmp_path / 'back')
    assert content(tmp_path / 'back')['events.jsonl'] == before
    # It goes on from there, with other events.
    Journal(tmp_path / 'back').record('message', {'text': 'short'})
    other.push(tmp_path / 'back')
    Store(counting, 'one').fetch(tmp_path / 'again')
    assert content(tmp_path / 'again') == content(tmp_path / 'back')


def test_a_segment_that_is_gone_is_looked_for_in_the_next_index(tmp_path: Path, counting: str) -> None:
    run = make_run(tmp_path / 'run')
    writer = Store(counting, 'one')
    for text in ('long' * 100, 'a'):
        Journal(run).record('message', {'text': text})
        writer.push(run)
    assert segments(writer) == 2

    class Late(Counting):
        protocol = 'counting'

        def cat_file(self, path: str, *args: Any, **kwargs: Any) -> bytes:
            data: bytes = super().cat_file(path, *args, **kwargs)
            if path.endswith(INDEX) and segments(writer) == 2:
                Journal(run).record('message', {'text': 'longer' * 100})
                writer.push(run)
            return data

    register_implementation('counting', Late, clobber=True)
    Store(counting, 'one').fetch(tmp_path / 'back')
    assert segments(writer) == 1
    assert content(tmp_path / 'back')['events.jsonl'] == content(run)['events.jsonl']


@pytest.mark.parametrize('name', ['events.jsonl/000000000007', 'events.jsonl/000000000001'])
def test_a_journal_with_a_part_missing_is_an_error(name: str, tmp_path: Path) -> None:
    (tmp_path / 'store' / 'one').mkdir(parents=True)
    (tmp_path / 'store' / 'one' / INDEX).write_text(json.dumps({name: [1, 1]}))
    with pytest.raises(StorageError, match=f'what is before {name} is missing'):
        Store(f'file://{tmp_path}/store', 'one').fetch(tmp_path / 'back')
