"""Writing Datamaker (DM): a document for each sample, and its image or other file beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from synapse_hooks.conversion.contract import BaseSink, Projection, WriteResult
from synapse_hooks.conversion.write_context import WriteContext
from synapse_hooks.data import DatasetInfo, Sample
from synapse_hooks.data.batch import Batch
from synapse_hooks.formats.dm.document import write_document
from synapse_hooks.formats.dm.layout import DOCUMENTS, FILES


class DmSink(BaseSink):
    """Documents do not depend on each other, so there is nothing to plan or to finish.

    Args:
        context: The context of this conversion.
    """

    projection: Projection = 'samples'

    def __init__(self, context: WriteContext) -> None:
        self.context = context
        self._encode = msgspec.json.Encoder().encode

    def write(self, plan: None, info: DatasetInfo, shard: int, batches: Iterator[Batch]) -> WriteResult:
        """One document per sample, and its files beside it."""
        for batch in batches:
            for sample in batch.rows():
                self._write(sample)
        return WriteResult()

    def _write(self, sample: Sample) -> None:
        root = self.context.out / sample.split if sample.split else self.context.out
        document = root / DOCUMENTS / f'{sample.id}.json'
        document.parent.mkdir(parents=True, exist_ok=True)
        document.write_bytes(self._encode(write_document(sample, self.context.report)))
        self.context.link_image(sample, root / FILES / sample.file_name)
        kept: dict[str, Any] = sample.extra.get('dm', {})
        for file in kept.get('files', ()):
            other = Sample(sample.id, file=file)
            self.context.link_image(other, root / FILES / other.file_name)
