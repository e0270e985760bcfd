"""Messages and progress of a command that is at work, on stderr.

A terminal gets colours and a progress bar. Anything else gets plain lines, and rich is not imported: that would take
longer than a small conversion.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

from synapse_hooks.terminal import write_stderr

# These are issued as Python warnings too, and printed then.
_ALREADY_PRINTED: Final = ('plugin-skipped', 'observer-failed')
_LABELLED: Final = ('warning', 'error')


class Reporter(Protocol):
    """Writes messages for the user of the command."""

    def messages(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Print messages, as the hook `log_message` gets them."""

    def progress(self, what: str, done: float, total: float | None) -> None:
        """Report that `what` has processed `done` of `total` images; None where the total is unknown."""


class PlainReporter:
    """Prints a line for each message, and no progress."""

    def messages(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """See `Reporter.messages`."""
        for _, text in visible_messages(messages):
            write_stderr(text)

    def progress(self, what: str, done: float, total: float | None) -> None:
        """See `Reporter.progress`."""


@contextmanager
def open_reporter() -> Iterator[Reporter]:
    """The reporter for stderr, a terminal or not; a progress bar is removed when the block ends."""
    if not os.isatty(2):
        yield PlainReporter()
        return
    from synapse_hooks.cli.terminal_reporter import terminal_reporter

    with terminal_reporter() as reporter:
        yield reporter


def visible_messages(messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Level and text of each message to print.

    Example:
        >>> list(visible_messages([{'level': 'warning', 'text': 'hot'}, {'level': 'debug', 'text': '37'}]))
        [('warning', 'warning: hot')]
    """
    for message in messages:
        level = str(message.get('level'))
        if level != 'debug' and message.get('code') not in _ALREADY_PRINTED:
            yield level, f'{f"{level}: " if level in _LABELLED else ""}{message["text"]}'
