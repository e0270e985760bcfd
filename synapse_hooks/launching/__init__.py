"""Runs that happen somewhere else: what a launcher subclasses, and the driver's part of a launched run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.launches import Resources, RunOutcome, RunPlan
    from synapse_hooks.launching.driver import launch
    from synapse_hooks.launching.launcher import BaseLauncher, SearchLauncher
    from synapse_hooks.launching.outcome import read_outcome
    from synapse_hooks.terminal import write_stderr

_HOMES = {
    'BaseLauncher': 'launcher',
    'Resources': 'synapse_hooks.launches',
    'RunOutcome': 'synapse_hooks.launches',
    'RunPlan': 'synapse_hooks.launches',
    'SearchLauncher': 'launcher',
    'launch': 'driver',
    'read_outcome': 'outcome',
    'write_stderr': 'synapse_hooks.terminal',
}

__all__ = [
    'BaseLauncher',
    'Resources',
    'RunOutcome',
    'RunPlan',
    'SearchLauncher',
    'launch',
    'read_outcome',
    'write_stderr',
]

import_lazily(__name__, _HOMES)
