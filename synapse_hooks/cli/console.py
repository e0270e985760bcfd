"""Rich's console on stderr, for terminals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from synapse_hooks.terminal import sanitized, secret_replacements


class SanitizingConsole(Console):
    """A console that shows escape sequences in what it prints instead of sending them to the terminal."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._replacements = secret_replacements()

    def print(self, *objects: Any, **options: Any) -> None:
        """Print. A refreshed bar comes through here too, so the secrets are looked up once for all segments."""
        self._replacements = secret_replacements()
        super().print(*objects, **options)

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of a renderable, sanitized: everything that is printed comes through here."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(sanitized(segment.text, self._replacements), segment.style)


def on_stderr() -> SanitizingConsole:
    """The console for a run, a conversion or a demo."""
    return SanitizingConsole(stderr=True, highlight=False)
