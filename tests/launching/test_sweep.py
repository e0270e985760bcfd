"""Many runs at once: the file, the runs, what one failure leaves of the others."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.cli.sweep_file import read_sweep
from synapse_hooks.errors import ConfigError, ParamsError
from synapse_hooks.journal import RunDirectory
from synapse_hooks.launching.driver import Launch
from synapse_hooks.launching.sweep import SweptRun, launch_all
from tests.launching.conftest import Start
from tests.launching.test_launcher_plugin import until


@pytest.mark.parametrize(
    ('name', 'text', 'expected'),
    [
        ('a.yaml', '- {lr: 0.1}\n- {lr: 0.2, epochs: 5}\n', [{'lr': 0.1}, {'lr': 0.2, 'epochs': 5}]),
        ('a.json', '[{"lr": 0.1}, {}]', [{'lr': 0.1}, {}]),
        ('a.yaml', 'lr: [0.1, 0.2]\nname: [a]\n', [{'lr': 0.1, 'name': 'a'}, {'lr': 0.2, 'name': 'a'}]),
        ('a.csv', '\ufefflr,name\n0.1,a\n\n"2","[1, 2]"\n', [{'lr': 0.1, 'name': 'a'}, {'lr': 2, 'name': [1, 2]}]),
    ],
)
def test_the_parameters_of_each_run_are_read(tmp_path: Path, name: str, text: str, expected: Any) -> None:
    (tmp_path / name).write_text(text, encoding='utf-8')
    assert read_sweep(tmp_path / name) == expected


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('a.yaml', '', 'expected a list with the parameters of each run, got None'),
        ('a.yaml', '[]', 'expected a list'),
        ('a.yaml', '- 1', 'expected a list with the parameters of each run, got 1'),
        ('a.yaml', '- {1: 2}', 'expected a list'),
        ('a.yaml', 'lr: 0.1', 'lr must be a list of values, got 0.1'),
        ('a.yaml', 'lr: []', 'lr must be a list of values'),
        ('a.yaml', 'lr: [', 'cannot be read'),
        ('a.csv', 'lr,name\n0.1\n', 'line 2 must have 2 values, got 1'),
        ('a.csv', 'lr\n"[1"\n', 'cannot be read'),
        ('a.csv', '', 'expected a list'),
        ('a.csv', 'lr, lr\n1,2\n', 'line 1 has a name twice: lr, lr'),
        ('a.csv', 'lr\n"1\n', 'cannot be read: unexpected end of data'),
        ('a.csv', f'lr\n{"1" * 200_000}\n', 'cannot be read: field larger than field limit'),
        ('a.yaml', '\n'.join(f'{name}: [{"1, " * 9}1]' for name in 'abcde'), 'may have 10,000 runs, got 100,000'),
        ('a.yaml', '- {}\n' * 10_001, 'may have 10,000 runs, got 10,001'),
    ],
)
def test_what_is_not_a_sweep_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text, encoding='utf-8')
    with pytest.raises(ParamsError, match=message):
        read_sweep(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'nothing\.yaml'):
        read_sweep(tmp_path / 'nothing.yaml')


@pytest.mark.parametrize('name', ['zero.csv', 'zero.yaml'])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to('/dev/zero')
    with pytest.raises(ConfigError, match='it is a device, not a regular file'):
        read_sweep(tmp_path / name)


SWEEP = ('sweep', 'train.py:Train', '--over', 'runs.yaml', '-p', 'data_path=data', '--name', 'lr')


@pytest.mark.parametrize('launcher', [(), ('--launcher', 'subprocess', '--parallel', '2')])
def test_one_failure_does_not_end_the_others(start: Start, project: Path, launcher: tuple[str, ...]) -> None:
    (project / 'runs.yaml').write_text('- {lr: 1.0}\n- {lr: 2.0, fail: true}\n- {lr: 3.0}\n')
    with start(*SWEEP, *launcher, '--json') as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    data = json.loads(out.splitlines()[-1])
    assert (data['sweep'], data['succeeded'], data['failed']) == ('lr', 2, 1)
    assert [run['outcome'] for run in data['runs']] == ['succeeded', 'failed', 'succeeded']
    assert [run['metrics']['loss'] for run in data['runs']] == [pytest.approx(lr / 3) for lr in (1.0, 2.0, 3.0)]
    assert '✘ lr-0002 failed' in err
    folders = [Path(run['run_dir']) for run in data['runs']]
    assert [folder.name for folder in folders] == ['lr-0001', 'lr-0002', 'lr-0003']
    # Once more: what has succeeded is left as it is.
    with start(*SWEEP, *launcher, '--json') as process:
        _, err = process.communicate(timeout=60)
    assert 'lr-0001 has succeeded before' in err
    assert 'lr-0002 begins' in err
    assert [RunDirectory.open(folder).read()['model'] is not None for folder in folders] == [True, False, True]
    models = [RunDirectory.open(folder).read()['model'] for folder in folders]
    assert models[0]['id'] != models[2]['id']
    assert max(models[0]['id'], models[2]['id']) == 2


def test_every_set_of_parameters_is_checked_before_the_first_run(start: Start, project: Path) -> None:
    (project / 'runs.yaml').write_text('- {lr: 1.0}\n- {lr: much}\n')
    with start(*SWEEP) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert 'lr: ' in err
    assert 'run 2 of runs.yaml' in err
    assert not list(project.parent.glob('workspace/runs/lr-*'))


def test_ctrl_c_ends_the_runs_at_work_and_begins_no_other(start: Start, project: Path) -> None:
    (project / 'runs.yaml').write_text('- {waits: true}\n- {lr: 2.0}\n')
    with start(*SWEEP, '--launcher', 'subprocess', '--parallel', '1') as process:
        until((project / 'waiting').exists, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert 'go on with the same command and `--name lr`' in err
    runs = project.parent / 'workspace' / 'runs'
    assert RunDirectory.open(runs / 'lr-0001').status == 'cancelled'
    assert not (runs / 'lr-0002').exists()
    (project / 'finish').touch()
    with start(*SWEEP, '--launcher', 'subprocess') as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert {RunDirectory.open(runs / name).status for name in ('lr-0001', 'lr-0002')} == {'succeeded'}


@pytest.mark.parametrize('words', [SWEEP, ('train', 'train.py:Train'), ('resume', 'run')])
def test_resources_without_a_launcher_are_refused(start: Start, project: Path, words: tuple[str, ...]) -> None:
    (project / 'runs.yaml').write_text('- {lr: 1.0}\n')
    if words[0] == 'resume':
        with start('train', 'train.py:Train', '-p', 'data_path=data', '-p', 'fail=true', '--run-dir', 'run') as process:
            process.communicate(timeout=60)
    with start(*words, '-r', 'num_gpus=1') as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert 'are for a launcher, and there is none' in err


def test_this_process_runs_one_at_a_time(start: Start, project: Path) -> None:
    (project / 'runs.yaml').write_text('- {lr: 1.0}\n')
    with start(*SWEEP, '--parallel', '2') as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert 'this process runs one training at a time' in err


def test_a_launcher_that_exits_ends_one_run() -> None:
    def leave() -> Launch:
        raise SystemExit(3)

    runs = [SweptRun(name, {}, leave) for name in ('a', 'b', 'c')]
    outcomes = launch_all(runs, launcher='other', parallel=2)
    assert [repr(outcomes[name]) for name in ('a', 'b', 'c')] == ['SystemExit(3)'] * 3


def test_a_terminated_sweep_has_the_exit_code_of_that(start: Start, project: Path) -> None:
    (project / 'runs.yaml').write_text('- {waits: true}\n- {lr: 2.0}\n')
    with start(*SWEEP) as process:
        until((project / 'waiting').exists, process)
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert 'cancelled (SIGTERM)' in err


def test_a_name_that_runs_cannot_have_is_a_usage_error(start: Start, project: Path) -> None:
    (project / 'runs.yaml').write_text('- {lr: 1.0}\n')
    with start(*SWEEP[:-1], '../lr', '--launcher', 'subprocess') as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.startswith("error: a run cannot be called '../lr-0001'")
