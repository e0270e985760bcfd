"""What is wrong with the description of a search: all of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from synapse_hooks.errors import ParamsError, suggest
from synapse_hooks.safe_text import repr_of, text_of


class Faults:
    """Collects what is wrong, and raises it together.

    Example:
        >>> faults = Faults()
        >>> faults.add('hyperparameters[2].max', 3, 'must be more than min, which is 5')
        >>> faults.text
        'hyperparameters[2].max: must be more than min, which is 5, and it is 3'
    """

    def __init__(self) -> None:
        self.faults: list[dict[str, Any]] = []

    def add(self, field: str, value: Any, rule: str) -> None:
        """Note a value that breaks a rule. A `value` of None is one that is missing."""
        self.faults.append({'field': field, 'value': value, 'rule': rule})

    def check_names(self, field: str, given: Mapping[Any, Any], known: Iterable[str], *, near_only: bool) -> None:
        """Note names of `given` that are not among those that are known; with `near_only` only what is misspelt."""
        names = list(known)
        for name in given:
            near = '' if name in names else suggest(name, names)
            if name not in names and (near or not near_only):
                rule = f'there is no such field; {near or "the fields are " + ", ".join(names)}'
                self.add(f'{field}.{text_of(name, 80)}' if field else text_of(name, 80), given[name], rule)

    @property
    def text(self) -> str:
        """Every fault, in one line."""
        return '; '.join(
            f'{fault["field"]}: {fault["rule"]}'
            + ('' if fault['value'] is None else f', and it is {repr_of(fault["value"])}')
            for fault in self.faults
        )

    def check(self, hint: str) -> None:
        """Raise what was noted.

        Raises:
            ParamsError: Something was.
        """
        if self.faults:
            raise ParamsError(f'the search: {self.text}', hint=hint, faults=self.faults)
