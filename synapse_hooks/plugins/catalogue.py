"""Formats, autologgers and executors by name: one of them is selected, or an error says why none can be.

Five failures stay apart: no plugin has the name, a setting blocks it, it is broken, it was written for another version,
or two distributions have it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from synapse_hooks.errors import (
    PluginAmbiguous,
    PluginBlocked,
    PluginMissing,
    SelectionError,
    suggest,
)
from synapse_hooks.plugins.adapter import HookAdapter
from synapse_hooks.plugins.blame import Trail
from synapse_hooks.plugins.discovery import DISTRIBUTION
from synapse_hooks.plugins.known import KNOWN
from synapse_hooks.plugins.loading import load
from synapse_hooks.plugins.records import Kind, Plugin, normalize

_COMMANDS: Final[dict[Kind, str]] = {
    'format': 'formats',
    'autologger': 'autologgers',
    'executor': 'plugins',
    'launcher': 'plugins',
}
"""The command that lists them."""


class Catalogue:
    """The plugins of one kind that are imported only when they are selected by name.

    Args:
        kind: `format`, `autologger` or `executor`.
        plugins: Their records; those that a setting blocks have the state `blocked`.
        pins: Name to distribution, for names that two distributions provide.
        trail: Where the run notes who answered.
    """

    def __init__(self, kind: Kind, plugins: Sequence[Plugin], pins: Mapping[str, str], trail: Trail) -> None:
        self.kind = kind
        self.plugins = plugins
        self._pins = {normalize(name): distribution for name, distribution in pins.items()}
        self._trail = trail
        self._by_name: dict[str, list[Plugin]] = {}
        for plugin in plugins:
            self._by_name.setdefault(normalize(plugin.name), []).append(plugin)
        self._adapters: dict[int, HookAdapter] = {}

    def select(self, name: str) -> Plugin | None:
        """The one plugin for `name`; None where no plugin here has the name.

        Raises:
            PluginBlocked, PluginIncompatible, PluginAmbiguous: There are some, but none may be used.
        """
        same = self._by_name.get(normalize(str(name)), ())
        pin = self._pins.get(normalize(str(name)))
        if pin is not None and same:
            return self._pinned(name, same, pin)
        usable = [plugin for plugin in same if plugin.state not in ('blocked', 'incompatible')]
        if len(usable) > 1:
            raise self._ambiguous(name, usable)
        if usable:
            return usable[0]
        return self._usable(same[0]) if same else None

    def adapter(self, plugin: Plugin) -> HookAdapter:
        """The plugin's hook functions, imported on the first call.

        Raises:
            PluginBroken, PluginIncompatible: It cannot be used.
        """
        key = id(plugin)
        if key not in self._adapters:
            functions = load(plugin)
            plugin.state = 'active'
            self._adapters[key] = HookAdapter(plugin, functions, self._trail)
        return self._adapters[key]

    def may_answer(self, plugin: Plugin) -> bool:
        """Whether the plugin can be selected by its name, now or once it is pinned."""
        if plugin.state not in ('available', 'active'):
            return False
        try:
            return self.select(plugin.name) is plugin
        except PluginAmbiguous:
            return True
        except SelectionError:
            return False

    def check(self, plugin: Plugin, hook: str) -> None:
        """Import the plugin, and fail where it cannot answer `hook`.

        Raises:
            PluginBroken, PluginIncompatible: It cannot be used.
            PluginMissing: It does other things only: a format may be written and not read, or read and not written.
        """
        if self.adapter(plugin).function(hook) is None:
            lacks = {'convert': 'cannot be written', 'open_dataset': 'cannot be read'}.get(hook, 'cannot be used')
            raise PluginMissing(
                f'the {self.kind} {plugin.name!r} of {plugin.who} {lacks}: it does not answer {hook!r}',
                hint=f'choose another {self.kind}: `synapse-hooks {_COMMANDS[self.kind]}` lists them',
                kind=self.kind,
                name=plugin.name,
                distribution=plugin.distribution,
            )

    def unanswered(self, name: str, hook: str) -> SelectionError:
        """The error for a name that no plugin answered `hook` for."""
        plugin = self.select(name)
        if plugin is None:
            return self.missing(name)
        try:
            self.check(plugin, hook)
        except PluginMissing as error:
            return error
        return PluginMissing(
            f'{plugin.who} declined: it returned None from {hook!r}',
            hint=f'it must answer for the name {plugin.name!r}; report it to its author',
            kind=self.kind,
            name=plugin.name,
            distribution=plugin.distribution,
        )

    def missing(self, name: str, others: Sequence[str] = ()) -> SelectionError:
        """The error for a name that no plugin has; `others` are names that plugins of other kinds answer to."""
        own = (plugin.name for plugin in self.plugins if plugin.state in ('available', 'active'))
        available = sorted({*own, *others})
        near = suggest(name, available)
        return PluginMissing(
            f'there is no {self.kind} {name!r}; there are: {", ".join(available) or "none"}',
            hint=f'{f"{near} " if near else ""}`synapse-hooks {_COMMANDS[self.kind]}` lists them; {self._source(name)}',
            kind=self.kind,
            name=name,
            available=available,
        )

    def _source(self, name: str) -> str:
        """Where a plugin that is not installed can be had."""
        known = KNOWN.get(self.kind, {}).get(normalize(str(name)))
        return f'`pip install {known}` adds it' if known else 'others come with pip install'

    def _usable(self, plugin: Plugin) -> Plugin:
        if plugin.state == 'blocked':
            by_only = plugin.reason.startswith(('--only', 'SYNAPSE_HOOKS_ONLY', '`only`'))
            raise PluginBlocked(
                f'the {self.kind} {plugin.name!r} of {plugin.who} is blocked by {plugin.reason}',
                hint=plugin.fix or (f'add it to {plugin.reason}' if by_only else f'take it out of {plugin.reason}'),
                kind=self.kind,
                name=plugin.name,
                setting=plugin.reason,
            )
        if plugin.state == 'incompatible':
            load(plugin)
        return plugin

    def _pinned(self, name: str, same: Sequence[Plugin], pin: str) -> Plugin:
        for plugin in same:
            if normalize(plugin.distribution or '') == normalize(pin):
                return self._usable(plugin)
        raise PluginMissing(
            f'{name!r} is pinned to the distribution {pin!r}, which does not provide it; '
            f'{", ".join(str(plugin.distribution) for plugin in same)} does',
            hint=f'change `pin.{self.kind}s.{name}` in pyproject.toml',
            kind=self.kind,
            name=name,
            available=[plugin.distribution for plugin in same],
        )

    def _ambiguous(self, name: str, usable: Sequence[Plugin]) -> PluginAmbiguous:
        candidates = [f'{plugin.distribution} {plugin.version}' for plugin in usable]
        # A newcomer wins over the built-in one in the example, as that is why it was installed.
        choice = next((plugin for plugin in usable if plugin.distribution != DISTRIBUTION), usable[0])
        return PluginAmbiguous(
            f'the {self.kind} {name!r} is provided by {" and ".join(candidates)}',
            hint='pin one in pyproject.toml: [tool.synapse_hooks] '
            f'pin.{self.kind}s.{_key(choice.name)} = "{choice.distribution}"',
            kind=self.kind,
            name=name,
            candidates=candidates,
        )


def _key(name: str) -> str:
    """A name as a TOML key, quoted where TOML requires it."""
    return name if re.fullmatch(r'[A-Za-z0-9_-]+', name) else f'"{name}"'
