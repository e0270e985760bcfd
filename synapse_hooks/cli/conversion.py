"""A conversion outside of a run, and what it has to say: its loss report, its messages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synapse_hooks.cli.display import Display
from synapse_hooks.context import Dataset, RuntimeContext, TrainContext
from synapse_hooks.errors import WrongAnswer
from synapse_hooks.plugins import Plugins
from synapse_hooks.steps import checked_dataset


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


def convert_into(
    out: Path,
    source: Dataset,
    target_format: str,
    plugins: Plugins,
    losses: Losses,
    *,
    params: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    strict: bool = False,
) -> Dataset:
    """Convert a dataset through the hook `convert`, as a run would.

    Args:
        out: An existing, empty folder.
        source: The dataset.
        target_format: The format wanted.
        plugins: Who answers.
        losses: Where the loss report and messages go.
        params: What a run would have as parameters; None values are left out.
        settings: What goes before the project's settings for the format; None values are left out.
        strict: Refuse to lose annotations.

    Raises:
        WrongAnswer: The answer is no dataset; its plugin is blamed.
    """
    project = plugins.settings.settings
    own = {name: value for name, value in (settings or {}).items() if value is not None}
    context = TrainContext(
        params={name: value for name, value in (params or {}).items() if value is not None},
        runtime_ctx=RuntimeContext(strict=strict),
        hooks=plugins.calls,
        recorder=losses,
        output_dir=out,
        settings={**project, target_format: {**project.get(target_format, {}), **own}},
    )
    made = plugins.calls.convert(context=context, dataset=source, target_format=target_format)
    try:
        return checked_dataset(made, 'convert')
    except WrongAnswer as error:
        plugins.blame_answerer(error)
        raise
