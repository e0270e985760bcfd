"""Formats: what a format author subclasses, and the built-in ones, each loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.conversion.arrivals import Arrivals, arrived_shards
    from synapse_hooks.conversion.contract import (
        BaseSink,
        BaseSource,
        ItemSource,
        Projection,
        Sink,
        Source,
        WriteResult,
        Written,
    )
    from synapse_hooks.conversion.ids import unique_ids
    from synapse_hooks.conversion.options import Options
    from synapse_hooks.conversion.read_context import ReadContext
    from synapse_hooks.conversion.reader import FormatReader
    from synapse_hooks.conversion.write_context import WriteContext
    from synapse_hooks.data.batch import Batch, BatchBuilder, gather
    from synapse_hooks.formats.base import BaseFormat
    from synapse_hooks.formats.folders import files_below
    from synapse_hooks.formats.guess import guess_format
    from synapse_hooks.formats.lookup import ImageLookup
    from synapse_hooks.formats.row_format import Format
    from synapse_hooks.geometry.fitted_boxes import FittedBoxes, fit_boxes
    from synapse_hooks.geometry.frame import fit_to_image
    from synapse_hooks.geometry.shapes import Fitter
    from synapse_hooks.geometry.sizes import declared_wrongly

BUILTIN: dict[str, str] = {
    'coco': 'synapse_hooks.formats.coco:CocoFormat',
    'dm': 'synapse_hooks.formats.dm:DmFormat',
    'imagefolder': 'synapse_hooks.formats.imagefolder:ImageFolderFormat',
    'yolo': 'synapse_hooks.formats.yolo:YoloFormat',
}
"""The built-in formats, as entry points would name them."""

_HOMES = {
    'Arrivals': 'synapse_hooks.conversion.arrivals',
    'BaseFormat': 'base',
    'BaseSink': 'synapse_hooks.conversion.contract',
    'BaseSource': 'synapse_hooks.conversion.contract',
    'Batch': 'synapse_hooks.data.batch',
    'BatchBuilder': 'synapse_hooks.data.batch',
    'ItemSource': 'synapse_hooks.conversion.contract',
    'Projection': 'synapse_hooks.conversion.contract',
    'ReadContext': 'synapse_hooks.conversion.read_context',
    'Sink': 'synapse_hooks.conversion.contract',
    'Source': 'synapse_hooks.conversion.contract',
    'WriteContext': 'synapse_hooks.conversion.write_context',
    'WriteResult': 'synapse_hooks.conversion.contract',
    'Written': 'synapse_hooks.conversion.contract',
    'arrived_shards': 'synapse_hooks.conversion.arrivals',
    'gather': 'synapse_hooks.data.batch',
    'unique_ids': 'synapse_hooks.conversion.ids',
    'FittedBoxes': 'synapse_hooks.geometry.fitted_boxes',
    'Fitter': 'synapse_hooks.geometry.shapes',
    'Format': 'row_format',
    'FormatReader': 'synapse_hooks.conversion.reader',
    'ImageLookup': 'lookup',
    'Options': 'synapse_hooks.conversion.options',
    'declared_wrongly': 'synapse_hooks.geometry.sizes',
    'files_below': 'folders',
    'fit_boxes': 'synapse_hooks.geometry.fitted_boxes',
    'guess_format': 'guess',
    'fit_to_image': 'synapse_hooks.geometry.frame',
}

__all__ = [
    'BUILTIN',
    'Arrivals',
    'BaseFormat',
    'BaseSink',
    'BaseSource',
    'Batch',
    'BatchBuilder',
    'FittedBoxes',
    'Fitter',
    'Format',
    'FormatReader',
    'ImageLookup',
    'ItemSource',
    'Options',
    'Projection',
    'ReadContext',
    'Sink',
    'Source',
    'WriteContext',
    'WriteResult',
    'Written',
    'arrived_shards',
    'declared_wrongly',
    'files_below',
    'fit_boxes',
    'fit_to_image',
    'gather',
    'guess_format',
    'unique_ids',
]

import_lazily(__name__, _HOMES)
