"""Runs as a page to look at and to send around: curves, timeline, failure, results, and what the runs were made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.report.contents import RunContents
    from synapse_hooks.report.page import report_page

_HOMES = {'RunContents': 'contents', 'report_page': 'page'}

__all__ = ['RunContents', 'report_page']

import_lazily(__name__, _HOMES)
