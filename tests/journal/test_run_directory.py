"""A run's folder: who may have it, and that its record is whole at every moment."""

import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
from datetime import datetime
from pathlib import Path

import pytest

from synapse_hooks.errors import DiskFull, RunError
from synapse_hooks.journal import Journal, RunDirectory, new_run_name


def test_a_new_run_has_a_whole_record(tmp_path):
    run = RunDirectory.new(tmp_path / 'deep' / 'runs', 'train', params={'epochs': 3}, target='a:B')
    record = json.loads((run.path / 'run.json').read_text())
    assert record == run.read()
    assert record['v'] == 1
    assert record['run'] == run.name == run.path.name
    assert (record['status'], record['params'], record['target']) == ('created', {'epochs': 3}, 'a:B')
    assert (record['stages'], record['attempts'], record['git'], record['error']) == ([], 0, None, None)
    assert datetime.fromisoformat(record['created']).utcoffset() is not None


def test_updates_are_merged_and_made_json(tmp_path):
    run = RunDirectory.create(tmp_path / 'run')
    run.update(status='running', checkpoint={'path': Path('/w')})
    run.update(durable=True, attempts=1)
    again = RunDirectory.open(tmp_path / 'run')
    again.update(extra={1, 2})
    record = RunDirectory.open(tmp_path / 'run').read()
    assert (record['status'], record['checkpoint'], record['attempts']) == ('running', {'path': '/w'}, 1)
    assert record['extra'] == [1, 2]
    assert run.read()['checkpoint'] == {'path': '/w'}
    assert sorted(path.name for path in run.path.iterdir()) == ['.lock', 'run.json']


def test_reading_gives_a_copy(tmp_path):
    run = RunDirectory.create(tmp_path / 'run', params={'a': 1})
    run.read()['params']['a'] = 2
    assert run.read()['params'] == {'a': 1}


def test_secrets_stay_out_of_the_record(tmp_path):
    run = RunDirectory.create(tmp_path / 'run', redact=['canary-1'], params={'url': 'http://canary-1@host'})
    run.update(error='refused: canary-1')
    assert 'canary' not in (run.path / 'run.json').read_text()
    assert run.read()['error'] == 'refused: <redacted>'


def test_a_foreign_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / 'notes.txt').write_text('mine')
    with pytest.raises(RunError, match=r"not empty: it holds 'notes\.txt'") as caught:
        RunDirectory.create(tmp_path)
    assert caught.value.path == str(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['notes.txt']


def test_an_existing_run_is_refused_with_the_way_to_resume(tmp_path):
    RunDirectory.create(tmp_path / 'run')
    with pytest.raises(RunError, match='synapse-hooks resume'):
        RunDirectory.create(tmp_path / 'run')


def test_a_file_in_the_way(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(RunError, match='cannot be made'):
        RunDirectory.create(tmp_path / 'file')
    with pytest.raises(RunError, match='cannot be made'):
        RunDirectory.new(tmp_path / 'file', 'train')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (None, r'there is no run\.json in it'),
        ('', 'cannot be read'),
        ('{"v": 1', 'cannot be read'),
        ('[]', 'cannot be read'),
        ('{}', 'of version None'),
        ('{"v": 2}', r'of version 2; this synapse-hooks supports 1'),
    ],
)
def test_what_is_no_run_says_why(tmp_path, text, message):
    if text is not None:
        (tmp_path / 'run.json').write_text(text)
    with pytest.raises(RunError, match=message) as caught:
        RunDirectory.open(tmp_path)
    assert caught.value.hint
    assert str(tmp_path) in str(caught.value)


def test_a_missing_folder(tmp_path):
    with pytest.raises(RunError, match='there is no such folder'):
        RunDirectory.open(tmp_path / 'missing')


def test_one_drives_a_run_at_a_time(tmp_path):
    run = RunDirectory.create(tmp_path / 'run')
    other = RunDirectory.open(tmp_path / 'run')
    with run.locked():
        with pytest.raises(RunError, match=f'in use by process {os.getpid()}') as caught, other.locked():
            pass
        assert caught.value.pid == os.getpid()
        assert other.read()['run'] == 'run'
    with other.locked():
        pass
    assert not (tmp_path / 'run' / '.lock.holder').exists()


def test_a_lock_dies_with_its_process_and_what_it_left_is_swept(tmp_path):
    run = RunDirectory.create(tmp_path / 'run')
    code = """
        import sys, time
        from pathlib import Path
        from synapse_hooks.journal import RunDirectory
        from synapse_hooks.storage.ownership import temporary_path
        run = RunDirectory.open(Path(sys.argv[1]))
        with run.locked():
            temporary_path(run.path / 'run.json').write_text('half')
            print('locked', flush=True)
            time.sleep(60)
    """
    command = [sys.executable, '-c', textwrap.dedent(code), str(run.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == 'locked\n'
        with pytest.raises(RunError, match=f'in use by process {holder.pid} '), run.locked():
            pass
        holder.send_signal(signal.SIGKILL)
    with run.locked():
        assert sorted(path.name for path in run.path.iterdir()) == ['.lock', '.lock.holder', 'run.json']


def test_a_worker_that_outlives_the_driver_does_not_keep_the_lock(tmp_path):
    run = RunDirectory.create(tmp_path / 'run')
    go_on, wake = os.pipe()
    with run.locked():
        worker = os.fork()
        if worker == 0:
            os.close(wake)
            os.read(go_on, 1)
            os._exit(0)
    try:
        with run.locked():
            assert (run.path / '.lock.holder').read_text().split()[0] == str(os.getpid())
    finally:
        os.close(wake)
        os.waitpid(worker, 0)
        os.close(go_on)


def test_a_killed_process_leaves_a_whole_record(tmp_path):
    code = """
        import sys
        from pathlib import Path
        from synapse_hooks.journal import RunDirectory
        run = RunDirectory.create(Path(sys.argv[1]))
        for number in range(10**9):
            run.update(attempts=number, error='x' * (number % 20000))
            if number == 50:
                print('busy', flush=True)
    """
    command = [sys.executable, '-c', textwrap.dedent(code), str(tmp_path / 'run')]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == 'busy\n'
        for _ in range(50):
            record = RunDirectory.open(tmp_path / 'run').read()
            assert len(record['error'] or '') == record['attempts'] % 20000
        writer.send_signal(signal.SIGKILL)
    run = RunDirectory.open(tmp_path / 'run')
    assert run.read()['attempts'] >= 50
    with run.locked():
        assert sorted(path.name for path in run.path.iterdir()) == ['.lock', '.lock.holder', 'run.json']


def test_a_failed_update_keeps_the_old_record(tmp_path, monkeypatch):
    run = RunDirectory.create(tmp_path / 'run', status='running')

    def full(self, mode):
        raise OSError(28, 'No space left on device', str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, 'open', full)
        with pytest.raises(DiskFull):
            run.update(status='succeeded')
    assert run.read()['status'] == RunDirectory.open(run.path).read()['status'] == 'running'
    assert sorted(path.name for path in run.path.iterdir()) == ['.lock', 'run.json']


def test_durable_once_is_durable_from_then_on(tmp_path, monkeypatch):
    synced = []
    run = RunDirectory.create(tmp_path / 'run')
    monkeypatch.setattr(os, 'fsync', synced.append)
    run.update(attempts=1)
    assert not synced
    run.update(durable=True, attempts=2)
    first = len(synced)
    assert first
    run.update(attempts=3)
    assert len(synced) == 2 * first
    synced.clear()
    RunDirectory.open(run.path).update(attempts=4)
    assert synced


def test_threads_update_without_losing_one(tmp_path):
    run = RunDirectory.create(tmp_path / 'run')
    threads = [threading.Thread(target=lambda n=n: run.update(**{f'key{n}': n})) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = RunDirectory.open(run.path).read()
    assert [record[f'key{n}'] for n in range(20)] == list(range(20))


def test_staging_is_below_the_run_whatever_the_name(tmp_path):
    run = RunDirectory.create(tmp_path / 'run')
    assert run.staging('export') == run.path / '.staging' / 'export'
    assert run.staging('../../etc').parent == run.path / '.staging'
    assert not (run.path / '.staging').exists()


def test_run_names():
    name = new_run_name(datetime(2026, 11, 23, 20, 15), 'Train it!')
    assert name.startswith('20261123-201500-train-it-')
    assert new_run_name(datetime(2026, 1, 1), '///').startswith('20260101-000000-run-')


def test_new_runs_never_share_a_folder(tmp_path, monkeypatch):
    names = iter(['a', 'a', 'a', 'b'])
    monkeypatch.setattr('synapse_hooks.journal.run_directory.new_run_name', lambda now, action: next(names))
    assert [RunDirectory.new(tmp_path, 'train').name for _ in range(2)] == ['a', 'b']


def test_journal_and_record_name_the_same_run(tmp_path):
    run = RunDirectory.new(tmp_path, 'train')
    journal = Journal(run.path)
    assert journal.run == run.name
    assert pickle.loads(pickle.dumps(journal)).run_dir == run.path


def test_whoever_locks_a_run_sees_what_the_one_before_wrote(tmp_path):
    early = RunDirectory.create(tmp_path / 'run')
    other = RunDirectory.open(tmp_path / 'run')
    with other.locked():
        other.update(status='succeeded')
    with early.locked():
        early.update(attempts=2)
    record = RunDirectory.open(tmp_path / 'run').read()
    assert (record['status'], record['attempts']) == ('succeeded', 2)
