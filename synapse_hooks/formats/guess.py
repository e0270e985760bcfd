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
        DatasetInvalid: None recognises it, or several do. Where one says that it is its own and broken, that is told.
        OSError: None recognises it, and some of it may not be looked at.
    """
    if not path.exists():
        raise DatasetInvalid(f'there is nothing at {path}', hint='check the path', path=str(path))
    asked = {format.name: format for format in formats}
    found: list[str] = []
    broken: dict[str, DatasetInvalid] = {}
    closed: list[OSError] = []
    for name in sorted(asked):
        try:
            if asked[name].recognise(path):
                found.append(name)
        except DatasetInvalid as error:
            broken[name] = error
        except OSError as error:
            closed.append(error)
    if len(found) == 1:
        return found[0]
    if broken and not found:
        name, cause = next(iter(broken.items()))
        facts = {'path': str(path), **cause.facts, 'found': [*broken]}
        raise DatasetInvalid(f'{path} looks like {name}, but {cause.problem}', hint=cause.hint, **facts) from cause
    if closed and not found:
        raise closed[0]
    if found:
        problem = f'{path} could be {" or ".join(found)}'
        hint = f'say which: `--from {found[0]}`'
    else:
        problem = f'{path} is in no format that is known here ({", ".join(sorted(asked))})'
        hint = 'name the format with `--from`, or install a plugin that reads it'
    raise DatasetInvalid(problem, hint=hint, path=str(path), found=found)
