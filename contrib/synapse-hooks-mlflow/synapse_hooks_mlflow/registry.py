"""The model registry of MLflow: the files of a model become a version of a registered model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.context import Model
from synapse_hooks.journal import RunDirectory
from synapse_hooks.storage import file_digest, tree_digest
from synapse_hooks_mlflow.failures import required, translated
from synapse_hooks_mlflow.tracked_run import TrackedRun

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGEST_TAG: Final = 'synapse_hooks.model_digest'
_SHORT: Final = 12


def register(run: TrackedRun, model: Path, name: str) -> Model:
    """Upload the files of a model to the run in MLflow, and make them a version of a registered model.

    A version of the same run with the same files is not made again, so that this can be repeated.

    Args:
        run: The run in MLflow.
        model: A file or a folder.
        name: The registered model; it is created if there is none.

    Returns:
        The version: its `id` is the URI that MLflow loads it by, `models:/NAME/VERSION`.

    Raises:
        BackendUnavailable: MLflow cannot be reached.
        BackendError: MLflow has refused something.
    """
    digest = tree_digest(model) if model.is_dir() else file_digest(model)
    with required():
        name_of_run = RunDirectory.open(run.run_dir).name
        run_id = run.run_id(name_of_run)
        client = run.client
        with translated():
            _create_registered_model(client, name)
            found = _version(client, name, run_id, digest)
        if found is None:
            # The files of another version of the same run stay as they are.
            folder = f'model-{digest[:_SHORT]}'
            run.upload(name_of_run, model, folder if model.is_dir() else f'{folder}/{model.name}')
            with translated():
                tags = {DIGEST_TAG: digest, 'synapse_hooks.run': name_of_run}
                found = client.create_model_version(
                    name, f'runs:/{run_id}/{folder}', run_id, tags=tags, await_creation_for=0
                )
    return {'id': f'models:/{name}/{found.version}', 'name': name}


def _create_registered_model(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != 'RESOURCE_ALREADY_EXISTS':
            raise


def _version(client: MlflowClient, name: str, run_id: str, digest: str) -> Any | None:
    versions = client.search_model_versions(f"run_id = '{run_id}'")
    return next((one for one in versions if one.name == name and one.tags.get(DIGEST_TAG) == digest), None)
