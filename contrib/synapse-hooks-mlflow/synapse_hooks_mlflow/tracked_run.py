"""The run in MLflow that belongs to a run: found or created, and what is logged to it."""

from __future__ import annotations

import getpass
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from synapse_hooks.errors import RunError
from synapse_hooks.journal import RunDirectory, SinkState
from synapse_hooks_mlflow.failures import check_connection, translated
from synapse_hooks_mlflow.names import (
    LONGEST_TAG,
    METRICS_PER_BATCH,
    PARAMS_PER_BATCH,
    batches,
    cut,
    key_of,
)
from synapse_hooks_mlflow.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

STATE: Final = 'synapse-hooks-mlflow'
_LONGEST_DIGEST: Final = 36
_LONGEST_NAME: Final = 500


class TrackedRun:
    """The run in MLflow of one run directory. Its methods may be called by several threads.

    Args:
        run_dir: The run directory.
        settings: Where MLflow is, and what is sent.
    """

    def __init__(self, run_dir: Path, settings: Settings) -> None:
        self.run_dir = run_dir
        self.settings = settings
        self._state = SinkState(run_dir, STATE)
        self._lock = threading.RLock()
        self._client: MlflowClient | None = None
        self._run_id = ''
        self._started = 0
        self._params: dict[str, str] = {}

    @property
    def client(self) -> MlflowClient:
        """The client. The server is there, or SinkUnavailable is raised."""
        check_connection(self.settings.tracking_uri)
        with self._lock:
            if self._client is None:
                from mlflow import MlflowClient

                self._client = MlflowClient(tracking_uri=self.settings.tracking_uri)
            return self._client

    def run_id(self, name: str, started: int | None = None) -> str:
        """The id of the run in MLflow: the one of earlier attempts, or that of a new one.

        What a new run is found by is saved before it is created: a process that is killed in between leaves no second
        run.

        Args:
            name: The name of the run.
            started: When it began, in milliseconds since 1970; None is now.
        """
        with self._lock:
            client = self.client
            if not self._run_id:
                with translated():
                    run = self._found(client) or self._created(client, name, started)
                self._state['run_id'] = run.info.run_id
                self._params = dict(run.data.params)
                self._started = run.info.start_time
                self._run_id = run.info.run_id
            return self._run_id

    def _found(self, client: MlflowClient) -> Any | None:
        from mlflow.exceptions import MlflowException

        key = self._state.get('key')
        if key is None:
            return None
        if 'run_id' in self._state:
            try:
                run = client.get_run(self._state['run_id'])
            except MlflowException as error:
                if error.error_code != 'RESOURCE_DOES_NOT_EXIST':
                    raise
            else:
                if run.info.lifecycle_stage == 'active':
                    return run
        found = client.search_runs([self._experiment(client)], f"tags.`synapse_hooks.key` = '{key}'", max_results=1)
        return found[0] if found else None

    def _created(self, client: MlflowClient, name: str, started: int | None) -> Any:
        key = str(self._state.get('key') or uuid4().hex)
        self._state['key'] = key
        tags = {'synapse_hooks.run': name, 'synapse_hooks.key': key}
        tags |= {key_of(tag): cut(text, LONGEST_TAG) for tag, text in self.settings.tags.items()}
        with suppress(OSError, KeyError, ImportError):  # a user id without a name
            tags['mlflow.user'] = getpass.getuser()
        return client.create_run(self._experiment(client), start_time=started, tags=tags, run_name=name)

    def _experiment(self, client: MlflowClient) -> str:
        from mlflow.exceptions import MlflowException

        name = self.settings.experiment
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(client.create_experiment(name))
            except MlflowException as error:
                # Another run has created it meanwhile.
                if error.error_code != 'RESOURCE_ALREADY_EXISTS':
                    raise
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def log_metrics(self, name: str, numbers: Iterable[tuple[str, float, int, int]]) -> None:
        """Log numbers.

        Args:
            name: The name of the run.
            numbers: Key, value, time in milliseconds since 1970, step.
        """
        from mlflow.entities import Metric

        run_id, client = self.run_id(name), self.client
        metrics = ((Metric(key, value, time, step), len(key) + 100) for key, value, time, step in numbers)
        for batch in batches(metrics, METRICS_PER_BATCH):
            with translated():
                client.log_batch(run_id, metrics=batch)

    def log_params(self, name: str, params: Mapping[str, str], attempt: int, seq: int) -> None:
        """Log parameters. MLflow does not let their values change: another value is logged under another name.

        Args:
            name: The name of the run.
            params: By key.
            attempt: The attempt of the run; `lr` with another value becomes `lr.attempt2`.
            seq: The number of the event, for what has changed several times in an attempt.
        """
        from mlflow.entities import Param

        run_id, client = self.run_id(name), self.client
        new: dict[str, str] = {}
        for key, value in params.items():
            names = key, key_of(f'{key}.attempt{attempt}'), key_of(f'{key}.attempt{attempt}.{seq}')
            known = self._params | new
            place = next((one for one in names if known.get(one, value) == value), None)
            if place is not None and place not in self._params:
                new[place] = value
        sized = ((Param(key, value), len(key) + 4 * len(value) + 50) for key, value in new.items())
        for batch in batches(sized, PARAMS_PER_BATCH):
            with translated():
                client.log_batch(run_id, params=batch)
            self._params |= {param.key: param.value for param in batch}

    def set_tags(self, name: str, tags: Mapping[str, str]) -> None:
        """Set tags; a later value replaces an earlier one."""
        from mlflow.entities import RunTag

        run_id, client = self.run_id(name), self.client
        sized = ((RunTag(key_of(key), cut(text, LONGEST_TAG)), 4 * len(text) + 350) for key, text in tags.items())
        for batch in batches(sized, PARAMS_PER_BATCH):
            with translated():
                client.log_batch(run_id, tags=batch)

    def set_status(self, name: str, status: str, ended: int | None = None) -> None:
        """Set the status: `RUNNING`, `FINISHED`, `FAILED` or `KILLED`, and for all but the first when it ended."""
        from mlflow.entities import RunStatus

        run_id, client = self.run_id(name), self.client
        # `MlflowClient.set_terminated` prints to stdout, which belongs to the training.
        store = client._tracking_client.store
        with translated():
            store.update_run_info(run_id, RunStatus.from_string(status), ended, None)

    def describe(self, name: str) -> None:
        """Log what the record of the run says of its origin: the git revision, the note, and the dataset."""
        try:
            record = RunDirectory.open(self.run_dir).read()
        except RunError:
            return
        git, note = record.get('git') or {}, record.get('note')
        tags = {'mlflow.source.name': str(record.get('target') or ''), 'mlflow.source.type': 'LOCAL'}
        if git.get('sha'):
            tags |= {'mlflow.source.git.commit': git['sha'], 'synapse_hooks.git_dirty': str(bool(git.get('dirty')))}
        if note:
            tags['mlflow.note.content'] = str(note)
        self.set_tags(name, tags)
        self._log_dataset(name, record)

    def _log_dataset(self, name: str, record: Mapping[str, Any]) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = record.get('dataset') or {}
        digest = str(dataset.get('digest') or '')
        if not digest:
            return
        params = record.get('params') or {}
        given = params.get('dataset')
        called = str(params.get('data_path') if given is None else given)
        source = '{"dataset": ' + _json(called) + ', "digest": ' + _json(digest) + '}'
        entity = Dataset(
            name=cut(called, _LONGEST_NAME),
            digest=digest.removeprefix('sha256:')[:_LONGEST_DIGEST],
            source_type='synapse-hooks',
            source=source,
            profile='{"format": ' + _json(str(dataset.get('format'))) + '}',
        )
        run_id, client = self.run_id(name), self.client
        with translated():
            client.log_inputs(run_id, [DatasetInput(entity, [InputTag('mlflow.data.context', 'training')])])

    def upload(self, name: str, file: Path, place: str) -> None:
        """Upload a file or a folder as the artifact `place`, in place of one of the same name."""
        run_id, client = self.run_id(name), self.client
        folder = str(Path(place).parent) if '/' in place else None
        with translated():
            if file.is_dir():
                client.log_artifacts(run_id, str(file), place)
            else:
                client.log_artifact(run_id, str(file), folder)

    def seconds_since_start(self, time: int) -> int:
        """How long after the start of the run in MLflow a time is, in whole seconds; in milliseconds since 1970."""
        return max(0, round((time - self._started) / 1000))


def milliseconds(event: Mapping[str, Any]) -> int:
    """When an event was recorded, in milliseconds since 1970.

    Example:
        >>> milliseconds({'ts': '2026-01-01T00:00:00.250000+00:00'})
        1767225600250
    """
    return round(datetime.fromisoformat(event['ts']).timestamp() * 1000)


def _json(text: str) -> str:
    import json

    return json.dumps(text)


def run_name(events: Sequence[Mapping[str, Any]]) -> str:
    """The name of the run that events belong to."""
    return str(events[0]['run'])
