"""A conversion outside of a run, and what it has to say: its loss report, its messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from synapse_hooks.cli.voice import Voice
from synapse_hooks.context import Dataset, RuntimeContext, TrainContext
from synapse_hooks.errors import WrongAnswer
from synapse_hooks.plugins import Plugins
from synapse_hooks.steps import checked_dataset


class Losses:
    """A recorder that keeps the loss report and tells the rest at once.

    Args:
        voice: Tells it.
        named: How a text names the dataset: see `Source.named`.
    """

    def __init__(self, voice: Voice, named: Callable[[str], str] = str) -> None:
        self._voice = voice
        self._named = named
        self._begun = time.monotonic()
        self._count = 0.0
        self.report: dict[str, Any] | None = None
        """The loss report, once there is one."""

    def say(self, text: str) -> None:
        """Tell a sentence."""
        self._voice.say([{'level': 'info', 'text': text}])

    def say_pace(self) -> None:
        """Report how many images there were and how long they took, if they were counted."""
        if self._count:
            self.say(pace(self._count, time.monotonic() - self._begun))

    def record(self, type: str, payload: Mapping[str, Any]) -> None:
        """Take an event."""
        if type == 'losses':
            self.report = self._plain(dict(payload))
        elif type == 'message':
            self._voice.say([self._plain(dict(payload))])
        elif type == 'progress':
            what, done, total = str(payload['category']), float(payload['curr']), float(payload['total'])
            if what == 'convert':
                self._count = done
            self._voice.progress(what, done, total or None)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._plain(item) for item in value]
        return self._named(value) if isinstance(value, str) else value


class Converted(NamedTuple):
    """What came of a conversion."""

    dataset: Dataset
    call_when_published: Callable[[Path], None]
    """To be called with the final place of the dataset: see `TrainContext.call_when_published`."""


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
) -> Converted:
    """Convert a dataset through the hook `convert`, as a run would.

    Args:
        out: An existing, empty folder.
        source: The dataset.
        target_format: The format wanted.
        plugins: Who answers.
        losses: Where the loss report and messages go.
        params: What a run would have as parameters; None values are left out.
        settings: What takes precedence over the project's settings for the format; None values are left out.
        strict: Refuse to lose annotations.

    Raises:
        WrongAnswer: The answer is not a dataset; its plugin is blamed.
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
        return Converted(checked_dataset(made, 'convert'), context.call_when_published)
    except WrongAnswer as error:
        plugins.blame_answerer(error)
        raise


def pace(count: float, seconds: float) -> str:
    """How many images, how long, how fast.

    Example:
        >>> pace(20000, 1.234), pace(1, 0.25)
        ('20,000 images in 1.2 s (16,200 images/s)', '1 image in 0.2 s (4.0 images/s)')
    """
    rate = float(f'{count / max(seconds, 1e-3):.3g}')
    images = 'image' if count == 1 else 'images'
    return f'{count:,.0f} {images} in {seconds:.1f} s ({rate:,.{0 if rate >= 10 else 1}f} images/s)'
