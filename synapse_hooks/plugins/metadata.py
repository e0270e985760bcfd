"""What installers write about a distribution, read without importlib.metadata where that is certain to find the same.

Importing importlib.metadata and parsing every METADATA with its README takes longer than all else that `synapse-hooks
hooks` does. What differs from what pip and uv write in any way is left to it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_HEADER: Final = re.compile(r'([A-Za-z][A-Za-z0-9-]*): ?(.*)')
_GROUP: Final = re.compile(r'\[([^\[\]]+)\]')


class EntryPoint(NamedTuple):
    """An entry point of a distribution."""

    name: str
    value: str
    group: str


@dataclass(frozen=True)
class Installed:
    """An installed distribution."""

    name: str
    version: str
    requires: tuple[str, ...]
    """Its `Requires-Dist`."""
    entry_points: tuple[EntryPoint, ...]


def metadata_folders(folder: str) -> Iterator[str]:
    """The folders with metadata in `folder`, an entry of `sys.path`.

    Raises:
        OSError: It cannot be listed: `NotADirectoryError` for an archive.
    """
    with os.scandir(folder or '.') as entries:
        yield from [entry.path for entry in entries if entry.name.lower().endswith(('.dist-info', 'egg-info'))]


def entry_points_text(folder: str) -> bytes:
    """The entry_points.txt of a folder with metadata; empty if there is none."""
    try:
        return Path(folder, 'entry_points.txt').read_bytes()
    except OSError:
        return b''


def read_installed(folder: str, entry_points: bytes) -> Installed | Distribution:
    """A distribution; an object of importlib.metadata where something is unusual.

    Args:
        folder: Its folder with metadata.
        entry_points: The content of its entry_points.txt.
    """
    try:
        headers = _headers(Path(folder, 'METADATA').read_bytes())
        (name,), (version,) = headers['name'], headers['version']
        return Installed(name, version, tuple(headers.get('requires-dist', ())), tuple(_entry_points(entry_points)))
    except (OSError, ValueError, KeyError):
        from importlib.metadata import Distribution

        return Distribution.at(folder)


def _headers(content: bytes) -> dict[str, list[str]]:
    """The headers of a METADATA, by their names in small letters.

    Raises:
        ValueError: One is not written on a line of its own, as those that are of interest always are.
    """
    headers: dict[str, list[str]] = {}
    last = ''
    for line in content.decode().split('\n'):
        line = line.rstrip('\r')
        if not line:
            break
        if line[0] in ' \t':
            # The value before goes on, such as that of a license.
            headers[last][-1] += line
            continue
        found = _HEADER.fullmatch(line)
        if found is None:
            raise ValueError(line)
        last = found[1].lower()
        headers.setdefault(last, []).append(found[2].strip())
    return headers


def _entry_points(content: bytes) -> Iterator[EntryPoint]:
    """The entry points of an entry_points.txt.

    Raises:
        ValueError: A line is neither a group nor an entry point.
    """
    group = ''
    for line in map(str.strip, content.decode().splitlines()):
        if not line or line.startswith('#'):
            continue
        if found := _GROUP.fullmatch(line):
            group = found[1]
            continue
        name, equals, value = line.partition('=')
        if not (group and equals):
            raise ValueError(line)
        yield EntryPoint(name.strip(), value.strip(), group)
