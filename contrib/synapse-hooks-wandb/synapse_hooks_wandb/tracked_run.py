"""The run in wandb, in the helper process: what it is called, and what was logged to it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from synapse_hooks.errors import RunError, SinkUnavailable
from synapse_hooks.journal import RunDirectory, SinkState
from synapse_hooks.safe_text import text_of
from synapse_hooks_wandb.rows import axis_of, config_of, image_axis, image_name, metrics_row, system_row
from synapse_hooks_wandb.settings import Settings

STATE: Final = 'synapse-hooks-wandb'
_EXIT_CODES: Final = {'finished': 0, 'failed': 1, 'cancelled': 130}
_STAGING: Final = '.staging'
_FORBIDDEN: Final = re.compile(r'[^\w\-.]')
_LONGEST_NAME: Final = 128


class NotBegun(SinkUnavailable):
    """The server cannot be reached. wandb has to be imported again before the next try: the id of the run is in use."""


class TrackedRun:
    """A run in wandb, which an earlier process may have begun.

    What was logged is remembered in the run directory, so that events that are delivered again are not logged again.

    Args:
        run_dir: The run directory.
        settings: What wandb is used for.
    """

    def __init__(self, run_dir: Path, settings: Settings) -> None:
        self.run_dir, self.settings = run_dir, settings
        self._state = SinkState(run_dir, STATE)
        place = self._state.get('place', {})
        self._logged: dict[str, int] = dict(place.get('logged', {}))
        self._rows = int(place.get('rows', 0))
        self._run: Any = None
        self._axes: dict[str, str] = {}
        self._exit_code = 1
        self._described = False
        self._warnings: list[str] = []

    def take(self, hook: str, events: Sequence[Mapping[str, Any]]) -> list[str]:
        """Log the events that were not logged yet.

        Args:
            hook: The hook that they came by.
            events: The events, in order.

        Returns:
            What could not be logged.

        Raises:
            SinkUnavailable: wandb cannot be reached.
        """
        log: Callable[[Mapping[str, Any]], None] = getattr(self, f'_{hook}')
        self._warnings = []
        try:
            for event in events:
                source = f'{hook} {event["attempt"]} {event["pid"]}'
                if event['seq'] > self._logged.get(source, 0):
                    self._begin(str(event['run']))
                    log(event)
                    self._logged[source] = event['seq']
        finally:
            self._state['place'] = {'logged': self._logged, 'rows': self._rows}
        return self._warnings

    def finish(self) -> None:
        """Write or upload the rest. A run that has not ended is marked as failed, until it is resumed."""
        if self._run is not None:
            self._run.finish(exit_code=self._exit_code)

    def _begin(self, name: str) -> None:
        if self._run is not None:
            return
        import wandb
        from wandb.errors import Error, UsageError

        if 'id' not in self._state:
            self._state['id'] = uuid4().hex[:16]
        settings = wandb.Settings(
            # These would describe this process, not the training.
            console='off',
            silent=True,
            disable_git=True,
            disable_code=True,
            x_disable_stats=True,
            x_disable_meta=True,
        )
        before = set(self._folders())
        try:
            self._run = wandb.init(
                project=self.settings.project,
                entity=self.settings.entity or None,
                mode=self.settings.mode,
                tags=list(self.settings.tags),
                id=self._state['id'],
                name=name,
                resume='allow',
                dir=self.run_dir,
                settings=settings,
            )
        except (Error, TimeoutError) as error:
            for folder in set(self._folders()) - before:
                shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, UsageError):
                raise
            raise NotBegun(text_of(error)) from error

    def _folders(self) -> list[Path]:
        return list((self.run_dir / 'wandb').glob('*run-*'))

    def _log_row(self, event: Mapping[str, Any], row: Mapping[str, Any], axis: str) -> None:
        for name in row:
            if name != axis and self._axes.get(name) != axis:
                self._run.define_metric(name, step_metric=axis)
                self._axes[name] = axis
        # An event may be delivered hours later.
        time = datetime.fromisoformat(event['ts']).timestamp()
        self._run.log({**row, '_timestamp': time}, step=self._rows)
        self._rows += 1

    def _log_status(self, event: Mapping[str, Any]) -> None:
        if event['type'] == 'run_start':
            self._exit_code = 1
            about = {'run': event['run'], 'action': event['action'], 'attempt': event['attempt']}
            self._update_config({**event['params'], 'synapse_hooks': about})
            return
        self._exit_code = _EXIT_CODES.get(event['status'], 1)
        self._describe()
        error, model = event.get('error') or {}, event.get('model') or {}
        text = f'{error.get("type")}: {error.get("message")}' if error else ''
        ended = {'synapse_hooks/status': event['status'], 'synapse_hooks/error': text}
        self._run.summary.update(ended | ({'synapse_hooks/model': str(model['id'])} if model else {}))

    def _log_params(self, event: Mapping[str, Any]) -> None:
        self._update_config(config_of(event))

    def _log_metrics(self, event: Mapping[str, Any]) -> None:
        if not self._described:
            self._describe()
        self._log_row(event, metrics_row(event), axis_of(event))

    def _log_system(self, event: Mapping[str, Any]) -> None:
        self._log_row(event, system_row(event), 'seconds')

    def _log_artifact(self, event: Mapping[str, Any]) -> None:
        import wandb

        path, kind = Path(event['path']), str(event['kind'])
        if kind not in self.settings.artifacts:
            return
        try:
            if kind == 'image':
                image = wandb.Image(str(path), caption=event.get('caption'))
                self._log_row(event, {image_name(event): image, **image_axis(event)}, 'epoch')
                return
            label = _FORBIDDEN.sub('_', f'{event["run"]}-{event.get("role") or path.name}')[:_LONGEST_NAME]
            artifact = wandb.Artifact(label, type=kind)
            if path.is_dir():
                artifact.add_dir(str(path))
            else:
                artifact.add_file(str(path))
            self._run.log_artifact(artifact)
        except (OSError, ValueError) as error:
            if _STAGING in path.parts:
                raise SinkUnavailable(f'{path} is being moved to its final place') from error
            self._warnings.append(f'not logged to wandb: {path}: {text_of(error)}')

    def _describe(self) -> None:
        """Add the git revision, the note and the dataset, which the record of the run has by now."""
        self._described = True
        try:
            record = RunDirectory.open(self.run_dir).read()
        except RunError:
            return
        dataset = {key: (record.get('dataset') or {}).get(key) for key in ('format', 'digest')}
        about = {'git': record.get('git'), 'dataset': dataset, 'target': record.get('target')}
        self._update_config({'synapse_hooks': {**dict(self._run.config.get('synapse_hooks', {})), **about}})
        if record.get('note'):
            self._run.notes = str(record['note'])

    def _update_config(self, values: Mapping[str, Any]) -> None:
        self._run.config.update(dict(values), allow_val_change=True)
