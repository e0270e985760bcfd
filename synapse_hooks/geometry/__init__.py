"""Geometry of annotations: fitting them into images, and into what a format can express, counting what is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.geometry.frame import fit_to_image
    from synapse_hooks.geometry.shapes import Fitter
    from synapse_hooks.geometry.sizes import declared_wrongly

_HOMES = {'Fitter': 'shapes', 'declared_wrongly': 'sizes', 'fit_to_image': 'frame'}

__all__ = ['Fitter', 'declared_wrongly', 'fit_to_image']

import_lazily(__name__, _HOMES)
