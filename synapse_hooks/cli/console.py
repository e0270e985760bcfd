"""Rich's console on stderr, for terminals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from synapse_hooks.cli.outgoing import outgoing


class OutgoingConsole(Console):
    """A console whose colours are its own: an escape in a text that it prints is shown, not obeyed."""

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What a renderable becomes, piece by piece: everything that is printed comes through here."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(outgoing(segment.text), segment.style)


def on_stderr() -> OutgoingConsole:
    """The console for a run, a conversion or a demo."""
    return OutgoingConsole(stderr=True, highlight=False)
