"""Detects the format of a dataset with the `recognise` of every format, and explains why none matches."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from synapse_hooks.data import is_image_name
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats.base import BaseFormat
from synapse_hooks.storage import archive_kind, is_system_file

_ARCHIVES = {
    '.zip': 'unzip {file} -d {folder}',
    '.rar': 'unrar x {file} {folder}/',
    '.7z': '7z x {file} -o{folder}',
}
_PARTS = frozenset(('annotations', 'images', 'img', 'imagesets', 'jpegimages', 'json', 'labels', 'original_files'))
"""Folders that are parts of a dataset and none of their own."""
_ENOUGH = 50
_DEEPEST = 3
_SHOWN = 3


def guess_format(path: Path, formats: Iterable[BaseFormat]) -> str:
    """The name of the one format that recognises `path`.

    Args:
        path: A folder, or a dataset's main file.
        formats: The candidates; their `recognise` is called.

    Raises:
        DatasetInvalid: None recognises it, or several do. If one of them reports that the dataset is damaged,
            that is the error; otherwise it says what the folder contains and which format it looks like.
        OSError: None recognises it, and some of it may not be read.
    """
    asked = _by_name(path, formats)
    name = _recognised(path, asked)
    if name is None:
        raise _unknown(path, asked)
    return name


def locate_dataset(path: Path, formats: Iterable[BaseFormat]) -> tuple[Path, str]:
    """The dataset at `path`, or the only one in a folder in it, and the name of its format.

    Args:
        path: A folder, or a dataset's main file.
        formats: The candidates; their `recognise` is called.

    Raises:
        DatasetInvalid, OSError: As `guess_format`.
    """
    asked = _by_name(path, formats)
    name = _recognised(path, asked)
    if name is not None:
        return path, name
    below = _below(path, asked)
    if below is None:
        raise _unknown(path, asked)
    return below


def recognises(format: BaseFormat, path: Path) -> bool:
    """What `format.recognise` answers. An error that it should not raise gets a note that names the format."""
    try:
        return format.recognise(path)
    except (DatasetInvalid, OSError):
        raise
    except (Exception, SystemExit) as error:
        error.add_note(f'while format {format.name!r} was asked whether it recognises {path}')
        error.add_note(f'name the format of the dataset with `--from`, or keep {format.name!r} out: `--block`')
        raise


def _by_name(path: Path, formats: Iterable[BaseFormat]) -> list[BaseFormat]:
    if not path.exists():
        raise DatasetInvalid(f'there is nothing at {path}', hint='check the path', path=str(path))
    return sorted({format.name: format for format in formats}.values(), key=lambda format: format.name)


def _recognised(path: Path, formats: Sequence[BaseFormat]) -> str | None:
    """The one format that recognises a path; None where none does.

    Raises:
        DatasetInvalid, OSError: As `guess_format`, but for a path that none recognises.
    """
    names: list[str] = []
    broken: dict[str, DatasetInvalid] = {}
    closed: list[OSError] = []
    for format in formats:
        try:
            if recognises(format, path):
                names.append(format.name)
        except DatasetInvalid as error:
            broken[format.name] = error
        except OSError as error:
            closed.append(error)
    if len(names) > 1:
        problem, hint = f'{path} could be {" or ".join(names)}', f'say which: `--from {names[0]}`'
        raise DatasetInvalid(problem, hint=hint, path=str(path), found=names)
    if names:
        return names[0]
    if broken:
        name, cause = next(iter(broken.items()))
        facts = {'path': str(path), **cause.facts, 'found': [*broken]}
        raise DatasetInvalid(f'{path} looks like {name}, but {cause.problem}', hint=cause.hint, **facts) from cause
    if closed:
        raise closed[0]
    return None


def _below(path: Path, formats: Sequence[BaseFormat], depth: int = 1) -> tuple[Path, str] | None:
    """The only dataset in the folders of a folder that has none of its own: what unpacking an archive often gives."""
    from synapse_hooks.formats.file_signatures import identify_format
    from synapse_hooks.formats.folder_summary import summarize_folder

    if not path.is_dir() or identify_format(summarize_folder(path).examples):
        return None
    with os.scandir(path) as entries:
        names = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries if not is_system_file(entry.name)}
    folders = sorted(name for name, is_folder in names.items() if is_folder and name.lower() not in _PARTS)
    loose = any(is_image_name(name) for name, is_folder in names.items() if not is_folder)
    if loose or not 0 < len(folders) <= _ENOUGH:
        return None
    datasets = []
    for name in folders:
        # What is broken in there, or might be two formats, is not a candidate.
        with suppress(DatasetInvalid, OSError):
            datasets += [(path / name, format) for format in [_recognised(path / name, formats)] if format]
    if len(folders) == 1 and not datasets and depth < _DEEPEST:
        return _below(path / folders[0], formats, depth + 1)
    if len(datasets) > 1:
        shown = ', '.join(f'`{one.name}/` ({format})' for one, format in datasets[:_SHOWN])
        more = f' and {len(datasets) - _SHOWN} more' if len(datasets) > _SHOWN else ''
        problem, hint = f'{path} has several datasets in it: {shown}{more}', f'name one of them: {datasets[0][0]}'
        raise DatasetInvalid(problem, hint=hint, path=str(path), found=[format for _, format in datasets])
    return datasets[0] if datasets else None


def _unknown(path: Path, formats: Sequence[BaseFormat]) -> DatasetInvalid:
    from synapse_hooks.formats.file_signatures import identify_format
    from synapse_hooks.formats.folder_summary import summarize_folder

    command = _unpacking(path)
    if command:
        return DatasetInvalid(f'{path} is an archive', hint=f'unpack it: `{command}`', path=str(path), found=[])
    names = [format.name for format in formats]
    summary = summarize_folder(path)
    signature = identify_format(summary.examples)
    problem = f'{path} has none of the known formats ({", ".join(names)}): {summary.text}'
    hint = signature.hint(names) if signature else _near(path, summary.examples)
    return DatasetInvalid(problem, hint=hint, path=str(path), found=[])


def _near(path: Path, files: Iterable[str]) -> str:
    inner = next((file for file in map(Path, files) if file != path and _unpacking(file)), None)
    if inner is not None:
        return f'{inner.name} in it is an archive: unpack that one, and name the folder'
    if (path / 'images').is_dir() and (path / 'labels').is_dir():
        return 'is it yolo? Write classes.txt beside images/ and labels/, with the name of a class in each line'
    return 'name the format with `--from`, or install a plugin that reads it'


def _unpacking(path: Path) -> str:
    """The command that unpacks an archive; empty for anything else."""
    if not path.is_file():
        return ''
    suffix = path.suffix.lower()
    is_tar = '.tar' in path.suffixes or suffix in ('.tgz', '.txz', '.tbz2') or archive_kind(path) == 'tar'
    pattern = 'mkdir {folder} && tar -xf {file} -C {folder}' if is_tar else _ARCHIVES.get(suffix, '')
    pattern = pattern or (_ARCHIVES['.zip'] if archive_kind(path) == 'zip' else '')
    return pattern.format(file=shlex.quote(str(path)), folder=shlex.quote(path.name.partition('.')[0] or 'unpacked'))
