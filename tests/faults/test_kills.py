"""Processes that die at any moment, and several at once."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.backends.synapse.parts import Parts, PartState
from synapse_hooks.storage import pack
from synapse_hooks.storage.ownership import owner
from tests.faults.backend import Backend, ranged
from tests.faults.conftest import Children, Worlds
from tests.faults.world import World
from tests.support.model_backend import ModelBackend
from tests.support.raw_server import Asked, Reply, raw_server

cell = pytest.mark.cell
LARGE = 17 << 16


def sweep(world: World, work: Children, name: str, fresh: Any, again: Any, **options: Any) -> int:
    """Kill some work at every event, and let it go on; returns how many events there are.

    Args:
        world: Where.
        work: The children.
        name: What is done; `options` are its arguments.
        fresh: Called before each attempt.
        again: Called with what the work answered after the kill, and the event.
    """
    events, k = 1, 0
    while k < events:
        k += 1
        fresh()
        (died,) = work(name, kill_at=k, **options)
        if died['status'] == 0 and died['error'] is None:
            # Races of the network decide how many events there are.
            assert died['events'] < k
            break
        assert died['status'] == signal.SIGKILL, died
        world.check_complete()
        # It may have died between the rename that publishes and its end.
        shutil.rmtree(options.get('out', world.folder / 'none'), ignore_errors=True)
        (ended,) = work(name, **options)
        assert ended['error'] is None, f'event {k}: {ended}'
        again(ended['answer'], k)
        events = k + 1
    return k - 1


@cell(35)
@pytest.mark.timeout(300)
def test_an_export_that_is_killed_anywhere_goes_on(worlds: Worlds, work: Children) -> None:
    world = worlds(Backend(2, large=LARGE))
    clean = world.clean_digest()
    before = 0

    def fresh() -> None:
        nonlocal before
        for name in ('cache', 'out/first'):
            shutil.rmtree(world.folder / name, ignore_errors=True)
        before = world.backend.fetched()

    def again(answer: Any, k: int) -> None:
        assert answer == clean, f'I2: event {k}'
        assert world.backend.fetched() - before <= 4, f'I6: event {k}'
        world.check_complete()
        world.check_leftovers()

    events = sweep(
        world, work, 'export', fresh, again, host=world.api.host, folder=world.folder, out=world.out('first')
    )
    assert events > 30
    world.check_secrets()


@cell(47)
@pytest.mark.timeout(300)
def test_a_model_that_is_killed_while_it_is_unpacked_is_unpacked_anew(
    worlds: Worlds, work: Children, tmp_path: Path
) -> None:
    source = tmp_path / 'model'
    source.mkdir()
    for number in range(3):
        (source / f'{number}.bin').write_bytes(bytes([number]) * 1000)
    content = pack(source, tmp_path / 'model.zip').read_bytes()
    world = worlds()

    def usual(asked: Asked) -> Reply:
        if asked.path == '/models/1/':
            return Reply.json({'id': 1, 'name': 'm', 'file': f'{world.api.host}/m.zip?expires=1'})
        return ranged(content, asked)

    world.backend.normal_reply = usual  # type: ignore[method-assign]
    wanted: set[str] = set()

    def fresh() -> None:
        for name in ('cache', 'fetched'):
            shutil.rmtree(world.folder / name, ignore_errors=True)

    def again(answer: Any, k: int) -> None:
        wanted.add(answer)
        assert sorted(file.name for file in (world.folder / 'fetched' / 'files').iterdir()) == [
            '0.bin',
            '1.bin',
            '2.bin',
        ]
        assert [file.name for file in (world.folder / 'fetched').iterdir()] == ['files'], f'event {k}'
        world.check_leftovers()

    out = world.folder / 'fetched'
    events = sweep(world, work, 'fetch', fresh, again, host=world.api.host, folder=world.folder, out=out)
    assert events > 15
    assert len(wanted) == 1
    world.check_secrets()


@cell(55)
@pytest.mark.timeout(300)
def test_an_upload_that_is_killed_anywhere_is_one_model(worlds: Worlds, work: Children, tmp_path: Path) -> None:
    weights = tmp_path / 'weights'
    weights.mkdir()
    (weights / 'best.pt').write_bytes(bytes(100_000))
    world = worlds()
    backend = ModelBackend()

    def fresh() -> None:
        backend.__init__()  # type: ignore[misc]
        shutil.rmtree(world.folder / 'here', ignore_errors=True)

    def again(answer: Any, k: int) -> None:
        assert answer == 1
        assert len(backend.models) == 1, f'event {k}'
        assert backend.uploads <= 2, f'event {k}'
        assert not list((world.folder / 'here' / 'uploads').iterdir()), f'event {k}'

    with raw_server(backend) as server:
        events = sweep(world, work, 'publish', fresh, again, host=server.host, folder=world.folder, path=weights)
    assert events > 20
    world.check_secrets()


@cell(55)
def test_an_upload_that_is_killed_after_the_second_chunk_goes_on_with_the_third(work: Children, tmp_path: Path) -> None:
    backend, file, chunk = ModelBackend(), tmp_path / 'a.zip', 1 << 16
    file.write_bytes(os.urandom(4 * chunk))
    (tmp_path / 'journals').mkdir()

    with raw_server(backend) as server:
        arguments = {'host': server.host, 'folder': tmp_path, 'path': file, 'chunk': chunk}
        # It dies when it notes that the second chunk has arrived, or right after that.
        for k in range(1, 100):
            (died,) = work('upload', kill_at=k, **arguments)
            if len(backend.content) >= 2 * chunk:
                break
            backend.__init__()  # type: ignore[misc]
            shutil.rmtree(tmp_path / 'journals')
            (tmp_path / 'journals').mkdir()
        assert died['status'] == signal.SIGKILL
        before = len(server.asked)
        (ended,) = work('upload', **arguments)
        assert ended['answer'] == 5, ended
        sent = [asked.headers['content-range'] for asked in server.asked[before:] if asked.method == 'PUT']
    assert sent == [f'bytes {n * chunk}-{(n + 1) * chunk - 1}/{4 * chunk}' for n in (2, 3)]
    assert backend.uploads == 1
    assert backend.content == file.read_bytes()


@cell(31, 32)
@pytest.mark.parametrize('unlocked', [False, True])
def test_four_processes_with_one_cache(worlds: Worlds, work: Children, unlocked: bool) -> None:
    world = worlds(Backend(60, page=20))
    clean, before = world.clean_digest(), world.backend.fetched()
    # `OUT/PID`: each has its own.
    ended = work('export_apart', times=4, unlocked=unlocked, host=world.api.host, folder=world.folder)
    assert [one['answer'] for one in ended] == [clean] * 4, ended
    assert world.backend.fetched() - before <= 4 * 60
    world.check_invariants(budget=1000)


@cell(32)
def test_four_processes_that_share_a_broken_lock_again_and_again(worlds: Worlds, work: Children) -> None:
    world = worlds(Backend(20))
    clean = world.clean_digest()
    for _ in range(3):
        ended = work('export_apart', times=4, unlocked=True, host=world.api.host, folder=world.folder)
        assert [one['answer'] for one in ended] == [clean] * 4, ended
    world.check_invariants(budget=1000)


@cell(33)
def test_a_part_under_our_own_number_is_not_taken_for_whole(worlds: Worlds) -> None:
    world = worlds(Backend(2, large=2 << 20))
    whole = world.backend.contents['/f/1.png']
    parts = Parts(world.folder / 'cache' / 'parts')
    scope, pid, start = owner().split('-')
    key = f'{world.api.host}/tenant -/dataset 7/item 1/image_1 (/f/1.png)'
    for who in (owner(), f'{scope}-{pid}-{int(start) - 1}', f'00000000-{pid}-{start}'):
        part = parts.new(key, PartState('"another"', len(whole)))
        name = part.name.replace(owner(), who)
        part.with_name(f'{part.name}.state').rename(part.with_name(f'{name}.state'))
        part.with_name(name).write_bytes(bytes(len(whole) - 5))
    world.export()
    # Of a process that is alive, and of another boot: they stay for now.
    left = {file.name.partition('staging-')[2][:8] for file in parts.folder.iterdir()}
    assert left == {scope, '00000000'}
    parts.sweep(0.0)
    shutil.rmtree(parts.folder)
    world.check_invariants(budget=10)


@cell(62)
@pytest.mark.parametrize('clock', [86_400, -86_400])
def test_a_clock_that_is_a_day_off(worlds: Worlds, work: Children, clock: int) -> None:
    world = worlds(Backend(3, large=LARGE))
    clean = world.clean_digest()
    arguments = {'host': world.api.host, 'folder': world.folder}
    died = work('export', kill_at=25, clock=clock, out=world.out('first'), **arguments)
    ended = work('export', out=world.out('second'), **arguments)
    ended += work('export', clock=clock, out=world.out('third'), **arguments)
    assert died[0]['status'] == signal.SIGKILL
    assert [one['answer'] for one in ended] == [clean, clean]
    world.check_invariants(budget=40)


@cell(62)
def test_a_wait_is_measured_on_the_servers_own_clock(worlds: Worlds) -> None:
    world = worlds()
    date, later = 'Mon, 30 Nov 2037 10:00:00 GMT', 'Mon, 30 Nov 2037 10:00:01 GMT'
    world.backend.answer_with(
        '/ground_truth_dataset_versions/7/', Reply(429, headers={'Date': date, 'Retry-After': later})
    )
    world.export()
    world.check_invariants(budget=10)


@cell(62)
def test_a_fork_with_an_open_client(worlds: Worlds, work: Children) -> None:
    world = worlds(Backend(20))
    clean = world.clean_digest()
    (ended,) = work('forked', host=world.api.host, folder=world.folder, out=world.folder / 'out')
    assert ended['answer'] == [clean, 0], ended
    world.check_invariants(budget=120)
