"""Names for unfinished work, and whether the process that they belong to is still alive."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import secrets
import time
from functools import lru_cache
from pathlib import Path

_NAME = re.compile(r'\..*\.staging-([0-9a-f]{8}-[0-9]+-[0-9]+)-[0-9a-f]{8}', re.DOTALL)
_ABANDONED = 7 * 24 * 3600.0
# Threads of a process share it; another process has another owner.
_numbers = itertools.count(secrets.randbits(31))


def owner() -> str:
    """An identifier of this process, which any other one can pass to `is_dead`."""
    return _owner(os.getpid())


def is_dead(owner: str, since: float, *, abandoned_after: float = _ABANDONED) -> bool:
    """Whether the process whose identifier is `owner` has ended.

    Args:
        owner: What its `owner()` returned.
        since: When it was last seen alive, in seconds of the epoch.
        abandoned_after: Seconds after which a process counts as dead that cannot be checked: one of another machine,
            another container, or before the last boot.
    """
    where, pid, start = owner.split('-')
    if where == scope():
        return not _alive(int(pid), int(start))
    return time.time() - since > abandoned_after


def temporary_path(final: Path) -> Path:
    """A new name beside `final`, which no other process or thread chooses and which names its owner."""
    return final.with_name(f'.{final.name[:32]}.staging-{owner()}-{secrets.token_hex(4)}')


def numbered_temporary_path(folder: str, name: str) -> str:
    """Like `temporary_path`, for a file in `folder`, for thousands of them: counting is faster than a random number."""
    return f'{folder}/.{name[:32]}.staging-{owner()}-{next(_numbers) & 0xFFFFFFFF:08x}'


def is_temporary(name: str) -> bool:
    """Whether `name` was made by `temporary_path`: unfinished work, never part of a tree.

    Example:
        >>> is_temporary(temporary_path(Path('yolo')).name), is_temporary('yolo')
        (True, False)
    """
    return _NAME.fullmatch(name) is not None


def is_abandoned(path: Path) -> bool:
    """Whether `path` is unfinished work of a process that is dead; see `is_dead` for one that cannot be checked."""
    if not is_temporary(path.name):
        return False
    try:
        return is_dead_work(path.name, time.time() - path.stat().st_mtime)
    except OSError:
        return False


def is_dead_work(name: str, age: float) -> bool:
    """Whether `name` is one of unfinished work of a process that is dead; `age` is how many seconds ago it changed."""
    match = _NAME.fullmatch(name)
    return match is not None and is_dead(match[1], time.time() - age)


def is_leftover_here(name: str) -> bool:
    """Whether `name` is one of unfinished work of a process that died since this machine was started.

    All that such a process wrote is there. What is older than the last boot may have lost its end.
    """
    match = _NAME.fullmatch(name)
    return match is not None and match[1].startswith(f'{scope()}-') and is_dead(match[1], 0.0)


@lru_cache(maxsize=1)
def scope() -> str:
    """Within which a process number means something: one boot of one machine, one container."""
    try:
        where = Path('/proc/sys/kernel/random/boot_id').read_text() + str(Path('/proc/self/ns/pid').stat().st_ino)
    except OSError:
        import platform

        where = platform.node()
    return hashlib.sha256(where.encode()).hexdigest()[:8]


def _start(pid: int) -> int:
    """When a process began, in the kernel's ticks; 0 where it is not known. A reused number has another start."""
    try:
        # The second field is the program's name in parentheses, which may hold anything, parentheses too.
        return int(Path(f'/proc/{pid}/stat').read_bytes().rpartition(b')')[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


@lru_cache(maxsize=4)
def _owner(pid: int) -> str:
    return f'{scope()}-{pid}-{_start(pid)}'


def _alive(pid: int, start: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    now = _start(pid)
    return now == start or 0 in (now, start)
