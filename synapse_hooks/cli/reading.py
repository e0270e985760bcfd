"""The dataset that somebody typed: a path, or a name in the workspace; and in which format is it?"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from synapse_hooks.context import Dataset
from synapse_hooks.errors import BackendError, DatasetInvalid, RecordNotFound, SelectionError
from synapse_hooks.formats.reader import reading
from synapse_hooks.plugins import Plugins


def open_source(plugins: Plugins, path: Path, format: str | None) -> tuple[Dataset, bool]:
    """The dataset at `path`.

    Args:
        plugins: Whose formats are asked.
        path: A folder, or a dataset's main file.
        format: Its format; None asks every format whether it recognises the path.

    Returns:
        The dataset, and whether its format was guessed.

    Raises:
        DatasetInvalid: There is nothing, or no format recognises it, or several do.
        SelectionError: There is no format of that name, or it cannot be had, or not be read.
        OSError: The dataset may not be looked at: see `synapse_hooks.formats.reader.reading`.
    """
    if not path.exists():
        raise DatasetInvalid(f'there is nothing at {path}', hint='check the path', path=str(path))
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        # A format that looks with `glob` would take a closed folder for an empty one.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    if format is not None:
        catalogue = plugins.catalogues['format']
        if not any(role == 'answer' for _, role in plugins.order('open_dataset')):
            plugin = catalogue.select(format)
            if plugin is None:
                raise catalogue.missing(format)
            catalogue.check(plugin, 'open_dataset')
        return {'path': path, 'format': format}, False
    from synapse_hooks.formats import Format, guess_format

    catalogue = plugins.catalogues['format']
    for plugin in catalogue.plugins:
        if plugin.state == 'available':
            # One that cannot be imported recognises nothing.
            with suppress(SelectionError):
                catalogue.adapter(plugin)
    # A project's own format need not be an entry point.
    formats = [plugin.loaded for plugin in plugins.records if plugin.state == 'active']
    name = guess_format(path, [format for format in formats if isinstance(format, Format)])
    return {'path': path, 'format': name}, True


class Source(NamedTuple):
    """A dataset that was found."""

    dataset: Dataset
    guessed: bool = False
    """Whether its format was guessed."""
    remark: str = ''
    """How it was found, where that needs a word."""


def find_source(plugins: Plugins, typed: Path, format: str | None, workspace: Path | None) -> Source:
    """The dataset that was typed: its path, or its name or id in the workspace. A path goes first.

    Args:
        plugins: Whose formats are asked.
        typed: What was typed.
        format: Its format; None looks into the workspace, and asks every format whether it recognises the path.
        workspace: The workspace's folder; None is the default one.

    Raises:
        DatasetInvalid: There is neither, or no format recognises it, or several do.
        SelectionError: There is no format of that name, or it cannot be had, or not be read.
    """
    with reading(typed):
        if format is None and not typed.exists():
            stored = _stored(typed, workspace)
            return Source(stored, remark=f'{typed} is in the workspace: {stored["path"]}')
        dataset, guessed = open_source(plugins, typed, format)
    return Source(dataset, guessed, f'{typed} looks like {dataset["format"]!r}' if guessed else '')


def _stored(name: Path, workspace: Path | None) -> Dataset:
    """The workspace's dataset of that name or id."""
    if name.name != str(name):
        raise DatasetInvalid(f'there is nothing at {name}', hint='check the path', path=str(name))
    from synapse_hooks.backends import Workspace, default_root

    shelf = Workspace(workspace or default_root())
    try:
        record = shelf.get_dataset(name.name)
    except BackendError as error:
        raise DatasetInvalid(
            f'there is nothing at {name}, and no dataset {name.name!r} in the workspace {shelf.root}',
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
