"""A run directory that is sent to a URL, and comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from synapse_hooks_ray.storage import INDEX, Keeper, Store

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
