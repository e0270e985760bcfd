"""Datamaker (DM): what a Synapse backend exports. Reads version 1 and 2, in any mixture, and writes version 2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import msgspec

from synapse_hooks.data import SUFFIXES, DatasetInfo, Sample
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats.base import Format
from synapse_hooks.formats.dm.document import decode, read_document, write_document
from synapse_hooks.formats.dm.layout import DOCUMENTS, FILES, Folder, Pair, split_folders

__all__ = ['DmFormat']


class DmFormat(Format):
    """The canonical model holds everything DM has, so reading and writing gives the same documents."""

    name: ClassVar[str] = 'dm'

    def read(self, path: Path) -> Iterator[Sample]:
        """See `synapse_hooks.formats.dm.layout` for the folders. Images without a document are counted as dropped."""
        for split, root in split_folders(path):
            folder = Folder(split, root)
            for pair in folder:
                try:
                    sample = _read(pair)
                except UnreadableItem as error:
                    self.skip(error)
                else:
                    yield sample
            for name in sorted(folder.unpaired):
                kind = 'image' if Path(name).suffix.lower() in SUFFIXES else 'file'
                self.report.dropped(kind, f'there is no document for it in {DOCUMENTS}/', name)

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


def _read(pair: Pair) -> Sample:
    sample = Sample(pair.id, split=pair.split)
    try:
        needs_image = read_document(decode(pair.document.read_bytes()), sample)
    except (OSError, ValueError) as error:
        raise UnreadableItem(
            f'{pair.document} {error}', hint='repair or remove the document', path=str(pair.document)
        ) from error
    if len(pair.images) > 1:
        raise UnreadableItem(
            f'{pair.document} could be about {" or ".join(file.name for file in pair.images)}',
            hint='give each image a name and a document of its own',
            path=str(pair.document),
        )
    if pair.images:
        sample.image = pair.images[0]
        sample.width = sample.height = 0
    elif needs_image:
        raise UnreadableItem(
            f'{pair.document} has no image: {FILES}/{pair.id}.* is missing',
            hint='restore the image or remove the document',
            path=str(pair.document),
        )
    if pair.others:
        sample.extra['dm']['files'] = [str(file) for file in pair.others]
    return sample
