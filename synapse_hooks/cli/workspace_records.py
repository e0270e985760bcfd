"""Datasets and models of the workspace, for `workspace remove`, `rename` and `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from synapse_hooks.backends import Workspace
from synapse_hooks.cli.amounts import size_text
from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.confirmation import is_confirmed
from synapse_hooks.errors import BackendError
from synapse_hooks.runs.removal import bytes_freed
from synapse_hooks.runs.usage import active_users
from synapse_hooks.storage import staging
from synapse_hooks.storage.user_paths import absolute

Kind = Literal['dataset', 'model']


def remove(workspace: Workspace, kind: Kind, wanted: str, *, yes: bool) -> CommandResult:
    """Remove a dataset or a model that no run is using.

    Raises:
        RecordNotFound: There is none.
        BackendError: A run is using it.
    """
    record = _unused(workspace, kind, wanted)
    size = bytes_freed([Path(record['path'])])
    what = f'{kind} {record["id"]} ({record["name"]}), {size_text(size)}'
    data: dict[str, Any] = {'kind': kind, 'id': record['id'], 'name': record['name']}
    if not yes and not is_confirmed(f'remove {what}?'):
        return CommandResult({**data, 'removed': False, 'bytes': 0}, 'nothing was removed', 1)
    (workspace.remove_dataset if kind == 'dataset' else workspace.remove_model)(record['id'])
    return CommandResult({**data, 'removed': True, 'bytes': size}, f'{what} removed', has_side_effects=True)


def rename(workspace: Workspace, kind: Kind, wanted: str, name: str) -> CommandResult:
    """Give a dataset or a model that no run is using another name.

    Raises:
        RecordNotFound: There is none.
        BackendError: A run is using it, or the name is taken or cannot be one.
    """
    before = _unused(workspace, kind, wanted)
    record = (workspace.rename_dataset if kind == 'dataset' else workspace.rename_model)(before['id'], name)
    data = {'kind': kind, 'id': record['id'], 'name': record['name'], 'former_name': before['name']}
    return CommandResult(data, f'{kind} {record["id"]} is {record["name"]}', has_side_effects=True)


def export(workspace: Workspace, kind: Kind, wanted: str, out: Path) -> CommandResult:
    """Write a dataset in DM layout, or the files of a model, into a folder that is new or empty.

    Raises:
        RecordNotFound: There is none.
        StorageError: The folder is not empty, or cannot be written.
    """
    out = absolute(out, 'OUT')
    record = _record(workspace, kind, wanted)
    with staging(out) as staged:
        if kind == 'dataset':
            workspace.export_dataset(record['id'], staged, mode='copy')
        else:
            workspace.fetch_model(record['id'], staged)
    data = {'kind': kind, 'id': record['id'], 'name': record['name'], 'path': str(out)}
    return CommandResult(data, str(out), has_side_effects=True)


def _record(workspace: Workspace, kind: Kind, wanted: str) -> dict[str, Any]:
    return workspace.get_dataset(wanted) if kind == 'dataset' else workspace.get_model(wanted)


def _unused(workspace: Workspace, kind: Kind, wanted: str) -> dict[str, Any]:
    record = _record(workspace, kind, wanted)
    users = active_users(workspace.root, kind, record)
    if users:
        names = ', '.join(str(run.path) for run in users)
        raise BackendError(
            f'{kind} {record["id"]} ({record["name"]}) is in use by the run {names}',
            hint='wait until the run is done, or end it',
            kind=kind,
            id=record['id'],
        )
    return record
