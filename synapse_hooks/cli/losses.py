"""What a conversion outside of a run has to say: its loss report, and its progress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synapse_hooks.cli.display import Display


class Losses:
    """A recorder that keeps the loss report and shows the rest at once.

    Args:
        display: Where messages go.
    """

    def __init__(self, display: Display) -> None:
        self._display = display
        self.report: dict[str, Any] | None = None
        """The loss report, once there is one."""

    def say(self, text: str) -> None:
        """Show a sentence."""
        self._display.log_message([{'level': 'info', 'text': text}])

    def record(self, type: str, payload: Mapping[str, Any]) -> None:
        """Take an event."""
        if type == 'losses':
            self.report = dict(payload)
        elif type == 'message':
            self._display.log_message([payload])
