"""Hooks and arguments of hooks that will be removed, and those that were: what a plugin uses instead.

An entry stays for good. While the hook or argument is in `hookspecs`, a plugin that uses it works, with a warning that
names the plugin and its distribution; `synapse-hooks doctor` shows it too. Afterwards the entry explains the error.
docs/compatibility.md says how long the first part takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Deprecation:
    """A hook, or an argument of one, that will be removed or was.

    Example:
        >>> print(Deprecation('convert', 'folder', 'use `context.output_dir`', since='0.2', until='0.4'))
        the argument 'folder' of the hook 'convert' is deprecated since synapse-hooks 0.2 and is removed in 0.4: use \
`context.output_dir`
    """

    hook: str
    """The name of the hook."""
    argument: str | None
    """The name of the argument; None for the whole hook."""
    instead: str
    """What to do, as an imperative: `use ...`."""
    since: str
    """The version of synapse-hooks that warns first."""
    until: str
    """The version of synapse-hooks that does not have it any more."""

    def __str__(self) -> str:
        return (
            f'{self.what} is deprecated since synapse-hooks {self.since} and is removed in {self.until}: {self.instead}'
        )

    @property
    def what(self) -> str:
        """What is deprecated, for a sentence."""
        return (
            f'the hook {self.hook!r}'
            if self.argument is None
            else f'the argument {self.argument!r} of the hook {self.hook!r}'
        )

    @property
    def removal(self) -> str:
        """The explanation once it is removed: a part of a sentence."""
        return f'it was removed in synapse-hooks {self.until}: {self.instead}'


DEPRECATIONS: Final[tuple[Deprecation, ...]] = ()
"""All of them, the oldest first."""


def deprecation(hook: str, argument: str | None = None) -> Deprecation | None:
    """The entry for a hook, or for an argument of it; None if there is none."""
    return next((entry for entry in DEPRECATIONS if (entry.hook, entry.argument) == (hook, argument)), None)


def deprecated_uses(hook: str, arguments: Iterable[str]) -> Iterator[Deprecation]:
    """The entries that are about a function which answers `hook` and takes `arguments`."""
    names = set(arguments)
    for entry in DEPRECATIONS:
        if entry.hook == hook and (entry.argument is None or entry.argument in names):
            yield entry
