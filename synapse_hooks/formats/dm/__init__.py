"""Datamaker (DM): what a Synapse backend exports. Reads version 1 and 2, in any mixture, and writes version 2."""

# Names of a million files are cheaper as texts.
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import msgspec

from synapse_hooks.data import SPLITS, DatasetInfo, Sample, is_image_name
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats.base import Format
from synapse_hooks.formats.dm.document import write_document
from synapse_hooks.formats.dm.items import DmItems
from synapse_hooks.formats.dm.layout import DOCUMENTS, FILES, Folder, split_folders, stray_folders

__all__ = ['DmFormat']


class DmFormat(Format):
    """The canonical model holds everything DM has, so reading and writing gives the same documents."""

    name: ClassVar[str] = 'dm'
    trusted: ClassVar[bool] = True
    surveys: ClassVar[bool] = False

    def declare(self, path: Path) -> DatasetInfo:
        """The splits are folders."""
        return DatasetInfo(splits={split: 0 for split, _ in split_folders(path) if split is not None})

    def items(self, path: Path) -> DmItems:
        """See `synapse_hooks.formats.dm.layout` for the folders. Images without a document are counted as dropped."""
        splits = split_folders(path)
        for name in stray_folders(path, [root for _, root in splits]):
            self.report.dropped('folder', f'it is not a split ({", ".join(SPLITS)}): name it to read it alone', name)
        folders = [Folder(split, root) for split, root in splits]
        for name in (name for folder in folders for name in folder.unpaired):
            kind = 'image' if is_image_name(name) else 'file'
            self.report.dropped(kind, f'there is no document for it in {DOCUMENTS}/', name)
        return DmItems(self, folders)

    def read(self, path: Path) -> Iterator[Sample]:
        """Every document once."""
        items = self.items(path)
        yield from items.read(0, len(items))

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
