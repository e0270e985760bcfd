"""The journal: what `record()` puts on the disk, whatever it is given and whatever happens to the process."""

import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
from datetime import datetime

import pytest

from synapse_hooks.errors import RunError
from synapse_hooks.journal import Journal, read_events
from synapse_hooks.journal.journal import ENVELOPE, LONGEST_LINE, JournalWarning


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_event_is_envelope_then_payload(tmp_path):
    journal = Journal(tmp_path / 'run-a', rank=0)
    journal.record('message', {'level': 'info', 'code': None, 'text': 'hello'})
    journal.record('progress', {'category': 'train', 'curr': 1, 'total': 2})
    first, second = lines(tmp_path / 'run-a' / 'events.jsonl')
    assert set(first) == ENVELOPE | {'level', 'code', 'text'}
    assert (first['v'], first['type'], first['run'], first['attempt'], first['rank']) == (1, 'message', 'run-a', 1, 0)
    assert (first['pid'], first['seq'], second['seq']) == (os.getpid(), 1, 2)
    assert datetime.fromisoformat(first['ts']).utcoffset() is not None
    assert second['mono'] >= first['mono']


def test_every_line_is_on_disk_when_record_returns(tmp_path):
    code = """
        import os, signal, sys
        from pathlib import Path
        from synapse_hooks.journal import Journal
        journal = Journal(Path(sys.argv[1]))
        for number in range(1000):
            journal.record('metrics', {'values': {'n': number}})
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, '-c', textwrap.dedent(code), str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [event['values']['n'] for event in read_events(tmp_path)] == list(range(1000))


@pytest.mark.parametrize(
    ('torn', 'kept'),
    [(b'{"v":1,"type":"message","attempt":4,"te', 0), (b'{"v":1,"type":"message","attempt":4}', 1), (b'\xff\x00', 0)],
)
def test_a_torn_line_is_ended_and_never_edited(tmp_path, torn, kept):
    before = b'{"v":1,"type":"message","attempt":3,"seq":1}\n' + torn
    (tmp_path / 'events.jsonl').write_bytes(before)
    journal = Journal(tmp_path)
    journal.record('message', {'text': 'again'})
    journal.record('message', {'text': 'and again'})
    assert (tmp_path / 'events.jsonl').read_bytes().startswith(before + b'\n{')
    events = read_events(tmp_path)
    assert [event.get('text') for event in events] == [None] * (1 + kept) + ['again', 'and again']
    assert events.corrupt == 1 - kept
    assert journal.attempt == 4 + kept


def test_attempts_count_up_by_one_for_each_process_that_recorded(tmp_path):
    assert Journal(tmp_path).attempt == 1
    for expected in (1, 2, 3):
        journal = Journal(tmp_path)
        journal.record('message', {})
        journal.close()
        assert journal.attempt == expected


def test_closing_is_not_the_end(tmp_path):
    journal = Journal(tmp_path)
    journal.record('message', {'text': 'one'})
    journal.close()
    journal.close()
    journal.record('message', {'text': 'two'})
    assert [event['seq'] for event in read_events(tmp_path)] == [1, 2]


def test_threads_share_a_journal(tmp_path):
    journal = Journal(tmp_path)

    def work(name):
        for number in range(300):
            journal.record('metrics', {'name': name, 'values': {'n': number}, 'pad': 'x' * 500})

    threads = [threading.Thread(target=work, args=(name,)) for name in 'abcd']
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = list(read_events(tmp_path))
    assert [event['seq'] for event in events] == list(range(1, 1201))
    for name in 'abcd':
        assert [event['values']['n'] for event in events if event['name'] == name] == list(range(300))


def test_a_signal_handler_may_record_in_the_middle_of_record(tmp_path):
    journal = Journal(tmp_path)

    class Interrupting:
        def __str__(self):
            signal.raise_signal(signal.SIGUSR1)
            return 'interrupted'

        __repr__ = __str__

    before = signal.signal(signal.SIGUSR1, lambda *_: journal.record('message', {'text': 'from the handler'}))
    try:
        journal.record('message', {'text': Interrupting()})
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert {event['text'] for event in read_events(tmp_path)} == {'from the handler', 'interrupted'}


def test_a_forked_child_writes_a_file_of_its_own(tmp_path):
    journal = Journal(tmp_path)
    journal.record('message', {'text': 'parent'})
    journal._lock.acquire()  # as if another thread were recording at this moment
    child = os.fork()
    if child == 0:
        journal.record('message', {'text': 'child'})
        os._exit(0)
    journal._lock.release()
    assert os.waitpid(child, 0)[1] == 0
    journal.record('message', {'text': 'parent again'})
    assert [event['text'] for event in lines(tmp_path / 'events.jsonl')] == ['parent', 'parent again']
    (forked,) = lines(tmp_path / f'events-0-{child}.jsonl')
    assert (forked['text'], forked['pid'], forked['seq'], forked['attempt']) == ('child', child, 1, 1)
    assert {event['text'] for event in read_events(tmp_path)} == {'parent', 'child', 'parent again'}


def test_a_pickled_journal_joins_the_attempt(tmp_path):
    journal = Journal(tmp_path, rank=2, redact=['canary-123'])
    journal.record('message', {})
    copy = pickle.loads(pickle.dumps(journal))
    copy.record('message', {'text': 'canary-123'})
    assert copy.path.name == f'events-2-{os.getpid()}.jsonl'
    assert (copy.attempt, copy.run, lines(copy.path)[0]['text']) == (1, journal.run, '<redacted>')


def test_another_rank_joins(tmp_path):
    for _ in range(2):
        Journal(tmp_path).record('run_start', {})
    joined = Journal.join(tmp_path, rank=1)
    joined.record('metrics', {'values': {}})
    assert joined.attempt == 2
    assert Journal.join(tmp_path, attempt=7).attempt == 7
    assert Journal(tmp_path).attempt == 3


def test_envelope_keys_in_a_payload_are_renamed(tmp_path):
    Journal(tmp_path).record('artifact', {'type': 'image', 'run': 3, 'path': 'a.png'})
    (event,) = read_events(tmp_path)
    assert (event['type'], event['run'], event['type_'], event['run_']) == ('artifact', tmp_path.name, 'image', 3)


@pytest.mark.parametrize('payload', [None, 7, 'text', [1, 2], {('a', 'b'): 1, 3: 4}])
def test_a_bad_payload_is_an_event_too(tmp_path, payload):
    Journal(tmp_path).record('metrics', payload)
    (event,) = read_events(tmp_path)
    assert event['type'] == 'metrics' or event['code'] == 'bad-event'


def test_long_lines_are_cut_and_say_so(tmp_path):
    journal = Journal(tmp_path)
    text, many = 'ü' * 200_000, list(range(100_000))
    journal.record('message', {'level': 'error', 'text': text})
    journal.record('params', {'values': {f'name{n}': n for n in range(20_000)}})
    journal.record('artifact', {'data': many, 'path': 'plot.png'})
    raw = (tmp_path / 'events.jsonl').read_bytes().splitlines(keepends=True)
    assert all(len(line) <= LONGEST_LINE for line in raw)
    message, params, artifact = read_events(tmp_path)
    assert message['text'].startswith('ü' * 1000)
    assert 'characters cut]' in message['text']
    assert message['truncated'] > 400_000
    assert params['values']['name1'] == 1
    assert 'entries cut]' in params['values']['...']
    assert artifact['data'][:3] == [0, 1, 2]
    assert artifact['path'] == 'plot.png'


def test_secrets_are_redacted_everywhere(tmp_path):
    token = 'canary-"quoted"\\\n-ü'
    journal = Journal(tmp_path, redact=[token, '1234567', ''])
    journal.record('message', {'text': f'a {token} b', 'number': 123456789, 'deep': [{token: [token * 2]}]})
    raw = (tmp_path / 'events.jsonl').read_text()
    assert 'canary' not in raw
    (event,) = read_events(tmp_path)
    assert event['text'] == 'a <redacted> b'
    assert event['number'] == 123456789
    assert event['deep'] == [{'<redacted>': ['<redacted><redacted>']}]


def test_a_full_disk_costs_events_but_is_counted(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    journal.record('message', {'text': 'before'})
    real, room = os.write, [10]

    def write(file, data):
        if not room:
            raise OSError(28, 'No space left on device')
        return real(file, bytes(data)[: room.pop()])

    with monkeypatch.context() as patch:
        patch.setattr(os, 'write', write)
        with pytest.warns(JournalWarning, match='cannot be written: No space left'):
            journal.record('message', {'text': 'torn'})
        journal.record('message', {'text': 'lost'})
    journal.record('message', {'text': 'after'})
    events = read_events(tmp_path)
    before, after, loss = events
    assert (before['text'], after['text'], events.corrupt) == ('before', 'after', 1)
    assert (loss['type'], loss['sink'], loss['count']) == ('sink_loss', 'journal', 2)
    assert 'No space left' in loss['reason']
    assert (journal.lost, journal.loss) == (2, 'No space left on device')


def test_checkpoints_and_the_end_are_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, 'fsync', synced.append)
    journal = Journal(tmp_path)
    for type in ('message', 'metrics', 'checkpoint', 'progress', 'run_end'):
        journal.record(type, {})
    assert len(synced) == 2


def test_a_place_that_cannot_hold_a_journal(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(RunError, match='no journal can be kept'):
        Journal(tmp_path / 'file' / 'run')
