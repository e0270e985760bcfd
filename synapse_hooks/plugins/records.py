"""The record of one plugin: where it comes from, whether it may take part, and why not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

Kind = Literal['plugin', 'format', 'autologger', 'executor', 'launcher']
Rank = Literal['action', 'project', 'installed', 'built-in']
"""How near a plugin is; the nearest is called first."""
State = Literal['active', 'available', 'blocked', 'broken', 'incompatible']
"""`available`: may take part, but is imported only when it is selected by name."""

RANKS: tuple[Rank, ...] = ('action', 'project', 'installed', 'built-in')


class PluginWarning(UserWarning):
    """Something is wrong with a plugin; the run continues, without the plugin where it cannot be used."""


@lru_cache(maxsize=4096)
def normalize(name: str) -> str:
    """A plugin's or distribution's name in the form in which names are compared.

    Example:
        >>> normalize('Acme_VOC')
        'acme-voc'
    """
    return re.sub(r'[-_.]+', '-', name).lower()


@dataclass(eq=False)
class Plugin:
    """One plugin: a record that exists before, and whether or not, anything is imported."""

    name: str
    """The entry point's name (for a format, the format), the string written in pyproject.toml, or the action's name."""
    kind: Kind
    rank: Rank
    target: str
    """What to import: `module`, `module:attribute` or a file."""
    distribution: str | None = None
    version: str | None = None
    state: State = 'available'
    reason: str = ''
    """Why it does not take part: one or more sentences."""
    fix: str = ''
    """What to write to allow a plugin that is blocked because the project does not list it."""
    requires: str = ''
    """Which synapse-hooks its distribution requires, where that is not this one: `>=2`."""
    hooks: tuple[str, ...] = ()
    deprecated: tuple[str, ...] = ()
    """What it uses that will be removed: sentences."""
    path: str | None = None
    """The file it was imported from."""
    import_ms: float | None = None
    """What importing it took, in milliseconds; None where it was not imported (or came with its importer)."""
    error: BaseException | None = field(default=None, repr=False)
    """What went wrong, for `broken`."""
    loaded: object = field(default=None, repr=False)
    """The module or instance behind it, once it is imported."""
    is_made: bool = False
    """Whether `loaded` was made here, of a class."""

    @property
    def who(self) -> str:
        """The plugin and its origin, for a sentence: `acme-voc 0.4 (plugin 'voc')`."""
        if self.rank == 'action':
            return f'the action {self.name!r}'
        if self.distribution is None:
            return f'the project (plugin {self.name!r})'
        return f'{self.distribution} {self.version} (plugin {self.name!r})'

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled, such as with an error that it raised: what was imported is for this process."""
        return vars(self) | {'error': None, 'loaded': None}

    def named(self, names: set[str]) -> bool:
        """Whether one of the normalized `names` means this plugin or its distribution."""
        own = {normalize(self.name)}
        if self.distribution is not None:
            own.add(normalize(self.distribution))
        return bool(own & names)

    def to_dict(self) -> dict[str, Any]:
        """Everything a listing shows, as JSON values."""
        return {
            'name': self.name,
            'kind': self.kind,
            'rank': self.rank,
            'state': self.state,
            'reason': self.reason or None,
            'fix': self.fix or None,
            'distribution': self.distribution,
            'version': self.version,
            'hooks': list(self.hooks),
            'deprecated': list(self.deprecated),
            'target': self.target,
            'path': self.path,
            'import_ms': None if self.import_ms is None else round(self.import_ms, 2),
        }
