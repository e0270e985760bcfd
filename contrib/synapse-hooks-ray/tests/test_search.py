"""Searches without Ray: what is left of a grid, and what no scheduler may be asked for."""

from __future__ import annotations

from typing import Any

import pytest
from synapse_hooks_ray.launcher import Ray
from synapse_hooks_ray.space import missing_points

from synapse_hooks.searches import Search, search_of

GRID = {'name': 'lr', 'type': 'grid_search', 'options': [0.1, 0.2]}
KINDS = {'name': 'kind', 'type': 'grid_search', 'options': ['a', [3]]}
DRAWN = {'name': 'size', 'type': 'randint', 'min': 1, 'max': 9}


def search(*space: dict[str, Any], **config: Any) -> Search:
    return search_of({'hyperparameters': list(space), 'tune_config': {'metric': 'm', 'mode': 'max', **config}})[0]


def test_only_the_points_that_no_trial_has_are_left_of_a_grid() -> None:
    two = search(GRID, KINDS, DRAWN)
    known: list[dict[str, Any]] = [{'lr': 0.1, 'kind': [3], 'size': 4}, {'lr': 0.2, 'kind': 'a', 'size': 4}]
    assert missing_points(two, known) == [{'lr': 0.1, 'kind': 'a'}, {'lr': 0.2, 'kind': [3]}]
    twice = search(GRID, num_samples=2)
    assert missing_points(twice, [{'lr': 0.2}]) == [{'lr': 0.1}, {'lr': 0.1}, {'lr': 0.2}]
    assert missing_points(twice, [{'lr': value} for value in (0.1, 0.2, 0.1, 0.2)]) == []
    assert missing_points(search(DRAWN, num_samples=2), []) == []


@pytest.mark.parametrize(
    ('config', 'faults'),
    [
        ({'scheduler': 'asha', 'search_alg': 'random'}, []),
        ({'scheduler': {'name': 'pbt', 'options': {'synch': True}}}, ['wait for it forever']),
        ({'scheduler': 'ashaa', 'search_alg': 'optunaa'}, ["did you mean 'optuna'", "did you mean 'asha'"]),
        ({'search_alg': 'optuna', 'scheduler': 'best'}, ['lr must be of type choice', "no scheduler 'best'"]),
    ],
)
def test_all_that_ray_cannot_do_is_known_without_it(config: dict[str, Any], faults: list[str]) -> None:
    found = Ray().check_search(search(GRID, DRAWN, **config))
    assert len(found) == len(faults)
    for fault, part in zip(found, faults, strict=True):
        assert part in fault
