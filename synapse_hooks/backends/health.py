"""Checks of this machine by backends, for `synapse-hooks doctor`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from synapse_hooks.context import Finding

_LEAST_SPACE: Final = 1 << 30


def folder_findings(what: str, folder: Path, setting: str) -> Iterator[Finding]:
    """Whether a folder, which need not be there yet, can be written, and has room.

    Args:
        what: What is kept in it.
        folder: Which.
        setting: The variable that names another one.
    """
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    writable = os.access(place, os.W_OK)
    yield Finding(what, writable, str(folder), f'make {place} writable, or set {setting}')
    free = shutil.disk_usage(place).free
    fix = f'free some space at {place}, or set {setting}'
    yield Finding(f'{what}: disk space', free >= _LEAST_SPACE, f'{free / 1e9:.1f} GB free', fix)
