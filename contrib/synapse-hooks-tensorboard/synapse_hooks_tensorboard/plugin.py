"""The plugin: what the hooks of synapse-hooks write for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks import hookimpl
from synapse_hooks.context import (
    ArtifactEvent,
    MessageEvent,
    MetricsEvent,
    ParamsEvent,
    RunEndEvent,
    RunStartEvent,
    SystemEvent,
    TrainContext,
)
from synapse_hooks.errors import SinkUnavailable, UnreadableItem

if TYPE_CHECKING:
    from synapse_hooks_tensorboard.run_log import RunLog

_STAGING: Final = '.staging'
_MESSAGES: Final = 'log'
_SYSTEM: Final = 'system'


class TensorBoardPlugin:
    """Writes event files for each run: in `tensorboard/` of its run directory, or where the setting `log_dir` says."""

    concurrent_artifacts = False
    """Images are small, and files are written by one thread."""

    def __init__(self) -> None:
        self._logs: dict[Path, RunLog] = {}

    @hookimpl
    def run_started(self, context: TrainContext) -> None:
        """Report wrong settings."""
        from synapse_hooks_tensorboard.run_log import log_dir_of

        log_dir_of(context.settings)

    @hookimpl
    def log_status(self, context: TrainContext, statuses: Sequence[RunStartEvent | RunEndEvent]) -> None:
        """Keep the parameters of the run, and write how it ended."""
        from synapse_hooks_tensorboard.summaries import escaped

        log = self._log(context, statuses)
        for event in statuses:
            if event['type'] == 'run_start':
                log.add_params('', event['params'])
                self._write_text(log, event, f'attempt {event["attempt"]} of {escaped(event["action"])} began')
            else:
                log.describe('', event)
                error: Mapping[str, Any] = event.get('error') or {}
                reason = f': {error.get("type")}: {error.get("message")}' if error else ''
                self._write_text(log, event, f'**{event["status"]}**{escaped(reason)}')

    @hookimpl
    def log_params(self, context: TrainContext, params: Sequence[ParamsEvent]) -> None:
        """Keep parameters until the first metric: hyperparameters of TensorBoard cannot be changed."""
        from synapse_hooks_tensorboard.summaries import folder_of

        log = self._log(context, params)
        for event in params:
            log.add_params(folder_of(event), event['values'])

    @hookimpl
    def log_metrics(self, context: TrainContext, points: Sequence[MetricsEvent]) -> None:
        """Write scalars."""
        self._log(context, points).write_points(points)

    @hookimpl
    def log_system(self, context: TrainContext, figures: Sequence[SystemEvent]) -> None:
        """Write scalars in a folder of their own, by seconds."""
        from synapse_hooks_tensorboard.summaries import figures as scalars

        log = self._log(context, figures)
        log.write(_SYSTEM, [scalars(event, log.started(event)) for event in figures])

    @hookimpl
    def log_message(self, context: TrainContext, messages: Sequence[MessageEvent]) -> None:
        """Write texts, but for those of the level `debug`."""
        from synapse_hooks_tensorboard.summaries import escaped

        log = self._log(context, messages)
        for event in messages:
            if event['level'] != 'debug':
                level = '' if event['level'] == 'info' else f'**{escaped(event["level"])}:** '
                self._write_text(log, event, f'{level}{escaped(event["text"])}')

    @hookimpl
    def log_artifact(self, context: TrainContext, artifacts: Sequence[ArtifactEvent]) -> None:
        """Write images; other files have no place in TensorBoard."""
        from synapse_hooks_tensorboard.summaries import folder_of, image

        log = self._log(context, artifacts)
        for artifact in artifacts:
            if artifact['kind'] != 'image':
                continue
            try:
                log.write(folder_of(artifact), [image(artifact)])
            except (UnreadableItem, OSError) as error:
                if _STAGING in Path(artifact['path']).parts:
                    raise SinkUnavailable(f'{artifact["path"]} is being moved to its final place') from error
                text = f'not shown in TensorBoard: {artifact["path"]}: {error}'
                context.log_message(text, level='warning', code='tensorboard-image')

    @hookimpl
    def sink_closed(self, context: TrainContext) -> None:
        """Close the files of the run."""
        log = self._logs.pop(context.run_dir, None)
        if log is not None:
            log.close()

    def _log(self, context: TrainContext, events: Sequence[Mapping[str, Any]]) -> RunLog:
        from synapse_hooks_tensorboard.run_log import RunLog, log_dir_of

        if context.run_dir not in self._logs:
            name = str(events[0]['run'])
            self._logs[context.run_dir] = RunLog(context.run_dir, name, log_dir_of(context.settings))
        return self._logs[context.run_dir]

    def _write_text(self, log: RunLog, event: Mapping[str, Any], content: str) -> None:
        from synapse_hooks_tensorboard.summaries import seconds, text

        time = seconds(event)
        # By time: of texts of one step, TensorBoard keeps the last.
        step = max(0, round((time - log.started(event)) * 1000))
        log.write(_MESSAGES, [text('messages', content, time, step)])
