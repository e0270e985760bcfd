"""Loading an action by its target: `module:Class`, `path/file.py:Class`, or a folder with a config.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

from synapse_hooks.actions.config import CONFIG, EXAMPLE, read_config
from synapse_hooks.actions.train import BaseTrainAction
from synapse_hooks.errors import SynapseHooksError, TargetError, suggest
from synapse_hooks.plugins.files import import_file, import_module
from synapse_hooks.safe_text import described
from synapse_hooks.storage.user_paths import working_directory

FORMS: Final = 'module:Class, path/file.py:Class, or a folder with a config.yaml'


SDK: Final = 'synapse_sdk'
"""The package of synapse-sdk, whose train actions run here with the distribution `SDK_COMPAT`."""
SDK_COMPAT: Final = 'synapse-hooks-sdk-compat'


class Target(NamedTuple):
    """An action that was named."""

    kind: type[BaseTrainAction[Any]]
    target: str
    """What was typed, in a form that works from any folder, if it is a path."""
    params: Mapping[str, Any]
    """The defaults of its config.yaml."""


def load_action(target: str, start: Path | None = None) -> Target:
    """Import the action that `target` names.

    Args:
        target: `module:Class`, `path/file.py:Class`, or a folder whose config.yaml has a train action.
        start: The folder that relative paths and modules start from; None is the working directory.

    Raises:
        TargetError: It cannot be imported, or is not an action; the reason is the `__cause__`.
    """
    start = (start or working_directory()).resolve()
    folder = start / target
    if ':' not in target and folder.is_dir():
        return _from_folder(target, folder)
    place, colon, name = target.rpartition(':')
    if not colon or not name:
        parameter = re.match(r'[A-Za-z_]\w*=', target)
        hint = f'a parameter is given as `-p {target}`, after TARGET: ' if parameter else 'give '
        raise TargetError(f'{target!r} does not name an action', hint=f'{hint}{FORMS}', target=target)
    if place.endswith('.py'):
        file = (start / place).resolve()
        return Target(_class(target, _import_file(target, file), name), f'{file}:{name}', {})
    return Target(_class(target, _import_module(target, place, start), name), target, {})


def _from_folder(target: str, folder: Path) -> Target:
    config = read_config(folder / CONFIG, target)
    module, _, name = config.entrypoint.replace(':', '.').rpartition('.')
    if not module:
        raise TargetError(
            f'{folder / CONFIG}: entrypoint {config.entrypoint!r} is not module:Class', hint=EXAMPLE, target=target
        )
    try:
        found = import_module(module, folder.resolve())
    except (Exception, SystemExit) as error:
        what = f'{folder / CONFIG}: entrypoint {config.entrypoint!r}'
        raise _not_importable(target, error, what, f'or {EXAMPLE}') from error
    kind = _class(target, found, name)
    return Target(kind, str(folder.resolve()), config.params)


def _import_module(target: str, name: str, folder: Path) -> ModuleType:
    try:
        return import_module(name, folder)
    except (Exception, SystemExit) as error:
        raise _not_importable(target, error) from error


def _import_file(target: str, file: Path) -> ModuleType:
    if not file.is_file():
        raise TargetError(f'{target!r}: there is no file {file}', hint=f'give {FORMS}', target=target)
    try:
        return import_file(file)
    except (Exception, SystemExit) as error:
        raise _not_importable(target, error) from error


def _not_importable(
    target: str, error: BaseException, what: str | None = None, others: str = f'or give {FORMS}'
) -> TargetError:
    problem = error.problem if isinstance(error, SynapseHooksError) else described(error)
    hint = f'fix it, {others}'
    if isinstance(error, ModuleNotFoundError) and error.name == SDK:
        hint = f'pip install {SDK_COMPAT}, or import from synapse_hooks'
    return TargetError(f'{what or repr(target)} cannot be imported: {problem}', hint=hint, target=target)


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ''


def _class(target: str, module: ModuleType, name: str) -> type[BaseTrainAction[Any]]:
    found = getattr(module, name, None)
    actions = [
        key
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, BaseTrainAction) and value is not BaseTrainAction
    ]
    if found is None:
        near = suggest(name, actions)
        offer = f'its actions are {", ".join(actions)}' if actions else 'it has no actions'
        raise TargetError(
            f'{target!r}: {module.__file__ or module.__name__} has no {name!r}',
            hint=' '.join(filter(None, (near, offer))),
            target=target,
        )
    if isinstance(found, type) and any(base.__module__.partition('.')[0] == SDK for base in found.__mro__):
        raise TargetError(
            f'{target!r}: {name} is a train action of synapse-sdk {_version("synapse-sdk")}',
            hint=f'import from synapse_hooks; or uninstall synapse-sdk, and install {SDK_COMPAT}',
            target=target,
        )
    if not (isinstance(found, type) and issubclass(found, BaseTrainAction)):
        raise TargetError(
            f'{target!r}: {name} is not a train action', hint='it must be a subclass of BaseTrainAction', target=target
        )
    return found
