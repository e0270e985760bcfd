"""An API that leads astray, and names that are no names."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest

from synapse_hooks.backends.synapse.verifying import verify_export
from synapse_hooks.errors import BackendError
from tests.faults.backend import EVENTS, Backend
from tests.faults.conftest import Worlds
from tests.support.raw_server import Asked, Reply, raw_server

cell = pytest.mark.cell

NAMES = [
    *(
        '../../x',
        '/tmp/x',
        'C:x',
        'C:\\x',
        'a\0b',
        '..',
        '.',
        '',
        ' ',
        '-',
        '~',
        'a/b',
        'a\\b',
        '\x1b[31m',
        '\u202egnp',
    ),
    *('A', 'a', 'ß', 'SS', 'ss', 'ı', 'I', 'i', unicodedata.normalize('NFC', 'é'), unicodedata.normalize('NFD', 'é')),
    *('x' * 300, 'ü' * 300, '界' * 100, 'CON', 'con', 'nul.png', 'a.', 'a ', 'a. .', '.hidden', 'a.json', 'a.png'),
    *('a.image_2', 'a.image_2.png', 'a-0123456789', 'x' * 300 + 'y', '.a.staging-00000000-1-1-00000000', '💥'),
]


def rows(world: Any, name: str = 'first') -> dict[str, Any]:
    lines = (world.out(name) / 'items.jsonl').read_text().splitlines()
    return {row['id']: row for row in map(json.loads, lines)}


@cell(21, 23)
@pytest.mark.parametrize('how', ['next', 'redirect'])
@pytest.mark.parametrize('path', [EVENTS, '/ground_truth_dataset_versions/7/'])
def test_an_api_that_leads_elsewhere(worlds: Worlds, how: str, path: str) -> None:
    world = worlds()
    with raw_server(lambda asked: Reply.json({})) as evil:
        world.other_servers.append(evil)
        hosts = [evil.host, evil.host.replace('127.0.0.1', 'localhost'), 'file:///etc', 'https://x.example.com']
        for host in [*hosts, '//x.example.com'] if how == 'redirect' else hosts:
            if how == 'next':
                world.backend.answer_with(
                    EVENTS, Reply.json({'count': 8, 'next': f'{host}/x', 'results': []}), forever=True
                )
            else:
                world.backend.answer_with(path, Reply(302, headers={'Location': f'{host}/x'}), forever=True)
            with world.fails(BackendError):
                world.export()
        assert not evil.asked
    world.check_invariants(budget=20)


@cell(22)
@pytest.mark.parametrize('length', [1, 2, 3])
def test_pages_in_a_circle(worlds: Worlds, length: int) -> None:
    world = worlds()

    def circle(asked: Asked, count: int) -> Reply:
        following = f'{world.api.host}{EVENTS}?page={count % length}'
        return Reply.json({'count': 10**6, 'next': following, 'results': [{'id': count}]})

    world.backend.scripts[EVENTS] = circle
    with world.fails(BackendError, 'the backend repeat'):
        world.export()
    world.check_invariants(budget=14)


@cell(24)
@pytest.mark.parametrize('where', ['169.254.169.254', '[fe80::1]', '0.0.0.0', '[::ffff:169.254.169.254]'])
def test_a_file_that_is_redirected_into_our_network(worlds: Worlds, transfer: Any, where: str) -> None:
    world = worlds(transfer=transfer)
    world.backend.answer_with('/f/1.png', Reply(302, headers={'Location': f'http://{where}/latest'}), forever=True)
    with world.fails(BackendError, 'that no file server has'):
        world.export()
    world.check_invariants(budget=12)


@cell(26, 27, 28)
def test_names_of_items_stay_inside_and_apart(worlds: Worlds) -> None:
    backend = Backend(len(NAMES))
    backend.ids = list(NAMES)
    world = worlds(backend)
    made = world.export()
    assert made['splits'] == {'train': len(NAMES)}
    folder = world.out('first')
    assert verify_export(folder, deep=True) == (len(NAMES), [])
    found = rows(world)
    assert set(found) == set(NAMES)
    for place, name in enumerate(NAMES):
        (file,) = found[name]['files']
        assert (folder / 'train' / 'original_files' / file['name']).read_bytes() == backend.contents[f'/f/{place}.png']
    for kind in ('json', 'original_files'):
        names = [file.name for file in (folder / 'train' / kind).iterdir()]
        assert len({unicodedata.normalize('NFC', name.casefold()) for name in names}) == len(NAMES)
        assert all(len(name.encode()) < 255 and not name.startswith('.') for name in names)
    world.check_invariants(budget=len(NAMES) + 10)


@cell(26, 27, 28)
def test_names_of_files_stay_inside_and_apart(worlds: Worlds) -> None:
    backend = Backend(2)
    usual = backend.item

    def item(id: int | str, place: int, host: str) -> dict[str, Any]:
        made: Any = usual(id, place, host)
        url = made['files']['image_1']['url']
        made['files'] |= dict.fromkeys(NAMES, url)
        return made

    backend.item = item  # type: ignore[method-assign]
    backend.ids = ['a', 'x' * 300]
    world = worlds(backend)
    world.export()
    assert verify_export(world.out('first'), deep=True) == (2, [])
    assert {file['called'] for file in rows(world)['a']['files']} == {*NAMES, 'image_1'}
    world.check_invariants(budget=4 * len(NAMES))


@cell(29)
def test_addresses_that_differ_by_their_query_only(worlds: Worlds) -> None:
    backend = Backend(3)
    usual, usually = backend.item, backend.normal_reply

    def item(id: int | str, place: int, host: str) -> dict[str, Any]:
        made: Any = usual(id, place, host)
        made['files']['image_1']['url'] = f'{host}/get?file={place + shift}&expires={backend.listings}'
        return made

    def answer(asked: Asked) -> Reply:
        if asked.path != '/get':
            return usually(asked)
        return Reply(body=f'content {asked.query["file"]}'.encode())

    backend.item, backend.normal_reply, shift = item, answer, 0  # type: ignore[method-assign]
    world = worlds(backend)
    world.export()
    hashes = [row['files'][0]['sha256'] for row in rows(world).values()]
    assert len(set(hashes)) == 3
    # The same item has another file now.
    shift = 10
    world.export('second')
    assert not set(hashes) & {row['files'][0]['sha256'] for row in rows(world, 'second').values()}
    world.check_invariants(budget=12)


@cell(30)
@pytest.mark.parametrize('count', [98, 100, 0])
def test_another_count_than_announced(worlds: Worlds, count: int) -> None:
    world = worlds(Backend(99))
    usual = world.backend.listed

    def listed(asked: Asked) -> Reply:
        return Reply.json({**json.loads(usual(asked).body), 'count': count})

    world.backend.listed = listed  # type: ignore[method-assign]
    with world.fails(BackendError, f'announced {count} items and sent 99'):
        world.export()
    assert not world.out('first').exists()
    world.backend.listed = usual  # type: ignore[method-assign]
    world.check_invariants(budget=110)


@cell(30)
def test_an_item_that_comes_twice(worlds: Worlds) -> None:
    world = worlds(Backend(4, page=2))
    world.backend.ids = [0, 1, 1, 3]
    with world.fails(BackendError, 'item 1 is there twice'):
        world.export()
    world.backend.ids = [0, 1, 2, 3]
    world.check_invariants(budget=12)
