"""Rewriting paths that lead into a folder which was moved."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from pydantic import BaseModel


def relocate(value: Any, old: Path, new: Path) -> Any:
    """`value` with every path below `old`, at any depth of nesting, below `new` instead.

    Example:
        >>> relocate({'path': Path('/tmp/a/x'), 'n': 1}, Path('/tmp/a'), Path('/tmp/b'))
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
        return {key: relocate(item, old, new) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(relocate(item, old, new) for item in value)
    if _is_model(value):
        changed = {name: relocate(getattr(value, name), old, new) for name in type(value).model_fields}
        return value.model_copy(update=changed)
    return value


def _is_model(value: Any) -> TypeGuard[BaseModel]:
    # A conversion has no models, and must not import pydantic for this check. Code that made one has imported it.
    pydantic = sys.modules.get('pydantic')
    return pydantic is not None and isinstance(value, pydantic.BaseModel)
