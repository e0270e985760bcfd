"""The dataset that a command is given: a path, an archive, or a name in the workspace; and its format."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from synapse_hooks.context import Dataset
from synapse_hooks.conversion.reader import explain_os_errors
from synapse_hooks.errors import BackendError, DatasetInvalid, RecordNotFound, SynapseHooksError
from synapse_hooks.formats import BaseFormat
from synapse_hooks.plugins import Plugins
from synapse_hooks.safe_text import add_note


class InputDataset(NamedTuple):
    """A dataset given to a command."""

    dataset: Dataset
    guessed: bool = False
    """Whether its format was guessed."""
    note: str = ''
    """A message on how the path was interpreted; empty if there is nothing to say."""
    unpacked: bool = False
    """Whether the dataset is unpacked from an archive, and removed after the command."""
    with_archive_path: Callable[[str], str] = str
    """Replaces the path of the unpacked folder in a text by that of the archive."""


@contextmanager
def find_input(
    plugins: Plugins, given: Path, format: str | None, workspace: Path | None, scratch_beside: Path | None = None
) -> Iterator[InputDataset]:
    """The dataset at a path, else of a name or id in the workspace; an archive is unpacked while the block runs.

    Args:
        plugins: Their formats are asked.
        given: A path, name or id.
        format: Its format; None searches the workspace too, and asks every format whether it recognises the path.
        workspace: The workspace's folder; None is the default one.
        scratch_beside: As in `open_input`.

    Raises:
        DatasetInvalid: There is no such path or name, or no format recognises it, or several do.
        ArchiveRefused, SelectionError: As in `open_input`.
    """
    with explain_os_errors(given):
        stored = _stored(given, workspace) if format is None and not given.exists() else None
    if stored is not None:
        yield InputDataset(stored, note=f'{given} is in the workspace: {stored["path"]}')
        return
    with explain_os_errors(given), open_input(plugins, given, format, scratch_beside) as source:
        yield source


@contextmanager
def open_input(
    plugins: Plugins, path: Path, format: str | None, scratch_beside: Path | None = None
) -> Iterator[InputDataset]:
    """The dataset at `path`; an archive is unpacked while the block runs.

    Args:
        plugins: Their formats are asked.
        path: A folder, a dataset's main file, or a zip or tar of one.
        format: Its format; None asks every format whether it recognises the path, or the only folder in it.
        scratch_beside: An archive is unpacked beside this path; None is the system's folder for temporary files.

    Raises:
        DatasetInvalid: The path does not exist, or no format recognises it, or several do.
        ArchiveRefused: The archive is damaged, or holds entries that no dataset has.
        SelectionError: There is no format of that name, or it is broken or blocked, or it cannot be read.
        OSError: The dataset cannot be read: see `synapse_hooks.conversion.reader.reading`.
    """
    if not path.exists():
        raise DatasetInvalid(f'there is nothing at {path}', hint='check the path', path=str(path))
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        # For `glob`, a folder that may not be read is an empty one.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    formats = _formats(plugins, format)
    if not path.is_file() or not _is_archive(path, formats):
        with _name_broken_formats(plugins):
            source = InputDataset({'path': path, 'format': format}) if format else _guess(path, formats, str(path))
        yield source
        return
    from tempfile import gettempdir

    from synapse_hooks.storage import scratch, unpack

    with scratch(scratch_beside or Path(gettempdir(), 'synapse-hooks')) as folder:
        unpacked = unpack(path, folder / path.name.partition('.')[0])
        with_archive_path = _path_replacer(path, unpacked)
        try:
            try:
                with _name_broken_formats(plugins):
                    source = _guess(unpacked, formats, str(path))
            except DatasetInvalid:
                if format is None:
                    raise
                source = InputDataset({'path': unpacked, 'format': format})
            source = source._replace(unpacked=True, with_archive_path=with_archive_path)
            yield (
                source
                if format is None
                else InputDataset(source.dataset, unpacked=True, with_archive_path=with_archive_path)
            )
        except SynapseHooksError as error:
            error.problem, error.hint = with_archive_path(error.problem), with_archive_path(error.hint)
            error.args = (error.problem, *error.args[1:])
            error.facts = {
                key: with_archive_path(fact) if isinstance(fact, str) else fact for key, fact in error.facts.items()
            }
            if hasattr(error, '__notes__'):
                error.__notes__ = [with_archive_path(note) for note in error.__notes__]
            raise


def _path_replacer(archive: Path, unpacked: Path) -> Callable[[str], str]:
    paths = sorted({str(unpacked), str(unpacked.absolute()), str(unpacked.resolve())}, key=len, reverse=True)

    def with_archive_path(text: str) -> str:
        for path in paths:
            text = text.replace(path, str(archive))
        return text

    return with_archive_path


@contextmanager
def _name_broken_formats(plugins: Plugins) -> Iterator[None]:
    """Add the broken formats to a DatasetInvalid of the block: one of them might have recognised the dataset."""
    try:
        yield
    except DatasetInvalid as error:
        for plugin in plugins.catalogues['format'].plugins:
            if isinstance(plugin.error, SynapseHooksError):
                add_note(error, f'not asked: {plugin.error.problem}')
        raise


def _guess(path: Path, formats: list[BaseFormat], name: str) -> InputDataset:
    from synapse_hooks.formats.guess import locate_dataset

    found, format = locate_dataset(path, formats)
    what = name if found == path else f'{name}: `{found.relative_to(path)}/` in it'
    return InputDataset({'path': found, 'format': format}, guessed=True, note=f'{what} looks like {format!r}')


def _is_archive(path: Path, formats: list[BaseFormat]) -> bool:
    """Whether a file is an archive to unpack, rather than one that a format reads itself."""
    from synapse_hooks.storage import archive_kind

    if archive_kind(path) is None:
        return False
    from synapse_hooks.formats.guess import recognises

    for format in formats:
        with suppress(DatasetInvalid, OSError):
            if recognises(format, path):
                return False
    return True


def _formats(plugins: Plugins, format: str | None) -> list[BaseFormat]:
    """The formats to ask: only the named one if there is a name.

    Raises:
        SelectionError: There is no format of that name, or it is broken or blocked, or it cannot be read.
    """
    if format is not None:
        catalogue = plugins.catalogues['format']
        if any(role == 'answer' for _, role in plugins.order('open_dataset')):
            return []
        plugin = catalogue.select(format)
        if plugin is None:
            raise catalogue.missing(format)
        catalogue.check(plugin, 'open_dataset')
        return [plugin.loaded] if isinstance(plugin.loaded, BaseFormat) else []
    return plugins.formats()


def _stored(name: Path, workspace: Path | None) -> Dataset:
    """The dataset of that name or id in the workspace."""
    if name.name != str(name):
        raise DatasetInvalid(f'there is nothing at {name}', hint='check the path', path=str(name))
    from synapse_hooks.backends import Workspace, default_root

    backend = Workspace(workspace or default_root())
    try:
        record = backend.get_dataset(name.name)
    except BackendError as error:
        raise DatasetInvalid(
            f'there is nothing at {name}, and no dataset {name.name!r} in the workspace {backend.root}',
            hint=f'check the path; {error.hint}' if isinstance(error, RecordNotFound) else 'check the path',
            path=str(name),
        ) from error
    stored: Dataset = {'path': Path(record['path']), 'format': record['format']}
    if record['classes'] is not None:
        stored['classes'] = record['classes']
    return stored


def number_or_text(text: str | None) -> str | float | None:
    """The value of an option that is a word or a number: `--unreadable skip`, `--unreadable 0.05`."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
