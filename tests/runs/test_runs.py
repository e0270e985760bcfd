"""Runs are listed, found, and described, whatever is in their run.json."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from synapse_hooks.backends import Workspace
from synapse_hooks.errors import RunError
from synapse_hooks.journal import Journal, RunDirectory
from synapse_hooks.runs import Run, Runs
from tests.runs.runs_kit import make_run, stage

DAY = '2026-11-{:02}T10:00:00+00:00'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with three runs."""
    for day, name in enumerate(('beta', 'alpha', 'alphabet'), 1):
        make_run(
            tmp_path / 'runs' / name, created=DAY.format(day), status='succeeded', model={'id': day, 'name': f'm{day}'}
        )
    return tmp_path


def names(runs: Any) -> list[str]:
    return [run.name for run in runs]


def test_the_newest_run_is_the_first(folder: Path) -> None:
    runs = Runs(folder)
    assert names(runs) == ['alphabet', 'alpha', 'beta']
    assert (len(runs), runs[-1].name, names(runs[:2])) == (3, 'beta', ['alphabet', 'alpha'])


def test_runs_are_those_of_a_workspace_a_client_its_folder_or_any_folder(folder: Path, tmp_path: Path) -> None:
    expected = names(Runs(folder))
    for where in (Workspace(folder), SimpleNamespace(root=folder), str(folder), folder / 'runs'):
        assert names(Runs(where)) == expected
    assert names(Runs(tmp_path / 'nowhere')) == []
    assert Runs(Workspace(tmp_path / 'nowhere')).folder == tmp_path / 'nowhere' / 'runs'


@pytest.mark.parametrize(
    ('wanted', 'found'),
    [
        ('beta', 'beta'),
        ('b', 'beta'),
        ('last', 'alphabet'),
        ('alpha', 'alpha'),
        ('alphab', 'alphabet'),
        ('3', 'alphabet'),
        ('m2', 'alpha'),
    ],
)
def test_a_run_is_found_by_name_beginning_model_and_last(wanted: str, found: str, folder: Path) -> None:
    assert Runs(folder)[wanted].name == found


def test_a_run_elsewhere_is_found_by_its_path(folder: Path, tmp_path: Path, elsewhere: Path) -> None:
    there = make_run(elsewhere / 'there', status='failed')
    runs = Runs(folder)
    assert runs.find(there).path == runs['./there'].path == runs[str(there)].path == runs['there'].path == there


def test_a_run_directory_here_goes_before_a_beginning_and_never_before_a_name(folder: Path, elsewhere: Path) -> None:
    for name in ('alp', 'beta'):
        make_run(elsewhere / name)
    assert Runs(folder).find('alp').path == elsewhere / 'alp'
    with pytest.raises(RunError, match="'beta' fits 2 runs") as caught:
        Runs(folder).find('beta')
    assert caught.value.candidates == [str(folder / 'runs' / 'beta'), str(elsewhere / 'beta')]


def test_what_is_ambiguous_lists_the_candidates(folder: Path) -> None:
    with pytest.raises(RunError, match="'al' fits 2 runs: alphabet, alpha") as caught:
        Runs(folder).find('al')
    assert caught.value.candidates == ['alphabet', 'alpha']


@pytest.mark.parametrize('wanted', ['bata', '', 'nothing like it', 'x' * 500, './no', '/no/such'])
def test_what_is_missing_is_an_error_with_a_hint(wanted: str, folder: Path) -> None:
    with pytest.raises(RunError) as caught:
        Runs(folder).find(wanted)
    assert 'synapse-hooks runs' in caught.value.hint
    assert len(str(caught.value)) < 1000
    if wanted == 'bata':
        assert "did you mean 'beta'?" in caught.value.hint


FOREIGN: dict[str, bytes] = {
    'empty': b'',
    'no-json': b'\xff\xfe nothing',
    'list': b'[1, 2]',
    'newer': b'{"v": 99}',
    'no-version': b'{"name": "a package"}',
    'types': b'{"v": 1, "params": 3}',
    'deep': b'{"v": 1, "params": ' + b'[' * 100_000,
}


@pytest.mark.parametrize('kind', FOREIGN)
def test_a_record_that_cannot_be_used_is_listed_with_the_reason(kind: str, folder: Path) -> None:
    (folder / 'runs' / kind).mkdir()
    (folder / 'runs' / kind / 'run.json').write_bytes(FOREIGN[kind])
    runs = Runs(folder)
    assert sorted(names(runs)) == sorted(['alphabet', 'alpha', 'beta', kind])
    run = runs[kind]
    assert run.status == 'unreadable'
    assert 'run.json' in run.problem
    assert run.to_dict()['error']['message'] == run.problem
    assert runs['last'].name == 'alphabet'
    assert run._repr_html_()
    assert runs._repr_html_()


@pytest.mark.parametrize('place', ['folder', 'broken link', 'file', 'pipe'])
def test_other_things_beside_runs_do_not_matter(place: str, folder: Path) -> None:
    odd = folder / 'runs' / 'odd'
    if place == 'file':
        odd.write_text('')
    elif place == 'folder':
        (odd / 'run.json').mkdir(parents=True)
    elif place == 'broken link':
        odd.mkdir()
        (odd / 'run.json').symlink_to('nothing')
    else:
        odd.mkdir()
        os.mkfifo(odd / 'run.json')
    assert [run.name for run in Runs(folder) if run.status == 'succeeded'] == ['alphabet', 'alpha', 'beta']


ODD: dict[str, Any] = {
    'error': 'a text',
    'git': [1],
    'note': 5,
    'metrics': {'loss': 'low'},
    'result': [1, 2],
    'created': 12,
    'action': '',
    'stages': [{'name': 'export', 'status': 'running', 'seconds': 0, 'started': 7, 'answered_by': 3, 'losses': 'all'}],
}


def test_fields_of_other_types_are_as_if_they_were_missing(tmp_path: Path) -> None:
    (tmp_path / 'run.json').write_text(json.dumps({'v': 1, **ODD}))
    run = Run(tmp_path)
    assert (run.error, run.git, run.note, run.started, run.action, run.last_values) == (None, None, '', None, None, {})
    (only,) = run.stages
    assert (only.started, only.answered_by, only.losses) == (None, None, None)
    assert run.duration == timedelta(0)
    assert 'export' in run._repr_html_()


def test_a_run_that_says_running_although_its_process_is_dead_was_killed(tmp_path: Path) -> None:
    code = (
        'import sys\nfrom pathlib import Path\nfrom synapse_hooks.journal import RunDirectory\n'
        'run = RunDirectory.create(Path(sys.argv[1]), action="train")\n'
        'with run.locked():\n'
        '    run.update(status="running", stages=[{"name": "execute", "status": "running"}])\n'
        '    print("ready", flush=True)\n'
        '    sys.stdin.read()\n'
    )
    process = subprocess.Popen(
        [sys.executable, '-c', code, tmp_path / 'run'], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b'ready\n'
    run = Run(tmp_path / 'run')
    assert (run.status, run.is_active, run.error) == ('running', True, None)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = Run(tmp_path / 'run')
    assert (run.status, run.is_active) == ('failed', False)
    assert run.error is not None
    assert (run.error['type'], run.error['step']) == ('Killed', 'execute')
    assert [(each.name, each.status, each.error) for each in run.stages] == [('execute', 'failed', 'Killed')]
    # Nothing was written by looking.
    assert RunDirectory.open(tmp_path / 'run').status == 'running'


def test_a_killed_stage_took_until_its_last_event(tmp_path: Path) -> None:
    path = make_run(
        tmp_path / 'run', status='running', stages=[{'name': 'execute', 'status': 'running', 'started': DAY.format(1)}]
    )
    events = [
        ('step', '2026-11-01T10:00:00+00:00'),
        ('metrics', '2026-11-01T10:00:30+00:00'),
        ('run_end', '2026-11-09T10:00:00+00:00'),
    ]
    lines = [json.dumps({'type': type, 'ts': ts}) for type, ts in events]
    (path / 'events.jsonl').write_text('\n'.join([*lines, '{"type": "met']))
    for _ in range(2):
        run = Run(path)
        assert (run.duration, run.stages[0].seconds) == (timedelta(seconds=30), 30)
        # As the next run of the workspace records it.
        RunDirectory.open(path).update(status='failed', error={'type': 'Killed', 'message': ''})


def test_looking_at_a_run_does_not_keep_it_from_being_driven(tmp_path: Path) -> None:
    directory = RunDirectory.create(tmp_path / 'run')
    directory.update(status='running')
    code = (
        'import sys\nfrom pathlib import Path\nfrom synapse_hooks.runs import Run\n'
        'print("ready", flush=True)\nwhile True:\n    Run(Path(sys.argv[1]))\n'
    )
    process = subprocess.Popen([sys.executable, '-c', code, tmp_path / 'run'], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b'ready\n'
        for _ in range(100):
            with directory.locked():
                pass
    finally:
        process.kill()
        process.wait()


def test_the_last_values_are_read_from_the_record_or_else_from_the_journal(tmp_path: Path) -> None:
    metrics = [
        {'phase': 'train', 'step': 1, 'values': {'loss': 3.0}},
        {'phase': 'val', 'step': 1, 'values': {'accuracy': 0.25, 'loss': 2.0}},
        {'phase': 'final', 'step': 1, 'values': {'accuracy': 0.5}},
    ]
    going = Run(make_run(tmp_path / 'going', logged=metrics))
    assert going.last_values == {'loss': 2.0, 'accuracy': 0.5}
    ended = Run(make_run(tmp_path / 'ended', status='succeeded', metrics={'loss': None, 'mAP': 1}))
    assert math.isnan(ended.last_values['loss'])
    assert str(ended.best_metric) == 'mAP 1'


def test_numbers_of_the_result_count_if_they_are_metrics(tmp_path: Path) -> None:
    result = {'epochs': 3, 'f1': 0.75, 'weights_path': 'x', 'done': True}
    run = Run(make_run(tmp_path / 'run', status='succeeded', result=result))
    assert run.last_values == {'f1': 0.75}


def test_the_duration_is_that_of_the_stages(tmp_path: Path) -> None:
    run = Run(make_run(tmp_path / 'run', status='failed', stages=[stage('export'), stage('execute', 'failed', 60)]))
    assert run.duration == timedelta(seconds=61.5)
    assert [each.name for each in run.stages] == ['export', 'execute']


def test_paths_follow_a_run_that_was_moved(tmp_path: Path) -> None:
    old = make_run(tmp_path / 'old', run_dir=str(tmp_path / 'old'), dataset={'path': str(tmp_path / 'old' / 'data')})
    run = Run(old.rename(tmp_path / 'new'))
    assert run.dataset is not None
    assert run.dataset['path'] == str(tmp_path / 'new' / 'data')


def test_metrics_are_a_table(tmp_path: Path) -> None:
    path = make_run(tmp_path / 'run')
    first = Journal(path)
    for step in (1, 2):
        first.record('metrics', {'phase': 'val', 'axis': 'epoch', 'step': step, 'values': {'loss': 9.0}})
    first.close()
    again = Journal(path)
    again.record('metrics', {'phase': 'val', 'axis': 'epoch', 'step': 2, 'values': {'loss': 1.0}, 'training': None})
    again.record('metrics', {'phase': 'val', 'axis': 'epoch', 'step': [2], 'values': {'loss': 5.0}, 'training': {}})
    again.close()
    metrics = Run(path).metrics()
    assert metrics.select(name='loss', phase='val').points() == [(None, 5.0), (1, 9.0), (2, 1.0)]
    assert len(metrics.curves()) == 1
    assert metrics.select(phase='train').names == []
    assert metrics[0].value == 9.0
    assert len(metrics[1:]) == 2
    assert 'loss' in metrics._repr_html_()
    assert repr(metrics) == '<Metrics: 3 rows of loss>'


def test_what_a_notebook_shows_is_escaped(tmp_path: Path) -> None:
    evil = '<script>alert(1)</script>'
    path = make_run(tmp_path / 'run', note=evil, params={evil: evil}, status='failed', error={'message': evil})
    make_run(tmp_path / 'other', logged=[{'phase': evil, 'values': {evil: 1.0}}])
    for shown in (
        Run(path)._repr_html_(),
        Runs(tmp_path)._repr_html_(),
        Run(tmp_path / 'other').metrics()._repr_html_(),
    ):
        assert '<script>' not in shown
        assert '&lt;script&gt;' in shown
