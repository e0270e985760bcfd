"""What the project and the environment say about wandb."""

from __future__ import annotations

import netrc
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from synapse_hooks.errors import ConfigError, suggest

_WHERE: Final = '[tool.synapse_hooks.settings.wandb]'
_KINDS: Final = ('image', 'weights', 'table', 'file')
_MODES: Final = ('online', 'offline', 'disabled')
_NAMES: Final = ('project', 'entity', 'mode', 'artifacts', 'tags')


@dataclass(frozen=True)
class Settings:
    """The settings of the project for wandb; what it leaves out comes from the environment variables of wandb."""

    project: str = 'synapse-hooks'
    """The project in wandb."""
    entity: str = ''
    """The user or team; empty is the default one of the key."""
    mode: str = 'offline'
    """`online`, `offline` or `disabled`."""
    artifacts: tuple[str, ...] = ('image', 'table', 'file')
    """The kinds of artifacts that are logged."""
    tags: tuple[str, ...] = ()
    """Tags of the run."""

    @staticmethod
    def of(settings: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings of a run: those of the project, then those of the environment.

        Without a mode, it is `online` where there is a key, and `offline` elsewhere.

        Args:
            settings: `context.settings`.
            environ: The environment.

        Raises:
            ConfigError: A setting is unknown, or has a value of another type.

        Example:
            >>> Settings.of({'wandb': {'project': 'digits'}}, {'WANDB_API_KEY': 'x'}).mode
            'online'
        """
        table = settings.get('wandb', {})
        for name in table:
            if name not in _NAMES:
                hint = suggest(name, _NAMES) or f'known are {", ".join(_NAMES)}'
                raise ConfigError(f'{_WHERE}: unknown setting {name!r}', hint=hint)
        for name in ('project', 'entity', 'mode'):
            if not isinstance(table.get(name, ''), str):
                raise ConfigError(f'{_WHERE}: {name} must be text, got {table[name]!r}')
        mode = table.get('mode') or environ.get('WANDB_MODE') or ('online' if _has_key(environ) else 'offline')
        if mode not in _MODES:
            raise ConfigError(f'the mode of wandb must be one of {", ".join(_MODES)}, got {mode!r}')
        return Settings(
            project=table.get('project') or environ.get('WANDB_PROJECT') or Settings.project,
            entity=table.get('entity') or environ.get('WANDB_ENTITY', ''),
            mode=mode,
            artifacts=_texts(table, 'artifacts', Settings.artifacts, _KINDS),
            tags=_texts(table, 'tags', ()),
        )


def _texts(
    table: Mapping[str, Any], name: str, default: tuple[str, ...], known: tuple[str, ...] = ()
) -> tuple[str, ...]:
    value = table.get(name, list(default))
    if not isinstance(value, list) or not all(isinstance(one, str) and (not known or one in known) for one in value):
        of = f' of {", ".join(known)}' if known else ''
        raise ConfigError(f'{_WHERE}: {name} must be a list{of or " of texts"}, got {value!r}')
    return tuple(value)


def _has_key(environ: Mapping[str, str]) -> bool:
    if environ.get('WANDB_API_KEY'):
        return True
    host = urlsplit(environ.get('WANDB_BASE_URL', 'https://api.wandb.ai')).hostname or ''
    try:
        return netrc.netrc(environ.get('NETRC')).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
