"""A cache that somebody has edited: fetched anew, or an error that names the culprit."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from synapse_hooks.backends.synapse.cache import Cache
from synapse_hooks.backends.synapse.verifying import verify_export
from synapse_hooks.errors import StorageError
from tests.backends.synapse.conftest import Clients
from tests.faults.backend import Backend
from tests.support.raw_server import raw_server


def rows(column: str, value: str) -> Callable[[Path], None]:
    """Another value in every row of the index."""

    def edit(cache: Path) -> None:
        with sqlite3.connect(cache / 'index.sqlite') as database:
            database.execute(f'UPDATE files SET {column} = {value}')
        database.close()

    return edit


def folders_for_files(cache: Path) -> None:
    """A folder in the place of each file."""
    for file in [file for file in (cache / 'blobs').rglob('*') if file.is_file()]:
        file.unlink()
        (file / 'inner').mkdir(parents=True)
    # They are what the index does not know any more.
    Cache(cache).verify()


EDITS = {
    'no digest': rows('sha256', 'NULL'),
    'a path': rows('sha256', "'../../../etc/passwd'"),
    'a number': rows('sha256', '5'),
    'no size': rows('size', 'NULL'),
    'a size of text': rows('size', "'x'"),
    'an index of garbage': lambda cache: (cache / 'index.sqlite').write_bytes(b'garbage' * 1000),
    'files that are empty': lambda cache: [
        file.write_bytes(b'') for file in (cache / 'blobs').rglob('*') if file.is_file()
    ],
    'no files': lambda cache: shutil.rmtree(cache / 'blobs'),
    'folders': folders_for_files,
}


@pytest.mark.parametrize('edit', EDITS)
def test_an_edited_cache_gives_the_same_dataset(client_of: Clients, tmp_path: Path, edit: str) -> None:
    digests = []
    with raw_server(Backend()) as server:
        for name in ('first', 'second'):
            (tmp_path / name).mkdir()
            digests.append(client_of(server.host).export_dataset(7, tmp_path / name)['digest'])
            if name == 'first':
                EDITS[edit](tmp_path / 'cache')
    assert digests[0] == digests[1]
    assert verify_export(tmp_path / 'second', deep=True) == (4, [])
    cache = Cache(tmp_path / 'cache')
    assert cache.verify(deep=True) == []
    assert cache.measure()[0] == 4


@pytest.mark.parametrize('place', ['.', 'blobs'])
def test_a_file_in_the_place_of_the_cache_is_named(client_of: Clients, tmp_path: Path, out: Path, place: str) -> None:
    file = tmp_path / 'cache' / place
    file.parent.mkdir(exist_ok=True)
    file.write_text('no cache')
    with raw_server(Backend()) as server, pytest.raises(StorageError, match='cache') as caught:
        client_of(server.host).export_dataset(7, out)
    assert caught.value.hint


@pytest.mark.parametrize('place', ['json', 'original_files', 'other/json'])
def test_a_file_in_the_place_of_a_folder_is_no_crash_of_verify(client_of: Clients, out: Path, place: str) -> None:
    with raw_server(Backend()) as server:
        client_of(server.host).export_dataset(7, out)
    (out / place).parent.mkdir(exist_ok=True)
    (out / place).write_text('')
    assert verify_export(out)[0] == 4
    shutil.rmtree(out / 'train' / 'json')
    (out / 'train' / 'json').write_text('')
    assert len(verify_export(out)[1]) == 4
