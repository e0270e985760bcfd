"""Datamaker (DM): what a Synapse backend exports. Reads version 1 and 2, in any mixture, and writes version 2."""

# Names of a million files are cheaper as texts.
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec

from synapse_hooks.data import DatasetInfo, Sample
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats.base import Format
from synapse_hooks.formats.dm.document import write_document
from synapse_hooks.formats.dm.layout import DOCUMENTS, FILES, split_folders

if TYPE_CHECKING:
    from synapse_hooks.conversion.read_context import ReadContext
    from synapse_hooks.formats.dm.source import DmSource

__all__ = ['DmFormat']


class DmFormat(Format):
    """The canonical model holds everything DM has, so reading and writing gives the same documents."""

    name: ClassVar[str] = 'dm'
    surveys: ClassVar[bool] = False

    def source(self, path: Path, context: ReadContext) -> DmSource:
        """See `synapse_hooks.formats.dm.layout` for the folders. Images without a document are counted as dropped."""
        from synapse_hooks.formats.dm.source import DmSource

        return DmSource(path, context)

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> None:
        """One document per sample, and its image or other file beside it."""
        encode = msgspec.json.Encoder().encode
        for sample in samples:
            root = out / sample.split if sample.split else out
            document = root / DOCUMENTS / f'{sample.id}.json'
            document.parent.mkdir(parents=True, exist_ok=True)
            document.write_bytes(encode(write_document(sample, self.report)))
            self.link_image(sample, root / FILES / sample.file_name)
            for file in sample.extra.get('dm', {}).get('files', ()):
                other = Sample(sample.id, image=Path(file))
                self.link_image(other, root / FILES / other.file_name)

    def recognise(self, path: Path) -> bool:
        """A folder with `json` in it, or in its splits."""
        try:
            return bool(split_folders(path))
        except DatasetInvalid:
            return False
