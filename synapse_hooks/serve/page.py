"""The page for people: datasets with their pictures, models, and jobs as they run."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from synapse_hooks.insight.style import STYLE


@cache
def page() -> str:
    """The page as HTML, with everything in it: it works without any network."""
    return files('synapse_hooks.serve').joinpath('page.html').read_text(encoding='utf-8').replace('/*STYLE*/', STYLE)
