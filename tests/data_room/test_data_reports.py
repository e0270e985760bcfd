"""The loss report, the policy for unreadable items, splits, and what a survey finds."""

from __future__ import annotations

import json
import pickle

import pytest

from synapse_hooks.data import (
    Box,
    DatasetInfo,
    Keypoint,
    LossReport,
    Other,
    Polygon,
    Polyline,
    Sample,
    Unreadable,
    assign,
    fractions,
    survey,
)
from synapse_hooks.errors import LossRefused, ParamsError, UnreadableItem


def test_a_report_without_losses_says_nothing() -> None:
    report = LossReport()
    report.written('box', 3)
    assert report.summary() == ''
    report.refuse_losses()


def test_a_report_counts_and_names_the_first_places() -> None:
    report = LossReport()
    report.written('box', 2)
    for number in range(9):
        report.dropped('polyline', 'no place', f'file{number}', f'l{number}')
    report.unreadable('bad.json', 'is not JSON')
    found = report.to_dict()
    assert found['dropped'][0]['count'] == 9
    assert found['dropped'][0]['examples'][0] == {'file': 'file0', 'id': 'l0'}
    assert len(found['dropped'][0]['examples']) == 5
    assert 'dropped 9 polyline: no place (file0 l0)' in report.summary()
    assert 'bad.json' in report.summary()
    assert json.loads(json.dumps(found)) == found


def test_what_was_repaired_or_is_doubtful_is_told_and_lost_nothing() -> None:
    report = LossReport()
    report.written('box', 2)
    report.repaired('box', 'its corners were in reverse', 'a', '1')
    report.doubtful('mask', 'all objects are crowds', count=3)
    assert report.lossless
    assert not report.empty
    report.refuse_losses()
    assert report.accounted('box') == 2
    assert report.to_dict()['repaired'][0]['reason'] == 'its corners were in reverse'
    assert report.summary().splitlines() == [
        '2 annotations written, 0 converted, 0 dropped, 1 repaired, 3 doubtful',
        '  doubtful 3 mask: all objects are crowds',
        '  repaired 1 box: its corners were in reverse (a 1)',
    ]


def test_merged_reports_are_as_one() -> None:
    reports = []
    for name in 'ab':
        report = LossReport()
        report.written('box')
        report.converted('polygon', 'its box', name)
        report.unreadable(name, 'why')
        reports.append(report)
    reports[0].merge(reports[1])
    found = reports[0].to_dict()
    assert found['written'] == {'box': 2}
    assert found['converted'] == [
        {
            'kind': 'polygon',
            'reason': 'its box',
            'count': 2,
            'examples': [{'file': 'a', 'id': ''}, {'file': 'b', 'id': ''}],
        }
    ]
    assert found['unreadable']['count'] == 2


def test_what_was_not_mentioned_was_written() -> None:
    report = LossReport()
    report.dropped('box', 'outside')
    report.finalize({'box': 5, 'polygon': 2})
    assert report.written_kinds == {'box': 4, 'polygon': 2}


def test_strict_refuses_with_the_counts() -> None:
    report = LossReport()
    report.converted('polygon', 'its box', 'a', 'p1')
    with pytest.raises(LossRefused, match='its box') as caught:
        report.refuse_losses()
    assert pickle.loads(pickle.dumps(caught.value)).losses == report.to_dict()


def bad(name: str) -> UnreadableItem:
    return UnreadableItem(f'{name} is empty', path=name)


def test_one_bad_item_in_a_hundred_is_tolerated_and_two_are_not() -> None:
    report = LossReport()
    policy = Unreadable(0.01, report)
    policy.record(bad('a'))
    policy.finish(seen=99)
    assert report.to_dict()['unreadable'] == {'count': 1, 'examples': [{'file': 'a', 'reason': 'a is empty'}]}
    policy.record(bad('b'))
    with pytest.raises(UnreadableItem, match=r'a is empty; so are 1 more of 100 items') as caught:
        policy.finish(seen=98)
    assert caught.value.__cause__ is not None
    assert 'unreadable=skip' in caught.value.hint


def test_too_many_are_noticed_at_once_where_the_number_is_known() -> None:
    policy = Unreadable(0.01, LossReport(), total=1000)
    for number in range(10):
        policy.record(bad(str(number)))
    with pytest.raises(UnreadableItem):
        policy.record(bad('10'))


def test_fail_and_skip() -> None:
    with pytest.raises(UnreadableItem, match=r'^a is empty'):
        Unreadable('fail', LossReport()).record(bad('a'))
    policy = Unreadable('skip', LossReport())
    policy.record(bad('a'))
    policy.finish(seen=0)


def test_adding_items_moves_none() -> None:
    shares = fractions({'test': 0.1, 'val': 0.2, 'train': 0.7})
    assert shares is not None
    assert list(shares) == ['train', 'valid', 'test']
    names = [f'frame_{number:05d}' for number in range(3000)]
    split = {name: assign(name, shares) for name in names}
    counts = [list(split.values()).count(name) / 3000 for name in shares]
    assert counts == pytest.approx([0.7, 0.2, 0.1], abs=0.03)
    assert split['frame_00000'] == assign('frame_00000', shares)
    assert assign('caf\u00e9', shares) == assign('cafe\u0301', shares)


@pytest.mark.parametrize('splits', [{'train': 0.5, 'valid': 0.4}, {'train': 1.5, 'valid': -0.5}])
def test_fractions_must_add_up(splits: dict[str, float]) -> None:
    with pytest.raises(ParamsError, match='splits'):
        fractions(splits)


@pytest.mark.parametrize(
    ('name', 'hint'), [('holdout', 'splits are train, valid, test'), ('tset', "did you mean 'test'?")]
)
def test_fractions_are_of_splits_that_can_be_found_again(name: str, hint: str) -> None:
    with pytest.raises(ParamsError, match=f'splits: {name!r} is not a split') as caught:
        fractions({'train': 0.5, name: 0.5})
    assert caught.value.hint == hint


@pytest.mark.parametrize('splits', [None, {}, {'train': {'a': 1}}, 'train', {'train': True}])
def test_what_is_no_fraction_is_left_alone(splits: object) -> None:
    assert fractions(splits) is None


def test_a_survey_finds_classes_of_objects_only() -> None:
    samples = [
        Sample('a', split='train', annotations=[Box(0, 0, 1, 1, label='dog'), Keypoint(0, 0, label='nose')]),
        Sample('b', split='valid', annotations=[Polygon([], label='cat'), Polyline([], label='lane')]),
        Sample('c', split='valid', annotations=[Other(tool='pcds.3d_segmentation', label='ground')]),
    ]
    info = survey(DatasetInfo(), samples)
    assert info.classes == ('cat', 'dog')
    assert info.splits == {'train': 1, 'valid': 2}
    assert info.kinds == {'box': 1, 'keypoint': 1, 'pcds.3d_segmentation': 1, 'polygon': 1, 'polyline': 1}
    assert info.complete


def test_a_declaration_keeps_its_order_and_gets_what_it_forgot() -> None:
    info = survey(DatasetInfo(classes=('zebra', 'dog')), [Sample('a', annotations=[Box(0, 0, 1, 1, label='cat')])])
    assert info.classes == ('zebra', 'dog')
    assert info.classes_of('box') == ('zebra', 'dog', 'cat')
