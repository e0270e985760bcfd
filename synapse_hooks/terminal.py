"""Text for a terminal: control characters escaped, secrets of the environment redacted.

Every command passes what it prints through here, and launchers do. Names, messages, metadata and exceptions come from
other people: they may hold escape sequences (which set the title of a terminal, clear it, or reverse a line), and an
exception may quote a password.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from synapse_hooks.safe_text import text_of

Replacements = Sequence[tuple[str, str]]

_CONTROL = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]')
"""Control characters but for tab and line feed, and those that change the direction of the text after them."""


def printable(text: str) -> str:
    """`text` with control characters written as escapes, except line feed and tab.

    Example:
        >>> print(printable('a\\x1b]0;title\\x07\\nb'))
        a\\x1b]0;title\\x07
        b
    """
    return _CONTROL.sub(_escaped, text)


def sanitized(text: str, replacements: Replacements | None = None) -> str:
    """`text` without control characters and without the secrets of the environment.

    Args:
        text: The text to print.
        replacements: The result of `secret_replacements`, to compute it once for many texts.
    """
    for replacement in secret_replacements() if replacements is None else replacements:
        text = text.replace(*replacement)
    return printable(text)


def write_stderr(text: str) -> None:
    """Write a line to standard error, for the user: sanitized. It never raises.

    Args:
        text: The line.
    """
    # Third-party code may have replaced the stream by any object.
    with suppress(Exception):
        print(sanitized(text), file=sys.stderr, flush=True)


def secret_replacements() -> Replacements:
    """The secrets that the environment holds now, in every encoded form, each with its replacement."""
    from synapse_hooks.journal.values import REDACTED, forms_of, secrets_of

    return [(form, REDACTED) for secret in secrets_of(os.environ) for form in forms_of(secret)]


def one_line(text: str, replacements: Replacements | None = None) -> str:
    """`text` sanitized, with line feeds and tabs as escapes too: for a cell of a table."""
    text = sanitized(text, replacements)
    return text if text.isprintable() else text.replace('\n', '\\n').replace('\t', '\\t')


def sanitized_json(data: Mapping[str, Any]) -> str:
    """`data` as one line of JSON, with control characters escaped and secrets redacted; not a number is null.

    Example:
        >>> sanitized_json({'name': '\\x9b2J'})
        '{"name": "\\\\u009b2J"}'
    """
    from synapse_hooks.journal.values import Redactor, encode, secrets_of

    try:
        text = json.dumps(data, ensure_ascii=False, default=text_of, allow_nan=False)
    except ValueError:
        # JSON has no numbers that are not finite, and a metric of a training that diverged is one.
        text = encode(data).decode()
    if secrets := secrets_of(os.environ):
        # Redacted after encoding: by now, unknown objects are text too.
        text = json.dumps(Redactor(secrets).clean(json.loads(text)), ensure_ascii=False)
    return _CONTROL.sub(lambda match: f'\\u{ord(match[0]):04x}', text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f'\\x{code:02x}' if code < 0x100 else f'\\u{code:04x}'
