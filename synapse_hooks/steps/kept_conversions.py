"""Conversions that are kept for other runs: what a run takes from the store, and what it leaves there.

A conversion is found by what goes into the stage (see `synapse_hooks.steps.inputs`). The run directory has a link to it
in place of a folder of its own: `RUN_DIR/stages/convert`. So paths lead into the run directory, wherever it is moved,
and still the files have one place for all runs, which keeps the caches valid that trainers leave beside them.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from synapse_hooks.context import Dataset, Recorder, RuntimeContext, TrainContext
from synapse_hooks.errors import StorageError
from synapse_hooks.journal import Redactor, secrets_of
from synapse_hooks.journal.values import encode
from synapse_hooks.safe_text import summary
from synapse_hooks.steps.base import BaseStep
from synapse_hooks.steps.cache_keys import key_of, reason_not_kept
from synapse_hooks.steps.dataset import ConvertDatasetStep, checked_dataset
from synapse_hooks.steps.inputs import StageInputs, chosen
from synapse_hooks.steps.output import OutputPaths, is_in_place
from synapse_hooks.steps.state import PATHS_OF, plain
from synapse_hooks.storage import relocate, tree_stamp
from synapse_hooks.storage.disk import disk_bytes
from synapse_hooks.storage.folder_cache import CONVERSIONS, CachedFolder, FolderCache, is_kept
from synapse_hooks.storage.ownership import temporary_path
from synapse_hooks.storage.publishing import publish
from synapse_hooks.storage.user_paths import default_cache

_REPEATED: Final = ('losses', 'message')
"""The types of events that are recorded again in each run that uses a conversion."""
_OF_ONE_RUN: Final = ('early',)
"""The codes of messages that say how a run has converted, which is not true of runs that use it."""
_MOST: Final = 20 * 10**9
_SHARE: Final = 10
"""The default of `keep_conversions`: this many bytes, or this part of the disk, whichever is less."""
_PLACEHOLDER: Final = Path('/kept')
"""In the record of an entry, the placeholder for the folder of its dataset: each run has it at a path of its own."""

Step = BaseStep[TrainContext]


class KeptConversions:
    """The kept conversions of one run, while it lasts: those that it uses are not removed.

    Args:
        ctx: The run.
        inputs: What goes into its stages.
    """

    def __init__(self, ctx: RuntimeContext, inputs: StageInputs) -> None:
        self.inputs = inputs
        self.settings = inputs.plugins.settings
        self._ctx = ctx
        self._users: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for user in self._users:
            user.unlink(missing_ok=True)

    def hold(self, stages: Path) -> None:
        """Use what the stages of an existing run have used; `stages` is their folder.

        A link to an invalid entry is removed: its files may be deleted at any time.
        """
        for link in filter(is_kept, list(stages.glob('*'))):
            kept = CachedFolder(link.readlink().parent, {})
            if not self._start_using(FolderCache(kept.path.parent), kept) and not kept.last_used:
                link.unlink(missing_ok=True)

    def is_requested_again(self, step: Step) -> bool:
        """Whether the user requests that a step runs again, by `--from-stage` with its name or an earlier one."""
        names = [each.name for each in self.inputs.steps]
        return self._ctx.from_stage in names[: names.index(step.name) + 1]

    def find(self, step: Step, dataset: Mapping[str, Any] | None, params: Mapping[str, Any]) -> Iterator[CachedFolder]:
        """The kept conversions of what would be converted now, the oldest first; nothing is changed.

        Args:
            step: The step that would convert.
            dataset: What it would convert.
            params: The parameters of the run, as they were given.
        """
        if dataset is None or not self._may_keep(step, dataset):
            return
        for kept in _store().entries(self._key(step, dataset)):
            used = chosen(kept.record['used'], params)
            if kept.record['key'] == self._key(step, dataset, used):
                yield kept

    def source(self, step: Step, context: TrainContext, stages: Iterable[Mapping[str, Any]]) -> Dataset | None:
        """The dataset that would be converted, where a conversion of it may be kept: its digest is known, and holds.

        Args:
            step: The step that would convert.
            context: The run; its dataset is what would be converted.
            stages: What run.json has of the stages.
        """
        dataset: Dataset | None = context.dataset
        if dataset is None or not self._may_keep(step, dataset):
            return None
        if is_in_place(dataset):
            # Its backend has compared it just now, and no other code gets at it.
            return dataset
        for made in filter(None, (stage.get('published') for stage in stages)):
            if Path(dataset['path']).is_relative_to(made['path']):
                # An edit since the export has not changed the digest.
                with suppress(OSError, StorageError):
                    return dataset if tree_stamp(Path(made['path'])) == made['stamp'] else None
        return None

    def take(
        self,
        step: Step,
        context: TrainContext,
        place: OutputPaths,
        *,
        source: Mapping[str, Any] | None,
        params: Mapping[str, Any],
    ) -> CachedFolder | None:
        """Use a conversion that is kept, if there is one: the run gets a link to it, and the context the dataset.

        What was reported when it was made is reported again. One whose files were changed is discarded.

        Args:
            step: The step that would convert.
            context: The run.
            place: Where the run has its output.
            source: What would be converted; see `source`.
            params: The parameters, as they were given.
        """
        if self.is_requested_again(step):
            return None
        kept = self._usable(step, context, source, params)
        if kept is None:
            return None
        try:
            _link(kept, place)
        except (OSError, StorageError) as error:
            context.log_message(f'convert: {kept.data} is not used: {summary(error)}', code='not-kept')
            return None
        context.dataset = checked_dataset(_moved(kept.record['dataset'], _PLACEHOLDER, place.final), 'convert')
        day, run = kept.record['created'][:10], kept.record['run']
        context.log_message(f'convert: uses what run {run} converted on {day}: {kept.data}', code='kept')
        for type, payload in kept.record['reports']:
            context.recorder.record(type, payload)
        return kept

    @contextmanager
    def collecting_reports(self, step: Step, context: TrainContext) -> Iterator[list[Any]]:
        """Collect what a conversion reports while the block runs: it is recorded again in runs that use the conversion.

        Yields:
            The list that is filled, with `[type, payload]` of each event; it stays empty for other steps.
        """
        reports: list[Any] = []
        recorder = context.recorder
        if type(step) is ConvertDatasetStep:
            context.recorder = _Collector(recorder, reports)
        try:
            yield reports
        finally:
            context.recorder = recorder

    def keep(
        self,
        step: Step,
        context: TrainContext,
        place: OutputPaths,
        *,
        source: Mapping[str, Any] | None,
        params: Mapping[str, Any],
        facts: Mapping[str, Any],
    ) -> CachedFolder | None:
        """Move a conversion into the store, and have a link to it in the run, if it may be kept.

        Where another run has left the same there meanwhile, that one is used.

        Args:
            step: The step that has converted.
            context: The run; its dataset is in `place.staged`.
            place: Where the output is, and where it is to be.
            source: What was converted; see `source`.
            params: The parameters that were used, with their values.
            facts: What else to note, as JSON values: `reports` (see `collecting_reports`) and `answered_by`.

        Returns:
            The entry; None where nothing is kept, and the output is still in `place.staged`.
        """
        made = context.dataset
        if source is None:
            return None
        if not made or not Path(made['path']).is_relative_to(place.staged):
            # It is the source, or somewhere else.
            return None
        if self.is_requested_again(step):
            # What is kept is not trusted.
            for old in self.find(step, source, params):
                _store().discard(old)
        record = dict(facts) | {
            'key': self._key(step, source, params),
            'used': sorted(params),
            'created': datetime.now(UTC).isoformat(timespec='seconds'),
            'run': context.run_dir.name,
            'from': source['format'],
            'dataset': _moved(plain(made), place.staged, _PLACEHOLDER),
        }
        line = encode(record)
        if Redactor(secrets_of(os.environ))(line) is not line:
            # A record without its secrets would be another one, and with them it must not be written.
            return None
        store = _store()
        most = self.settings.keep_conversions or min(_MOST, disk_bytes(store.root) // _SHARE or _MOST)
        other = self._usable(step, context, source, params)
        kept = other
        try:
            if kept is None:
                kept, user = store.keep(place.staged, record['key'], msgspec.json.decode(line), most=most)
                self._users.append(user)
            _link(kept, place)
        except (OSError, StorageError) as error:
            if kept is not None and not place.staged.exists():
                kept.data.rename(place.staged)
                self._users.pop().unlink(missing_ok=True)
                store.discard(kept)
            context.log_message(f'convert: not kept for other runs: {_why(error, context.run_dir)}', code='not-kept')
            return None
        if other is not None:
            # What this run has made is thrown away, and what was to be written beside it is there already.
            context.when_published = []
            shutil.rmtree(place.staged, ignore_errors=True)
        with suppress(OSError):
            store.prune(most)
        return kept

    def _may_keep(self, step: Step, dataset: Mapping[str, Any]) -> bool:
        # A plugin may have left anything in the context.
        known = isinstance(dataset, Mapping) and bool(dataset.get('digest')) and bool(dataset.get('format'))
        return known and not reason_not_kept(self._ctx, self.inputs, step, dataset.get('format'))

    def _key(self, step: Step, dataset: Mapping[str, Any], params: Mapping[str, Any] | None = None) -> str:
        return key_of(self._ctx, self.inputs, step, dataset, params)

    def _usable(
        self, step: Step, context: TrainContext, dataset: Mapping[str, Any] | None, params: Mapping[str, Any]
    ) -> CachedFolder | None:
        """The first intact conversion, marked as in use by this run; those that were changed are discarded."""
        for kept in self.find(step, dataset, params):
            if not self._start_using(_store(), kept):
                continue
            if kept.is_whole():
                return kept
            self._users.pop().unlink(missing_ok=True)
            _store().discard(kept)
            context.log_message(
                f'{kept.data} was changed since it was converted, so it is converted again',
                level='warning',
                code='kept-changed',
            )
        return None

    def _start_using(self, folders: FolderCache, kept: CachedFolder) -> bool:
        user = folders.use(kept)
        if user is not None:
            self._users.append(user)
        return user is not None


class _Collector:
    """A recorder that collects what is to be recorded again, and passes everything on."""

    def __init__(self, recorder: Recorder, reports: list[Any]) -> None:
        self._recorder = recorder
        self._reports = reports

    def record(self, type: str, payload: Mapping[str, Any]) -> None:
        if type in _REPEATED and payload.get('code') not in _OF_ONE_RUN:
            self._reports.append([type, plain(payload)])
        self._recorder.record(type, payload)


def _store() -> FolderCache:
    return FolderCache(default_cache() / CONVERSIONS)


def remove_link(path: Path) -> None:
    """Remove a link to a kept conversion, so that what is written to `path` does not end up in the store."""
    if is_kept(path):
        path.unlink()


def _why(error: Exception, run_dir: Path) -> str:
    if isinstance(error, OSError) and error.errno == errno.EXDEV:
        where = f'the cache {default_cache()} is on another file system than the run {run_dir}'
        return f'{where}; set SYNAPSE_HOOKS_CACHE to a folder on the disk of the run'
    return summary(error)


def _link(kept: CachedFolder, place: OutputPaths) -> None:
    place.final.parent.mkdir(exist_ok=True)
    place.staged.parent.mkdir(exist_ok=True)
    remove_link(place.final)
    link = temporary_path(place.staged)
    try:
        link.symlink_to(kept.data, target_is_directory=True)
        publish(link, place.final, replace=True)
    finally:
        link.unlink(missing_ok=True)


def _moved(dataset: Mapping[str, Any], old: Path, new: Path) -> dict[str, Any]:
    """A dataset whose folder was moved from `old` to `new`. Only paths change: a class may be named like a folder."""
    paths = {key: relocate(dataset[key], old, new) for key in PATHS_OF['dataset'] if dataset.get(key) is not None}
    return {**dataset, **paths}
