"""The embedded workspace: datasets, models and jobs in one folder, without any server.

    ROOT/workspace.sqlite    the records
    ROOT/datasets/ID/        a dataset in DM layout
    ROOT/models/ID/          a model's files
    ROOT/jobs/ID/log.jsonl   the log of a job

A record is visible when its files are complete, and not before; several processes may use a workspace at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from synapse_hooks.backends.database import Database
from synapse_hooks.backends.fields import checked_name, id_or_name, idempotency_key, json_fields, not_found, stored_name
from synapse_hooks.backends.file_records import FileRecords, stamp_fields
from synapse_hooks.backends.health import folder_findings
from synapse_hooks.backends.layout import Layout, chosen_splits
from synapse_hooks.backends.records import Records
from synapse_hooks.context import Checkpoint, Dataset, Finding, Model
from synapse_hooks.data import LossReport
from synapse_hooks.errors import BackendError, SynapseHooksError
from synapse_hooks.storage import (
    FileEntry,
    LinkMode,
    absolute,
    archive_kind,
    disk_errors,
    link_or_copy,
    link_tree,
    scratch,
    sweep,
    tree_digest,
    unpack,
)
from synapse_hooks.storage.boundary import Boundary
from synapse_hooks.storage.disk import filling_folder

_ARCHIVES = ('.zip', '.tar', '.tar.gz', '.tgz')


class Workspace:
    """The backend in a folder. It implements `synapse_hooks.context.BackendClient`.

    Args:
        root: The folder. Nothing is read or made before the first call, and what only reads makes nothing.

    Every method raises `RecordNotFound` for an unknown id or name, `DiskFull` where there is no space, and
    `BackendError` for a folder that cannot be used. An id may be a number or its digits; a name is never a number.

    Example:
        >>> Workspace(Path('no-such-folder')).list_models()
        []
    """

    def __init__(self, root: Path) -> None:
        self.root = absolute(root, '--workspace DIR')
        self._database = Database(self.root / 'workspace.sqlite')
        self._records = Records(self._database)
        self._datasets = FileRecords('dataset', self.root / 'datasets', self._records)
        self._models = FileRecords('model', self.root / 'models', self._records)

    def __repr__(self) -> str:
        return f'Workspace({str(self.root)!r})'

    def init(self) -> Path:
        """Make the workspace, unless it is there, and remove what dead processes left in it. Returns its folder."""
        self._database.create()
        sweep(self.root)
        self._datasets.sweep()
        self._models.sweep()
        return self.root

    # -- datasets ------------------------------------------------------------------------------------------------

    def add_dataset(
        self,
        folder: Path,
        *,
        name: str,
        classes: Sequence[str] | None = None,
        mode: LinkMode = 'hardlink',
        **fields: Any,
    ) -> dict[str, Any]:
        """Take a folder in DM layout in as a dataset.

        Adding the same content under the same name again changes nothing and returns the record that is there.

        Args:
            folder: `json/` and `original_files/`, directly in it or in a folder for each split.
            name: Unique among datasets.
            classes: Class names in their order, where they are known.
            mode: How its files get here; documents are always copied.
            **fields: JSON values to keep in the record.

        Returns:
            `{id, name, format, digest, count, splits, classes, created, path, files, bytes, **fields}`.

        Raises:
            DatasetInvalid: The folder is not in DM layout.
            BackendError: The name is taken by another dataset.
        """
        checked_name('dataset', name)
        kept = json_fields('dataset', fields)
        layout = Layout.of(folder)
        self.init()
        report = LossReport()
        with scratch(self._datasets.unfinished) as staged:
            layout.put(staged, mode=mode, report=report)
            body = {
                'format': 'dm',
                'count': layout.count,
                'splits': layout.split_counts,
                'classes': None if classes is None else list(classes),
                **stamp_fields(staged),
                **kept,
            }
            key = idempotency_key(name, body['digest'], body['classes'])
            made = self._datasets.add(staged, body, name=name, key=key)
        if not report.empty:
            warnings.warn(f'dataset {name!r}: {report.summary()}', stacklevel=2)
        return made

    def list_datasets(self) -> list[dict[str, Any]]:
        """Every dataset's record, by id."""
        return self._datasets.list()

    def get_dataset(self, dataset: int | str) -> dict[str, Any]:
        """The record of a dataset, by id or name."""
        return self._datasets.public(self._datasets.get(dataset))

    @property
    def address(self) -> dict[str, str]:
        """What `connect` finds it by again."""
        return {'workspace': str(self.root)}

    def export_dataset(
        self,
        dataset: int | str,
        out: Path,
        *,
        splits: Mapping[str, Any] | None = None,
        progress: Callable[[int, int, int], None] | None = None,
        mode: LinkMode = 'hardlink',
    ) -> Dataset:
        """Put a dataset into the folder `out`, empty or new: documents copied, files hard-linked where possible.

        Args:
            dataset: Its id or name.
            out: The folder.
            splits: None is everything as it is stored, and so are fractions (numbers), which a conversion applies.
                Otherwise only the splits that are named, each with None, True or `{}` as its value.
            progress: Called at the end: linking is quick.
            mode: How its files get there; documents are always copied.

        Raises:
            BackendError: A split that is not there, a filter, or files that were changed since they were added.
            StorageError: The folder is not empty, or cannot be written.
        """
        record = self._datasets.get(dataset)
        chosen = chosen_splits(record, splits)
        layout = Layout.of(self._datasets.files(record))
        with filling_folder(Path(out)):
            layout.put(Path(out), splits=chosen, mode=mode)
        made = _dataset(record, Path(out))
        counts = {name: count for name, count in record['splits'].items() if name in chosen}
        if counts != record['splits']:
            # A part of a dataset is another dataset: equal digests mean equal content.
            made['splits'], made['digest'] = counts, tree_digest(Path(out))
        if progress is not None:
            progress(record['count'], record['count'], 0)
        return made

    def dataset_in_place(self, dataset: int | str, *, splits: Mapping[str, Any] | None = None) -> Dataset | None:
        """What `export_dataset` would answer, but with the workspace's own folder, which must only be read.

        Args:
            dataset: Its id or name.
            splits: As for `export_dataset`.

        Returns:
            The dataset, with its `stamp`; None where only some of its splits are wanted.

        Raises:
            BackendError: As `export_dataset` does.
        """
        record = self._datasets.get(dataset)
        if len(chosen_splits(record, splits)) != len(record['splits']):
            return None
        path = self._datasets.files(record)
        # Read again: `files` stores a new stamp where the workspace was copied with new times.
        return {**_dataset(record, path), 'stamp': self._datasets.get(dataset)['stamp']}

    def remove_dataset(self, dataset: int | str) -> dict[str, Any]:
        """Remove a dataset, by id or name, and return its record. Its id is not used again."""
        return self._datasets.remove(dataset)

    def rename_dataset(self, dataset: int | str, name: str) -> dict[str, Any]:
        """Give a dataset another name, and return its record.

        Raises:
            BackendError: The name is taken, or cannot be one.
        """
        record = self._datasets.get(dataset)
        # Adding the same content under the old name again makes another dataset.
        key = idempotency_key(name, record['digest'], record['classes'])
        return self._datasets.rename(record['id'], name, key=key)

    # -- models --------------------------------------------------------------------------------------------------

    def create_model(
        self,
        path: Path,
        *,
        name: str | None = None,
        category: str | None = None,
        key: str | None = None,
        file_name: str | None = None,
        **fields: Any,
    ) -> Model:
        """Store a file or folder as a new model: complete when this returns, absent if this raises.

        Args:
            path: A folder; a file of weights (`.pt`, `.pth`), which is stored as `best.pt`; an archive (zip, tar,
                tar.gz), which is unpacked whenever the model is fetched; or any other file.
            name: Unique among models. None makes one.
            category: What kind of model it is.
            key: Makes trying again safe: the same content under the same key is one model, which is returned.
            file_name: What a single file is stored as.
            **fields: JSON values to keep in the record (metrics, params, dataset, ...); None is left out.

        Raises:
            BackendError: There is no file or folder at `path`, or the name is taken.

        Links are followed; a warning names those that lead out of the folder.
        """
        path = Path(path)
        if name is not None:
            checked_name('model', name)
        if file_name is not None and (file_name in ('', '.', '..') or Path(file_name).name != file_name):
            raise BackendError(f'file_name={file_name!r} is not the name of a file', hint="for example 'best.pt'")
        kept = json_fields('model', {'category': category, **fields})
        if not path.exists():
            raise BackendError(f'there is no model at {path}', hint='give a file or a folder', path=str(path))
        if not path.is_file() and not path.is_dir():
            what = 'is a pipe, a socket or a device; a model must be a file or a folder'
            raise BackendError(f'{path} {what}', hint='give a file or a folder', path=str(path))
        boundary, outside = Boundary(path), []

        def admit(entry: FileEntry) -> None:
            if not boundary.has(entry.path):
                outside.append(f'{entry.name} -> {boundary.real(entry.path)}')

        self.init()
        with scratch(self._models.unfinished) as staged:
            # Copied, never linked: a training that is resumed writes into its weights.
            if path.is_file():
                link_or_copy(path, staged / (file_name or stored_name(path.name)), mode='copy')
            elif not link_tree(path, staged, mode='copy', admit=admit):
                raise BackendError(f'{path} is an empty folder, not a model', path=str(path))
            body = {**stamp_fields(staged), **kept}
            unique = None if key is None else idempotency_key(key, body['digest'])
            record = self._models.add(staged, body, name=name, key=unique, durable=True)
        if outside:
            what = f'{len(outside):,} of its files are outside of {path}, where links lead: {", ".join(outside[:3])}'
            warnings.warn(f'model {record["name"]!r}: {what}', stacklevel=2)
        return {'id': record['id'], 'name': record['name'], 'path': self._models.folder_of(record['id'])}

    def list_models(self) -> list[dict[str, Any]]:
        """Every model's record, by id."""
        return self._models.list()

    def get_model(self, model: int | str) -> dict[str, Any]:
        """The record `{id, name, created, path, digest, files, bytes, category?, **fields}`, by id or name."""
        return self._models.public(self._models.get(model))

    def fetch_model(self, model: int | str, out: Path) -> Checkpoint:
        """Put a model's files into the existing, empty folder `out`, as copies of their own; an archive is unpacked.

        Raises:
            ArchiveRefused: The archive holds what must not be unpacked.
            BackendError: The files were changed since they were stored.
        """
        record = self._models.get(model)
        stored = self._models.files(record)
        files = list(stored.iterdir())
        if len(files) == 1 and files[0].name.lower().endswith(_ARCHIVES) and archive_kind(files[0]):
            unpack(files[0], Path(out))
        else:
            with disk_errors(out):
                link_tree(stored, Path(out), mode='copy')
        made: Checkpoint = {'path': Path(out), 'id': record['id'], 'name': record['name']}
        if 'category' in record:
            made['category'] = record['category']
        return made

    def remove_model(self, model: int | str) -> dict[str, Any]:
        """Remove a model, by id or name, and return its record. Its id is not used again."""
        return self._models.remove(model)

    def rename_model(self, model: int | str, name: str) -> dict[str, Any]:
        """Give a model another name, and return its record.

        Raises:
            BackendError: The name is taken, or cannot be one.
        """
        return self._models.rename(model, name)

    # -- jobs ----------------------------------------------------------------------------------------------------

    def create_job(self, /, **fields: Any) -> dict[str, Any]:
        """Open a job: its record is `{id, created, status, **fields}`, and its status is PENDING unless given."""
        return self._records.insert('job', {'status': 'PENDING', **json_fields('job', fields)})

    def update_job(self, job: int | str, **fields: Any) -> None:
        """Change fields of a job: `status, progress_record, metrics_record, result, ...`; the others stay."""
        number = id_or_name(job)
        fields = json_fields('job', fields)
        if not isinstance(number, int) or not self._records.update('job', number, fields):
            raise not_found('job', job, self._records.all('job'), self.root)

    def override_best_trial(self, job: int | str, trial: str, params: Mapping[str, Any]) -> None:
        """Record the best trial of a job: its field `best_trial` is `{trial_id, **params}`."""
        self.update_job(job, best_trial={'trial_id': trial, **params})

    def get_job(self, job: int | str) -> dict[str, Any]:
        """The record of a job, by id."""
        record = self._records.find('job', id_or_name(job))
        if record is None:
            raise not_found('job', job, self._records.all('job'), self.root)
        return record

    def diagnose(self) -> Iterator[Finding]:
        """Whether its folder can be written, has room, and its records can be read."""
        yield from folder_findings('workspace', self.root, 'SYNAPSE_WORKSPACE')
        try:
            self.list_datasets()
        except SynapseHooksError as error:
            yield Finding('workspace: records', False, error.problem, error.hint)

    def add_logs(self, job: int | str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Add to the log of a job: each of `{event, data, datetime, step?, level?, file?}`."""
        lines = b''.join(msgspec.json.encode(dict(entry), enc_hook=str) + b'\n' for entry in entries)
        file = self._log(job)
        with disk_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open('ab') as opened:
                opened.write(lines)

    def read_logs(self, job: int | str, after: int = 0) -> list[dict[str, Any]]:
        """The log of a job, without its first `after` entries."""
        file = self._log(job)
        if not file.exists():
            return []
        with file.open('rb') as opened:
            return [msgspec.json.decode(line) for line in islice(opened, after, None) if line.endswith(b'\n')]

    def _log(self, job: int | str) -> Path:
        return self.root / 'jobs' / str(self.get_job(job)['id']) / 'log.jsonl'

    def list_jobs(self) -> list[dict[str, Any]]:
        """Every job's record, by id."""
        return self._records.all('job')


def _dataset(record: Mapping[str, Any], path: Path) -> Dataset:
    made: Dataset = {
        'path': path,
        'format': 'dm',
        'config_path': None,
        'splits': record['splits'],
        'digest': record['digest'],
    }
    if record['classes'] is not None:
        made['classes'] = record['classes']
    return made
