"""`runs note`, `runs remove` and `runs prune`: nothing is removed that is in use or exists nowhere else."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.backends import Workspace
from synapse_hooks.cli import main
from synapse_hooks.cli.run_removal import age_of
from synapse_hooks.errors import ConfigError, RunError
from synapse_hooks.journal import Journal, RunDirectory, read_events
from synapse_hooks.runs import Run, Runs
from synapse_hooks.runs.removal import bytes_freed, only_copy, remove, remove_all
from synapse_hooks.storage.ownership import temporary_path
from tests.runs.runs_kit import make_run, stage
from tests.support.terminals import read_terminal

Hooks = Callable[..., Any]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace."""
    monkeypatch.setenv('SYNAPSE_WORKSPACE', str(tmp_path / 'workspace'))
    monkeypatch.chdir(tmp_path)
    return Workspace(tmp_path / 'workspace').init()


@pytest.fixture
def hooks(root: Path, capfd: pytest.CaptureFixture[str]) -> Hooks:
    """Run `runs` with `--json`; returns the object, or the text of the error."""

    def call(*words: str, code: int = 0) -> Any:
        capfd.readouterr()
        assert main(['runs', *words, '--json']) == code
        out, err = capfd.readouterr()
        return err if code else json.loads(out.splitlines()[-1])

    return call


def days_ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec='seconds')


def finished(root: Path, name: str, **fields: Any) -> Path:
    """A run that holds nothing of worth, with a file of 100,000 bytes."""
    path = make_run(root / 'runs' / name, **{'status': 'succeeded', **fields})
    (path / 'big').write_bytes(os.urandom(100_000))
    return path


def with_weights(root: Path, name: str, **fields: Any) -> Path:
    path = finished(root, name)
    weights = path / 'stages' / 'execute' / 'best.pt'
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b'weights')
    RunDirectory.open(path).update(result={'weights_path': str(weights)}, run_dir=str(path), **fields)
    return path


def left(root: Path) -> list[str]:
    return sorted(path.name for path in (root / 'runs').iterdir())


def test_a_run_is_removed_whole(hooks: Hooks, root: Path) -> None:
    for name in ('a', 'b'):
        finished(root, name)
    removed = hooks('remove', 'a')
    assert (removed['removed'], removed['bytes'] >= 100_000, left(root)) == (['a'], True, ['b'])


def test_all_or_none_of_several_runs_are_removed(hooks: Hooks, root: Path) -> None:
    finished(root, 'a')
    with_weights(root, 'kept')
    assert 'the only copy of a model' in hooks('remove', 'a', 'kept', code=1)
    assert "there is no run 'zzz'" in hooks('remove', 'a', 'zzz', code=1)
    assert left(root) == ['a', 'kept']


def test_a_run_that_is_in_use_is_not_removed(hooks: Hooks, root: Path) -> None:
    path = finished(root, 'a')
    with RunDirectory.open(path).locked():
        assert 'a is in use by a process' in hooks('remove', 'a', '--force', code=1)
        assert hooks('prune', '--keep', '0')['kept'][0]['reason'] == 'a is in use by a process'
        assert 'is in use' in hooks('note', 'a', 'text', code=1)
    assert left(root) == ['a']


def test_a_run_around_the_working_directory_is_not_removed(
    hooks: Hooks, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished(root, 'a'))
    for wanted in ('a', '.'):
        assert 'holds the working directory' in hooks('remove', wanted, '--force', code=1)
    assert left(root) == ['a']


def test_the_only_copy_of_a_model_stays(hooks: Hooks, root: Path) -> None:
    path = with_weights(root, 'a', target='guess.py:Guess')
    told = hooks('remove', 'a', code=1)
    assert f'a has the only copy of a model that was not uploaded: {path}/stages/execute/best.pt' in told
    assert f'`synapse-hooks resume {path}`' in told
    assert f'`synapse-hooks workspace add-model {path}/stages/execute/best.pt --name NAME`' in told
    kept = hooks('prune', '--keep', '0')
    assert (kept['removed'], [run['name'] for run in kept['kept']]) == ([], ['a'])
    assert hooks('prune', '--keep', '0', '--force')['removed'] == ['a']


def test_a_model_that_was_uploaded_may_go_while_its_copy_is_there(hooks: Hooks, root: Path) -> None:
    workspace = Workspace(root)
    path = with_weights(root, 'a', workspace=str(root))
    model = workspace.create_model(path / 'stages' / 'execute' / 'best.pt', name='street')
    RunDirectory.open(path).update(model={'id': model['id'], 'name': 'street'})
    assert only_copy(Run(path)) is None
    workspace.remove_model('street')
    assert only_copy(Run(path)) == path / 'stages' / 'execute' / 'best.pt'


@pytest.mark.parametrize('loss', ['files', 'workspace'])
def test_a_model_of_which_the_workspace_has_lost_the_files_is_not_there(root: Path, loss: str) -> None:
    path = with_weights(root.parent, 'a', workspace=str(root))
    model = Workspace(root).create_model(path / 'stages' / 'execute' / 'best.pt', name='street')
    RunDirectory.open(path).update(model={'id': model['id'], 'name': 'street'})
    shutil.rmtree(model['path'] if loss == 'files' else root)
    assert only_copy(Run(path)) == path / 'stages' / 'execute' / 'best.pt'


def test_a_model_that_a_resumed_run_made_meanwhile_is_not_removed(root: Path) -> None:
    """A question may wait for its answer for hours."""
    read_before = Run(finished(root, 'a'))
    with_weights(root, 'b')
    shutil.copytree(root / 'runs' / 'b', read_before.path, dirs_exist_ok=True)
    with pytest.raises(RunError, match='the only copy of a model'):
        remove(read_before)
    remove(read_before, force=True)
    assert left(root) == ['b']


def test_a_run_that_holds_another_run_is_not_removed(hooks: Hooks, root: Path) -> None:
    inner = make_run(finished(root, 'a') / 'inner', status='succeeded')
    assert f'a holds another run: {inner}' in hooks('remove', 'a', '--force', code=1)
    remove(Run(inner))
    assert hooks('remove', 'a')['removed'] == ['a']


def test_of_a_link_to_a_run_the_link_is_removed(hooks: Hooks, root: Path, tmp_path: Path) -> None:
    path = with_weights(tmp_path, 'elsewhere')
    (root / 'runs').mkdir(exist_ok=True)
    (root / 'runs' / 'link').symlink_to(path)
    removed = hooks('remove', 'link')
    assert (removed['removed'], removed['bytes'], left(root)) == (['link'], 0, [])
    assert (path / 'big').exists()


def test_a_prune_goes_on_where_another_one_was_first(root: Path) -> None:
    runs = [Run(finished(root, name)) for name in ('a', 'b', 'c')]
    shutil.rmtree(runs[0].path)
    with RunDirectory.open(runs[1].path).locked():
        # It was free when it was chosen.
        kept = remove_all(runs)
    assert [each.run for each in kept] == [runs[1]]
    assert left(root) == ['b']


def test_the_folder_of_a_run_that_another_process_removed_does_not_stay(root: Path) -> None:
    run = Run(finished(root, 'a'))
    shutil.rmtree(run.path)
    with RunDirectory(run.path, {}).locked():
        assert run.path.exists()
    remove(run)
    assert left(root) == []
    (run.path / 'other').mkdir(parents=True)
    with pytest.raises(RunError, match='not a run any more'):
        remove(run)
    assert left(root) == ['a']


def test_a_run_that_is_removed_while_runs_are_listed_is_listed(root: Path) -> None:
    path = make_run(root / 'runs' / 'a', status='failed', logged=[{'phase': 'val', 'values': {'loss': 1.0}}])
    run, events = Run(path), read_events(path)
    shutil.rmtree(path)
    assert (run.to_dict()['metrics'], run.last_values, list(events)) == ({}, {}, [])


def test_a_checkpoint_of_a_training_that_can_be_resumed_is_a_copy_too(root: Path) -> None:
    path = make_run(root / 'runs' / 'a', status='failed')
    (path / 'checkpoints').mkdir()
    (path / 'checkpoints' / 'last.pt').write_bytes(b'weights')
    journal = Journal(path)
    journal.record('training', {'training': 'train', 'status': 'started'})
    journal.record('checkpoint', {'training': 'train', 'path': 'checkpoints/last.pt', 'epoch': 1, 'resumable': True})
    journal.close()
    assert only_copy(Run(path)) == path / 'checkpoints' / 'last.pt'


def test_weights_elsewhere_do_not_keep_a_run(root: Path, tmp_path: Path) -> None:
    (tmp_path / 'best.pt').write_bytes(b'weights')
    path = make_run(root / 'runs' / 'a', status='succeeded', result={'weights_path': str(tmp_path / 'best.pt')})
    assert only_copy(Run(path)) is None


def test_prune_keeps_the_newest_and_those_that_are_young(hooks: Hooks, root: Path) -> None:
    for days in range(5):
        finished(root, f'day{days}', created=days_ago(days + 0.5))
    dry = hooks('prune', '--keep', '3', '--dry-run')
    assert (dry['removed'], dry['dry_run'], len(left(root))) == (['day3', 'day4'], True, 5)
    assert hooks('prune', '--keep', '1', '--older-than', '3d')['removed'] == ['day3', 'day4']
    assert hooks('prune', '--older-than', '48h')['removed'] == ['day2']
    assert hooks('prune', '--keep', '5')['removed'] == []
    assert left(root) == ['day0', 'day1']


def test_no_run_is_older_than_the_calendar(hooks: Hooks, root: Path) -> None:
    finished(root, 'a', created=days_ago(1000))
    assert hooks('prune', '--older-than', '999999w')['removed'] == []


def test_a_run_that_was_removed_is_not_resumed(root: Path) -> None:
    opened = RunDirectory.open(finished(root, 'a'))
    remove(Run(opened.path))
    with pytest.raises(RunError, match=r'was removed by another process|cannot be locked'), opened.locked():
        pass
    assert not (opened.path / 'run.json').exists()


def test_a_name_with_a_line_feed_is_no_line_of_a_message(root: Path) -> None:
    for name in ('a\nerror: all is lost', 'ab'):
        finished(root, name)
    for wanted in ('a', 'zzz'):
        with pytest.raises(RunError) as caught:
            Runs(root).find(wanted)
        assert '\n' not in caught.value.problem


@pytest.mark.parametrize(
    ('words', 'problem'),
    [
        ([], 'prune needs to know which runs to keep'),
        (['--older-than', 'long'], "--older-than: expected an age, got 'long'"),
        (['--older-than', '-1d'], 'expected'),
        (['--keep', 'x'], 'must be a whole number'),
    ],
)
def test_prune_says_what_it_needs(words: list[str], problem: str, hooks: Hooks) -> None:
    assert problem in hooks('prune', *words, code=2)


def test_ages() -> None:
    assert [age_of(text) for text in ('90s', '12 h', '1.5d', '2W')] == [
        timedelta(seconds=90), timedelta(hours=12), timedelta(days=1.5), timedelta(weeks=2)
    ]  # fmt: skip
    with pytest.raises(ConfigError):
        age_of('9999999999d')


def test_a_run_that_cannot_be_read_is_removed_by_force_only(hooks: Hooks, root: Path) -> None:
    (root / 'runs' / 'odd').mkdir(parents=True)
    (root / 'runs' / 'odd' / 'run.json').write_text('[]')
    assert 'odd cannot be read' in hooks('remove', 'odd', code=1)
    assert hooks('remove', 'odd', '--force')['removed'] == ['odd']


def test_files_that_are_linked_from_elsewhere_are_not_counted(tmp_path: Path) -> None:
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
    (tmp_path / 'a' / 'one').write_bytes(bytes(50_000))
    (tmp_path / 'b' / 'one').hardlink_to(tmp_path / 'a' / 'one')
    (tmp_path / 'outside').write_bytes(bytes(500_000))
    (tmp_path / 'a' / 'linked').hardlink_to(tmp_path / 'outside')
    (tmp_path / 'a' / 'symbolic').symlink_to(tmp_path / 'outside')
    assert bytes_freed([tmp_path / 'a']) < 5_000
    assert 50_000 <= bytes_freed([tmp_path / 'a', tmp_path / 'b']) < 100_000


def test_what_a_killed_removal_left_is_no_run_and_is_removed_by_the_next(
    hooks: Hooks, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = finished(root, 'a'), finished(root, 'b')
    doomed = temporary_path(path)
    # A process number that no process has.
    dead = doomed.with_name(doomed.name.replace(f'-{os.getpid()}-', f'-{2**22 + 1}-'))
    path.rename(dead)
    assert [run['name'] for run in hooks()['runs']] == ['b']
    remove(Run(other))
    assert left(root) == []


def test_a_link_to_a_run_is_removed_and_not_the_run(hooks: Hooks, root: Path, tmp_path: Path) -> None:
    elsewhere = make_run(tmp_path / 'elsewhere', status='succeeded')
    finished(root, 'a')
    (root / 'runs' / 'link').symlink_to(elsewhere)
    hooks('remove', 'link')
    assert left(root) == ['a']
    assert Run(elsewhere).status == 'succeeded'


def test_a_note_is_kept_in_the_record(hooks: Hooks, root: Path) -> None:
    path = finished(root, 'a', stages=[stage('execute')])
    assert hooks('note', 'a', ' a better guess ')['note'] == 'a better guess'
    assert Run(path).note == 'a better guess'
    hooks('note', 'a', '')
    assert Run(path).record['note'] is None
    assert 'at most 10,000 characters' in hooks('note', 'a', 'x' * 10_001, code=2)


@pytest.mark.parametrize(('answer', 'expected'), [('y\n', []), ('\n', ['a']), ('no\n', ['a'])])
def test_a_terminal_is_asked_before(answer: str, expected: list[str], root: Path) -> None:
    finished(root, 'a')
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, '-m', 'synapse_hooks.cli', 'runs', 'remove', 'a'], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    shown = read_terminal(ours)
    assert process.wait(60) == (0 if answer == 'y\n' else 1)
    assert 'remove 1 run, 0.1 MB: a? [y/N]' in shown
    assert left(root) == expected
