"""Searches over hyperparameters: a search is a run whose training is a search, and each trial is a run of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.tuning.epochs import EpochMetrics
    from synapse_hooks.tuning.setup import search_setup
    from synapse_hooks.tuning.step import SearchStep
    from synapse_hooks.tuning.trials import (
        mark_stopped,
        metric_missing,
        read_trial,
        recorded_trials,
        trial_folder,
        trial_id,
        trial_plan,
    )

_HOMES = {
    'EpochMetrics': 'epochs',
    'SearchStep': 'step',
    'mark_stopped': 'trials',
    'metric_missing': 'trials',
    'read_trial': 'trials',
    'recorded_trials': 'trials',
    'search_setup': 'setup',
    'trial_folder': 'trials',
    'trial_id': 'trials',
    'trial_plan': 'trials',
}

__all__ = [
    'EpochMetrics',
    'SearchStep',
    'mark_stopped',
    'metric_missing',
    'read_trial',
    'recorded_trials',
    'search_setup',
    'trial_folder',
    'trial_id',
    'trial_plan',
]

import_lazily(__name__, _HOMES)
