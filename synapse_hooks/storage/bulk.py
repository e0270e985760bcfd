"""Linking and writing many small files with as few system calls for each as possible."""

# A Path for each would cost more than writing it.
# ruff: noqa: PTH103, PTH118
from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from synapse_hooks.storage.disk import disk_errors
from synapse_hooks.storage.links import LinkMode, copy_file, link_or_copy
from synapse_hooks.storage.tree import FileEntry, walk_files


def link_all(files: Iterable[tuple[str, str]], *, mode: LinkMode = 'hardlink') -> None:
    """`link_or_copy` for many files: in one system call for each where that is enough.

    Args:
        files: The path of each, which was just checked and so is a file, and its new name.
        mode: As in `link_or_copy`.

    Raises:
        As `link_or_copy`.
    """
    for source, target in files:
        if mode == 'hardlink' and source.startswith('/'):
            try:
                # With any `src_dir_fd`, which an absolute path does not use, a link is followed instead of linked.
                os.link(source, target, src_dir_fd=_any_folder())
                continue
            except OSError as error:
                if error.errno == errno.EEXIST:
                    raise
        link_or_copy(source, target, mode=mode)


def link_tree(
    source: Path,
    target: Path,
    *,
    mode: LinkMode = 'hardlink',
    copied: tuple[str, ...] = (),
    admit: Callable[[FileEntry], None] | None = None,
) -> int:
    """Put every file below `source` below the existing folder `target` too, under the same relative name.

    Args:
        source: A folder.
        target: A folder; what is made in it must not exist.
        mode: As in `link_or_copy`.
        copied: Endings, such as `'.json'`, of files that are copied with every `mode`, so that they can be edited.
        admit: Called with each file before it is put there; it may raise.

    Returns:
        How many files there were.

    Raises:
        As `link_or_copy`.
    """
    base = os.path.join(target, '')
    made, count = {''}, 0
    with disk_errors(target):
        for entry in walk_files(source):
            if admit is not None:
                admit(entry)
            name = entry.name
            folder = name.rpartition('/')[0]
            if folder not in made:
                os.makedirs(base + folder, exist_ok=True)
                made.add(folder)
            if mode == 'copy' or (copied and name.lower().endswith(copied)):
                copy_file(entry.path, base + name)
            else:
                link_all([(entry.path, base + name)], mode=mode)
            count += 1
    return count


def write_all(files: Iterable[tuple[str, bytes]]) -> list[tuple[int, int]]:
    """Write files that must not exist yet: path and content of each. The folders are there.

    Returns:
        For each its size, and when it was changed in nanoseconds.

    Raises:
        FileExistsError, OSError: From the operating system.
    """
    states = []
    for file, content in files:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            while content:
                content = content[os.write(handle, content) :]
            state = os.fstat(handle)
            states.append((state.st_size, state.st_mtime_ns))
        finally:
            os.close(handle)
    return states


@cache
def _any_folder() -> int:
    return os.open('/', os.O_RDONLY | os.O_CLOEXEC)
