"""`runs`: list, filter, sort, show, compare."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.cli import main
from tests.runs.runs_kit import make_run, stage

Hooks = Callable[..., Any]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with four runs."""
    root = tmp_path / 'workspace'
    monkeypatch.setenv('SYNAPSE_WORKSPACE', str(root))
    monkeypatch.chdir(tmp_path)
    common = {'params': {'dataset': 'digits', 'epochs': 3, 'lr': 0.1}, 'git': {'sha': 'a' * 40, 'dirty': False}}
    make_run(
        root / 'runs' / 'good',
        created='2026-11-01T10:00:00+00:00',
        status='succeeded',
        metrics={'accuracy': 0.75, 'loss': 2.0},
        model={'id': 7, 'name': 'street'},
        stages=[stage('execute', seconds=10)],
        **common,
    )
    make_run(
        root / 'runs' / 'better',
        created='2026-11-02T10:00:00+00:00',
        status='succeeded',
        metrics={'accuracy': 0.875, 'loss': 1.0},
        note='with more epochs',
        **{**common, 'params': {'dataset': 'digits', 'epochs': 9, 'lr': 0.1}},
    )
    error = {'type': 'StepFailed', 'message': "step 'execute' failed", 'step': 'execute'}
    make_run(
        root / 'runs' / 'bad',
        created='2026-11-03T10:00:00+00:00',
        status='failed',
        error=error,
        stages=[stage('execute', 'failed', error='OSError: gone')],
        target='guess.py:Guess',
        **common,
    )
    (root / 'runs' / 'odd').mkdir()
    (root / 'runs' / 'odd' / 'run.json').write_text('[]')
    return root


@pytest.fixture
def hooks(workspace: Path, capfd: pytest.CaptureFixture[str]) -> Hooks:
    """Run a command; returns its stdout, with `--json` as an object, else the text of its error."""

    def call(*words: str, code: int = 0) -> Any:
        capfd.readouterr()
        assert main(list(words)) == code
        out, err = capfd.readouterr()
        if code == 2 or (code and not out.strip()):
            return err
        return json.loads(out.splitlines()[-1]) if '--json' in words else out

    return call


def names(listed: dict[str, Any]) -> list[str]:
    return [run['name'] for run in listed['runs']]


def test_runs_are_listed_the_newest_first(hooks: Hooks, workspace: Path) -> None:
    lines = hooks('runs').splitlines()
    assert lines[0].split() == ['name', 'status', 'action', 'dataset', 'model', 'best', 'metric', 'duration', 'note']
    assert [line.split()[0] for line in lines[1:5]] == ['bad', 'better', 'good', 'odd']
    assert 'failed (execute)' in lines[1]
    assert 'accuracy 0.875' in lines[2]
    assert 'with more epochs' in lines[2]
    assert '7 (street)' in lines[3]
    assert lines[4].split()[1] == 'unreadable'
    assert 'odd is unreadable: the run directory' in lines[6]
    assert names(hooks('runs', '--json')) == ['bad', 'better', 'good', 'odd']
    assert names(hooks('runs', '--json', '--workspace', str(workspace / 'runs'))) == ['bad', 'better', 'good', 'odd']


def test_a_workspace_without_runs_is_named(hooks: Hooks, tmp_path: Path) -> None:
    assert hooks('runs', '--workspace', str(tmp_path / 'new')) == f'there are no runs in {tmp_path}/new\n'
    assert hooks('runs', '--filter', 'status=cancelled').startswith('none of the 4 runs in ')


@pytest.mark.parametrize(
    ('conditions', 'expected'),
    [
        (['status=failed'], ['bad']),
        (['status!=succeeded'], ['bad', 'odd']),
        (['params.epochs>5'], ['better']),
        (['epochs<=3'], ['bad', 'good']),
        (['params.lr=0.10'], ['bad', 'better', 'good']),
        (['accuracy>0.8'], ['better']),
        (['metrics.loss>=1', 'accuracy<0.8'], ['good']),
        (['note~MORE'], ['better']),
        (['note='], ['bad', 'good', 'odd']),
        (['note!='], ['better']),
        (['model=7 (street)'], ['good']),
        (['started>2026-11-02'], ['bad', 'better']),
        (['error~execute'], ['bad']),
        (['duration>5'], ['good']),
        (['dataset=digits', 'status=succeeded'], ['better', 'good']),
    ],
)
def test_runs_are_filtered(conditions: list[str], expected: list[str], hooks: Hooks) -> None:
    words = [word for condition in conditions for word in ('--filter', condition)]
    assert names(hooks('runs', '--json', *words)) == expected


@pytest.mark.parametrize(
    ('condition', 'problem'),
    [
        ('status', "a filter must be FIELD=VALUE, got 'status'"),
        ('=5', 'a filter must be FIELD=VALUE'),
        ('acuracy>1', "did you mean 'accuracy'?"),
        ('zzzzzz=1', 'the fields are name, status'),
        ('name~(', "'(' is not a regular expression"),
        ('params.epochs>many', "params.epochs is a number, and cannot be compared with 'many'"),
    ],
)
def test_a_wrong_filter_says_what_is_wrong(condition: str, problem: str, hooks: Hooks) -> None:
    assert problem in hooks('runs', '--filter', condition, code=2)


@pytest.mark.parametrize(
    ('field', 'expected'),
    [
        ('name', ['bad', 'better', 'good', 'odd']),
        ('-name', ['odd', 'good', 'better', 'bad']),
        ('started', ['good', 'better', 'bad', 'odd']),
        # A metric begins with the best value.
        ('metric', ['better', 'good', 'bad', 'odd']),
        ('accuracy', ['better', 'good', 'bad', 'odd']),
        ('-accuracy', ['good', 'better', 'bad', 'odd']),
        ('metrics.loss', ['better', 'good', 'bad', 'odd']),
        ('params.epochs', ['bad', 'good', 'better', 'odd']),
    ],
)
def test_runs_are_sorted(field: str, expected: list[str], hooks: Hooks) -> None:
    assert names(hooks('runs', '--json', f'--sort={field}')) == expected


def test_a_field_that_is_sorted_by_is_shown(hooks: Hooks) -> None:
    head, first, *_ = hooks('runs', '--sort', 'params.epochs', '--limit', '1').splitlines()
    assert 'params.epochs' in head
    assert ' 3' in first
    assert "no run has a field 'nonsense'" in hooks('runs', '--sort', 'nonsense', code=2)


def test_a_metric_is_found_by_the_name_that_the_list_shows(hooks: Hooks, workspace: Path) -> None:
    for name, value in (('low', 0.25), ('high', 0.5)):
        make_run(workspace / 'runs' / name, status='succeeded', metrics={'metrics/mAP50-95(B)': value})
    listed = hooks('runs', '--filter', 'mAP50-95>0', '--filter', 'metrics.mAP50-95<1', '--sort', 'mAP50-95')
    assert [line.split()[0] for line in listed.splitlines()[1:3]] == ['high', 'low']


def test_started_is_compared_with_times_only(hooks: Hooks) -> None:
    for value in ('1h', '20261130', 'today', '2026-13-01'):
        assert 'started is a time in UTC' in hooks('runs', '--filter', f'started>{value}', code=2)
    for value in ('2026', '2026-11', '2026-11-02', '2026-11-02T09:00'):
        assert 'better' in hooks('runs', '--filter', f'started>{value}')


def test_a_reversed_order_without_an_equals_sign_is_explained(hooks: Hooks) -> None:
    assert '`--sort=-VALUE`' in hooks('runs', '--sort', '-accuracy', code=2)


def test_what_to_do_about_an_error_is_said_once(hooks: Hooks, workspace: Path) -> None:
    hint = 'synapse-hooks resume /a/hinted'
    error = {'type': 'StepFailed', 'message': f"step 'execute' failed\n  → {hint}", 'hint': hint, 'step': 'execute'}
    make_run(workspace / 'runs' / 'hinted', status='failed', error=error, target='guess.py:Guess')
    assert hooks('runs', 'show', 'hinted').count('synapse-hooks resume') == 1
    assert 'synapse-hooks resume' not in hooks('runs', 'compare', 'hinted', 'good')


@pytest.mark.parametrize('command', ['resume', 'sync', 'verify'])
def test_a_command_for_a_run_takes_its_name(
    command: str, workspace: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make_run(workspace / 'runs' / 'better-still', status='succeeded')
    assert main([command, 'good']) == 0
    assert main([command, 'bett']) != 0
    assert "'bett' fits 2 runs" in capfd.readouterr().err
    assert main([command, 'nowhere']) != 0
    (tmp_path / 'good').mkdir()
    assert main([command, 'good']) != 0, 'a folder goes before a name'


def test_a_limit_says_how_many_there_are_more(hooks: Hooks) -> None:
    assert hooks('runs', '--limit', '1').splitlines()[-1] == '3 more: --limit'
    listed = hooks('runs', '--limit', '2', '--json')
    assert (names(listed), listed['count']) == (['bad', 'better'], 4)
    assert 'must be a whole number' in hooks('runs', '--limit', '-1', code=2)


def test_csv_has_a_column_for_each_parameter_and_metric(hooks: Hooks) -> None:
    rows = list(csv.DictReader(io.StringIO(hooks('runs', '--csv'))))
    assert [row['name'] for row in rows] == ['bad', 'better', 'good', 'odd']
    assert (rows[1]['params.epochs'], rows[1]['metrics.accuracy'], rows[0]['metrics.accuracy']) == ('9', '0.875', '')
    assert 'both --csv and --json' in hooks('runs', '--csv', '--json', code=2)


def test_a_run_is_shown_in_full(hooks: Hooks, workspace: Path) -> None:
    shown = hooks('runs', 'show', 'goo')
    for text in (
        'status',
        'succeeded',
        'digits',
        '7 (street)',
        'accuracy 0.75',
        'a' * 40,
        'execute',
        '10.0 s',
        'epochs',
    ):
        assert text in shown
    failed = hooks('runs', 'show', 'bad')
    assert 'OSError: gone' in failed
    assert f'`synapse-hooks resume {workspace}/runs/bad`' in failed
    data = hooks('runs', 'show', 'last', '--json')
    assert (data['name'], data['stages'][0]['error']) == ('bad', 'OSError: gone')
    assert hooks('runs', 'show', 'odd', '--json')['status'] == 'unreadable'
    assert hooks('runs', 'show', '7', '--json')['name'] == 'good'


def test_a_run_that_is_not_there_or_not_alone_is_an_error(hooks: Hooks) -> None:
    assert "'b' fits 2 runs: bad, better" in hooks('runs', 'show', 'b', code=1)
    assert "did you mean 'good'?" in hooks('runs', 'show', 'god', code=1)


def test_what_differs_comes_first(hooks: Hooks) -> None:
    shown = hooks('runs', 'compare', 'good', 'better')
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line}
    assert rows['params.epochs'] == ['3', '9']
    assert rows['metrics.accuracy'] == ['0.75', '0.875', '*']
    assert rows['metrics.loss'] == ['2', '1', '*']
    assert 'params.lr' not in shown
    assert 'fields are equal: --all shows them' in shown
    assert 'params.lr' in hooks('runs', 'compare', 'good', 'better', '--all')
    data = hooks('runs', 'compare', 'good', 'better', '--json')
    assert data['different']['params.epochs'] == [3, 9]
    assert data['equal']['git.sha'] == 'a' * 40
    assert data['best']['metrics.loss'] == 1


def test_a_comparison_needs_two_runs(hooks: Hooks) -> None:
    assert 'a comparison needs two runs or more' in hooks('runs', 'compare', 'good', 'goo', code=2)


def test_what_runs_say_is_harmless_on_a_terminal(hooks: Hooks, workspace: Path) -> None:
    evil = '\x1b]0;title\x07\nnext'
    make_run(workspace / 'runs' / 'evil', note=evil, params={'a\x1b[2J': evil}, status='failed', metrics={evil: 1.0})
    for words in (['runs'], ['runs', 'show', 'evil'], ['runs', 'compare', 'evil', 'good'], ['runs', '--csv']):
        shown = hooks(*words)
        assert '\x1b' not in shown
        assert '\x07' not in shown
