"""The config.yaml of a folder that holds an action.

name: digits                 # the name under which a platform shows the plugin; optional
actions:
  train:
    entrypoint: train:TrainAction
    description: find digits
    params: {epochs: 20}     # defaults; -p and --params override them
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from synapse_hooks.errors import TargetError, suggest
from synapse_hooks.safe_text import repr_of
from synapse_hooks.storage import read_yaml

CONFIG: Final = 'config.yaml'
EXAMPLE: Final = 'write actions: {train: {entrypoint: "module:Class"}} into it'
_TOP: Final = (
    *('actions', 'category', 'code', 'data_type', 'dependencies', 'description', 'env', 'name', 'package_manager'),
    *('readme', 'requires', 'tasks', 'version'),
)
_TRAIN: Final = ('entrypoint', 'params', 'description', 'method', 'hyperparameters')


@dataclass(frozen=True)
class Config:
    """The settings of the train action in a config.yaml."""

    entrypoint: str
    params: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of parameters."""


def read_config(file: Path, target: str) -> Config:
    """Read a config.yaml.

    Args:
        file: The file.
        target: What was typed, for errors.

    Raises:
        TargetError: It cannot be read, holds a key that there is not, or names no train action.
    """
    try:
        document = read_yaml(file)
    except ValueError as error:
        raise TargetError(f'{file} cannot be read as YAML: {error}', hint='correct the file', target=target) from error
    except OSError as error:
        raise TargetError(
            f'{file} cannot be read: {error.strerror}',
            hint='give module:Class, path/file.py:Class, or a folder with a config.yaml',
            target=target,
        ) from error
    top = _mapping(document, file, 'the file', target)
    _check_keys(top, _TOP, file, target)
    actions = _mapping(top.get('actions', {}), file, 'actions', target)
    if 'train' not in actions:
        near = suggest('train', map(str, actions))
        raise TargetError(f'{file} has no train action', hint=f'{near} {EXAMPLE}'.strip(), target=target)
    train = _mapping(actions['train'], file, 'actions.train', target)
    _check_keys(train, _TRAIN, file, target, 'actions.train.')
    entrypoint = train.get('entrypoint')
    if not isinstance(entrypoint, str):
        raise TargetError(
            f'{file}: actions.train.entrypoint must be text, got {repr_of(entrypoint)}', hint=EXAMPLE, target=target
        )
    return Config(entrypoint, _mapping(train.get('params') or {}, file, 'actions.train.params', target))


def _mapping(value: Any, file: Path, what: str, target: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TargetError(
            f'{file}: {what} must be a mapping of names, got {repr_of(value)}', hint=EXAMPLE, target=target
        )
    return value


def _check_keys(found: Mapping[str, Any], known: Iterable[str], file: Path, target: str, where: str = '') -> None:
    for key in found:
        if key not in known:
            near = suggest(key, known)
            raise TargetError(
                f'{file}: there is no key {where}{key}',
                hint=' '.join(filter(None, (near, f'the keys are {", ".join(known)}'))),
                target=target,
                field=f'{where}{key}',
            )
