"""Conditions on runs, as `--filter` takes them: `status=failed`, `params.epochs>5`, `note~first`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from operator import ge, gt, le, lt
from typing import Any, Final

from synapse_hooks.errors import ConfigError
from synapse_hooks.runs.fields import check_field, value_of
from synapse_hooks.runs.run import Run

_FORM: Final = re.compile(r'([^=!<>~]+)(!=|<=|>=|=|<|>|~)(.*)', re.DOTALL)
_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {'<': lt, '>': gt, '<=': le, '>=': ge}
_UNITS: Final = {'duration': ' of seconds'}
_NOTHING: Final = ('', 'none', 'null')


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one field of a run."""

    field: str
    operator: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Condition:
        """The condition of a text `FIELD OPERATOR VALUE`; the operators are `=`, `!=`, `<`, `>`, `<=`, `>=` and `~`.

        Raises:
            ConfigError: It has another form, or the value of `~` is not a regular expression.

        Example:
            >>> Condition.parse('params.epochs > 5')
            Condition(field='params.epochs', operator='>', value='5')
        """
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise ConfigError(
                f'a filter must be FIELD=VALUE, got {text!r}',
                hint="the operators are = != < > <= >= ~: `--filter 'params.epochs>5'`",
                field='filter',
            )
        field, operator, value = (part.strip() for part in match.groups())
        if operator == '~':
            try:
                re.compile(value)
            except re.error as error:
                raise ConfigError(
                    f'{value!r} is not a regular expression: {error}', hint='escape special characters with \\'
                ) from error
        return cls(field, operator, value)

    def holds(self, run: Run) -> bool:
        """Whether a run fulfils the condition. Numbers are compared as numbers, other values as text.

        `=` and `!=` with nothing behind them ask whether the run has the field; a field that a run does not have
        fulfils no other condition but `!=`. `~` searches for a regular expression, without regard to case.
        """
        found = value_of(run, self.field)
        if self.operator in ('=', '!='):
            return self._equals(found) == (self.operator == '=')
        if found is None:
            return False
        if self.operator == '~':
            return re.search(self.value, str(found), re.IGNORECASE) is not None
        if isinstance(found, int | float):
            number = _number(self.value)
            return number is not None and _ORDER[self.operator](found, number)
        return _ORDER[self.operator](str(found), self.value)

    def _equals(self, found: Any) -> bool:
        if found is None:
            return self.value.lower() in _NOTHING
        if isinstance(found, bool):
            return str(found).lower() == self.value.lower()
        if isinstance(found, int | float):
            return found == _number(self.value)
        return str(found) == self.value


def select(runs: Sequence[Run], conditions: Sequence[Condition]) -> list[Run]:
    """The runs that fulfil all conditions.

    Raises:
        ConfigError: A field is one that no run has, or is compared with something that is not a number, or not a time.
    """
    for condition in conditions:
        check_field(runs, condition.field)
        if condition.field == 'started' and condition.operator in _ORDER and not _is_time(condition.value):
            raise ConfigError(
                f'started is a time in UTC, and cannot be compared with {condition.value!r}',
                hint=f"for example `--filter 'started{condition.operator}2026-11-30T14:05'`",
                field=condition.field,
            )
        if condition.operator in _ORDER and _number(condition.value) is None:
            found = [value_of(run, condition.field) for run in runs]
            if any(isinstance(value, int | float) for value in found):
                raise ConfigError(
                    f'{condition.field} is a number{_UNITS.get(condition.field, "")}, and cannot be compared with '
                    f'{condition.value!r}',
                    hint=f"for example `--filter '{condition.field}{condition.operator}5'`",
                    field=condition.field,
                )
    return [run for run in runs if all(condition.holds(run) for condition in conditions)]


def _is_time(text: str) -> bool:
    """Whether it is a date, perhaps with a time, or the beginning of a date: texts in this form are sorted as times."""
    if re.fullmatch(r'\d{4}(-\d\d)?', text):
        return True
    with suppress(ValueError):
        return bool(datetime.fromisoformat(text)) and text[4:5] == '-'
    return False


def _number(text: str) -> float | None:
    with suppress(ValueError):
        return float(text)
    return None
