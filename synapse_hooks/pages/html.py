"""HTML, element by element. Text is escaped unless it is `Html`: names of classes and files are not trusted."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final

Child = str | None
"""Text, or `Html`, which is not escaped; None is omitted."""

_VOID: Final = frozenset(('meta', 'input', 'br', 'img'))
_FORBIDDEN: Final = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160)), '�')


class Html(str):
    """HTML, which is not escaped again."""

    __slots__ = ()


def escaped(text: str) -> Html:
    """Text as HTML. Characters that no page may hold become `U+FFFD`.

    Example:
        >>> escaped('<b> & "c"')
        '&lt;b&gt; &amp; &quot;c&quot;'
        >>> escaped(escaped('<b>'))
        '&lt;b&gt;'
    """
    if isinstance(text, Html):
        return text
    clean = text.translate(_FORBIDDEN).encode(errors='replace').decode()
    return Html(html.escape(clean))


def tag(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Html:
    """An element.

    Args:
        name: Its name.
        *children: Its content.
        **attributes: `class_` is `class`, `stroke_width` is `stroke-width`. True is an attribute without a value;
            None and False are omitted.

    Example:
        >>> tag('p', 'a < b', tag('b', '!'), class_='x', hidden=True)
        '<p class="x" hidden>a &lt; b<b>!</b></p>'
    """
    words = [name]
    for key, value in attributes.items():
        key = key.rstrip('_').replace('_', '-')
        if value is True:
            words.append(key)
        elif value is not None and value is not False:
            words.append(f'{key}="{escaped(number(value) if isinstance(value, int | float) else value)}"')
    opened = f'<{" ".join(words)}>'
    return Html(opened if name in _VOID else f'{opened}{join(children)}</{name}>')


def join(children: Iterable[Child]) -> Html:
    """Elements concatenated."""
    return Html(''.join(escaped(child) for child in children if child is not None))


def number(value: float) -> str:
    """A coordinate: two digits after the point are enough for a screen.

    Example:
        >>> number(3.0), number(2.456), number(-0.001)
        ('3', '2.46', '0')
    """
    text = f'{value:.2f}'.rstrip('0').rstrip('.')
    return '0' if text == '-0' else text


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> Html:
    """A table; numbers are aligned to the right, and None is a dash."""
    rows = [list(row) for row in rows]
    sides = {place for row in rows for place, cell in enumerate(row) if isinstance(cell, int)}
    names = enumerate(headings)
    head = tag('tr', *(tag('th', text, scope='col', class_='n' if at in sides else None) for at, text in names))
    body = [tag('tr', *map(_cell, row)) for row in rows]
    return tag('div', tag('table', tag('thead', head), tag('tbody', *body)), class_='scroll')


def _cell(value: object) -> Html:
    if isinstance(value, int):
        return tag('td', f'{value:,}', class_='n')
    return tag('td', '–' if value is None else str(value), class_='n' if value is None else None)
