"""Runs that happen somewhere else: what a launcher subclasses, and the driver's part of a launched run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import lazily

if TYPE_CHECKING:
    from synapse_hooks.launches import Resources, RunOutcome, RunPlan
    from synapse_hooks.launching.driver import launch
    from synapse_hooks.launching.launcher import BaseLauncher, SearchLauncher
    from synapse_hooks.launching.outcome import read_outcome

_HOMES = {
    'BaseLauncher': 'launcher',
    'Resources': 'synapse_hooks.launches',
    'RunOutcome': 'synapse_hooks.launches',
    'RunPlan': 'synapse_hooks.launches',
    'SearchLauncher': 'launcher',
    'launch': 'driver',
    'read_outcome': 'outcome',
}

__all__ = ['BaseLauncher', 'Resources', 'RunOutcome', 'RunPlan', 'SearchLauncher', 'launch', 'read_outcome']

__getattr__ = lazily(__name__, _HOMES)
