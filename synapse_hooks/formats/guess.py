"""Which format a folder has, asked of every format there is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats.base import Format


def guess_format(path: Path, formats: Iterable[Format]) -> str:
    """The name of the one format that recognises `path`.

    Args:
        path: A folder, or a dataset's main file.
        formats: Whom to ask: their `recognise`.

    Raises:
        DatasetInvalid: None recognises it, or several do.
    """
    if not path.exists():
        raise DatasetInvalid(f'there is nothing at {path}', hint='check the path', path=str(path))
    asked = {format.name: format for format in formats}
    found = sorted(name for name, format in asked.items() if format.recognise(path))
    if len(found) == 1:
        return found[0]
    if found:
        problem = f'{path} could be {" or ".join(found)}'
        hint = f'say which: `--from {found[0]}`'
    else:
        problem = f'{path} is in no format that is known here ({", ".join(sorted(asked))})'
        hint = 'name the format with `--from`, or install a plugin that reads it'
    raise DatasetInvalid(problem, hint=hint, path=str(path), found=found)
