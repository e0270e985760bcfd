"""A run.json or a journal that another program wrote, or that is damaged, never keeps a run from being shown."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.cli.report_text import report_text
from synapse_hooks.cli.run_comparison import comparison
from synapse_hooks.cli.run_details import details
from synapse_hooks.journal import read_events
from synapse_hooks.report import RunContents, report_page
from synapse_hooks.report.data import report_data
from synapse_hooks.runs import Run, Runs
from synapse_hooks.runs.fields import FIELDS, sorted_runs
from synapse_hooks.runs.removal import obstacle
from tests.runs.runs_kit import make_run, stage

_HUGE = 10**400
_LONG = 'x' * 5000
_VALUES: tuple[Any, ...] = (
    None, True, -1, _HUGE, -_HUGE, 1e308, '', _LONG, '\0', '../..', [], {}, [None], [[1]], {'a': {'b': [1]}}, [{}],
    ['a'], {'kind': 5}, '0001-01-01T00:00:00+23:59', '9999-12-31T23:59:59-23:59',
)  # fmt: skip
_LOSS = {'kind': 'polygon', 'count': 3, 'reason': 'boxes only', 'examples': [{'file': 'a.jpg'}]}
_LOSSES = {
    'written': {'box': 3}, 'converted': [_LOSS], 'dropped': [_LOSS], 'attributes': {'crowd': 1},
    'unreadable': {'count': 1, 'examples': [{'file': 'a.jpg', 'reason': 'damaged'}]},
}  # fmt: skip
_TIMES = {'started': '2026-01-01T00:00:00+00:00', 'finished': '2026-01-01T00:00:02+00:00'}
_FIELDS: dict[str, Any] = {
    'status': 'failed', 'note': 'first', 'params': {'epochs': 3, 'nested': {'a': 1}}, 'model': {'id': 1, 'name': 'm'},
    'error': {'type': 'StepFailed', 'message': 'it broke', 'hint': 'fix it', 'cause': 'x', 'traceback': 'y'},
    'metrics': {'mAP50': 0.5, 'loss': None}, 'result': {'loss': 0.1, 'weights_path': 'w.pt'}, 'moved_from': ['/a'],
    'dataset': {'path': '/x', 'format': 'yolo', 'splits': {'train': 3}, 'classes': ['a']}, 'git': {'sha': 'f'},
    'stages': [stage('convert', losses=_LOSSES, answered_by='acme', **_TIMES), stage('execute', 'failed', error='x')],
}  # fmt: skip
_EVENTS: list[dict[str, Any]] = [
    {'type': 'step', 'name': 'execute', 'status': 'running'},
    {'type': 'step', 'name': 'execute', 'status': 'failed', 'seconds': 1.5},
    {'type': 'training', 'training': 'a', 'status': 'started'},
    {'type': 'params', 'values': {'lr': 0.1}},
    *({'type': 'metrics', 'phase': 'val', 'axis': 'epoch', 'step': n, 'values': {'loss': n / 2}} for n in range(3)),
    *({'type': 'system', 'values': {'cpu_percent': n}} for n in range(2)),
    {'type': 'artifact', 'kind': 'image', 'path': 'a.png', 'step': 1, 'caption': 'first'},
    {'type': 'artifact', 'kind': 'weights', 'role': 'best', 'path': 'w.pt'},
    {'type': 'checkpoint', 'path': 'w.pt', 'resumable': True, 'size': 3},
    {'type': 'message', 'level': 'error', 'text': 'it broke'},
]


def _write(path: Path, record: dict[str, Any], events: list[Any]) -> None:
    (path / 'run.json').write_text(json.dumps(record))
    head = {'ts': '2026-01-01T00:00:01+00:00', 'attempt': 1}
    lines = [json.dumps({**head, **event} if isinstance(event, dict) else event) for event in events]
    (path / 'events.jsonl').write_text('\n'.join([*lines, '']))


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*above, key)
        yield from _places(inner, (*above, key))


def _changed(value: Any, chance: random.Random) -> Any:
    """A copy with another value in one or two places."""
    made = copy.deepcopy(value)
    for _ in range(chance.choice((1, 2))):
        *above, last = chance.choice(list(_places(made)))
        inner = made
        for key in above:
            inner = inner[key]
        inner[last] = copy.deepcopy(chance.choice(_VALUES))
    return made


def _show_everything(folder: Path) -> None:
    runs = Runs(folder)
    for run in runs:
        json.dumps(run.to_dict())
        details(run)
        obstacle(run)
        run._repr_html_()
        run.metrics()._repr_html_()
    for field in FIELDS:
        sorted_runs(runs, field)
    runs._repr_html_()
    comparison(list(runs), show_all=True)
    contents = [RunContents.of(run.path) for run in runs]
    for several in (contents, contents[:1]):
        report_text(several)
        report_page(several)
        json.dumps(report_data(several))


@pytest.mark.parametrize('seed', range(25))
def test_a_run_with_any_other_value_in_any_place_is_shown(tmp_path: Path, seed: int) -> None:
    """Nothing raises: a value of another type counts as missing."""
    chance = random.Random(seed)
    for name in ('a', 'b'):
        path = make_run(tmp_path / name, **_FIELDS)
        record = json.loads((path / 'run.json').read_text())
        _write(path, _changed(record, chance), [_changed(event, chance) for event in _EVENTS])
    _show_everything(tmp_path)


def test_numbers_that_no_float_holds_are_infinite_or_missing(tmp_path: Path) -> None:
    path = make_run(tmp_path / 'a', status='failed')
    record = json.loads((path / 'run.json').read_text())
    seconds = [stage('convert', seconds=1e300), stage('execute', seconds=2.0)]
    values = {'type': 'metrics', 'phase': 'val', 'axis': 'epoch', 'values': {'loss': -_HUGE, 'accuracy': 0.5}}
    _write(path, {**record, 'stages': seconds, 'metrics': None}, [{**values, 'step': 1}, {**values, 'step': _HUGE}])
    run = Run(path)
    assert run.last_values == {'loss': float('-inf'), 'accuracy': 0.5}
    assert [stage.seconds for stage in run.stages] == [None, 2.0]
    assert [row.step for row in run.metrics().select(name='accuracy')] == [1, None]


def test_a_loss_report_of_another_form_is_left_out(tmp_path: Path) -> None:
    stages = [stage('convert', losses={**_LOSSES, 'dropped': [1.5]}), stage('convert', losses=_LOSSES)]
    found = Run(make_run(tmp_path / 'a', stages=stages)).stages
    assert [each.losses for each in found] == [None, _LOSSES]


def test_an_event_with_a_type_that_is_no_text_is_passed_over(tmp_path: Path) -> None:
    lines = [{'type': ['message'], 'text': 1}, {'type': 'message', 'text': 2}]
    (tmp_path / 'events.jsonl').write_text(''.join(f'{json.dumps(line)}\n' for line in lines))
    (tmp_path / 'events-folder.jsonl').mkdir()
    assert [event['text'] for event in read_events(tmp_path, types=['message'])] == [2]
