"""Paths that depend on the user and the process: the working directory, `~`, cache, workspace. Any may not exist."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from synapse_hooks.errors import ConfigError

if TYPE_CHECKING:
    from platformdirs import PlatformDirs


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

    Args:
        env: The environment variables.

    Raises:
        ConfigError: There is no home directory to find it in.

    Example:
        >>> default_cache({'SYNAPSE_HOOKS_CACHE': '/data/cache'}).as_posix()
        '/data/cache'
    """
    return _user_folder(
        env, 'SYNAPSE_HOOKS_CACHE', 'cache', 'set SYNAPSE_HOOKS_CACHE', lambda dirs: dirs.user_cache_path
    )


def default_root(env: Mapping[str, str] = os.environ) -> Path:
    """The folder of the workspace where none is given: `SYNAPSE_WORKSPACE`, else one in the platform's user data.

    Raises:
        ConfigError: There is no home directory to find it in.

    Example:
        >>> default_root({'SYNAPSE_WORKSPACE': '/data/synapse'}).as_posix()
        '/data/synapse'
    """
    hint = 'set SYNAPSE_WORKSPACE, or give --workspace DIR'
    return _user_folder(env, 'SYNAPSE_WORKSPACE', 'workspace', hint, lambda dirs: dirs.user_data_path / 'workspace')


def _user_folder(
    env: Mapping[str, str], variable: str, what: str, hint: str, find: Callable[[PlatformDirs], Path]
) -> Path:
    """The folder that an environment variable names, else the one that `find` finds among those of the platform."""
    if chosen := env.get(variable):
        return absolute(chosen, variable)
    from platformdirs import PlatformDirs

    try:
        return find(PlatformDirs('synapse-hooks', appauthor=False))
    except RuntimeError as error:
        raise ConfigError(f'there is no folder for the {what}: {error}', hint=hint) from error
