"""The parameters of a training: what every action understands, and how a backend's form becomes flat."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator, model_validator

from synapse_hooks.errors import ParamsError, suggest
from synapse_hooks.safe_text import repr_of

P = TypeVar('P', bound='BaseTrainParams')
LARGEST: Final = (1 << 63) - 1
"""The largest integer that databases and JSON readers keep exactly."""


class BaseTrainParams(BaseModel):
    """What every train action understands. Subclasses add their own parameters, or narrow these.

    A backend sends tunable values inside `hyperparameters`; they are lifted to the top, where a value that is already
    there wins.

    Example:
        >>> class TrainParams(BaseTrainParams):
        ...     epochs: int = 100
        >>> TrainParams.model_validate({'dataset': 176, 'hyperparameters': [{'epochs': 10}]}).epochs
        10
    """

    model_config = ConfigDict(extra='ignore', arbitrary_types_allowed=True)

    dataset: int | str | None = None
    """The dataset to export: its id, or its name."""
    splits: dict[str, Any] | None = None
    """Which splits to export, or into which fractions to split a dataset that has none (`{'train': 0.9, ...}`)."""
    checkpoint: int | str | None = None
    """The model to start from: its id, or its name."""
    data_path: Path | None = None
    """Data that are here already, instead of `dataset`: nothing is exported and nothing converted."""
    target_task: str | None = None
    """What a target format of several tasks is written for: `detect`, `segment`, ... for yolo."""
    crowds: str | None = None
    """How crowd regions are converted (COCO's `iscrowd`): `keep`, or `objects` to take them as objects."""
    unreadable: str | float | None = None
    """What to do about items that cannot be read: `skip`, `fail`, or the share that is tolerated (0.01)."""

    @model_validator(mode='before')
    @classmethod
    def _flatten(cls, values: Any) -> Any:
        return flatten(values) if isinstance(values, Mapping) else values

    @field_validator('*', mode='before')
    @classmethod
    def _number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name in cls.model_fields:
            kinds = _kinds(cls.model_fields[info.field_name].annotation)
            # YAML reads yes, no, on and off as truth values, and pydantic takes them for 1 and 0.
            if kinds & {int, float} and bool not in kinds:
                raise ValueError(
                    'must be a number or a name, not a truth value' if str in kinds else 'must be a number'
                )
        if _is_too_large(value):
            raise ValueError(f'a whole number must be between -{LARGEST} and {LARGEST}')
        return value


def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
    """A backend's parameters with the first of `hyperparameters` lifted to the top level.

    Raises:
        ParamsError: A search (`is_tune`) is requested, or `hyperparameters` is not a list of mappings.
    """
    flat = dict(values)
    if flat.pop('is_tune', False):
        raise ParamsError(
            'is_tune: this is a search over hyperparameters, and a run trains once',
            hint='`synapse-hooks train` and `tune` search, after `pip install "synapse-hooks-ray[tune]"`; '
            'in Python, use `search_params` and `RuntimeContext(search=...)`; to train once, set is_tune to false',
            faults=[{'field': 'is_tune', 'value': True, 'rule': 'must be false'}],
        )
    nested = flat.pop('hyperparameters', None)
    if not nested:
        return flat
    if not isinstance(nested, list) or not isinstance(nested[0], Mapping):
        raise ParamsError(
            f'hyperparameters: {nested!r} is not a list of mappings',
            hint='send [{"epochs": 10}]',
            faults=[{'field': 'hyperparameters', 'value': nested, 'rule': 'a list of mappings'}],
        )
    return {**nested[0], **flat}


def validated(model: type[P], values: Mapping[str, Any], *, strict: bool = False) -> P:
    """Parameters as an instance of their model.

    Args:
        model: The action's parameters.
        values: As a backend, a file or a command line gives them.
        strict: Refuse names that the model does not have, instead of a warning.

    Raises:
        ParamsError: Every fault, with field, value and rule.
    """
    if not isinstance(values, Mapping):
        raise ParamsError(f'{model.__name__}: {values!r} is not a mapping of names to values', hint=_known(model))
    flat = flatten(values)
    if strict:
        known(model, flat)
    for sentence in _unknown(model, flat):
        warnings.warn(f'{model.__name__}: {sentence}; it is ignored', stacklevel=3)
    try:
        return model.model_validate(flat)
    except ValidationError as error:
        faults = [
            {
                'field': '.'.join(map(str, fault['loc'])) or 'params',
                'value': _value(fault),
                'rule': fault['msg'].removeprefix('Value error, '),
            }
            for fault in error.errors()
        ]
        lines = [
            f'{fault["field"]}: {fault["rule"]}'
            + ('' if fault['value'] is _MISSING else f', and it is {repr_of(fault["value"])}')
            for fault in faults
        ]
        for fault in faults:
            fault['value'] = None if fault['value'] is _MISSING else fault['value']
        raise ParamsError(
            f'{model.__name__}: {"; ".join(lines)}',
            hint=f'change them with `-p NAME=VALUE`; {_known(model)}',
            faults=faults,
        ) from error


def _kinds(annotation: Any) -> set[Any]:
    """The types that an annotation is made of: those of a union, and of what `Annotated` adds to."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*map(_kinds, get_args(annotation)))
    return {annotation}


def _is_too_large(value: Any) -> bool:
    if isinstance(value, int):
        return abs(value) > LARGEST
    if isinstance(value, Mapping):
        return any(map(_is_too_large, value.values()))
    return isinstance(value, list | tuple) and any(map(_is_too_large, value))


def known(model: type[BaseModel], values: Mapping[str, Any]) -> None:
    """Refuse names that the model does not have.

    Raises:
        ParamsError: It has a near name, or all that there are.
    """
    unknown = _unknown(model, values)
    if unknown:
        raise ParamsError(f'{model.__name__}: {"; ".join(unknown)}', hint=_known(model))


_MISSING = object()


def _value(fault: Any) -> Any:
    return _MISSING if fault['type'] == 'missing' else fault.get('input')


def _names(model: type[BaseModel]) -> list[str]:
    aliases = [field.alias for field in model.model_fields.values() if field.alias]
    return [*model.model_fields, *aliases]


def _known(model: type[BaseModel]) -> str:
    return f'the parameters are {", ".join(model.model_fields)}'


def _unknown(model: type[BaseModel], values: Mapping[str, Any]) -> list[str]:
    if model.model_config.get('extra') in ('allow', 'forbid'):
        return []
    names = _names(model)
    sentences = []
    for name in values:
        if name not in names:
            near = suggest(name, names)
            sentences.append(f'there is no parameter {name!r}{f"; {near}" if near else ""}')
    return sentences
