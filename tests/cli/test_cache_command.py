"""The command `cache`."""

from __future__ import annotations

import os
from pathlib import Path

from synapse_hooks.backends.synapse import Cache
from tests.support.environments import Environment


def filled(root: Path) -> Cache:
    cache = Cache(root)
    cache.keep({f'key{number}': cache.blobs.put_bytes(bytes(1000 + number)) for number in range(4)})
    return cache


def test_what_there_is(bare: Environment, tmp_path: Path) -> None:
    cache = filled(tmp_path / 'cache')
    (tmp_path / 'dataset').hardlink_to(cache.blobs.path(cache.find(['key3'])['key3'].sha256))
    answer = bare.hooks('cache', 'list', '--json', SYNAPSE_HOOKS_CACHE=str(cache.root)).json
    assert (answer['files'], answer['bytes'], answer['unused']) == (4, 4006, 3003)


def test_what_a_dataset_uses_stays(bare: Environment, tmp_path: Path) -> None:
    cache = filled(tmp_path / 'cache')
    (tmp_path / 'dataset').hardlink_to(cache.blobs.path(cache.find(['key3'])['key3'].sha256))
    answer = bare.hooks('cache', 'prune', '--cache', cache.root, '--json').json
    assert (answer['removed'], answer['bytes']) == (3, 3003)
    assert set(cache.find(f'key{number}' for number in range(4))) == {'key3'}


def test_a_size_is_kept_to(bare: Environment, tmp_path: Path) -> None:
    cache = filled(tmp_path / 'cache')
    assert bare.hooks('cache', 'prune', '--cache', cache.root, '--to', '2.1K', '--json').json['removed'] == 2
    assert '--to 5G' in bare.hooks('cache', 'prune', '--cache', cache.root, '--to', 'much', code=2).err


def test_damage_is_found_and_removed(bare: Environment, tmp_path: Path) -> None:
    cache = filled(tmp_path / 'cache')
    edited, rotten, *_ = cache.blobs.all()
    with Path(cache.blobs.path(edited.sha256)).open('ab') as file:
        file.write(b'!')
    path = Path(cache.blobs.path(rotten.sha256))

    state = path.stat()
    path.write_bytes(b'1' * rotten.size)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    ended = bare.hooks('cache', 'verify', '--cache', cache.root, code=1)
    assert edited.sha256 in ended.out
    assert '1 file damaged' in ended.out
    assert bare.hooks('cache', 'verify', '--deep', '--cache', cache.root, '--json', code=1).json['damaged'] == [
        rotten.sha256
    ]
    assert bare.hooks('cache', 'verify', '--deep', '--cache', cache.root).out == '0 files damaged\n'


def test_no_cache_is_an_empty_one(bare: Environment, tmp_path: Path) -> None:
    assert '0 files' in bare.hooks('cache', 'list', '--cache', tmp_path / 'none').out
