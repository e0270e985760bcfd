"""What a run must remember of its context from one process to the next, as JSON values in run.json."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import msgspec

from synapse_hooks.context import TrainContext
from synapse_hooks.journal.values import encode

if TYPE_CHECKING:
    from pydantic import BaseModel
_PLAIN: Final = ('model_path', 'model', 'values')
_PATHS_OF: Final = {'dataset': ('path', 'config_path'), 'checkpoint': ('path',)}


def plain(value: Any) -> Any:
    """`value` as JSON values; what has no JSON form becomes its nearest one, at worst its repr."""
    return msgspec.json.decode(encode(value))


def snapshot(context: TrainContext) -> dict[str, Any]:
    """What later steps need of the context, as JSON values."""
    kept = {name: plain(getattr(context, name)) for name in (*_PLAIN, *_PATHS_OF)}
    kept['data_path'] = None if context.data_path is None else str(context.data_path)
    kept['result'] = plain(context.result)
    return kept


def restore(context: TrainContext, kept: Mapping[str, Any], as_result: Callable[[Any], Any]) -> None:
    """Put a snapshot back into a context.

    Args:
        context: The run that goes on.
        kept: What `snapshot` returned, perhaps in another process.
        as_result: Makes the action's result out of its JSON values.
    """
    for name in _PLAIN:
        setattr(context, name, kept.get(name))
    context.values = context.values or {}
    for name, paths in _PATHS_OF.items():
        value = kept.get(name)
        if isinstance(value, dict):
            value = {key: Path(item) if key in paths and item is not None else item for key, item in value.items()}
        setattr(context, name, value)
    context.data_path = None if kept.get('data_path') is None else Path(kept['data_path'])
    context.result = as_result(kept.get('result'))


def follow(value: Any, old: Path, new: Path) -> Any:
    """`value` with every path below `old`, however deep inside, below `new` instead.

    Example:
        >>> follow({'path': Path('/tmp/a/x'), 'n': 1}, Path('/tmp/a'), Path('/tmp/b'))
        {'path': PosixPath('/tmp/b/x'), 'n': 1}
    """
    if isinstance(value, Path):
        return new / value.relative_to(old) if value.is_relative_to(old) else value
    if isinstance(value, str):
        prefix = str(old)
        if value == prefix or value.startswith(f'{prefix}/'):
            return f'{new}{value[len(prefix) :]}'
        return value
    if isinstance(value, dict):
        return {key: follow(item, old, new) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(follow(item, old, new) for item in value)
    if _is_model(value):
        changed = {name: follow(getattr(value, name), old, new) for name in type(value).model_fields}
        return value.model_copy(update=changed)
    return value


def _is_model(value: Any) -> TypeGuard[BaseModel]:
    # A conversion has no models, and shall not import pydantic to see that. Whoever made one has imported it.
    pydantic = sys.modules.get('pydantic')
    return pydantic is not None and isinstance(value, pydantic.BaseModel)


def follow_context(context: TrainContext, old: Path, new: Path) -> None:
    """Let every path that the context holds move with a folder."""
    for name in (*_PLAIN, *_PATHS_OF, 'data_path', 'result'):
        setattr(context, name, follow(getattr(context, name), old, new))
