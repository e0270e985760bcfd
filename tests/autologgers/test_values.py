"""Values of a framework, as autologgers log them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from synapse_hooks.autologgers.values import json_value, numbers


class Silent:
    def __str__(self) -> str:
        raise RuntimeError('no text')


def test_only_numbers_become_metrics() -> None:
    values = {'loss': np.float32(0.5), 'steps': 3, 'text': 'fast', 'curve': np.zeros(3), 'none': None, 'big': 10**400}
    assert numbers(values) == {'loss': 0.5, 'steps': 3.0}


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        (np.int64(3), 3),
        (np.array(0.5), 0.5),
        ((1, [None, True]), [1, [None, True]]),
        ({1: np.float32(0.5)}, {'1': 0.5}),
        (float('nan'), 'nan'),
        (np.float64('inf'), 'inf'),
        (Silent(), '<Silent whose __str__ raised RuntimeError>'),
    ],
)
def test_a_parameter_is_json(value: object, expected: object) -> None:
    assert json_value(value) == expected
    assert json.loads(json.dumps(json_value(value), allow_nan=False)) == expected


def test_long_values_are_shortened() -> None:
    assert len(json_value(object)) < 100
    assert len(json_value(list(range(1_000)))) == 1_000
    assert len(json_value(list(range(100_000)))) < 600
