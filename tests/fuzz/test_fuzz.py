"""However wrong a dataset is: no traceback, no hang, nothing half-written, whoever reads it.

The inputs are the same each time. `python -m tests.fuzz.run` tries others, for as long as one likes.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synapse_hooks.testing.fuzzing import Fuzzer
from tests.fuzz.seeds import CONTRIB_FORMATS, SEEDS, format_of

EXAMPLES = 80


@pytest.mark.parametrize('name', SEEDS)
def test_an_invalid_dataset_raises_an_error_of_the_package(name: str, tmp_path: Path) -> None:
    seed = SEEDS[name]
    seed.make(tmp_path / name)
    others = [format_of(name) for name in CONTRIB_FORMATS]

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
    @given(random=st.randoms(use_true_random=False))
    def holds(random: Random) -> None:
        tried = fuzzer(random)
        assert not tried.findings, str(tried)

    with Fuzzer(format_of(seed.format), tmp_path / name, tmp_path / 'work', others=others) as fuzzer:
        holds()


@pytest.mark.parametrize('name', SEEDS)
def test_the_datasets_to_begin_with_are_valid(name: str, tmp_path: Path) -> None:
    seed = SEEDS[name]
    seed.make(tmp_path / name)
    with Fuzzer(format_of(seed.format), tmp_path / name, tmp_path / 'work') as fuzzer:
        assert fuzzer(Random(0), edits=0).findings == []
    reader = format_of(seed.format).open_dataset({'path': tmp_path / name, 'format': seed.format})
    assert reader is not None
    samples = list(reader)
    assert len({sample.split for sample in samples}) == 3
    assert sum(len(sample.annotations) for sample in samples) >= 4
