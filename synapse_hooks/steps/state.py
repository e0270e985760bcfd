"""The state of a context that the next process of the run needs, as JSON values in run.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from synapse_hooks.context import TrainContext
from synapse_hooks.journal.values import encode
from synapse_hooks.storage import relocate

_PLAIN: Final = ('model_path', 'model', 'values')
PATHS_OF: Final = {'dataset': ('path', 'config_path'), 'checkpoint': ('path', 'weights')}
"""What of the context is a dict with paths, and which of its values they are."""


def plain(value: object) -> Any:
    """`value` as JSON values; what has no JSON form becomes its nearest one, at worst its repr."""
    return msgspec.json.decode(encode(value))


def snapshot(context: TrainContext) -> dict[str, Any]:
    """What later steps need of the context, as JSON values."""
    kept = {name: plain(getattr(context, name)) for name in (*_PLAIN, *PATHS_OF)}
    kept['data_path'] = None if context.data_path is None else str(context.data_path)
    kept['result'] = plain(context.result)
    return kept


def restore(context: TrainContext, kept: Mapping[str, Any], as_result: Callable[[Any], Any]) -> None:
    """Put a snapshot back into a context.

    Args:
        context: The run that is resumed.
        kept: What `snapshot` returned, perhaps in another process.
        as_result: Makes the action's result out of its JSON values.
    """
    for name in _PLAIN:
        setattr(context, name, kept.get(name))
    context.values = context.values or {}
    for name, paths in PATHS_OF.items():
        value = kept.get(name)
        if isinstance(value, dict):
            value = {key: Path(item) if key in paths and item is not None else item for key, item in value.items()}
        setattr(context, name, value)
    context.data_path = None if kept.get('data_path') is None else Path(kept['data_path'])
    context.result = as_result(kept.get('result'))


def follow_context(context: TrainContext, old: Path, new: Path) -> None:
    """Change every path of the context that leads into a folder which was moved."""
    for name in (*_PLAIN, *PATHS_OF, 'data_path', 'result'):
        setattr(context, name, relocate(getattr(context, name), old, new))
