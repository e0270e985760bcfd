"""The engine of conversions: from the source of one format, through checks and counts, into the sink of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import lazily

if TYPE_CHECKING:
    from synapse_hooks.conversion.options import Options
    from synapse_hooks.conversion.reader import FormatReader, open_reader

_HOMES = {'FormatReader': 'reader', 'Options': 'options', 'open_reader': 'reader'}

__all__ = ['FormatReader', 'Options', 'open_reader']

__getattr__ = lazily(__name__, _HOMES)
