"""A description of the parameters of an action: name, type, default, meaning, constraints."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from contextlib import suppress
from itertools import pairwise
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

_WORDS: Final = {
    'ge': 'at least',
    'gt': 'more than',
    'le': 'at most',
    'lt': 'less than',
    'multiple_of': 'a multiple of',
    'min_length': 'length at least',
    'max_length': 'length at most',
    'pattern': 'must match',
}


def described_params(model: type[BaseModel]) -> list[dict[str, Any]]:
    """Every parameter of a model, as `{name, type, required, default, description, constraints}`, its own first.

    The description is that of `Field(description=...)`, else the docstring below the field.

    Example:
        >>> from pydantic import Field
        >>> from synapse_hooks import BaseTrainParams
        >>> class Params(BaseTrainParams):
        ...     epochs: int = Field(default=10, ge=1, description='passes over the data')
        >>> described_params(Params)[0]['constraints'], described_params(Params)[1]['name']
        (['at least 1'], 'dataset')
    """
    documented = _docstrings(model)
    own = [name for name in model.model_fields if name in vars(model).get('__annotations__', {})]
    names = [*own, *(name for name in model.model_fields if name not in own)]
    return [_described(name, model.model_fields[name], documented.get(name)) for name in names]


def _described(name: str, field: FieldInfo, docstring: str | None) -> dict[str, Any]:
    default = None if field.default is PydanticUndefined else field.default
    return {
        'name': field.alias or name,
        'type': _type(field.annotation),
        'required': field.is_required(),
        'default': default if isinstance(default, str | int | float | bool | None) else str(default),
        'description': field.description or docstring,
        'constraints': [sentence for rule in field.metadata for sentence in _constraints(rule)],
    }


def _type(annotation: Any) -> str:
    """`int | str`, without the modules that the names come from and without None."""
    text = (
        annotation.__name__ if isinstance(annotation, type) and not hasattr(annotation, '__args__') else str(annotation)
    )
    text = re.sub(r'\b(?:\w+\.)+(?=\w)', '', text)
    optional = re.fullmatch(r'Optional\[(.*)\]', text)
    text = optional[1] if optional else text
    return re.sub(r' \| None\b|\bNone \| |, None(?=\])', '', text)


def _constraints(rule: Any) -> list[str]:
    values = getattr(rule, '__dict__', None) or {
        name: getattr(rule, name) for name in getattr(rule, '__slots__', ()) if hasattr(rule, name)
    }
    return [f'{_WORDS[name]} {value}' for name, value in values.items() if name in _WORDS and value is not None]


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        # A class that was typed into an interpreter has no source.
        with suppress(OSError, TypeError, SyntaxError, IndexError):
            body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
            found.update(_below_fields(body.body if isinstance(body, ast.ClassDef) else []))
    return found


def _below_fields(body: list[ast.stmt]) -> dict[str, str]:
    found = {}
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            text = below.value.value if isinstance(below.value, ast.Constant) else None
            if isinstance(text, str):
                found[field.target.id] = ' '.join(text.split())
    return found
