"""Files that do not come as they should."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import pytest

from synapse_hooks.backends.synapse.fetching import ConcurrencyLimit, DownloadLimits
from synapse_hooks.errors import AccessDenied, BackendError, BackendUnavailable
from tests.faults.backend import EVENTS, Announcing, Backend, ranged
from tests.faults.conftest import Worlds
from tests.support.raw_server import DROP, Asked, Reply

cell = pytest.mark.cell
LARGE = 2 << 20
SECOND = '/f/1.png'


def large(worlds: Worlds, transfer: Any, kind: type[Backend] = Backend) -> Any:
    return worlds(kind(2, large=LARGE), transfer)


def cut(backend: Backend, path: str = SECOND, **options: Any) -> Reply:
    """The first two thirds of a file."""
    reply = ranged(backend.contents[path], Asked('GET', path, {}))
    reply.cut = len(reply.body) * 2 // 3
    for name, value in options.items():
        setattr(reply, name, value)
    return reply


def ranges(world: Any) -> list[str | None]:
    return [asked.headers.get('range') for asked in world.api.asked if asked.path == SECOND]


@cell(1, 16)
@pytest.mark.parametrize('reset', [False, True])
def test_what_breaks_off_goes_on_where_it_was(worlds: Worlds, transfer: Any, reset: bool) -> None:
    world = large(worlds, transfer)
    world.backend.answer_with(SECOND, cut(world.backend, reset=reset))
    world.export()
    first, second = ranges(world)
    assert first is None
    assert second is not None
    # What a reset leaves unread may be lost.
    assert 0 < int(second[6:-1]) <= LARGE * 2 // 3 + 200
    world.check_invariants(budget=10)


@cell(1)
def test_what_broke_off_for_good_is_continued_by_the_next_export(worlds: Worlds, transfer: Any) -> None:
    world = large(worlds, transfer)
    world.backend.answer_with(SECOND, cut(world.backend), Reply(500), forever=True)
    with world.fails(BackendUnavailable, 'answered 500'):
        world.export()
    world.backend.clear_faults()
    world.export()
    assert ranges(world)[-1] not in (None, 'bytes=0-')
    world.check_invariants(budget=16)


@cell(2)
def test_what_ends_early_without_a_length_is_not_taken(worlds: Worlds, transfer: Any) -> None:
    world = worlds(transfer=transfer)
    world.backend.answer_with(SECOND, Reply(body=b'part', sized=False), forever=True)
    with world.fails(BackendError, 'sends no length'):
        world.export()
    world.check_invariants(budget=12)
    other = worlds(Announcing(), transfer, 'announcing')
    other.backend.answer_with(SECOND, Reply(body=b'part', sized=False), forever=True)
    with other.fails(BackendUnavailable, 'expected [0-9]+ bytes, got 4'):
        other.export()
    other.check_invariants(budget=12)


@cell(3)
def test_a_chunked_body_without_its_end(worlds: Worlds, transfer: Any) -> None:
    world = worlds(transfer=transfer)
    world.backend.answer_with(SECOND, Reply(body=b'part', chunked=True, cut=2), forever=True)
    with world.fails(BackendUnavailable, r'broke off: .* \(3 times\)'):
        world.export()
    world.check_invariants(budget=14)


@cell(4)
def test_more_bytes_than_announced(worlds: Worlds, transfer: Any) -> None:
    world = worlds(Announcing(), transfer)
    whole = world.backend.contents[SECOND]
    world.backend.answer_with(SECOND, Reply(body=whole + b'more'), forever=True)
    with world.fails(BackendError, 'expected [0-9]+ bytes, got an answer of'):
        world.export()
    world.backend.answer_with(SECOND, Reply(body=whole + b'more', chunked=True), forever=True)
    with world.fails(BackendError, 'more than the announced'):
        world.export()
    world.check_invariants(budget=20)


@cell(4)
def test_what_comes_after_a_body_is_never_part_of_another_one(worlds: Worlds, transfer: Any) -> None:
    world = worlds(Backend(12), transfer)
    for path, whole in world.backend.contents.items():
        junk = b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\njunk'
        world.backend.answer_with(path, Reply(body=whole + junk, headers={'Content-Length': str(len(whole))}))
    world.export()
    world.check_invariants(budget=30)


@cell(5)
def test_a_wrong_byte(worlds: Worlds, transfer: Any) -> None:
    world = worlds(Announcing(), transfer)
    whole = bytearray(world.backend.contents[SECOND])
    whole[-1] ^= 1
    world.backend.answer_with(SECOND, Reply(body=bytes(whole)), forever=True)
    with world.fails(BackendError, 'its SHA-256 is'):
        world.export()
    assert world.api.count(SECOND) == 3
    world.check_invariants(budget=14)


@cell(6)
def test_a_file_that_changes_before_it_is_gone_on_with(worlds: Worlds, transfer: Any) -> None:
    world = large(worlds, transfer)
    world.backend.answer_with(SECOND, cut(world.backend))
    script = world.backend.scripts[SECOND]

    def changed(asked: Asked, count: int) -> Reply | None:
        if count == 1:
            return script(asked, count)
        world.backend.contents[SECOND] = bytes(LARGE)
        return None

    world.backend.scripts[SECOND] = changed
    world.export()
    (file,) = (world.out('first') / 'train' / 'original_files').glob('1.*')
    assert file.read_bytes() == bytes(LARGE)
    world.check_invariants(budget=10)


@cell(7, 8)
@pytest.mark.parametrize('how', ['elsewhere', 'whole', 'other total', 'unasked'])
def test_a_range_that_is_answered_wrongly(worlds: Worlds, transfer: Any, how: str) -> None:
    world = large(worlds, transfer)
    whole = world.backend.contents[SECOND]
    etag = f'"{hashlib.sha256(whole).hexdigest()[:16]}"'
    said = {
        'elsewhere': Reply(206, whole[7:], {'Content-Range': f'bytes 7-{len(whole) - 1}/{len(whole)}', 'ETag': etag}),
        'whole': Reply(200, whole, {'ETag': etag}),
        'other total': Reply(206, b'x', {'Content-Range': f'bytes {LARGE}-{LARGE}/{LARGE + 1}', 'ETag': etag}),
        'unasked': Reply(206, b'x', {'ETag': etag}),
    }[how]
    world.backend.answer_with(SECOND, cut(world.backend), said)
    world.export()
    world.check_invariants(budget=10)


@cell(9)
def test_the_rest_of_a_part_that_is_complete(worlds: Worlds, transfer: Any) -> None:
    world = large(worlds, transfer)
    world.backend.answer_with(SECOND, cut(world.backend), Reply(500), forever=True)
    with world.fails(BackendUnavailable):
        world.export()
    whole = world.backend.contents[SECOND]
    (part,) = (file for file in (world.folder / 'cache' / 'parts').iterdir() if file.suffix != '.state')
    # As a process leaves it that is killed before it can give the file its place.
    with part.open('ab') as file:
        file.write(whole[part.stat().st_size :])
    world.backend.clear_faults()
    world.export()
    assert ranges(world)[-1] == f'bytes={len(whole)}-'
    assert world.api.count(SECOND) == 5
    world.check_invariants(budget=16)


@cell(10)
def test_gzip_that_was_not_requested(worlds: Worlds, transfer: Any) -> None:
    world = large(worlds, transfer)
    encoded = Reply(206, b'x', {'Content-Encoding': 'gzip', 'Content-Range': 'bytes 1-1/2'})
    world.backend.answer_with(SECOND, cut(world.backend), encoded)
    world.export()
    world.check_invariants(budget=12)


@cell(11)
def test_a_server_that_asks_to_wait_is_waited_for(worlds: Worlds, transfer: Any) -> None:
    world = worlds(transfer=transfer)
    world.backend.answer_with(SECOND, Reply(429, headers={'Retry-After': '1'}))
    begun = time.monotonic()
    world.export()
    assert time.monotonic() - begun >= 1
    assert world.api.count(SECOND) == 2
    world.check_invariants(budget=12)


@cell(12)
@pytest.mark.parametrize('path', [SECOND, EVENTS])
def test_a_server_that_asks_to_wait_for_a_day_is_not(worlds: Worlds, transfer: Any, path: str) -> None:
    world = worlds(transfer=transfer)
    world.backend.answer_with(path, Reply(429, headers={'Retry-After': '99999'}), forever=True)
    with world.fails(BackendUnavailable):
        world.export()
    assert world.api.count(path) == 1
    world.check_invariants(budget=10)


@cell(13, 15, 17)
@pytest.mark.parametrize('replies', [(Reply(503), Reply(503)), (DROP, Reply(0, reset=True)), (Reply(silent=2.5),)])
@pytest.mark.parametrize('path', [SECOND, EVENTS])
def test_what_is_over_soon(worlds: Worlds, transfer: Any, replies: tuple[Reply, ...], path: str) -> None:
    world = worlds(transfer=transfer)
    world.backend.answer_with(path, *replies)
    world.export()
    assert world.api.count(path) == len(replies) + 1
    world.check_invariants(budget=12)


@cell(14)
def test_one_file_of_a_hundred_that_cannot_be_had(worlds: Worlds, transfer: Any) -> None:
    world = worlds(Backend(100, page=30), transfer)
    world.backend.answer_with('/f/57.png', Reply(500), forever=True)
    with world.fails(BackendUnavailable, r'item 57/image_1 .* answered 500 \(3 times\)'):
        world.export()
    assert not world.out('first').exists()
    fetched = world.backend.fetched()
    world.backend.clear_faults()
    world.export()
    assert world.backend.fetched() <= 100 + 3
    assert fetched <= 100 + 3
    world.check_invariants(budget=240)


@cell(18)
def test_one_byte_a_second(worlds: Worlds, transfer: Any) -> None:
    world = large(worlds, transfer)
    whole = ranged(world.backend.contents[SECOND], Asked('GET', SECOND, {}))
    whole.fast, whole.slow = LARGE // 2, 1.0
    world.backend.answer_with(SECOND, whole)
    begun = time.monotonic()
    world.export()
    assert time.monotonic() - begun < 8
    assert ranges(world)[1] is not None
    world.check_invariants(budget=10)


@cell(19)
def test_addresses_that_expire_on_the_way(worlds: Worlds, transfer: Any) -> None:
    world = worlds(Backend(100), transfer)

    def expire(asked: Asked, count: int) -> Reply | None:
        if count == 1:
            world.backend.valid_from = 2
            return Reply(403)
        return None

    world.backend.scripts['/f/50.png'] = expire
    world.export()
    whole = [asked for asked in world.api.asked if asked.path.startswith('/f/')]
    # One listing serves all that failed. Those that were on their way when it happened are asked for twice, and those
    # that were queued with their old addresses.
    assert world.api.count(EVENTS) == 2
    assert len(whole) <= 100 + ConcurrencyLimit().most + 50
    assert all(world.api.count(f'/f/{n}.png') <= 2 for n in range(100))
    world.check_invariants(budget=280)


@cell(19)
def test_addresses_that_expire_again_and_again(worlds: Worlds, transfer: Any) -> None:
    world = worlds(Backend(2, large=LARGE), transfer)
    world.options['limits'] = DownloadLimits(fresh_for=0.2)

    def expire(asked: Asked, count: int) -> Reply | None:
        if count > 3:
            assert asked.query['expires'] == '3'
        return {1: cut(world.backend), 2: Reply(403), 3: Reply(403, silent=0.3)}.get(count)

    world.backend.scripts[SECOND] = expire
    world.export()
    assert world.api.count(EVENTS) == 3
    world.check_invariants(budget=30)


@cell(20)
def test_a_fresh_address_that_is_refused_too(worlds: Worlds, transfer: Any) -> None:
    world = worlds(transfer=transfer)
    world.backend.answer_with(SECOND, Reply(403), forever=True)
    with world.fails(AccessDenied, 'answered 403, also at a fresh address'):
        world.export()
    assert world.api.count(SECOND) == 2
    world.check_invariants(budget=12)


@cell(25)
def test_a_login_page_in_place_of_an_image(worlds: Worlds, transfer: Any) -> None:
    world = worlds(transfer=transfer)
    world.backend.answer_with(SECOND, Reply(body=b'<html>log in</html>', headers={'Content-Type': 'text/html'}))
    with world.fails(BackendError, 'a web page came in its place'):
        world.export()
    world.check_invariants(budget=10)
