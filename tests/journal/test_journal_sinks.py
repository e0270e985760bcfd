"""Sinks: nothing lost when one is away, nobody delayed by a slow one, no circle when one fails."""

import threading
import time
from itertools import pairwise

import pytest

from synapse_hooks.errors import SinkUnavailable
from synapse_hooks.journal import Journal, SinkPump, read_events
from tests.support.waiting import until

AWAY = [SinkUnavailable('down'), ConnectionResetError('reset'), TimeoutError('slow')]


class Sink:
    """Remembers what it is given; `faults` are raised first, one a delivery."""

    def __init__(self, name='sink', faults=(), always=None):
        self.name = name
        self.faults = list(faults)
        self.always = always
        self.calls = []
        self.tries = 0

    def deliver(self, hook, payload):
        self.tries += 1
        if self.faults:
            raise self.faults.pop(0)
        if self.always is not None:
            raise self.always
        self.calls.append((hook, payload))

    @property
    def texts(self):
        return [event['text'] for hook, events in self.calls if hook == 'log_message' for event in events]


def pump_of(journal, *sinks, **options):
    return SinkPump(journal, sinks, **{'poll': 0.01, 'retry': (0.01, 0.02), **options})


def say(journal, *texts):
    for text in texts:
        journal.record('message', {'level': 'info', 'code': None, 'text': text})


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path)


def test_each_type_reaches_its_hook(journal):
    sink = Sink()
    journal.record('run_start', {'action': 'train'})
    journal.record('params', {'values': {'lr': 1}})
    journal.record('progress', {'curr': 1})
    journal.record('metrics', {'values': {'loss': 1.0}})
    journal.record('metrics', {'values': {'loss': 0.5}})
    journal.record('progress', {'curr': 2})
    journal.record('artifact', {'path': 'x.png'})
    say(journal, 'hello')
    journal.record('stage', {'name': 'export'})
    assert pump_of(journal, sink).close() == {'sink': 0}
    told = dict(sink.calls)
    hooks = ['log_status', 'log_params', 'progress_changed', 'log_metrics', 'log_artifact', 'log_message']
    assert list(told) == hooks
    assert [event['values']['loss'] for event in told['log_metrics']] == [1.0, 0.5]
    assert told['progress_changed']['curr'] == 2
    assert told['log_message'][0]['seq'] == 8


def test_the_end_comes_after_everything_before_it(journal):
    sink = Sink()
    for attempt in range(2):
        journal.record('run_start', {'action': 'train'})
        say(journal, f'hello {attempt}')
        journal.record('metrics', {'values': {'loss': 1.0}})
        journal.record('run_end', {'status': 'failed'})
    assert pump_of(journal, sink).close() == {'sink': 0}
    assert [hook for hook, _ in sink.calls] == ['log_status', 'log_message', 'log_metrics', 'log_status'] * 2
    assert sink.calls[3][1][0]['type'] == 'run_end'


def test_events_arrive_while_the_run_goes_on(journal):
    sink = Sink()
    pump = SinkPump(journal, [sink])
    pump.start()
    say(journal, 'one')
    until(lambda: sink.texts == ['one'])
    say(journal, 'two')
    until(lambda: sink.texts == ['one', 'two'])
    assert pump.close() == {'sink': 0}


def test_closing_delivers_at_once_what_was_recorded_last(journal):
    sink = Sink()
    pump = pump_of(journal, sink, poll=60.0)
    pump.start()
    say(journal, 'one')
    started = time.monotonic()
    assert pump.close() == {'sink': 0}
    assert time.monotonic() - started < 10, 'close() must not wait for the next poll'
    assert sink.texts == ['one']


def test_without_sinks_there_is_no_thread(journal):
    before = threading.active_count()
    pump = SinkPump(journal, [])
    pump.start()
    say(journal, 'x')
    assert threading.active_count() == before
    assert pump.close() == {}


def test_batches_are_bounded(journal):
    sink = Sink()
    say(journal, *map(str, range(25)))
    pump_of(journal, sink, batch=10).close()
    assert [len(events) for _, events in sink.calls] == [10, 10, 5]
    assert sink.texts == [str(number) for number in range(25)]


def test_an_unavailable_sink_gets_everything_later(journal):
    sink, other = Sink('away', AWAY), Sink('well')
    say(journal, 'one', 'two')
    pump = pump_of(journal, sink, other)
    pump.start()
    until(lambda: sink.texts == ['one', 'two'])
    assert pump.close() == {'away': 0, 'well': 0}
    assert sink.tries == 4
    assert other.texts == ['one', 'two']
    assert [event['type'] for event in read_events(journal.run_dir)] == ['message', 'message']


def test_what_was_delivered_before_the_failure_is_not_delivered_twice(journal):
    sink = Sink()
    journal.record('params', {'values': {}})
    say(journal, 'one')
    deliver, failed = sink.deliver, []

    def deliver_later(hook, payload):
        if hook == 'log_message' and not failed:
            failed.append(True)
            raise SinkUnavailable
        deliver(hook, payload)

    sink.deliver = deliver_later
    pump = pump_of(journal, sink)
    pump.start()
    until(lambda: sink.texts)
    pump.close()
    assert [hook for hook, _ in sink.calls] == ['log_params', 'log_message']


def test_waits_grow_with_jitter_up_to_a_limit(journal):
    moments = []

    class Away(Sink):
        def deliver(self, hook, payload):
            moments.append(time.monotonic())
            super().deliver(hook, payload)

    say(journal, 'one')
    sink = Away(faults=[SinkUnavailable()] * 4)
    pump = pump_of(journal, sink, retry=(0.04, 0.16), jitter=lambda: 0.5)
    pump.start()
    until(lambda: sink.texts)
    pump.close()
    waits = [after - before for before, after in pairwise(moments)]
    for wait, expected in zip(waits, [0.03, 0.06, 0.12, 0.12], strict=True):
        assert expected <= wait < expected + 5


def test_closing_does_not_wait_for_an_unavailable_sink(journal):
    sink = Sink('away', always=ConnectionError())
    say(journal, 'one', 'two')
    journal.record('progress', {'curr': 1})
    journal.record('progress', {'curr': 2})
    pump = pump_of(journal, sink, retry=(30.0, 30.0))
    pump.start()
    until(lambda: sink.tries == 1)
    started = time.monotonic()
    assert pump.close() == {'away': 3}
    assert time.monotonic() - started < 10
    assert sink.tries == 2, 'one last try'


def test_closing_insists_when_asked(journal):
    sink = Sink('away', faults=[ConnectionError()] * 5)
    say(journal, 'one')
    assert pump_of(journal, sink).close(insist=True) == {'away': 0}
    lost = Sink('lost', always=ConnectionError())
    started = time.monotonic()
    assert pump_of(journal, lost).close(0.1, insist=True) == {'lost': 1}
    assert time.monotonic() - started < 10
    assert lost.tries > 2


def test_the_next_attempt_goes_on_where_the_last_one_stopped(journal):
    say(journal, 'one')
    pump_of(journal, Sink()).close()
    say(journal, 'two')
    pump_of(journal, Sink(always=SinkUnavailable())).close()
    second = Journal(journal.run_dir)
    say(second, 'three')
    sink, newcomer = Sink(), Sink('newcomer')
    assert pump_of(second, sink, newcomer).close() == {'sink': 0, 'newcomer': 0}
    assert sink.texts == ['two', 'three']
    assert newcomer.texts == ['one', 'two', 'three']


def test_a_failing_sink_skips_the_batch_with_one_warning(journal):
    sink, other = Sink('bad', faults=[KeyError('x'), KeyError('y'), ValueError('z')]), Sink('good')
    pump = pump_of(journal, sink, other, batch=1)
    journal.record('params', {'values': {}})
    journal.record('metrics', {'values': {}})
    journal.record('artifact', {'path': 'x'})
    say(journal, 'fine')
    assert pump.close() == {'bad': 0, 'good': 0}
    losses = [event for event in read_events(journal.run_dir) if event['type'] == 'sink_loss']
    assert [(loss['sink'], loss['count']) for loss in losses] == [('bad', 1)] * 3
    assert losses[0]['reason'] == "log_params: KeyError: 'x'"
    warnings = [text for text in other.texts if text != 'fine']
    assert len(warnings) == 2
    assert "sink 'bad' failed in log_params: KeyError" in warnings[0]
    assert sink.texts == ['fine', *warnings]


@pytest.mark.parametrize('error', [RuntimeError('no'), SystemExit(3)])
def test_a_sink_that_always_fails_does_not_go_round_in_circles(journal, error):
    sink = Sink('bad', always=error)
    say(journal, 'one')
    pump = pump_of(journal, sink)
    pump.start()
    until(lambda: sink.tries >= 2)
    time.sleep(0.1)
    say(journal, 'two')
    assert pump.close() == {'bad': 0}
    events = list(read_events(journal.run_dir))
    assert sum(event.get('code') == 'sink-failed' for event in events) == 1
    assert sum(event['count'] for event in events if event['type'] == 'sink_loss') == 3


def test_a_sink_with_ever_new_errors_stops_warning(journal):
    class Inventive(Sink):
        def deliver(self, hook, payload):
            self.tries += 1
            raise type(f'Error{self.tries}', (Exception,), {})

    sink = Inventive('bad')
    say(journal, 'one')
    assert pump_of(journal, sink).close() == {'bad': 0}
    assert sink.tries == 11


def test_a_slow_sink_delays_nobody(journal):
    release = threading.Event()

    class Slow(Sink):
        def deliver(self, hook, payload):
            release.wait(10)
            super().deliver(hook, payload)

    slow, quick = Slow('slow'), Sink('quick')
    pump = pump_of(journal, slow, quick)
    pump.start()
    say(journal, 'one')
    until(lambda: quick.texts == ['one'])
    started = time.monotonic()
    assert pump.drain(0.1) == {'slow': 1, 'quick': 0}
    assert time.monotonic() - started < 10
    release.set()
    until(lambda: slow.texts == ['one'])
    assert pump.close() == {'slow': 0, 'quick': 0}


def test_other_processes_are_delivered_too(journal):
    worker = Journal.join(journal.run_dir, rank=1)
    sink = Sink()
    say(journal, 'driver')
    say(worker, 'worker')
    assert pump_of(journal, sink).close() == {'sink': 0}
    assert sorted(sink.texts) == ['driver', 'worker']
    again = Sink()
    assert pump_of(journal, again).close() == {'sink': 0}
    assert again.calls == []


def test_an_unfinished_or_damaged_line_does_not_stop_the_delivery(journal):
    sink = Sink()
    journal.path.write_bytes(b'garbage\n{"type":["message"]}\n{"type":"message","text":"one"}\n{"type":"mess')
    pump = pump_of(journal, sink)
    pump.start()
    until(lambda: sink.texts == ['one'])
    with journal.path.open('ab') as file:
        file.write(b'age","text":"two"}\n')
    until(lambda: sink.texts == ['one', 'two'])
    assert pump.close() == {'sink': 0}


@pytest.mark.parametrize('damage', [b'', b'{"events.jsonl":', b'[]', b'{"events.jsonl":999999}'])
def test_a_damaged_cursor_means_again_and_never_lost(journal, damage):
    say(journal, 'one')
    pump_of(journal, Sink('a/b')).close()
    (cursor,) = (journal.run_dir / 'sinks').iterdir()
    assert cursor.suffix == '.cursor'
    cursor.write_bytes(damage)
    sink = Sink('a/b')
    assert pump_of(journal, sink).close() == {'a/b': 0}
    assert sink.texts == ['one']


def test_two_sinks_of_one_name_are_refused(journal):
    with pytest.raises(ValueError, match='must differ'):
        SinkPump(journal, [Sink('a'), Sink('a')])


def test_a_cursor_that_cannot_be_saved_is_no_error(journal):
    (journal.run_dir / 'sinks').write_text('in the way')
    sink = Sink()
    say(journal, 'one')
    pump = pump_of(journal, sink)
    pump.start()
    until(lambda: sink.texts)
    assert pump.close() == {'sink': 0}
    assert sink.texts == ['one']


class Uploading(Sink):
    """A sink that takes artifacts beside the rest; `release` lets an upload end."""

    concurrent_artifacts = True

    def __init__(self, name='sink', faults=(), always=None):
        super().__init__(name, faults, always)
        self.release = threading.Event()
        self.release.set()
        self.ended = []

    def deliver(self, hook, payload):
        if hook == 'log_artifact':
            assert self.release.wait(10)
        super().deliver(hook, payload)

    def closed(self, undelivered):
        self.ended.append((threading.current_thread(), undelivered))

    @property
    def paths(self):
        return [event['path'] for hook, events in self.calls if hook == 'log_artifact' for event in events]


def test_an_event_wakes_the_sink_without_a_poll(journal):
    sink = Sink()
    pump = SinkPump(journal, [sink], poll=60.0)
    pump.start()
    for number in range(3):
        started = time.monotonic()
        say(journal, str(number))
        until(lambda number=number: len(sink.texts) == number + 1)
        assert time.monotonic() - started < 5
    pump.close()


def test_many_events_wake_a_sink_seldom(journal):
    sink = Sink()
    pump = SinkPump(journal, [sink], poll=60.0)
    pump.start()
    started = time.monotonic()
    while time.monotonic() - started < 0.5:
        say(journal, 'again')
        time.sleep(0.001)
    pump.close()
    assert sink.tries < 40


def test_an_upload_does_not_delay_the_metrics_of_its_sink(journal):
    sink = Uploading()
    sink.release.clear()
    pump = pump_of(journal, sink)
    pump.start()
    journal.record('artifact', {'path': 'large.pt'})
    say(journal, 'one')
    until(lambda: sink.texts == ['one'])
    say(journal, 'two')
    until(lambda: sink.texts == ['one', 'two'])
    assert sink.paths == []
    sink.release.set()
    until(lambda: sink.paths == ['large.pt'])
    assert pump.close() == {'sink': 0}


def test_a_sink_may_have_one_thread_for_everything(journal):
    sink = Uploading()
    sink.concurrent_artifacts = False
    journal.record('artifact', {'path': 'a'})
    journal.record('run_end', {'status': 'finished'})
    assert pump_of(journal, sink).close() == {'sink': 0}
    assert [hook for hook, _ in sink.calls] == ['log_artifact', 'log_status']


def test_an_artifact_comes_after_what_was_recorded_before_it(journal):
    for number in range(20):
        journal.record('metrics', {'values': {'loss': number}})
        journal.record('artifact', {'path': str(number)})
    sink = Uploading(faults=[ConnectionError()] * 3)
    assert pump_of(journal, sink, batch=3).close(insist=True) == {'sink': 0}
    seen = -1
    for hook, events in sink.calls:
        if hook == 'log_metrics':
            seen = events[-1]['values']['loss']
        else:
            assert all(int(event['path']) <= seen for event in events)
    assert sink.paths == [str(number) for number in range(20)]


def test_artifacts_go_on_where_they_stopped_and_so_does_the_rest(journal):
    class NoUploads(Uploading):
        def deliver(self, hook, payload):
            if hook == 'log_artifact':
                raise ConnectionError
            super().deliver(hook, payload)

    say(journal, 'one')
    journal.record('artifact', {'path': 'a'})
    first = NoUploads()
    assert pump_of(journal, first).close() == {'sink': 1}
    assert first.texts == ['one']
    second = Uploading()
    assert pump_of(journal, second).close() == {'sink': 0}
    assert (second.texts, second.paths) == ([], ['a'])


def test_a_sink_that_gives_up_its_second_thread_misses_nothing(journal):
    say(journal, 'one')
    journal.record('artifact', {'path': 'a'})
    say(journal, 'two')

    class NoUploads(Uploading):
        def deliver(self, hook, payload):
            if hook == 'log_artifact':
                raise ConnectionError
            super().deliver(hook, payload)

    pump_of(journal, NoUploads()).close()
    sink = Uploading()
    sink.concurrent_artifacts = False
    assert pump_of(journal, sink).close() == {'sink': 0}
    assert sink.paths == ['a']


def test_the_cursor_of_a_run_from_before_artifacts_had_a_lane_goes_on(journal):
    say(journal, 'one')
    journal.record('artifact', {'path': 'a'})
    place = journal.path.stat().st_size
    (journal.run_dir / 'sinks').mkdir()
    (journal.run_dir / 'sinks' / 'sink.cursor').write_text(f'{{"events.jsonl":{place}}}')
    say(journal, 'two')
    journal.record('artifact', {'path': 'b'})
    sink = Uploading()
    assert pump_of(journal, sink).close() == {'sink': 0}
    assert (sink.texts, sink.paths) == (['two'], ['b'])


def test_a_kill_between_the_lanes_loses_no_artifact(journal):
    """The place of artifacts is saved with the first place of the rest, not when the first one was delivered."""
    say(journal, 'one')
    journal.record('artifact', {'path': 'a'})
    killed = Uploading()
    killed.release.clear()
    pump = pump_of(journal, killed)
    pump.start()
    until(lambda: (journal.run_dir / 'sinks' / 'sink.cursor').is_file())
    sink = Uploading()
    assert pump_of(journal, sink).close() == {'sink': 0}
    assert (sink.texts, sink.paths) == ([], ['a'])
    killed.release.set()


def test_a_sink_is_closed_once_after_its_last_delivery(journal):
    sink, threads = Uploading(), set()
    deliver = sink.deliver

    def remember(hook, payload):
        assert not sink.ended
        if hook != 'log_artifact':
            threads.add(threading.current_thread())
        deliver(hook, payload)

    sink.deliver = remember
    pump = pump_of(journal, sink)
    pump.start()
    say(journal, 'one')
    assert pump.drain() == {'sink': 0}
    assert sink.ended == []
    say(journal, 'two')
    journal.record('artifact', {'path': 'a'})
    pump.close()
    assert pump.close() == {'sink': 0}
    assert sink.ended == [(*threads, 0)], 'on the thread of its deliveries, and once'
    assert (sink.texts, sink.paths) == (['one', 'two'], ['a'])


def test_a_sink_that_was_never_delivered_to_is_closed_too(journal):
    sink = Uploading()
    pump_of(journal, sink).close()
    assert [undelivered for _, undelivered in sink.ended] == [0]


def test_an_unavailable_sink_is_closed_with_what_it_misses(journal):
    sink = Uploading(always=ConnectionError('down'))
    say(journal, 'one', 'two')
    journal.record('artifact', {'path': 'a'})
    pump = pump_of(journal, sink)
    assert pump.close() == {'sink': 3}
    assert [undelivered for _, undelivered in sink.ended] == [3]
    assert 'down' in pump.reasons['sink']


@pytest.mark.parametrize('error', [ValueError('no'), SystemExit(2)])
def test_closing_that_fails_is_a_warning_and_harms_no_other_sink(journal, error):
    class Bad(Uploading):
        def closed(self, undelivered):
            raise error

    good = Uploading('good')
    pump = pump_of(journal, Bad('bad'), good)
    assert pump.close() == {'bad': 0, 'good': 0}
    assert len(good.ended) == 1
    assert list(pump.failures) == ['bad']
    (message,) = [event for event in read_events(journal.run_dir) if event.get('code') == 'sink-failed']
    assert "sink 'bad' failed in sink_closed" in message['text']


def test_closing_that_hangs_has_a_deadline(journal):
    release = threading.Event()

    class Hangs(Uploading):
        def closed(self, undelivered):
            release.wait(20)

    pump = pump_of(journal, Hangs('hangs'), Uploading('good'))
    started = time.monotonic()
    pump.close(closing=0.1)
    assert time.monotonic() - started < 10
    assert pump.failures == {'hangs': 'it did not return within 0.1 s'}
    release.set()
