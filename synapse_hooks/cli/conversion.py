"""A conversion outside of a run: its loss report, messages and progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from synapse_hooks.cli.reporter import Reporter
from synapse_hooks.context import Dataset, RuntimeContext, TrainContext
from synapse_hooks.errors import WrongAnswer
from synapse_hooks.plugins import Plugins
from synapse_hooks.steps import checked_dataset


class ConversionRecorder:
    """A recorder of events that keeps the loss report, and prints messages and progress at once.

    Args:
        reporter: Prints messages and progress.
        with_archive_path: Applied to every text: see `InputDataset.with_archive_path`.
    """

    def __init__(self, reporter: Reporter, with_archive_path: Callable[[str], str] = str) -> None:
        self._reporter = reporter
        self._with_archive_path = with_archive_path
        self._started = time.monotonic()
        self._count = 0.0
        self.report: dict[str, Any] | None = None
        """The loss report, once there is one."""

    def info(self, text: str) -> None:
        """Print a message of level `info`."""
        self._reporter.messages([{'level': 'info', 'text': text}])

    def report_throughput(self) -> None:
        """Print the number of images and how long they took, if they were counted."""
        if self._count:
            self.info(throughput(self._count, time.monotonic() - self._started))

    def record(self, type: str, payload: Mapping[str, Any]) -> None:
        """Take an event of the conversion; called through the context."""
        if type == 'losses':
            self.report = self._with_archive_paths(dict(payload))
        elif type == 'message':
            self._reporter.messages([self._with_archive_paths(dict(payload))])
        elif type == 'progress':
            what, done, total = str(payload['category']), float(payload['curr']), float(payload['total'])
            if what == 'convert':
                self._count = done
            self._reporter.progress(what, done, total or None)

    def _with_archive_paths(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._with_archive_paths(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._with_archive_paths(item) for item in value]
        return self._with_archive_path(value) if isinstance(value, str) else value


class Converted(NamedTuple):
    """The result of a conversion."""

    dataset: Dataset
    call_when_published: Callable[[Path], None]
    """To be called with the final place of the dataset: see `TrainContext.call_when_published`."""


def convert_into(
    out: Path,
    source: Dataset,
    target_format: str,
    plugins: Plugins,
    recorder: ConversionRecorder,
    *,
    params: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    strict: bool = False,
) -> Converted:
    """Convert a dataset through the hook `convert`, as a run would.

    Args:
        out: An existing, empty folder.
        source: The dataset.
        target_format: The name of the target format.
        plugins: The plugins whose hooks are called.
        recorder: Receives the loss report and messages.
        params: The parameters that a run would have; None values are left out.
        settings: Settings of the format; they go before those of the project, and None values are left out.
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
        recorder=recorder,
        output_dir=out,
        settings={**project, target_format: {**project.get(target_format, {}), **own}},
    )
    converted = plugins.calls.convert(context=context, dataset=source, target_format=target_format)
    try:
        return Converted(checked_dataset(converted, 'convert'), context.call_when_published)
    except WrongAnswer as error:
        plugins.blame_answerer(error)
        raise


def throughput(count: float, seconds: float) -> str:
    """Number of images, duration and rate.

    Example:
        >>> throughput(20000, 1.234), throughput(1, 0.25)
        ('20,000 images in 1.2 s (16,200 images/s)', '1 image in 0.2 s (4.0 images/s)')
    """
    rate = float(f'{count / max(seconds, 1e-3):.3g}')
    images = 'image' if count == 1 else 'images'
    return f'{count:,.0f} {images} in {seconds:.1f} s ({rate:,.{0 if rate >= 10 else 1}f} images/s)'
