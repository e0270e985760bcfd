"""The plugin: the hooks of synapse-hooks, passed on to the helper process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synapse_hooks import hookimpl
from synapse_hooks.context import (
    ArtifactEvent,
    MetricsEvent,
    ParamsEvent,
    RunEndEvent,
    RunStartEvent,
    SystemEvent,
    TrainContext,
)
from synapse_hooks_wandb.client import Helper
from synapse_hooks_wandb.settings import Settings


class WandbPlugin:
    """Logs runs to wandb: to its server where there is a key, and into the run directory elsewhere."""

    concurrent_artifacts = False
    """The helper process takes one request after another."""

    def __init__(self) -> None:
        self._helpers: dict[Path, Helper] = {}

    @hookimpl
    def run_started(self, context: TrainContext) -> None:
        """Report wrong settings."""
        Settings.of(context.settings)

    @hookimpl
    def log_status(self, context: TrainContext, statuses: Sequence[RunStartEvent | RunEndEvent]) -> None:
        """Begin the run in wandb, or go on with it, and note how it ended."""
        self._take(context, 'log_status', statuses)

    @hookimpl
    def log_params(self, context: TrainContext, params: Sequence[ParamsEvent]) -> None:
        """Add parameters to the config."""
        self._take(context, 'log_params', params)

    @hookimpl
    def log_metrics(self, context: TrainContext, points: Sequence[MetricsEvent]) -> None:
        """Add rows to the history."""
        self._take(context, 'log_metrics', points)

    @hookimpl
    def log_system(self, context: TrainContext, figures: Sequence[SystemEvent]) -> None:
        """Add rows with what the run uses of its machine."""
        self._take(context, 'log_system', figures)

    @hookimpl
    def log_artifact(self, context: TrainContext, artifacts: Sequence[ArtifactEvent]) -> None:
        """Log images and files."""
        self._take(context, 'log_artifact', artifacts)

    @hookimpl
    def sink_closed(self, context: TrainContext) -> None:
        """Finish the run in wandb."""
        helper = self._helpers.pop(context.run_dir, None)
        if helper is not None:
            helper.close()

    def _take(self, context: TrainContext, hook: str, events: Sequence[Any]) -> None:
        if context.run_dir not in self._helpers:
            settings = Settings.of(context.settings)
            if settings.mode == 'disabled':
                return
            self._helpers[context.run_dir] = Helper(context.run_dir, settings)
        for warning in self._helpers[context.run_dir].take(hook, events):
            context.log_message(warning, level='warning', code='wandb-artifact')
