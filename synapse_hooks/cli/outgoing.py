"""The last thing that happens to text before it leaves for a terminal, a pipe or a log: whatever command says it.

Names, messages, metadata and exceptions are other people's text. A terminal obeys what is in it (escapes that set its
title, clear it, or turn a line around), and an exception may quote a password.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from synapse_hooks.safe_text import text_of

Hidden = Sequence[tuple[str, str]]

_OBEYED = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]')
"""Control characters but for tab and line feed, and those that change the direction of the text after them."""


def printable(text: str) -> str:
    """`text` with every character that a terminal would obey written as an escape; lines and tabs stay.

    Example:
        >>> print(printable('a\\x1b]0;title\\x07\\nb'))
        a\\x1b]0;title\\x07
        b
    """
    return _OBEYED.sub(_escaped, text)


def outgoing(text: str, hidden: Hidden | None = None) -> str:
    """`text` as people may see it: printable, and without the secrets of the environment.

    Args:
        text: What is printed.
        hidden: What `hidden_texts` returned, where there are many texts.
    """
    for secret in hidden_texts() if hidden is None else hidden:
        text = text.replace(*secret)
    return printable(text)


def hidden_texts() -> Hidden:
    """The secrets of the environment as they are now, in every form, each with what is shown instead."""
    from synapse_hooks.journal.values import REDACTED, forms_of, secrets_of

    return [(form, REDACTED) for secret in secrets_of(os.environ) for form in forms_of(secret)]


def one_line(text: str, hidden: Hidden | None = None) -> str:
    """`text` as `outgoing` has it, and the ends of lines and tabs as escapes too: for a cell of a table."""
    text = outgoing(text, hidden)
    return text if text.isprintable() else text.replace('\n', '\\n').replace('\t', '\\t')


def outgoing_json(data: Mapping[str, Any]) -> str:
    """`data` as one line of JSON, in which no character is obeyed and no secret is shown.

    Example:
        >>> outgoing_json({'name': '\\x9b2J'})
        '{"name": "\\\\u009b2J"}'
    """
    from synapse_hooks.journal.values import Redactor, secrets_of

    text = json.dumps(data, ensure_ascii=False, default=text_of)
    if secrets := secrets_of(os.environ):
        # As JSON has it: what stood in a foreign object is text by now.
        text = json.dumps(Redactor(secrets).clean(json.loads(text)), ensure_ascii=False)
    return _OBEYED.sub(lambda match: f'\\u{ord(match[0]):04x}', text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f'\\x{code:02x}' if code < 0x100 else f'\\u{code:04x}'
