"""Paths that depend on the user and the process: the working directory, `~`, the cache. Any of them may not exist."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from synapse_hooks.errors import ConfigError


def working_directory() -> Path:
    """The working directory.

    Raises:
        ConfigError: It does not exist any more.
    """
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigError(
            f'the working directory cannot be used: {(error.strerror or str(error)).lower()}',
            hint='`cd` to a folder that exists',
        ) from error


def absolute(path: str | os.PathLike[str], setting: str) -> Path:
    """A path that a user gave, with `~` expanded, as an absolute one.

    Args:
        path: As it was given.
        setting: The option or variable to change, for messages.

    Raises:
        ConfigError: There is no such home, or no working directory.

    Example:
        >>> absolute('~no-such-user/data', '--workspace')
        Traceback (most recent call last):
            ...
        synapse_hooks.errors.ConfigError: ~no-such-user/data begins with a home directory that cannot be determined
          → give an absolute path: --workspace
    """
    try:
        expanded = Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f'{os.fspath(path)} begins with a home directory that cannot be determined',
            hint=f'give an absolute path: {setting}',
        ) from error
    return expanded if expanded.is_absolute() else working_directory() / expanded


def default_cache(env: Mapping[str, str] = os.environ) -> Path:
    """The folder of the cache: `SYNAPSE_HOOKS_CACHE`, else one in the platform's folder for caches.

    Raises:
        ConfigError: There is no home directory to find it in.

    Example:
        >>> default_cache({'SYNAPSE_HOOKS_CACHE': '/data/cache'}).as_posix()
        '/data/cache'
    """
    if chosen := env.get('SYNAPSE_HOOKS_CACHE'):
        return absolute(chosen, 'SYNAPSE_HOOKS_CACHE')
    from platformdirs import user_cache_path

    try:
        return user_cache_path('synapse-hooks', appauthor=False)
    except RuntimeError as error:
        raise ConfigError(f'there is no folder for the cache: {error}', hint='set SYNAPSE_HOOKS_CACHE') from error
