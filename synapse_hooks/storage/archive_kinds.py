"""Which kind of archive a file is. This does not import the modules that unpack it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from synapse_hooks.storage.safe_open import read_head

Kind = Literal['zip', 'tar']


def archive_kind(path: Path) -> Kind | None:
    """Whether a file is a zip or a tar (plain or gzip), by what is in it; None for anything else.

    A `.pt` file of PyTorch is a zip too: use it only where an archive is expected.
    """
    head = read_head(path, 512)
    if head.startswith((b'PK\x03\x04', b'PK\x05\x06')):
        return 'zip'
    if head.startswith(b'\x1f\x8b') or head[257:262] == b'ustar':
        return 'tar'
    return None
