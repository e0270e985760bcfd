"""Reading a journal: order, damage, and the questions that a resumed run asks."""

import hashlib
import json

import pytest

from synapse_hooks.errors import RunError
from synapse_hooks.journal import (
    Journal,
    MetricKey,
    last_attempt,
    last_checkpoint,
    latest,
    metrics_table,
    read_events,
    read_trainings,
)


def write(path, *events):
    path.write_text(''.join(json.dumps(event) + '\n' for event in events))


def test_damaged_lines_are_counted_and_skipped(tmp_path):
    lines = [b'{"n":1}', b'{"n":', b'\xff\xfe', b'[1]', b'', b'null', b'{"n":2,"type":"unheard-of"}', b'{"n":3']
    (tmp_path / 'events.jsonl').write_bytes(b'\n'.join(lines))
    events = read_events(tmp_path)
    assert [event['n'] for event in events] == [1, 2]
    assert events.corrupt == 4


def test_no_journal_is_no_event_and_no_folder_is_an_error(tmp_path):
    assert list(read_events(tmp_path)) == []
    assert latest(tmp_path, 'message') is None
    assert last_checkpoint(tmp_path) is None
    assert last_attempt(tmp_path) == 0
    with pytest.raises(RunError, match='no run directory'):
        read_events(tmp_path / 'missing')


def test_files_are_put_together_by_attempt_and_time(tmp_path):
    def event(attempt, second, name):
        return {'attempt': attempt, 'ts': f'2026-01-01T00:00:{second:02}.000000+00:00', 'name': name}

    # The second event of the main file has a clock that went back: its place within its file stays.
    write(tmp_path / 'events.jsonl', event(1, 5, 'a'), event(1, 1, 'b'), event(2, 9, 'e'))
    write(tmp_path / 'events-1-77.jsonl', event(1, 6, 'c'), event(1, 7, 'd'), event(2, 3, 'x'))
    names = [event['name'] for event in read_events(tmp_path)]
    assert sorted(names) == sorted('abcdex')
    assert [name for name in names if name in 'abe'] == list('abe')
    assert names.index('d') < names.index('e')
    assert names.index('x') < names.index('e')


def test_latest(tmp_path):
    journal = Journal(tmp_path)
    for number in range(3):
        journal.record('progress', {'curr': number})
        journal.record('message', {'text': 'x'})
    found = latest(tmp_path, 'progress')
    assert found is not None
    assert found['curr'] == 2


def test_the_last_attempt_is_found_in_a_long_damaged_journal(tmp_path):
    path = tmp_path / 'events.jsonl'
    path.write_bytes(b'{"attempt":7,"n":1}\n' + b'x' * 400_000 + b'\n')
    assert last_attempt(tmp_path) == 7
    (tmp_path / 'events-0-12.jsonl').write_bytes(b'{"attempt":9}\n{"attempt":"no"}\n{"attem')
    assert last_attempt(tmp_path) == 9


@pytest.fixture
def checkpoints(tmp_path):
    journal = Journal(tmp_path)
    for name in ('one', 'two', 'three'):
        file = tmp_path / f'{name}.pt'
        file.write_text(name)
        digest = hashlib.sha256(name.encode()).hexdigest()
        event = {'path': str(file), 'epoch': 1, 'resumable': True, 'size': len(name), 'sha256': digest}
        journal.record('checkpoint', event)
    return journal


def test_the_last_whole_checkpoint(tmp_path, checkpoints):
    assert last_checkpoint(tmp_path) == tmp_path / 'three.pt'
    (tmp_path / 'three.pt').write_text('threx')
    assert last_checkpoint(tmp_path) == tmp_path / 'two.pt'
    (tmp_path / 'two.pt').write_text('tw')
    assert last_checkpoint(tmp_path) == tmp_path / 'one.pt'
    (tmp_path / 'one.pt').unlink()
    assert last_checkpoint(tmp_path) is None


def test_only_resumable_checkpoints_count_and_relative_paths_are_below_the_run(tmp_path, checkpoints):
    (tmp_path / 'deep').mkdir()
    (tmp_path / 'deep' / 'last.pt').write_text('x')
    checkpoints.record('checkpoint', {'path': 'deep/last.pt', 'resumable': True})
    checkpoints.record('checkpoint', {'path': str(tmp_path / 'one.pt'), 'resumable': False})
    checkpoints.record('checkpoint', {'resumable': 'of what?', 'path': 'nowhere'})
    assert last_checkpoint(tmp_path) == tmp_path / 'deep' / 'last.pt'


def test_a_training_that_has_finished_is_not_gone_on_with(tmp_path, checkpoints):
    def record(type, training, **payload):
        checkpoints.record(type, {'training': training, **payload})

    for name in ('first', 'second'):
        (tmp_path / f'{name}.pt').write_text(name)
    record('training', 'first', status='started')
    record('checkpoint', 'first', path='first.pt', resumable=True)
    assert last_checkpoint(tmp_path) == tmp_path / 'first.pt'
    record('training', 'first', status='finished')
    assert last_checkpoint(tmp_path) is None
    record('training', 'second', status='started', folder='second')
    record('artifact', 'val', path='second.pt', kind='weights', role='best')
    assert last_checkpoint(tmp_path) is None
    record('checkpoint', 'second', path='second.pt', resumable=True)
    trainings = read_trainings(tmp_path)
    assert [(state.name, state.finished, state.resume_from, state.folder) for state in trainings.values()] == [
        ('first', True, None, None),
        ('second', False, tmp_path / 'second.pt', tmp_path / 'second'),
    ]
    # It is trained once more, from its beginning.
    record('training', 'first', status='started')
    assert list(read_trainings(tmp_path)) == ['second', 'first']
    assert last_checkpoint(tmp_path) == tmp_path / 'first.pt'


def test_events_may_be_asked_for_by_type(tmp_path):
    journal = Journal(tmp_path)
    journal.record('message', {'text': '"metrics"'})
    journal.record('metrics', {'values': {}})
    assert [event['type'] for event in read_events(tmp_path, types=('metrics', 'losses'))] == ['metrics']


def test_a_metric_of_each_training_has_a_place_of_its_own(tmp_path):
    journal = Journal(tmp_path)
    for training, loss in (('train', 0.5), ('train2', 0.25)):
        journal.record(
            'metrics', {'phase': 'val', 'axis': 'epoch', 'step': 1, 'values': {'loss': loss}, 'training': training}
        )
    assert metrics_table(tmp_path) == {
        MetricKey('val', 'epoch', 1, 'loss', 'train'): 0.5,
        MetricKey('val', 'epoch', 1, 'loss', 'train2'): 0.25,
    }


def metrics(attempt, seq, step, **values):
    return {
        'type': 'metrics',
        'attempt': attempt,
        'seq': seq,
        'phase': 'train',
        'axis': 'epoch',
        'step': step,
        'values': values,
    }


def test_in_the_metrics_table_the_highest_attempt_wins_then_the_last_event(tmp_path):
    write(
        tmp_path / 'events.jsonl',
        metrics(1, 1, 1, loss=9.0, only=1.0),
        metrics(1, 2, 2, loss=8.0),
        metrics(1, 3, 2, loss=7.0),
        metrics(2, 1, 2, loss=6.0),
        {**metrics(2, 2, 3, other=1.0, gone=None), 'nonfinite': {'loss': 'inf'}},
        {'type': 'message', 'text': 'no metrics'},
    )
    # A worker of the first attempt, whose file is read where its time says: it must not win over the second attempt.
    write(tmp_path / 'events-1-5.jsonl', {**metrics(1, 1, 2, loss=99.0), 'ts': '2026'})
    assert metrics_table(tmp_path) == {
        MetricKey('train', 'epoch', 1, 'loss'): 9.0,
        MetricKey('train', 'epoch', 1, 'only'): 1.0,
        MetricKey('train', 'epoch', 2, 'loss'): 6.0,
        MetricKey('train', 'epoch', 3, 'other'): 1.0,
        MetricKey('train', 'epoch', 3, 'loss'): float('inf'),
    }
