"""Searches over hyperparameters: the space and the configuration as a backend sends them, trials, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.searches.config import Method, SearchConfig
    from synapse_hooks.searches.outcome import SearchOutcome, Trial, best_trial
    from synapse_hooks.searches.search import Search, SearchRequest, search_of
    from synapse_hooks.searches.space import TYPES, SearchParam

_HOMES = {
    'Method': 'config',
    'Search': 'search',
    'SearchConfig': 'config',
    'SearchOutcome': 'outcome',
    'SearchParam': 'space',
    'SearchRequest': 'search',
    'TYPES': 'space',
    'Trial': 'outcome',
    'best_trial': 'outcome',
    'search_of': 'search',
}

__all__ = [
    'TYPES',
    'Method',
    'Search',
    'SearchConfig',
    'SearchOutcome',
    'SearchParam',
    'SearchRequest',
    'Trial',
    'best_trial',
    'search_of',
]

import_lazily(__name__, _HOMES)
