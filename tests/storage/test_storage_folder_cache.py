"""Folders that are kept: whole or absent, removed when space is needed, and never while they are used."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synapse_hooks.errors import StorageError
from synapse_hooks.storage.folder_cache import CachedFolder, FolderCache, is_kept, own_bytes
from synapse_hooks.storage.ownership import owner


@pytest.fixture
def store(tmp_path: Path) -> FolderCache:
    return FolderCache(tmp_path / 'store')


def made(tmp_path: Path, *, size: int = 10) -> Path:
    folder = tmp_path / 'made'
    (folder / 'labels').mkdir(parents=True)
    (folder / 'labels' / 'a.txt').write_bytes(bytes(size))
    return folder


def kept(store: FolderCache, tmp_path: Path, key: str, *, size: int = 10, used: float = 0) -> CachedFolder:
    """An entry that no process uses."""
    entry, user = store.keep(made(tmp_path, size=size), key, {'of': key})
    user.unlink()
    if used:
        os.utime(entry.path / 'kept.json', (used, used))
    return entry


def dead_owner() -> str:
    code = 'from synapse_hooks.storage.ownership import owner; print(owner())'
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.strip()


def test_an_entry_is_found_by_the_beginning_of_its_key(store: FolderCache, tmp_path: Path) -> None:
    first, second = kept(store, tmp_path, 'ab-cd'), kept(store, tmp_path, 'ab-ef')
    assert not (tmp_path / 'made').exists()
    assert [entry.path for entry in store.entries('ab-')] == [first.path, second.path]
    assert [entry.record['of'] for entry in store.entries('ab-ef')] == ['ab-ef']
    assert store.entries('cd') == []


def test_what_comes_later_does_not_count_and_what_was_changed_does(store: FolderCache, tmp_path: Path) -> None:
    entry = kept(store, tmp_path, 'ab')
    cache = entry.data / 'labels' / 'train.cache'
    cache.write_bytes(b'cache')
    os.utime(cache, ns=(entry.record['at_ns'] + 1, entry.record['at_ns'] + 1))
    assert entry.is_whole()
    assert store.verify() == []
    (entry.data / 'labels' / 'a.txt').write_bytes(b'other')
    assert not entry.is_whole()
    assert [damaged.path for damaged in store.verify()] == [entry.path]
    assert not entry.path.exists()


@pytest.mark.parametrize(('name', 'whole'), [('labels/new.txt', False), ('NEW.TXT', False), ('a.npy', True)])
def test_a_file_that_is_added_to_those_that_were_there_is_a_change(
    store: FolderCache, tmp_path: Path, name: str, whole: bool
) -> None:
    entry = kept(store, tmp_path, 'ab')
    (entry.data / name).write_bytes(b'later')
    assert entry.is_whole() == whole


def test_files_of_the_future_are_not_kept(store: FolderCache, tmp_path: Path) -> None:
    made = tmp_path / 'made'
    made.mkdir()
    (made / 'a.txt').write_bytes(b'a')
    later = time.time() + 3600
    os.utime(made / 'a.txt', (later, later))
    with pytest.raises(StorageError, match='a time of change in the future'):
        store.keep(made, 'ab', {})
    assert (made / 'a.txt').is_file()
    assert store.entries() == []


def test_a_deleted_file_is_missed(store: FolderCache, tmp_path: Path) -> None:
    entry = kept(store, tmp_path, 'ab')
    (entry.data / 'labels' / 'a.txt').unlink()
    assert not entry.is_whole()


def test_what_was_not_used_for_longest_is_removed_first(store: FolderCache, tmp_path: Path) -> None:
    old, new = (kept(store, tmp_path, key, size=8192, used=when) for key, when in (('ab', 2e9), ('cd', 1e9)))
    assert store.prune(20_000) == (0, 0)
    assert store.prune(10_000) == (1, 8192)
    assert old.path.exists()
    assert not new.path.exists()


def test_bytes_that_something_else_links_to_are_not_counted(store: FolderCache, tmp_path: Path) -> None:
    folder = made(tmp_path, size=100_000)
    image = tmp_path / 'image.jpg'
    image.write_bytes(bytes(200_000))
    (folder / 'image.jpg').hardlink_to(image)
    entry, user = store.keep(folder, 'ab', {})
    user.unlink()
    assert 100_000 <= own_bytes(entry.data) < 200_000
    assert store.prune(150_000) == (0, 0)
    image.unlink()
    assert store.prune(150_000)[0] == 1


def test_an_entry_that_is_used_stays_until_it_is_not(store: FolderCache, tmp_path: Path) -> None:
    entry = kept(store, tmp_path, 'ab')
    user = store.use(entry)
    assert user is not None
    assert store.prune(0) == (0, 0)
    assert not store.discard(entry)
    # It counts no more, and the one who uses it still has it.
    assert store.entries() == []
    assert (entry.data / 'labels' / 'a.txt').exists()
    assert store.use(entry) is None
    store.sweep()
    assert entry.data.exists()
    user.unlink()
    store.sweep()
    assert not entry.path.exists()


def test_a_process_that_was_killed_uses_nothing(store: FolderCache, tmp_path: Path) -> None:
    entry = kept(store, tmp_path, 'ab')
    (entry.path / 'users' / f'{dead_owner()}-12345678').touch()
    assert store.users(entry.path) == 0
    assert store.prune(0)[0] == 1


def test_a_user_on_another_machine_counts_for_a_month(store: FolderCache, tmp_path: Path) -> None:
    entry = kept(store, tmp_path, 'ab')
    user = entry.path / 'users' / f'00000000-{owner().partition("-")[2]}-12345678'
    user.touch()
    assert store.prune(0) == (0, 0)
    then = user.stat().st_mtime - 31 * 24 * 3600
    os.utime(user, (then, then))
    assert store.prune(0)[0] == 1


def test_what_a_dead_process_left_unfinished_is_removed(store: FolderCache, tmp_path: Path) -> None:
    kept(store, tmp_path, 'ab')
    unfinished = store.root / f'.cd.staging-{dead_owner()}-12345678'
    (unfinished / 'data').mkdir(parents=True)
    store.sweep()
    assert not unfinished.exists()
    assert len(store.entries()) == 1


@pytest.mark.parametrize('content', [b'', b'{', b'[]', b'{}', b'{"v": 1, "stamp": {}, "at_ns": 0}'])
def test_a_damaged_record_or_one_of_another_version_is_passed_over_and_swept(
    store: FolderCache, tmp_path: Path, content: bytes
) -> None:
    entry = kept(store, tmp_path, 'ab')
    user = store.use(entry)
    assert user is not None
    (entry.path / 'kept.json').write_bytes(content)
    assert store.entries() == []
    store.sweep()
    assert entry.data.is_dir()
    user.unlink()
    store.sweep()
    assert not entry.path.exists()


def test_a_folder_with_links_or_too_large_is_left_where_it_is(store: FolderCache, tmp_path: Path) -> None:
    folder = made(tmp_path, size=100_000)
    with pytest.raises(StorageError, match='the limit is 1,000'):
        store.keep(folder, 'ab', {}, most=1000)
    (tmp_path / 'elsewhere.jpg').write_bytes(b'')
    (folder / 'link.jpg').symlink_to(tmp_path / 'elsewhere.jpg')
    with pytest.raises(StorageError, match='is a symbolic link'):
        store.keep(folder, 'ab', {})
    assert (folder / 'labels' / 'a.txt').exists()
    assert store.entries() == []


def test_a_link_to_an_entry_is_known_when_the_entry_is_gone(store: FolderCache, tmp_path: Path) -> None:
    entry = kept(store, tmp_path, 'ab')
    link, other = tmp_path / 'link', tmp_path / 'other'
    link.symlink_to(entry.data)
    other.symlink_to(tmp_path)
    store.prune(0)
    assert is_kept(link)
    assert not is_kept(other)
    assert not is_kept(tmp_path)
