"""The web page of the server: datasets with their pictures, models, and jobs as they run."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from synapse_hooks.pages.style import STYLE


@cache
def page() -> str:
    """The page as HTML, with styles and scripts included, so that it works without a network."""
    return files('synapse_hooks.serve').joinpath('page.html').read_text(encoding='utf-8').replace('/*STYLE*/', STYLE)
