"""The engine of conversions: from the source of one format, through checks and counts, into the sink of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.conversion.executors import BaseExecutor
    from synapse_hooks.conversion.options import Options
    from synapse_hooks.conversion.reader import FormatReader, open_reader

EXECUTORS: dict[str, str] = {
    'fork': 'synapse_hooks.conversion.executors:Fork',
    'serial': 'synapse_hooks.conversion.executors:Serial',
}
"""The built-in executors, as entry points would name them."""

_HOMES = {'BaseExecutor': 'executors', 'FormatReader': 'reader', 'Options': 'options', 'open_reader': 'reader'}

__all__ = ['EXECUTORS', 'BaseExecutor', 'FormatReader', 'Options', 'open_reader']

import_lazily(__name__, _HOMES)
