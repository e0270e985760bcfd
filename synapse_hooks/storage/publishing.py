"""Atomic publishing: files are written under a temporary name and appear complete, by one rename, or not at all.

    with staging(Path('out/yolo')) as folder:
        (folder / 'dataset.yaml').write_text('...')
    # now, and not before, out/yolo exists

This holds when the process is killed at any instant. `durable=True` makes it hold for a power failure too.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synapse_hooks.errors import StorageError
from synapse_hooks.storage.disk import disk_errors, disk_full, making_folder, need_folder, sync_folder
from synapse_hooks.storage.exchange import exchange
from synapse_hooks.storage.ownership import is_abandoned, temporary_path


def write_atomic(path: Path, data: bytes | str, *, durable: bool = True) -> None:
    """Write a file so that every reader finds the old or the new content, complete, also when this process is killed.

    Args:
        path: The file; missing folders above it are made.
        data: The content; text is written as UTF-8.
        durable: Wait for the disk, some milliseconds, so that it holds for a power failure too. Without, for what is
            written often and can be made again, the file may be empty after one.

    Raises:
        DiskFull: No space; the old content stays.
        StorageError: The folder may not be written, or something else than a file is there.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        # A rename would take the place of a device as well: of /dev/full, for every program.
        raise StorageError(f'{path} is not a regular file', hint='name a file that may be replaced', path=str(path))
    need_folder(path.parent)
    with disk_errors(path):
        unfinished = temporary_path(path)
        try:
            with unfinished.open('xb') as file:
                file.write(data.encode() if isinstance(data, str) else data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            # To rename over a file makes ext4 write the new one to the disk first: 4 ms, and 0.1 ms to swap them.
            if durable or not exchange(unfinished, path):
                unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        if durable:
            sync_folder(path.parent)


@contextmanager
def staging(final: Path, *, replace: bool = False, durable: bool = False) -> Iterator[Path]:
    """A fresh, empty folder beside `final`, which becomes `final` when the block ends well and is removed when not.

    Args:
        final: Where the folder appears: absent, or an empty folder. Missing folders above it are made.
        replace: Take the place of a folder with something in it, which is removed.
        durable: Write everything to the disk before publishing. For what cannot be made again.

    Raises:
        StorageError: `final` is taken (before the block, or because another process published it meanwhile).
        DiskFull: No space, here or in the block.
    """
    with disk_errors(final):
        final = _real(final)
        _check_free(final, replace)
    with scratch(final) as staged:
        yield staged
        publish(staged, final, replace=replace, durable=durable)


@contextmanager
def scratch(final: Path) -> Iterator[Path]:
    """A fresh, empty folder beside `final`, removed when the block ends, unless it was published meanwhile.

    Raises:
        StorageError: The folder above `final` may not be written.
        DiskFull: No space, here or in the block.
    """
    need_folder(final.parent)
    staged = temporary_path(final)
    # From here on, so that Ctrl-C leaves nothing, whenever it comes.
    try:
        with making_folder(final):
            staged.mkdir()
        yield staged
    except OSError as error:
        if full := disk_full(error, final):
            raise full from error
        raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def publish(staged: Path, final: Path, *, replace: bool = False, durable: bool = False) -> None:
    """Rename a finished folder to `final`, atomically. Arguments and errors are those of `staging`."""
    final = _real(final)
    with disk_errors(final):
        if durable:
            sync_tree(staged)
        try:
            staged.rename(final)
        except OSError as error:
            if not (final.exists() and staged.is_dir()):
                raise
            _check_free(final, replace, cause=error)
            _swap(staged, final)
            shutil.rmtree(staged, ignore_errors=True)
        sync_folder(final.parent)


def sweep(folder: Path) -> list[Path]:
    """Remove the unfinished work that dead processes left directly in `folder`; what is alive is left alone.

    Returns:
        What was removed.
    """
    removed = []
    try:
        entries = list(Path(folder).iterdir())
    except OSError:
        # There is no such folder, or it cannot be listed. Writing there raises the error.
        return []
    for path in entries:
        if is_abandoned(path):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            removed.append(path)
    return removed


def sync_tree(path: Path) -> None:
    """Write a file, or every file and folder below a folder, to the disk."""
    if path.is_file():
        _sync_file(path)
    for parent, _, names in os.walk(path, topdown=False):
        for name in names:
            file = Path(parent, name)
            if stat.S_ISREG(file.lstat().st_mode):
                _sync_file(file)
        sync_folder(Path(parent))


def sync_below(path: Path, top: Path) -> None:
    """Write a file or folder to the disk, with the entries of the folders that lead to it, from `top` on."""
    sync_tree(path)
    for parent in path.parents:
        sync_folder(parent)
        if parent == top:
            return


def _sync_file(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _real(final: Path) -> Path:
    """A link to a folder on another disk is followed: one rename works within a disk only."""
    return final.resolve() if final.is_symlink() else Path(final)


def _check_free(final: Path, replace: bool, cause: OSError | None = None) -> None:
    if final.is_dir():
        if replace or not any(final.iterdir()):
            return
        problem = f'{final} already exists and is not empty'
    elif final.exists():
        problem = f'{final} is a file, expected a folder or nothing'
    else:
        return
    raise StorageError(problem, hint='remove it, or choose another folder', path=str(final)) from cause


def _swap(staged: Path, final: Path) -> None:
    if exchange(staged, final):
        return
    previous = final.with_name(f'{final.name}.previous-{secrets.token_hex(4)}')
    final.rename(previous)
    try:
        staged.rename(final)
    except BaseException:
        previous.rename(final)
        raise
    shutil.rmtree(previous, ignore_errors=True)
