"""Polygons in columns say what they say one by one, whatever they come as."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_hooks.data import Box, Polygon, Sample
from synapse_hooks.data.batch import gather
from synapse_hooks.data.outline import Outline
from synapse_hooks.data.rings import Rings

NUMBER = st.one_of(st.integers(-9, 9), st.floats(-1e6, 1e6), st.none(), st.text(max_size=1))
RING = st.one_of(st.lists(NUMBER, max_size=9), st.lists(st.integers(0, 9), min_size=6, max_size=8), NUMBER)
BLANKS = st.sampled_from([b'', b' ', b'\n\t'])


@given(st.lists(st.tuples(st.lists(RING, max_size=3), BLANKS), min_size=1, max_size=9))
def test_one_bad_text_breaks_no_other(forms: list[tuple[Any, bytes]]) -> None:
    texts = [msgspec.json.encode(form).replace(b',', b',' + blank) for form, blank in forms]
    rings = Rings.of_texts(texts)
    for owner, text in enumerate(texts):
        try:
            numbers = msgspec.json.decode(text, type=list[list[float]])
        except msgspec.DecodeError:
            numbers = []
        if not numbers or any(len(ring) < 6 or len(ring) % 2 for ring in numbers):
            assert owner in rings.broken
            assert rings.of(owner) == []
        else:
            assert rings.of(owner) == [ring for [ring] in Outline(text).polygon().parts]


@pytest.mark.parametrize(
    'ring',
    [
        [(5, 5), (20, 5), (20, 20)],
        [[5, 5], [20, 5], [20, 20]],
        np.array([(5, 5), (20, 5), (20, 20)]),
        [('5', '5'), ('20', '5'), ('20', '20')],
        [(Decimal(5), Decimal(5)), (Decimal(20), 5), (20, 20)],
    ],
)
def test_points_may_be_anything_that_holds_two_numbers(ring: Any) -> None:
    batch = gather([Sample('a', annotations=[Polygon([[ring]], label='a', box=np.array((5, 5, 15, 15)))])])  # type: ignore[arg-type]
    assert batch.polygons.corners.tolist() == [[5, 5, 20, 20]]
    assert batch.polygons.annotation(0).box == (5, 5, 15, 15)
    assert batch.polygons.rings.areas().tolist() == [112.5]


@pytest.mark.parametrize(('number', 'read'), [(10**400, np.inf), (-(10**400), -np.inf), ('3.5', 3.5)])
def test_numbers_too_large_for_a_computer_are_infinite(number: Any, read: float) -> None:
    batch = gather([Sample('a', annotations=[Box(number, 1, 2, 3, label='a')])])
    assert batch.boxes.numbers.tolist() == [read, 1, 2, 3]


@pytest.mark.parametrize(
    'annotation',
    [
        Polygon([[[(1, 2, 3), (4, 5, 6), (7, 8, 9)]]], label='a', id='p7'),  # type: ignore[list-item]
        Polygon([[[(1, 2), (4, 5), (7,)]]], label='a', id='p7'),  # type: ignore[list-item]
        Polygon([[[(1, 2), (4, 5), (7, 8)]]], label='a', id='p7', box=(1, 2, 3)),  # type: ignore[arg-type]
    ],
)
def test_points_and_boxes_of_other_lengths_are_refused_instead_of_shifting_all_others(annotation: Polygon) -> None:
    with pytest.raises(ValueError, match=r"street/1: polygon 'p7': .* a point has two, a box four"):
        gather([Sample('street/1', annotations=[annotation])])
