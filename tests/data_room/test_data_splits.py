"""Dividing a dataset: by hash, by group, by class."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

hypothesis = pytest.importorskip('hypothesis')

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from synapse_hooks.data import (  # noqa: E402
    BY_FOLDER,
    Annotation,
    Box,
    Classification,
    Keypoint,
    Other,
    Sample,
    assign,
    fractions,
    group_key,
    labels_of,
    stratified,
    stratify,
    stratum,
)
from synapse_hooks.errors import DatasetInvalid  # noqa: E402

THREE = {'train': 0.8, 'valid': 0.1, 'test': 0.1}
NAMES = st.text(min_size=1, max_size=6)
ITEMS = st.lists(st.tuples(NAMES, st.sampled_from(['', 'car', 'bus', 'tram'])), unique_by=lambda item: item[0])


@st.composite
def shares(draw: st.DrawFn) -> dict[str, float]:
    weights = draw(st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(sum))
    found = fractions({name: weight / sum(weights) for name, weight in zip(THREE, weights, strict=True)})
    assert found is not None
    return found


# -- by hash -----------------------------------------------------------------------------------------------------------


def test_the_hash_meets_the_fractions_within_the_error_of_sampling() -> None:
    found = Counter(assign(f'street/{number}', THREE) for number in range(20_000))
    for name, share in THREE.items():
        assert abs(found[name] - 20_000 * share) < 4 * (20_000 * share * (1 - share)) ** 0.5


def test_the_hash_is_the_same_in_every_release() -> None:
    expected = {'1': 'train', '2': 'valid', '5': 'test', 'street/0é': 'train', 'street/20é': 'valid', '\udcff': 'train'}
    assert {name: assign(name, THREE) for name in expected} == expected


@given(NAMES, shares())
def test_a_split_without_a_share_gets_nothing(name: str, divided: dict[str, float]) -> None:
    assert divided[assign(name, divided)] > 0


@given(NAMES, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_takes_items_in_and_gives_none_away(name: str, one: float, two: float) -> None:
    low, high = sorted((one, two))
    if assign(name, {'train': low, 'valid': 1 - low}) == 'train':
        assert assign(name, {'train': high, 'valid': 1 - high}) == 'train'


# -- by group ----------------------------------------------------------------------------------------------------------


def row(name: str, value: Any) -> dict[str, Any]:
    return {'id': 'x', 'classification': 'walk', 'attrs': [{'name': name, 'value': value}], 'data': {}}


@pytest.mark.parametrize(
    'annotation',
    [
        Box(0, 0, 1, 1, attributes={'video': 'v7'}),
        Classification(label='day', attributes={'video': 'v7', 'weather': 'rain'}),
        Other(tool='videos.segmentation', document=row('video', 'v7')),
    ],
)
def test_a_group_is_told_by_any_annotation(annotation: Any) -> None:
    others = [Box(0, 0, 1, 1), Other(tool='images.new', document=['odd']), Other(tool='x.y', document={'attrs': 3})]
    assert group_key(Sample('a', annotations=[*others, annotation]), 'video') == 'v7'


@pytest.mark.parametrize(
    ('value', 'key'),
    [('v7', 'v7'), (7, '7'), (7.0, '7'), (7.5, '7.5'), (True, 'true'), (0, '0'), ('', None), (None, None), ([7], None)],
)
def test_what_a_value_is_as_a_group(value: Any, key: str | None) -> None:
    assert group_key(Sample('a', annotations=[Box(0, 0, 1, 1, attributes={'video': value})]), 'video') == key
    assert group_key(Sample('a', extra={'video': value}), 'video') == key


def test_a_sample_without_the_attribute_is_in_no_group() -> None:
    sample = Sample('a/b', annotations=[Box(0, 0, 1, 1)], extra={'dm': {'video': 'not for others'}})
    assert group_key(sample, 'video') is None
    assert group_key(sample, 'dm') is None


def test_an_image_of_two_groups_is_refused_with_both_named() -> None:
    boxes = [Box(0, 0, 1, 1, attributes={'patient': name}) for name in ('p2', 'p1', 'p2')]
    with pytest.raises(DatasetInvalid, match=r"street/1 is in several groups: 'patient' is 'p1' and 'p2'"):
        group_key(Sample('street/1', annotations=[*boxes]), 'patient')


def test_a_folder_is_a_group_by_its_own_spelling() -> None:
    sample = Sample('a/b/0001', annotations=[Box(0, 0, 1, 1, attributes={'folder': 'attribute'})])
    assert group_key(sample, BY_FOLDER) == 'a/b'
    assert group_key(sample, 'folder') == 'attribute'
    assert group_key(Sample('0001'), BY_FOLDER) is None


# -- by class ----------------------------------------------------------------------------------------------------------


def test_the_classes_of_an_image_are_those_of_objects_and_of_the_whole() -> None:
    annotations = [
        Box(0, 0, 1, 1, label='car'),
        Classification(label='day'),
        Keypoint(0, 0, label='nose'),
        Other(tool='images.new', label='odd'),
    ]
    assert labels_of(Sample('a', annotations=[*annotations])) == {'car', 'day'}
    assert labels_of(Sample('a')) == frozenset()


def test_the_rarest_class_decides() -> None:
    counts = {'car': 90, 'bus': 3, 'ape': 3}
    assert stratum(['car', 'bus'], counts) == 'bus'
    assert stratum(['bus', 'ape'], counts) == 'ape'
    assert stratum(['lane'], counts) == ''
    assert stratum([], counts) == ''


@given(ITEMS, shares(), st.randoms(use_true_random=False))
def test_each_stratum_has_its_quota_rounded_and_so_has_the_whole(
    items: list[tuple[str, str]], divided: dict[str, float], chance: random.Random
) -> None:
    found = stratified(items, divided)
    assert found.keys() == {identity for identity, _ in items}
    cells = Counter((name, found[identity]) for identity, name in items)
    sizes = Counter(name for _, name in items)
    for split, share in divided.items():
        for name, size in sizes.items():
            assert abs(cells[name, split] - size * share) < 1 - 1e-9
        assert abs(sum(cells[name, split] for name in sizes) - len(items) * share) < 1.5
    chance.shuffle(items)
    assert stratified(items, divided) == found


@given(ITEMS, shares())
def test_groups_stay_together_and_count_by_their_images(
    items: list[tuple[str, str]], divided: dict[str, float]
) -> None:
    frames = [(identity[0], name) for identity, name in items]
    found = stratified(frames, divided)
    assert found.keys() == {identity for identity, _ in frames}
    assert stratified(frames[::-1], divided) == found
    assert all(divided[split] > 0 for split in found.values())


def test_one_item_strata_even_out_the_whole() -> None:
    found = stratified([(f'{number}', f'class{number}') for number in range(100)], THREE)
    assert Counter(found.values()) == {'train': 80, 'valid': 10, 'test': 10}


def test_a_stratum_of_ten_is_in_every_split() -> None:
    items = [(f'{name}{number}', name) for name in ('car', 'bus') for number in range(10 if name == 'bus' else 990)]
    buses = Counter(split for identity, split in stratified(items, THREE).items() if identity.startswith('bus'))
    assert buses == {'train': 8, 'valid': 1, 'test': 1}


def test_groups_of_unlike_size_are_cut_by_images() -> None:
    frames = [(f'video{number}', 'car') for number in range(200) for _ in range(1 + number % 50)]
    found = stratified(frames, THREE)
    images = Counter(found[identity] for identity, _ in frames)
    for split, share in THREE.items():
        assert abs(images[split] - len(frames) * share) <= 50


def test_more_items_move_few() -> None:
    items = [(f'{number}', f'class{number % 7}') for number in range(2000)]
    before, after = stratified(items[:1980], THREE), stratified(items, THREE)
    assert sum(before[identity] != after[identity] for identity in before) <= 3 * 7 * 2


def test_a_dataset_is_divided_by_its_rarest_classes_and_by_groups() -> None:
    def labelled(number: int) -> list[Any]:
        found: list[Annotation] = [Box(0, 0, 1, 1, label='car', attributes={'video': f'v{number // 4}'})]
        return [*found, Box(0, 0, 1, 1, label='bus')] if number % 40 == 0 else found

    samples = [Sample(f'{number}', annotations=labelled(number)) for number in range(400)]
    alone = stratify(samples, {'train': 0.5, 'valid': 0.5})
    assert Counter(alone[f'{number}'] for number in range(0, 400, 40)) == {'train': 5, 'valid': 5}
    together = stratify(samples, {'train': 0.5, 'valid': 0.5}, group_by='video')
    assert together.keys() == {f'v{number}' for number in range(100)}
    assert Counter(together[f'v{number // 4}'] for number in range(0, 400, 40)) == {'train': 5, 'valid': 5}
