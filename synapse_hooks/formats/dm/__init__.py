"""Datamaker (DM): what a Synapse backend exports. Reads version 1 and 2, in any mixture, and writes version 2."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats.base import BaseFormat
from synapse_hooks.formats.dm.layout import split_folders

if TYPE_CHECKING:
    from synapse_hooks.conversion.contract import Source
    from synapse_hooks.conversion.read_context import ReadContext
    from synapse_hooks.conversion.write_context import WriteContext
    from synapse_hooks.formats.dm.sink import DmSink

__all__ = ['DmFormat']


class DmFormat(BaseFormat):
    """The canonical model holds everything DM has, so reading and writing gives the same documents."""

    name: ClassVar[str] = 'dm'

    def recognise(self, path: Path) -> bool:
        """A folder with `json` in it, or in its splits."""
        try:
            return bool(split_folders(path))
        except DatasetInvalid:
            return False

    def source(self, path: Path, context: ReadContext) -> Source:
        """See `synapse_hooks.formats.dm.layout` for the folders. Images without a document are counted as dropped."""
        from synapse_hooks.formats.dm.arriving import ArrivingDmSource
        from synapse_hooks.formats.dm.source import DmSource

        if context.arrivals is not None:
            return ArrivingDmSource(path, context.arrivals, context)
        return DmSource(path, context)

    def sink(self, context: WriteContext) -> DmSink:
        """See `synapse_hooks.formats.dm.sink`."""
        from synapse_hooks.formats.dm.sink import DmSink

        return DmSink(context)
