"""The plugin: what the hooks of synapse-hooks do in MLflow."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks import hookimpl
from synapse_hooks.context import (
    ArtifactEvent,
    MetricsEvent,
    Model,
    ParamsEvent,
    RunEndEvent,
    RunStartEvent,
    SystemEvent,
    TrainContext,
)
from synapse_hooks.errors import ConfigError, SinkUnavailable
from synapse_hooks_mlflow.names import key_of, metric_keys, params_of, place_of
from synapse_hooks_mlflow.settings import Settings
from synapse_hooks_mlflow.tracked_run import TrackedRun, milliseconds, run_name

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATUS: Final = {'finished': 'FINISHED', 'failed': 'FAILED', 'cancelled': 'KILLED'}
_STAGING: Final = '.staging'


class MlflowPlugin:
    """Logs runs to MLflow, and registers their models.

    Nothing is sent where neither MLFLOW_TRACKING_URI nor the setting `tracking_uri` names a server.
    """

    def __init__(self) -> None:
        self._runs: dict[Path, TrackedRun] = {}
        self._described: set[Path] = set()
        self._uploaded: dict[Path, set[tuple[Any, ...]]] = {}
        self._lock = threading.Lock()

    @hookimpl
    def run_started(self, context: TrainContext) -> None:
        """Report wrong settings, and that nothing is logged where no server is configured."""
        if not Settings.of(context.settings).tracking_uri:
            context.log_message(
                'nothing is logged to MLflow: set MLFLOW_TRACKING_URI or settings.mlflow.tracking_uri',
                code='mlflow-off',
            )

    @hookimpl
    def log_status(self, context: TrainContext, statuses: Sequence[RunStartEvent | RunEndEvent]) -> None:
        """Create the run, or go on with it, and set its status at the end."""
        run = self._run(context)
        if run is None:
            return
        name = run_name(statuses)
        for event in statuses:
            time = milliseconds(event)
            if event['type'] == 'run_start':
                run.run_id(name, time)
                run.set_status(name, 'RUNNING')
                run.set_tags(name, _tags_of_start(event))
                run.log_params(name, params_of(event['params']), event['attempt'], event['seq'])
            else:
                run.describe(name)
                run.set_tags(name, _tags_of_end(event))
                run.set_status(name, _STATUS.get(event['status'], 'FAILED'), time)

    @hookimpl
    def log_params(self, context: TrainContext, params: Sequence[ParamsEvent]) -> None:
        """Log parameters."""
        run = self._run(context)
        if run is not None:
            for event in params:
                values = params_of(event['values'], place_of(event))
                run.log_params(run_name(params), values, event['attempt'], event['seq'])

    @hookimpl
    def log_metrics(self, context: TrainContext, points: Sequence[MetricsEvent]) -> None:
        """Log metrics: the same point twice is one point for MLflow, because its time is that of the event."""
        run = self._run(context)
        if run is not None:
            if context.run_dir not in self._described:
                # Now that something is trained, the record has the dataset.
                run.describe(run_name(points))
                self._described.add(context.run_dir)
            run.log_metrics(run_name(points), _numbers(points))

    @hookimpl
    def log_system(self, context: TrainContext, figures: Sequence[SystemEvent]) -> None:
        """Log what the run uses of its machine, as MLflow's own system metrics."""
        run = self._run(context)
        if run is not None:
            name = run_name(figures)
            run.run_id(name)
            run.log_metrics(name, _figures(run, figures))

    @hookimpl
    def log_artifact(self, context: TrainContext, artifacts: Sequence[ArtifactEvent]) -> None:
        """Upload files; what an interrupted batch has uploaded already is not uploaded again."""
        run = self._run(context)
        if run is None:
            return
        done = self._uploaded.setdefault(context.run_dir, set())
        for artifact in artifacts:
            event = artifact['attempt'], artifact['pid'], artifact['seq']
            if artifact['kind'] in run.settings.artifacts and event not in done:
                _upload(context, run, artifact)
                done.add(event)
        done.clear()

    @hookimpl
    def upload(self, context: TrainContext) -> Model | None:
        """Register the trained model, where the setting `registered_model` names one."""
        settings = Settings.of(context.settings)
        if not settings.registered_model:
            return None
        run = self._run(context)
        if run is None:
            raise ConfigError(
                'settings.mlflow.registered_model is set, but no MLflow server is configured',
                hint='set MLFLOW_TRACKING_URI or settings.mlflow.tracking_uri',
            )
        from synapse_hooks_mlflow.registry import register

        assert context.model_path is not None, 'the step calls this hook for a model only'
        return register(run, Path(context.model_path), settings.registered_model)

    @hookimpl
    def sink_closed(self, context: TrainContext) -> None:
        """Forget the run: everything was sent when the log hooks returned."""
        with self._lock:
            self._runs.pop(context.run_dir, None)
        self._described.discard(context.run_dir)
        self._uploaded.pop(context.run_dir, None)

    def _run(self, context: TrainContext) -> TrackedRun | None:
        """The run in MLflow, or None where no server is configured."""
        with self._lock:
            if context.run_dir not in self._runs:
                settings = Settings.of(context.settings)
                if not settings.tracking_uri:
                    return None
                self._runs[context.run_dir] = TrackedRun(context.run_dir, settings)
            return self._runs[context.run_dir]


def _numbers(points: Sequence[MetricsEvent]) -> Iterator[tuple[str, float, int, int]]:
    for point in points:
        time, step = milliseconds(point), round(point['step'] or 0)
        yield from ((key, value, time, step) for key, value in metric_keys(point).items())


def _figures(run: TrackedRun, figures: Sequence[SystemEvent]) -> Iterator[tuple[str, float, int, int]]:
    for event in figures:
        time = milliseconds(event)
        # `seconds` begins again with each attempt.
        step = run.seconds_since_start(time)
        yield from ((key_of(f'system/{name}'), value, time, step) for name, value in event['values'].items())


def _tags_of_start(event: RunStartEvent) -> dict[str, str]:
    python = str(event.get('env', {}).get('python', ''))
    tags = {'action': str(event['action']), 'attempt': str(event['attempt']), 'python': python}
    return {f'synapse_hooks.{name}': text for name, text in tags.items()}


def _tags_of_end(event: RunEndEvent) -> dict[str, str]:
    error: Mapping[str, Any] = event.get('error') or {}
    model: Mapping[str, Any] = event.get('model') or {}
    text = f'{error.get("type")}: {error.get("message")}' if error else ''
    # An empty tag replaces that of an attempt that failed.
    tags = {'synapse_hooks.error': text} if error or event['attempt'] > 1 else {}
    return tags | ({'synapse_hooks.model': str(model['id'])} if model else {})


def _upload(context: TrainContext, run: TrackedRun, artifact: ArtifactEvent) -> None:
    from synapse_hooks_mlflow.files import is_step_image, place_of_artifact, renamed, step_images

    path, name = Path(artifact['path']), run_name([artifact])
    try:
        if is_step_image(artifact):
            with step_images(artifact) as files:
                for file in files:
                    run.upload(name, file, f'images/{file.name}')
            run.set_tags(name, {'mlflow.loggedImages': 'True'})
            return
        if not path.exists():
            raise FileNotFoundError(path)
        place = place_of_artifact(context.run_dir, artifact)
        with renamed(path, place.rpartition('/')[2]) as file:
            run.upload(name, file, place)
    except (ConnectionError, TimeoutError):
        raise
    except OSError as error:
        if _STAGING in path.parts:
            raise SinkUnavailable(f'{path} is being moved to its final place') from error
        # The other artifacts of the batch are delivered all the same.
        context.log_message(f'not uploaded to MLflow: {path}: {error}', level='warning', code='mlflow-artifact')
