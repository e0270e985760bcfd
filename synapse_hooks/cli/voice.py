"""What a command says on its way, on stderr: sentences, and how far it is.

On a terminal there are colours and a bar. Elsewhere there are plain lines, and the library for the rest is not
imported: it would take longer than a small conversion.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

from synapse_hooks.cli.streams import say

# These are warnings of Python's too, and go to stderr at once.
_SAID_ALREADY: Final = ('plugin-skipped', 'observer-failed')
_LOUD: Final = ('warning', 'error')


class Voice(Protocol):
    """Writes messages for the user of the command."""

    def say(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Say sentences, as the hook `log_message` gets them."""

    def progress(self, what: str, done: float, total: float | None) -> None:
        """Say that `done` images of `total` are through `what`; None where the total is unknown."""


class Plain:
    """Speaks in lines. Progress is not worth one."""

    def say(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """See `Voice.say`."""
        for _, text in sentences(messages):
            say(text)

    def progress(self, what: str, done: float, total: float | None) -> None:
        """See `Voice.progress`."""


@contextmanager
def voice() -> Iterator[Voice]:
    """The voice for what stderr is; when the block ends, a bar is gone."""
    if not os.isatty(2):
        yield Plain()
        return
    from synapse_hooks.cli.lively import lively

    with lively() as speaking:
        yield speaking


def sentences(messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Level and text of each message that people must see.

    Example:
        >>> list(sentences([{'level': 'warning', 'text': 'hot'}, {'level': 'debug', 'text': '37'}]))
        [('warning', 'warning: hot')]
    """
    for message in messages:
        level = str(message.get('level'))
        if level != 'debug' and message.get('code') not in _SAID_ALREADY:
            yield level, f'{f"{level}: " if level in _LOUD else ""}{message["text"]}'
