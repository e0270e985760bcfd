"""The command `cache`."""

from __future__ import annotations

import os
from pathlib import Path

from synapse_hooks.backends.synapse import Cache
from synapse_hooks.storage.folder_cache import CONVERSIONS, CachedFolder, FolderCache
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
    assert 'for example 5G' in bare.hooks('cache', 'prune', '--cache', cache.root, '--to', 'much', code=2).err


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
    assert '1 of 4 files damaged' in ended.out
    assert bare.hooks('cache', 'verify', '--deep', '--cache', cache.root, '--json', code=1).json['damaged'] == [
        rotten.sha256
    ]
    assert bare.hooks('cache', 'verify', '--deep', '--cache', cache.root).out == (
        '0 of 2 files damaged, 0 of 0 conversions changed\n'
    )


def with_conversion(root: Path, folder: Path, run: str = 'first') -> CachedFolder:
    made = folder / 'made'
    made.mkdir()
    (made / 'a.txt').write_bytes(bytes(5000))
    record = {'from': 'dm', 'dataset': {'format': 'yolo', 'splits': {'train': 3, 'valid': 1}}, 'run': run}
    kept, user = FolderCache(root / CONVERSIONS).keep(made, 'ab', {**record, 'created': '2026-11-29T12:00:00+00:00'})
    user.unlink()
    return kept


def test_conversions_are_listed_and_pruned_unless_they_are_used(bare: Environment, tmp_path: Path) -> None:
    root = tmp_path / 'cache'
    kept = with_conversion(root, tmp_path)
    user = FolderCache(root / CONVERSIONS).use(kept)
    assert user is not None
    (told,) = bare.hooks('cache', 'list', '--cache', root, '--json').json['conversions']
    assert (told['path'], told['from'], told['to'], told['images']) == (str(kept.data), 'dm', 'yolo', 4)
    assert (told['run'], told['users']) == ('first', 1)
    assert told['bytes'] >= 5000
    text = bare.hooks('cache', 'list', '--cache', root).out
    assert '1 conversion, ' in text
    assert 'dm to yolo, 4 images' in text
    assert 'in use' in text
    assert str(kept.data) in text
    assert '1 conversion in use by runs, and not removed' in bare.hooks('cache', 'prune', '--cache', root).out
    assert bare.hooks('cache', 'prune', '--cache', root, '--json').json['conversions'] == 0
    user.unlink()
    assert bare.hooks('cache', 'prune', '--cache', root, '--to', '1G', '--json').json['conversions'] == 0
    answer = bare.hooks('cache', 'prune', '--cache', root, '--json').json
    assert answer['conversions'] == 1
    assert answer['bytes'] >= 5000
    assert not kept.path.exists()


def test_a_conversion_that_was_changed_is_found(bare: Environment, tmp_path: Path) -> None:
    kept = with_conversion(tmp_path / 'cache', tmp_path)
    assert bare.hooks('cache', 'verify', '--cache', tmp_path / 'cache', '--json').json['changed'] == []
    (kept.data / 'a.txt').write_text('edited')
    ended = bare.hooks('cache', 'verify', '--cache', tmp_path / 'cache', code=1)
    assert f'changed, and not used again: {kept.data}' in ended.out
    assert '1 of 1 conversion changed' in ended.out
    assert bare.hooks('cache', 'list', '--cache', tmp_path / 'cache', '--json').json['conversions'] == []


def test_no_cache_is_an_empty_one(bare: Environment, tmp_path: Path) -> None:
    assert '0 files' in bare.hooks('cache', 'list', '--cache', tmp_path / 'none').out
