"""One HTML page as a file: no scripts, and nothing that is loaded from elsewhere."""

from __future__ import annotations

from typing import Final

from synapse_hooks.pages.html import Html, tag
from synapse_hooks.pages.style import STYLE
from synapse_hooks.version import __version__

_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def document(title: str, *content: Html | None, made_by: str, style: str = '') -> str:
    """The text of a page.

    Args:
        title: The title of the window.
        *content: The elements; None is omitted.
        made_by: The command that makes the page, for the footer.
        style: CSS besides `STYLE`.
    """
    head = tag(
        'head',
        tag('meta', charset='utf-8'),
        # If escaping had a gap, scripts would still not run, and nothing would be loaded.
        tag('meta', http_equiv='Content-Security-Policy', content=_POLICY),
        tag('meta', name='viewport', content='width=device-width, initial-scale=1'),
        tag('title', title),
        tag('style', Html(STYLE + style)),
    )
    footer = tag('footer', f'synapse-hooks {__version__} {made_by}')
    return f'<!doctype html>\n{tag("html", head, tag("body", tag("main", *content, footer)), lang="en")}\n'
