"""Which plugins are installed: one scan of the environment's metadata, which imports nothing.

There are five entry-point groups: `synapse_hooks` (any plugin), `synapse_hooks.formats` (the name is the format),
`synapse_hooks.autologgers` (the name is the framework), `synapse_hooks.executors` and `synapse_hooks.launchers`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.errors import PluginBroken
from synapse_hooks.plugins.metadata import Installed, entry_points_text, metadata_folders, read_installed
from synapse_hooks.plugins.records import Kind, Plugin, normalize
from synapse_hooks.safe_text import summary
from synapse_hooks.version import __version__

if TYPE_CHECKING:
    from importlib.metadata import Distribution

GROUPS: Final[dict[str, Kind]] = {
    'synapse_hooks': 'plugin',
    'synapse_hooks.formats': 'format',
    'synapse_hooks.autologgers': 'autologger',
    'synapse_hooks.executors': 'executor',
    'synapse_hooks.launchers': 'launcher',
}
DISTRIBUTION: Final = 'synapse-hooks'
_GROUP: Final = '[synapse_hooks'
_OURS: Final = re.compile(r'\s*synapse[-_.]+hooks\s*(?P<specifier>[^\s\w.-].*)', re.IGNORECASE | re.DOTALL)
"""A requirement of synapse-hooks with more than the name."""


def installed_plugins() -> list[Plugin]:
    """A fresh record of every installed plugin, by distribution and name."""
    return [Plugin(**entry) for entry in _scan(tuple(sys.path))]


@lru_cache(maxsize=4)
def _scan(path: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
    by_key: dict[tuple[str, str, str], dict[str, Any]] = {}
    for distribution in _candidates(path):
        try:
            entries = dict(_entries(distribution))
        except Exception as error:  # metadata may be damaged in any way, and the other plugins are not affected
            entries = dict([_damaged(distribution, error)])
        for key, entry in entries.items():
            # One distribution may be on the path twice (lib and lib64): the first is the one that is imported.
            by_key.setdefault(key, entry)
    return tuple(by_key[key] for key in sorted(by_key))


def _candidates(path: tuple[str, ...]) -> Iterator[Installed | Distribution]:
    """The distributions that may have plugins. One small file of each shows whether the rest must be read."""
    if any(hasattr(finder, 'find_distributions') for finder in sys.meta_path if finder is not PathFinder):
        yield from _found_by_importlib()
        return
    for place in path:
        try:
            folders = list(metadata_folders(place))
        except NotADirectoryError:
            # An archive.
            yield from _found_by_importlib(path=[place])
        except OSError:
            continue
        else:
            for folder in folders:
                entry_points = entry_points_text(folder)
                if _GROUP.encode() in entry_points:
                    yield read_installed(folder, entry_points)


def _found_by_importlib(**where: Any) -> Iterator[Distribution]:
    from importlib.metadata import distributions

    for distribution in distributions(**where):
        try:
            text = distribution.read_text('entry_points.txt') or ''
        except (OSError, UnicodeDecodeError):
            continue
        if _GROUP in text:
            yield distribution


def _entries(distribution: Installed | Distribution) -> Iterator[tuple[tuple[str, str, str], dict[str, Any]]]:
    incompatible = _incompatible(distribution)
    for entry in distribution.entry_points:
        if entry.group in GROUPS:
            yield (
                (normalize(distribution.name), entry.group, entry.name),
                {
                    'name': entry.name,
                    'kind': GROUPS[entry.group],
                    'rank': 'installed',
                    'target': entry.value,
                    'distribution': distribution.name,
                    'version': distribution.version,
                    'state': 'incompatible' if incompatible else 'available',
                    'reason': f'it requires synapse-hooks {incompatible}, and this is {__version__}'
                    if incompatible
                    else '',
                    'requires': incompatible,
                },
            )


def _damaged(distribution: Installed | Distribution, error: Exception) -> tuple[tuple[str, str, str], dict[str, Any]]:
    """The record of a distribution that pip left half-installed: what is in it is not known."""
    folder = getattr(distribution, '_path', None)
    name = folder.name if isinstance(folder, Path) else 'unknown'
    reason = f'its metadata cannot be read: {summary(error)}'
    broken = PluginBroken(
        f'{folder or name} is damaged: {reason}',
        hint='install that distribution again, or remove that folder',
        kind='plugin',
        name=name,
        distribution=name,
    )
    facts = {'kind': 'plugin', 'rank': 'installed', 'target': str(folder), 'distribution': name, 'version': '?'}
    return (normalize(name), '', name), {'name': name, **facts, 'state': 'broken', 'reason': reason, 'error': broken}


def _incompatible(distribution: Installed | Distribution) -> str:
    """Which synapse-hooks the distribution requires, if that is not this one; else the empty string."""
    matches = ((line, _OURS.match(line)) for line in distribution.requires or ())
    ours = [line for line, match in matches if match is not None and not _is_satisfied(match['specifier'])]
    if not ours:
        return ''
    # Importing packaging takes longer than an empty run, and what nearly every plugin requires does not need it.
    from synapse_hooks.plugins.requirements import requirement_here

    for line in ours:
        requirement = requirement_here(line)
        if requirement is not None and not requirement.specifier.contains(__version__, prereleases=True):
            return str(requirement.specifier)
    return ''


def requires_us(distribution: Distribution) -> bool:
    """Whether a distribution requires synapse-hooks, in any version."""
    names = (re.match(r'\s*([\w.-]+)', line) for line in distribution.requires or ())
    return any(match is not None and normalize(match[1]) == DISTRIBUTION for match in names)


def _is_satisfied(specifier: str) -> bool:
    """Whether `specifier` is `>=` with plain numbers, and our version is plain and not below; else False.

    Example:
        >>> _is_satisfied('>=0.1'), _is_satisfied('>=99'), _is_satisfied('<99')
        (True, False, False)
    """
    wanted = re.fullmatch(r'>=\s*(\d+(?:\.\d+)*)', specifier.strip())
    if wanted is None or not re.fullmatch(r'\d+(?:\.\d+)*', __version__):
        return False
    return _numbers(wanted[1]) <= _numbers(__version__)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split('.')))
