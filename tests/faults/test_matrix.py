"""The matrix names tests that are there, and every cell has one or says why not."""

from __future__ import annotations

import re

import pytest

from tests.faults.matrix import CELLS, ROOT, Cell, marked


def test_every_cell_is_there_once() -> None:
    assert [cell.number for cell in CELLS] == list(range(1, len(CELLS) + 1))


@pytest.mark.parametrize('known', CELLS, ids=lambda known: str(known.number))
def test_a_cell_is_held_or_says_why_not(known: Cell) -> None:
    assert known.missing or known.elsewhere or known.number in marked()
    for test in known.elsewhere:
        file, _, name = test.partition('::')
        assert re.search(rf'^def {name}\(', (ROOT / 'tests' / file).read_text(encoding='utf-8'), re.MULTILINE), test
