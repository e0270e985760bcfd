"""The dataset that was typed: a path, an archive, or a name in the workspace; and in which format is it?"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from synapse_hooks.context import Dataset
from synapse_hooks.conversion.reader import reading
from synapse_hooks.errors import BackendError, DatasetInvalid, RecordNotFound, SelectionError, SynapseHooksError
from synapse_hooks.formats import Format
from synapse_hooks.plugins import Plugins
from synapse_hooks.safe_text import add_note


class Source(NamedTuple):
    """A dataset that was found."""

    dataset: Dataset
    guessed: bool = False
    """Whether its format was guessed."""
    remark: str = ''
    """How it was found, where that needs a word."""
    unpacked: bool = False
    """Whether the dataset is unpacked from an archive, and gone afterwards."""
    named: Callable[[str], str] = str
    """A text with the archive in place of the folder that it is unpacked to."""


@contextmanager
def find_source(
    plugins: Plugins, typed: Path, format: str | None, workspace: Path | None, room: Path | None = None
) -> Iterator[Source]:
    """While the block runs, the dataset that was typed: its path, else its name or id in the workspace.

    Args:
        plugins: Whose formats are asked.
        typed: What was typed.
        format: Its format; None looks into the workspace, and asks every format whether it recognises the path.
        workspace: The workspace's folder; None is the default one.
        room: As in `open_source`.

    Raises:
        DatasetInvalid: There is neither, or no format recognises it, or several do.
        ArchiveRefused, SelectionError: As in `open_source`.
    """
    with reading(typed):
        stored = _stored(typed, workspace) if format is None and not typed.exists() else None
    if stored is not None:
        yield Source(stored, remark=f'{typed} is in the workspace: {stored["path"]}')
        return
    with reading(typed), open_source(plugins, typed, format, room) as source:
        yield source


@contextmanager
def open_source(plugins: Plugins, path: Path, format: str | None, room: Path | None = None) -> Iterator[Source]:
    """While the block runs, the dataset at `path`. An archive is unpacked for as long.

    Args:
        plugins: Whose formats are asked.
        path: A folder, a dataset's main file, or a zip or tar of one.
        format: Its format; None asks every format whether it recognises the path, or the one folder in it.
        room: An archive is unpacked beside this path; None for the system's folder for temporary files.

    Raises:
        DatasetInvalid: There is nothing, or no format recognises it, or several do.
        ArchiveRefused: The archive is damaged, or has in it what no dataset has.
        SelectionError: There is no format of that name, or it cannot be had, or not be read.
        OSError: The dataset may not be read: see `synapse_hooks.conversion.reader.reading`.
    """
    if not path.exists():
        raise DatasetInvalid(f'there is nothing at {path}', hint='check the path', path=str(path))
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        # A format that looks with `glob` would take a closed folder for an empty one.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    formats = _formats(plugins, format)
    if not path.is_file() or not _is_archive(path, formats):
        with _broken_named(plugins):
            source = Source({'path': path, 'format': format}) if format else _guessed(path, formats, str(path))
        yield source
        return
    from tempfile import gettempdir

    from synapse_hooks.storage import scratch, unpack

    with scratch(room or Path(gettempdir(), 'synapse-hooks')) as folder:
        unpacked = unpack(path, folder / path.name.partition('.')[0])
        named = _naming(path, unpacked)
        try:
            try:
                with _broken_named(plugins):
                    source = _guessed(unpacked, formats, str(path))
            except DatasetInvalid:
                if format is None:
                    raise
                source = Source({'path': unpacked, 'format': format})
            source = source._replace(unpacked=True, named=named)
            yield source if format is None else Source(source.dataset, unpacked=True, named=named)
        except SynapseHooksError as error:
            error.problem, error.hint = named(error.problem), named(error.hint)
            error.args = (error.problem, *error.args[1:])
            error.facts = {key: named(fact) if isinstance(fact, str) else fact for key, fact in error.facts.items()}
            if hasattr(error, '__notes__'):
                error.__notes__ = [named(note) for note in error.__notes__]
            raise


def _naming(archive: Path, unpacked: Path) -> Callable[[str], str]:
    places = sorted({str(unpacked), str(unpacked.absolute()), str(unpacked.resolve())}, key=len, reverse=True)

    def named(text: str) -> str:
        for place in places:
            text = text.replace(place, str(archive))
        return text

    return named


@contextmanager
def _broken_named(plugins: Plugins) -> Iterator[None]:
    """An error of the block names the formats that are installed and broken: one of them may be the one to ask."""
    try:
        yield
    except DatasetInvalid as error:
        for plugin in plugins.catalogues['format'].plugins:
            if isinstance(plugin.error, SynapseHooksError):
                add_note(error, f'not asked: {plugin.error.problem}')
        raise


def _guessed(path: Path, formats: list[Format], name: str) -> Source:
    from synapse_hooks.formats.guess import locate_dataset

    found, format = locate_dataset(path, formats)
    what = name if found == path else f'{name}: `{found.relative_to(path)}/` in it'
    return Source({'path': found, 'format': format}, guessed=True, remark=f'{what} looks like {format!r}')


def _is_archive(path: Path, formats: list[Format]) -> bool:
    """Whether a file is an archive to unpack, and not one that a format reads as it is."""
    from synapse_hooks.storage import archive_kind

    if archive_kind(path) is None:
        return False
    for format in formats:
        with suppress(DatasetInvalid, OSError):
            if format.recognise(path):
                return False
    return True


def _formats(plugins: Plugins, format: str | None) -> list[Format]:
    """The formats to ask: that of a name, where one is named.

    Raises:
        SelectionError: There is no format of that name, or it cannot be had, or not be read.
    """
    catalogue = plugins.catalogues['format']
    if format is not None:
        if any(role == 'answer' for _, role in plugins.order('open_dataset')):
            return []
        plugin = catalogue.select(format)
        if plugin is None:
            raise catalogue.missing(format)
        catalogue.check(plugin, 'open_dataset')
        return [plugin.loaded] if isinstance(plugin.loaded, Format) else []
    for plugin in catalogue.plugins:
        if plugin.state == 'available':
            # One that cannot be imported recognises nothing.
            with suppress(SelectionError):
                catalogue.adapter(plugin)
    # A project's own format need not be an entry point.
    loaded = [plugin.loaded for plugin in plugins.records if plugin.state == 'active']
    return [format for format in loaded if isinstance(format, Format)]


def _stored(name: Path, workspace: Path | None) -> Dataset:
    """The workspace's dataset of that name or id."""
    if name.name != str(name):
        raise DatasetInvalid(f'there is nothing at {name}', hint='check the path', path=str(name))
    from synapse_hooks.backends import Workspace, default_root

    known = Workspace(workspace or default_root())
    try:
        record = known.get_dataset(name.name)
    except BackendError as error:
        raise DatasetInvalid(
            f'there is nothing at {name}, and no dataset {name.name!r} in the workspace {known.root}',
            hint=f'check the path; {error.hint}' if isinstance(error, RecordNotFound) else 'check the path',
            path=str(name),
        ) from error
    stored: Dataset = {'path': Path(record['path']), 'format': record['format']}
    if record['classes'] is not None:
        stored['classes'] = record['classes']
    return stored


def number_or_text(text: str | None) -> str | float | None:
    """What was typed for an option that is a word or a number: `--unreadable skip`, `--unreadable 0.05`."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
