"""The kinds of projects that can be made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from synapse_hooks.errors import ConfigError, suggest


@dataclass(frozen=True)
class ProjectKind:
    """A kind of project, such as `format`."""

    name: str
    """Also the name of the folder of its templates."""
    group: str
    """The entry-point group of the plugin; empty for an action, which is not a plugin."""
    suffix: str
    """The end of the name of the class: `Format`."""
    summary: str
    """What the plugin does, as the beginning of a sentence that ends with its name: `Datasets in the format`."""
    listing: str
    """The command that lists the plugin once it is installed."""
    base: str = ''
    """The class that the class extends; empty if there is none."""


KINDS: Final = {
    kind.name: kind
    for kind in (
        ProjectKind('format', 'synapse_hooks.formats', 'Format', 'The dataset format', 'formats', 'Format'),
        ProjectKind('autologger', 'synapse_hooks.autologgers', 'Autologger', 'Automatic logging of', 'autologgers'),
        ProjectKind('sink', 'synapse_hooks', 'Sink', 'Metrics of runs sent to', 'plugins'),
        ProjectKind('plugin', 'synapse_hooks', 'Plugin', 'The plugin', 'plugins'),
        ProjectKind('launcher', 'synapse_hooks.launchers', 'Launcher', 'The launcher', 'plugins', 'BaseLauncher'),
        ProjectKind('action', '', 'Action', 'The train action', '', 'BaseTrainAction'),
    )
}
"""Every kind, by its name."""

_OTHER_WORDS: Final = {
    'autolog': 'autologger',
    'converter': 'format',
    'dataset': 'format',
    'hook': 'plugin',
    'hooks': 'plugin',
    'logger': 'autologger',
    'tracker': 'sink',
    'train': 'action',
    'training': 'action',
}


def project_kind(name: str) -> ProjectKind:
    """The kind with this name.

    Raises:
        ConfigError: There is none.

    Example:
        >>> project_kind('format').group
        'synapse_hooks.formats'
        >>> project_kind('converter')
        Traceback (most recent call last):
            ...
        synapse_hooks.errors.ConfigError: there is no kind of project 'converter'; did you mean 'format'?
          → the kinds are format, autologger, sink, plugin, launcher, action
    """
    if name in KINDS:
        return KINDS[name]
    meant = _OTHER_WORDS.get(name.lower())
    near = f'did you mean {meant!r}?' if meant else suggest(name.lower(), KINDS)
    raise ConfigError(
        f'there is no kind of project {name!r}' + (f'; {near}' if near else ''),
        hint=f'the kinds are {", ".join(KINDS)}',
        field='kind',
    )
