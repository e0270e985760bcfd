"""The contract of a format: it recognises datasets, and gives a source that reads one, or a sink that writes one.

Formats that work in batches, such as the built-in ones, derive from `BaseFormat`. Formats that work with one sample
after the other derive from `Format` (`row_format.py`), which makes a source of `read` and a sink of `write`.

    class Acme(BaseFormat):
        name = 'acme'

        def source(self, path, context):
            return AcmeSource(path, context)

        def sink(self, context):
            return AcmeSink(context)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from synapse_hooks.context import Dataset, DatasetReader, TrainContext
from synapse_hooks.conversion.reader import FormatReader
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.hookspecs import hookimpl

if TYPE_CHECKING:
    from synapse_hooks.conversion.contract import Sink, Source
    from synapse_hooks.conversion.read_context import ReadContext
    from synapse_hooks.conversion.write_context import WriteContext


class BaseFormat:
    """A dataset format: a plugin that answers `convert` and `open_dataset` for its own name.

    Publish it as an entry point in the group `synapse_hooks.formats`, under its name. Override `source` to read, `sink`
    to write, or both. An instance may be shared: the state of a reading or a conversion is in its source or sink.
    """

    name: ClassVar[str] = ''
    """What `target_format` and `--to` call it."""
    version: ClassVar[str] = ''
    """Change it when the same input gives different output, so that nothing made before is taken for current."""

    def recognise(self, path: Path) -> bool:
        """Whether a folder or file looks like this format: for `synapse-hooks convert` without `--from`. Optional.

        Raises:
            DatasetInvalid: It is of this format, beyond doubt, and broken. Reported if no other format recognises it.
        """
        return False

    def source(self, path: Path, context: ReadContext) -> Source:
        """The dataset, to be read in batches.

        Args:
            path: The dataset's folder, or its main file where the user named that.
            context: The context of this reading: the loss report, files, the policy for unreadable items.

        Raises:
            DatasetInvalid: The format can only be written.
        """
        raise DatasetInvalid(f'format {self.name!r} can be written, not read', hint='choose another source')

    def sink(self, context: WriteContext) -> Sink:
        """What writes the dataset in batches.

        Args:
            context: The context of this conversion: the folder, options, the loss report.

        Raises:
            DatasetInvalid: The format can only be read.
        """
        raise DatasetInvalid(f'format {self.name!r} can be read, not written', hint='choose another target')

    @hookimpl
    def convert(self, context: TrainContext, dataset: Dataset, target_format: str) -> Dataset | None:
        """Answer for `target_format == self.name`; decline otherwise."""
        if target_format != self.name:
            return None
        from synapse_hooks.conversion.convert import convert

        return convert(self, context, dataset)

    @hookimpl
    def open_dataset(self, dataset: Dataset) -> DatasetReader | None:
        """Answer for `dataset['format'] == self.name`; decline otherwise."""
        return FormatReader(self, dataset) if dataset['format'] == self.name else None
