"""Links, trees and digests."""

import errno
import hashlib
import os
import random
import threading
import tracemalloc
from pathlib import Path

import pytest

from synapse_hooks.errors import DiskFull, StorageError
from synapse_hooks.storage import (
    UnsafeFile,
    file_digest,
    link_or_copy,
    link_tree,
    stamped_digest,
    tree_digest,
    tree_stamp,
    walk_files,
)
from synapse_hooks.storage.links import copy_file


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / 'tree'
    for name, content in {'b.json': '{}', 'a/2.jpg': 'two', 'a/1.jpg': 'one', 'a/deep/c.txt': ''}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


@pytest.mark.parametrize(('mode', 'same'), [('hardlink', True), ('symlink', True), ('copy', False)])
def test_modes(tmp_path: Path, mode: str, same: bool) -> None:
    source, target = tmp_path / 'a', tmp_path / 'b'
    source.write_text('x')
    done = link_or_copy(source, target, mode=mode)  # type: ignore[arg-type]
    assert target.read_text() == 'x'
    assert target.samefile(source) is same
    assert target.is_symlink() is (mode == 'symlink')
    assert done == mode or (mode, done) == ('copy', 'reflink')
    assert target.stat().st_mtime_ns == source.stat().st_mtime_ns


@pytest.mark.parametrize('number', [18, 1, 31])  # EXDEV, EPERM, EMLINK
def test_a_hard_link_that_cannot_be_becomes_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*args: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, 'link', refuse)
    (tmp_path / 'a').write_text('x')
    assert link_or_copy(tmp_path / 'a', tmp_path / 'b') in ('copy', 'reflink')
    assert (tmp_path / 'b').read_text() == 'x'
    assert not (tmp_path / 'b').samefile(tmp_path / 'a')


@pytest.mark.skipif(not os.access('/dev/shm', os.W_OK), reason='there is no second disk at /dev/shm')
def test_across_disks(tmp_path: Path) -> None:
    import tempfile

    with tempfile.TemporaryDirectory(dir='/dev/shm') as other:
        (tmp_path / 'a').write_text('x')
        link_or_copy(tmp_path / 'a', Path(other) / 'b')
        assert (Path(other) / 'b').read_text() == 'x'


@pytest.mark.parametrize('mode', ['hardlink', 'symlink', 'copy'])
def test_a_link_is_followed(tmp_path: Path, mode: str) -> None:
    (tmp_path / 'deep').mkdir()
    (tmp_path / 'real').write_text('x')
    (tmp_path / 'link').symlink_to('real')
    target = tmp_path / 'deep' / 'b'
    link_or_copy(tmp_path / 'link', target, mode=mode)  # type: ignore[arg-type]
    assert target.read_text() == 'x'
    assert not (mode == 'hardlink' and target.is_symlink())


def test_only_regular_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'folder').mkdir()
    for name in ('pipe', 'folder'):
        with pytest.raises(StorageError, match=name):
            link_or_copy(tmp_path / name, tmp_path / 'b')
    with pytest.raises(StorageError, match='neither a file nor a folder'):
        list(walk_files(tmp_path))


def test_a_walk_holds_little_more_than_names(tmp_path: Path) -> None:
    (tmp_path / 'first').touch()
    for number in range(3000):
        os.link(tmp_path / 'first', tmp_path / f'{number:08}')
    next(walk_files(tmp_path))
    tracemalloc.start()
    try:
        count = sum(1 for _ in walk_files(tmp_path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 3001
    assert peak / count < 120


@pytest.mark.parametrize('size', [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, (1 << 20) - 1, 1 << 20, (2 << 20) + 7])
def test_copies_and_digests_of_every_size(tmp_path: Path, size: int) -> None:
    content = random.Random(size).randbytes(size)
    (tmp_path / 'a').write_bytes(content)
    os.utime(tmp_path / 'a', ns=(1, 1_600_000_000_123_456_789))
    assert copy_file(tmp_path / 'a', tmp_path / 'b') in ('copy', 'reflink')
    assert (tmp_path / 'b').read_bytes() == content
    assert (tmp_path / 'b').stat().st_mtime_ns == (tmp_path / 'a').stat().st_mtime_ns
    assert file_digest(tmp_path / 'b') == hashlib.sha256(content).hexdigest()
    assert stamped_digest(tmp_path) == (tree_digest(tmp_path), tree_stamp(tmp_path))


def test_a_copy_that_cannot_be_finished_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int, data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / 'a').write_text('x')
    monkeypatch.setattr(os, 'write', full)
    with pytest.raises(DiskFull, match='b'):
        link_or_copy(tmp_path / 'a', tmp_path / 'b', mode='copy')
    assert not (tmp_path / 'b').exists()


def test_a_pipe_has_no_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(UnsafeFile, match='pipe'):
        file_digest(tmp_path / 'pipe')


def test_an_existing_target_is_not_replaced(tmp_path: Path) -> None:
    for name in 'ab':
        (tmp_path / name).write_text(name)
    for mode in ('hardlink', 'symlink', 'copy'):
        with pytest.raises(FileExistsError):
            link_or_copy(tmp_path / 'a', tmp_path / 'b', mode=mode)  # type: ignore[arg-type]
    assert (tmp_path / 'b').read_text() == 'b'


def test_link_tree_copies_what_is_to_be_edited(tmp_path: Path, tree: Path) -> None:
    out = tmp_path / 'out'
    out.mkdir()
    assert link_tree(tree, out, copied=('.json',)) == 4
    assert tree_digest(out) == tree_digest(tree)
    assert (out / 'a/1.jpg').samefile(tree / 'a/1.jpg')
    assert not (out / 'b.json').samefile(tree / 'b.json')


def test_files_come_in_an_order_that_depends_on_names_only(tree: Path) -> None:
    assert [entry.name for entry in walk_files(tree)] == ['a/1.jpg', 'a/2.jpg', 'a/deep/c.txt', 'b.json']


def test_links_that_lead_nowhere_or_back_are_named(tree: Path) -> None:
    (tree / 'lost').symlink_to('absent')
    with pytest.raises(StorageError, match='lost is a broken link'):
        list(walk_files(tree))
    (tree / 'lost').unlink()
    (tree / 'a' / 'back').symlink_to(tree)
    with pytest.raises(StorageError, match='back leads back into itself'):
        list(walk_files(tree))


def test_digests_tell_content_and_stamps_tell_touching(tmp_path: Path, tree: Path) -> None:
    assert file_digest(tree / 'a/deep/c.txt').startswith('e3b0c442')
    twin = tmp_path / 'twin'
    twin.mkdir()
    link_tree(tree, twin, mode='copy')
    digest, stamp = tree_digest(tree), tree_stamp(tree)
    assert (stamp['files'], stamp['bytes']) == (4, 8)
    assert tree_digest(twin) == digest

    (twin / 'a/1.jpg').rename(twin / 'a/3.jpg')
    assert tree_digest(twin) != digest

    os.utime(tree / 'b.json', ns=(0, 0))
    assert tree_digest(tree) == digest
    assert tree_stamp(tree) != stamp


def test_a_stamp_ignores_what_came_later_and_misses_what_was_there(tmp_path):
    (tmp_path / 'a').write_text('a')
    os.utime(tmp_path / 'a', ns=(1000, 1000))
    stamp = tree_stamp(tmp_path, until_ns=2000)
    (tmp_path / 'cache').write_text('later')
    assert tree_stamp(tmp_path, until_ns=2000) == stamp
    (tmp_path / 'a').write_text('b')
    assert tree_stamp(tmp_path, until_ns=2000) != stamp


def test_a_source_that_is_replaced_meanwhile_is_linked_all_the_same(tmp_path: Path) -> None:
    source, stop = tmp_path / 'source', threading.Event()
    source.write_bytes(b'x')

    def replace() -> None:
        while not stop.is_set():
            (tmp_path / 'fresh').write_bytes(b'x')
            (tmp_path / 'fresh').rename(source)

    replacing = threading.Thread(target=replace)
    replacing.start()
    try:
        for number in range(2000):
            assert link_or_copy(source, tmp_path / f'{number}') == 'hardlink'
    finally:
        stop.set()
        replacing.join()


def test_a_missing_source_or_folder_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / 'source').touch()
    with pytest.raises(FileNotFoundError):
        link_or_copy(tmp_path / 'none', tmp_path / 'a')
    with pytest.raises(FileNotFoundError):
        link_or_copy(tmp_path / 'source', tmp_path / 'none' / 'a')
