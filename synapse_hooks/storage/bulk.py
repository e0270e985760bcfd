"""Many small files at once: where there are millions, what is done for each of them counts."""

# A Path for each would cost more than writing it.
from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from functools import cache

from synapse_hooks.storage.links import LinkMode, link_or_copy


def link_all(files: Iterable[tuple[str, str]], *, mode: LinkMode = 'hardlink') -> None:
    """What `link_or_copy` does, for many files: in one system call for each where that is enough.

    Args:
        files: The path of each, which was looked at just now and so is a file, and its new name.
        mode: As in `link_or_copy`.

    Raises:
        As `link_or_copy`.
    """
    for source, target in files:
        if mode == 'hardlink' and source.startswith('/'):
            try:
                # With a folder named, even one that does not matter, a link is followed instead of linked.
                os.link(source, target, src_dir_fd=_any_folder())
                continue
            except OSError as error:
                if error.errno == errno.EEXIST:
                    raise
        link_or_copy(source, target, mode=mode)


def write_all(files: Iterable[tuple[str, bytes]]) -> None:
    """Write files that must not exist yet: path and content of each. The folders are there.

    Raises:
        FileExistsError, OSError: From the operating system.
    """
    for file, content in files:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            while content:
                content = content[os.write(handle, content) :]
        finally:
            os.close(handle)


@cache
def _any_folder() -> int:
    return os.open('/', os.O_RDONLY | os.O_CLOEXEC)
