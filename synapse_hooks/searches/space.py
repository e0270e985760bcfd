"""The space of a search: a parameter has one of the 12 types that a backend knows, and its own fields.

    choice, grid_search     options: a list; grid_search tries each of them
    uniform                 min, max
    quniform                min, max, q: multiples of q
    loguniform              min, max, base (10): uniform on a logarithmic scale
    qloguniform             min, max, base, q
    randn, qrandn           mean (0), sd (1); q
    randint, lograndint     min, max (which is excluded), base
    qrandint, qlograndint   min, max (which is included), q, base

`q` is 1 where it is not given, and may be called `step`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from synapse_hooks.errors import suggest
from synapse_hooks.safe_text import text_of
from synapse_hooks.searches.faults import Faults

_RANGE: Final = ('min', 'max')
TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    'choice': ('options',),
    'uniform': _RANGE,
    'quniform': (*_RANGE, 'q'),
    'loguniform': (*_RANGE, 'base'),
    'qloguniform': (*_RANGE, 'base', 'q'),
    'randn': ('mean', 'sd'),
    'qrandn': ('mean', 'sd', 'q'),
    'randint': _RANGE,
    'qrandint': (*_RANGE, 'q'),
    'lograndint': (*_RANGE, 'base'),
    'qlograndint': (*_RANGE, 'base', 'q'),
    'grid_search': ('options',),
}
"""The types of parameters, with the fields of each."""
_DEFAULTS: Final = {'base': 10, 'q': 1, 'mean': 0, 'sd': 1}
_LARGEST: Final = (1 << 63) - 1
Number = int | float


@dataclass(frozen=True)
class SearchParam:
    """A parameter that is searched. Fields that its type does not have are None.

    Example:
        >>> SearchParam('epochs', 'randint', min=5, max=10).to_dict()
        {'name': 'epochs', 'type': 'randint', 'min': 5, 'max': 10}
    """

    name: str
    """The name of the parameter of the action."""
    type: str
    """One of `TYPES`."""
    options: tuple[Any, ...] | None = None
    """The values of `choice` and `grid_search`, as JSON values."""
    min: Number | None = None
    """The smallest value."""
    max: Number | None = None
    """The largest value; integers without `q` stay below it."""
    base: Number | None = None
    """Of the logarithm."""
    q: Number | None = None
    """Values are multiples of it."""
    mean: Number | None = None
    """Of the normal distribution."""
    sd: Number | None = None
    """The standard deviation of the normal distribution."""

    @property
    def is_integer(self) -> bool:
        """Whether its values are integers."""
        return self.type.endswith('randint')

    @property
    def examples(self) -> list[tuple[str, Any]]:
        """Values that a trial may get, each with the field that it comes from, to be checked before there are trials.

        Example:
            >>> SearchParam('batch', 'qrandint', min=4, max=16, q=4).examples
            [('min', 4), ('max', 16), ('q', 8)]
        """
        if self.options is not None:
            return [(f'options[{place}]', value) for place, value in enumerate(self.options)]
        if self.min is None or self.max is None:
            mean = self.mean or 0
            return [('mean', mean if self.q is None else round(mean / self.q) * self.q)]
        if self.q is not None:
            return [('min', self.min), ('max', self.max), ('q', min(self.min + self.q, self.max))]
        if self.is_integer:
            return [('min', self.min), ('max', self.max - 1)]
        # Not a whole number, in case that an integer is expected.
        return [('min', self.min), ('max', self.max), ('type', self.min + (self.max - self.min) / math.pi)]

    def to_dict(self) -> dict[str, Any]:
        """The form in which a backend sends it."""
        values = {name: getattr(self, name) for name in TYPES[self.type]}
        if self.options is not None:
            values['options'] = list(self.options)
        return {'name': self.name, 'type': self.type, **values}


def space_of(form: Any, faults: Faults, field: str = 'hyperparameters') -> tuple[SearchParam, ...]:
    """The parameters of a search.

    Args:
        form: The list that a backend sends.
        faults: Gets what is wrong with it. What is returned can be used if nothing is.
        field: What the list is called in faults.
    """
    if not isinstance(form, Sequence) or isinstance(form, str | bytes) or not form:
        faults.add(field, form, 'must be a list with {name, type, ...} for each parameter that is searched')
        return ()
    params: list[SearchParam] = []
    seen: dict[str, int] = {}
    for place, entry in enumerate(form):
        name = f'{field}[{place}]'
        if not isinstance(entry, Mapping):
            faults.add(name, entry, 'must be a mapping with name and type')
            continue
        title = entry.get('name')
        if not isinstance(title, str) or not title:
            faults.add(f'{name}.name', title, 'must be the name of a parameter')
        elif title in seen:
            faults.add(f'{name}.name', title, f'is {field}[{seen[title]}] already')
        else:
            seen[title] = place
        param = _param(entry, name, faults)
        if param is not None:
            params.append(param)
    return tuple(params)


def _param(entry: Mapping[str, Any], field: str, faults: Faults) -> SearchParam | None:
    type = entry.get('type')
    if not isinstance(type, str) or type not in TYPES:
        near = suggest(str(type), TYPES)
        faults.add(f'{field}.type', type, f'must be one of {", ".join(TYPES)}{f"; {near}" if near else ""}')
        return None
    before = len(faults.faults)
    names = TYPES[type]
    given = dict(entry)
    if 'q' in names and 'step' in given and given.get('q') is None:
        given['q'] = given.pop('step')
    # A form may have more fields, such as a description.
    faults.check_names(field, given, ('name', 'type', *names), near_only=True)
    values: dict[str, Any] = {}
    for name in names:
        value: Any = given.get(name)
        value = _DEFAULTS.get(name) if value is None else value
        rule = _options_rule(value) if name == 'options' else _number_rule(name, value, type)
        if rule:
            faults.add(f'{field}.{name}', value, rule)
        else:
            values[name] = tuple(value) if name == 'options' else value
    if len(faults.faults) == before:
        _check_range(values, type, field, faults)
    return SearchParam(text_of(entry.get('name')), type, **values) if len(faults.faults) == before else None


def _options_rule(value: Any) -> str:
    """What a list of options must be; empty where it is that."""
    if not isinstance(value, list | tuple) or not value:
        return 'must be a list of at least one value'
    if any(not _is_plain(each) for each in value):
        return 'must hold text, finite numbers, true, false, null, lists and mappings'
    return ''


def _is_plain(value: Any, depth: int = 0) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) <= _LARGEST
    if isinstance(value, str) or value is None:
        return True
    if depth > 20:
        return False
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(each, depth + 1) for key, each in value.items())
    return isinstance(value, list | tuple) and all(_is_plain(each, depth + 1) for each in value)


def _number_rule(name: str, value: Any, type: str) -> str:
    """What a number must be; empty where it is that."""
    integer = type.endswith('randint') and name != 'base'
    kind = 'an integer' if integer else 'a number'
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and _is_plain(value)
    if not is_number or (integer and not isinstance(value, int)):
        return f'must be {kind}'
    if name == 'min' and 'log' in type and value <= 0:
        return 'must be more than 0, as the scale is logarithmic'
    if name == 'base' and value <= 1:
        return 'must be more than 1'
    return 'must be more than 0' if name in ('q', 'sd') and value <= 0 else ''


def _check_range(values: Mapping[str, Any], type: str, field: str, faults: Faults) -> None:
    if 'min' not in values:
        return
    low, high, q = values['min'], values['max'], values.get('q')
    if not low < high:
        faults.add(f'{field}.max', high, f'must be more than min, which is {low}')
        return
    if abs(high - low) > 1.7e308:
        faults.add(f'{field}.max', high, 'is too far from min')
    for name, value in () if q is None else (('min', low), ('max', high)):
        times = value / q
        if not math.isfinite(times) or not math.isclose(times, round(times), abs_tol=1e-9):
            faults.add(f'{field}.{name}', value, f'must be a multiple of q, which is {q}')
