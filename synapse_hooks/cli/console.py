"""Rich's console on stderr, for terminals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from synapse_hooks.cli.outgoing import hidden_texts, outgoing


class OutgoingConsole(Console):
    """A console whose colours are its own: an escape in a text that it prints is shown, not obeyed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._hidden = hidden_texts()

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, as a refreshed bar does too. Looking through the environment for every piece would take longer."""
        self._hidden = hidden_texts()
        super().print(*objects, **options)

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What a renderable becomes, piece by piece: everything that is printed comes through here."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(outgoing(segment.text, self._hidden), segment.style)


def on_stderr() -> OutgoingConsole:
    """The console for a run, a conversion or a demo."""
    return OutgoingConsole(stderr=True, highlight=False)
