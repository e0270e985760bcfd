"""The steps of a run, in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from synapse_hooks.errors import ConfigError, suggest
from synapse_hooks.steps.base import BaseStep

C = TypeVar('C')


class StepRegistry(Generic[C]):
    """The steps of a run, in the order in which they will run. `setup_steps(registry)` fills it.

    Example:
        >>> from synapse_hooks.steps import ConvertDatasetStep, ExportDatasetStep
        >>> registry = StepRegistry()
        >>> registry.register(ExportDatasetStep())
        >>> registry.insert_after('export', ConvertDatasetStep('yolo'))
        >>> registry.names
        ['export', 'convert']
    """

    def __init__(self) -> None:
        self._steps: list[BaseStep[C]] = []

    def register(self, step: BaseStep[C]) -> None:
        """Add a step at the end.

        Raises:
            ConfigError: It is not a step, or its name is taken.
        """
        self._insert(len(self._steps), step)

    def insert_before(self, name: str, step: BaseStep[C]) -> None:
        """Add a step before the step called `name`.

        Raises:
            ConfigError: There is no such step, or the new name is taken.
        """
        self._insert(self._place(name), step)

    def insert_after(self, name: str, step: BaseStep[C]) -> None:
        """Add a step after the step called `name`.

        Raises:
            ConfigError: There is no such step, or the new name is taken.
        """
        self._insert(self._place(name) + 1, step)

    def unregister(self, name: str) -> BaseStep[C]:
        """Take the step called `name` out, and return it.

        Raises:
            ConfigError: There is no such step.
        """
        return self._steps.pop(self._place(name))

    def replace(self, name: str, step: BaseStep[C]) -> BaseStep[C]:
        """Put a step in the place of the one called `name`, and return the old one.

        Raises:
            ConfigError: There is no such step, or the new name is taken by another.
        """
        place = self._place(name)
        old = self._steps.pop(place)
        try:
            self._insert(place, step)
        except ConfigError:
            self._steps.insert(place, old)
            raise
        return old

    @property
    def names(self) -> list[str]:
        """The names of the steps, in order."""
        return [step.name for step in self._steps]

    def __iter__(self) -> Iterator[BaseStep[C]]:
        return iter(list(self._steps))

    def __len__(self) -> int:
        return len(self._steps)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> BaseStep[C]:
        return self._steps[self._place(name)]

    def _insert(self, place: int, step: Any) -> None:
        if not isinstance(step, BaseStep):
            raise ConfigError(
                f'{step!r} is not a step', hint='register an instance of a subclass of synapse_hooks.steps.BaseStep'
            )
        if step.name in self:
            raise ConfigError(
                f'there is a step {step.name!r} already', hint='give the step another name, or use replace()'
            )
        weight = step.progress_weight
        if not weight >= 0:
            raise ConfigError(f'step {step.name!r}: progress_weight must not be negative, and it is {weight!r}')
        self._steps.insert(place, step)

    def _place(self, name: str) -> int:
        if name not in self:
            hint = ' '.join(filter(None, (suggest(name, self.names), f'the steps are {", ".join(self.names)}')))
            raise ConfigError(f'there is no step {name!r}', hint=hint)
        return self.names.index(name)
