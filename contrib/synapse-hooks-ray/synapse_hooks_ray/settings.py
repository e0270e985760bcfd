"""The settings of runs on Ray: the table `[tool.synapse_hooks.settings.ray]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from synapse_hooks.errors import ConfigError, suggest
from synapse_hooks.launches import RunPlan
from synapse_hooks.plugins.settings import load_settings


@dataclass(frozen=True)
class Settings:
    """The settings, each with its default."""

    address: str = ''
    """The address of the cluster, where the command names none."""
    max_failures: int = 3
    """How often a run is started again after its worker, its node or its process was lost."""
    ship: bool = True
    """Whether the project and the local plugins are sent; without, the nodes must have them."""
    exclude: tuple[str, ...] = ()
    """Names in the project's folder that are not sent, such as `datasets` or `*.jpg`."""
    pass_env: tuple[str, ...] = ()
    """Variables of the driver that the run gets too, such as `WANDB_API_KEY`: in memory, they are written nowhere."""
    wait_for_nodes: float = 30.0
    """Seconds to wait for a node that has what a run needs, while no node of the cluster has."""
    push_seconds: float = 30.0
    """Seconds between two times that a run directory is sent to `--storage`, besides stages and checkpoints."""
    cancel_seconds: float = 60.0
    """Seconds that a cancelled run has to end, before it is killed."""

    @classmethod
    def of(cls, plan: RunPlan) -> Settings:
        """The settings of the project of a plan.

        Raises:
            ConfigError: There is no such setting, or it has another type.
        """
        start = Path(plan.project or plan.cwd or '.')
        return cls.checked(load_settings(start).settings.get('ray', {}))

    @classmethod
    def checked(cls, table: Mapping[str, Any]) -> Settings:
        """The settings of a table.

        Raises:
            ConfigError: There is no such setting, or it has another type.
        """
        known = {each.name: each.default for each in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in table.items():
            if name not in known:
                hint = f'{suggest(name, known)} the settings are {", ".join(known)}'.strip()
                raise ConfigError(f'[tool.synapse_hooks.settings.ray] has no setting {name!r}', hint=hint, field=name)
            values[name] = _checked(name, value, known[name])
        return cls(**values)


def _checked(name: str, value: Any, default: Any) -> Any:
    match default:
        case bool():
            if isinstance(value, bool):
                return value
            expected = 'true or false'
        case str():
            if isinstance(value, str):
                return value
            expected = 'a text'
        case tuple():
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                return tuple(value)
            expected = 'a list of texts'
        case _:
            kind = int if isinstance(default, int) else (int, float)
            if isinstance(value, kind) and not isinstance(value, bool) and value >= 0:
                return value
            expected = 'a whole number of 0 or more' if kind is int else 'a number of seconds'
    raise ConfigError(
        f'[tool.synapse_hooks.settings.ray] {name} must be {expected}, got {value!r}',
        hint=f'the default is {default!r}',
        field=name,
    )
