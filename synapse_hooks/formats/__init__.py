"""Formats: what a format author subclasses, and the built-in ones, each loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import lazily

if TYPE_CHECKING:
    from synapse_hooks.conversion.options import Options
    from synapse_hooks.conversion.reader import FormatReader
    from synapse_hooks.formats.base import Format
    from synapse_hooks.formats.folders import files_below
    from synapse_hooks.formats.guess import guess_format
    from synapse_hooks.formats.lookup import ImageLookup
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
    'Fitter': 'synapse_hooks.geometry.shapes',
    'Format': 'base',
    'FormatReader': 'synapse_hooks.conversion.reader',
    'ImageLookup': 'lookup',
    'Options': 'synapse_hooks.conversion.options',
    'declared_wrongly': 'synapse_hooks.geometry.sizes',
    'files_below': 'folders',
    'guess_format': 'guess',
    'fit_to_image': 'synapse_hooks.geometry.frame',
}

__all__ = [
    'BUILTIN',
    'Fitter',
    'Format',
    'FormatReader',
    'ImageLookup',
    'Options',
    'declared_wrongly',
    'files_below',
    'fit_to_image',
    'guess_format',
]

__getattr__ = lazily(__name__, _HOMES)
