"""A status, or the level of a message, as a badge."""

from __future__ import annotations

from typing import Final

from synapse_hooks.pages.html import Html, tag

SEVERITY: Final = {
    'succeeded': 'good',
    'finished': 'good',
    'failed': 'error',
    'error': 'error',
    'unreadable': 'error',
    'killed': 'error',
    'cancelled': 'warning',
    'rolled back': 'warning',
    'warning': 'warning',
    'running': 'note',
    'created': 'note',
}
"""The style of a status or a level; `split` for any other."""


def badge(status: str, text: str | None = None) -> Html:
    """A badge in the style of a status, with that or another text."""
    return tag('span', text or status, class_=f'badge {SEVERITY.get(status, "split")}')
