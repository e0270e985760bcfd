"""Every call of a hook is in the trace of its run, however the run ends; what is wrong with the file harms no run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext, hookimpl
from synapse_hooks.cli.trace_text import trace_text
from synapse_hooks.context import Dataset, Step, TrainContext
from synapse_hooks.errors import RunError, StepFailed
from synapse_hooks.plugins import Plugins, Settings, build
from synapse_hooks.testing import FinishedRun, run_action, small_dataset
from synapse_hooks.tracing import TRACE, CallNode, Trace, TracedCall, Tracer, call_trees, chrome_trace, read_traces
from synapse_hooks.tracing.records import EACH
from tests.support.waiting import until


class Count(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path: Path, checkpoint: Any) -> dict[str, Any]:
        self.log_metrics({'loss': 0.5})
        return {'files': len(list(data_path.rglob('*')))}


class Fails(Count):
    def execute(self, data_path: Path, checkpoint: Any) -> dict[str, Any]:
        raise ValueError('no')


class Around:
    @hookimpl(wrapper=True)
    def run_step(self, step: Step) -> Generator[None, Any, Any]:
        return (yield)


class Observes:
    @hookimpl
    def resolve_checkpoint(self) -> None:
        return None

    @hookimpl
    def log_metrics(self, points: Any) -> None:
        pass


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return small_dataset(tmp_path / 'data')


@pytest.fixture
def traced(tmp_path: Path, data: Dataset) -> FinishedRun:
    return run_action(Count, dataset=data, plugins=[Around(), Observes()], folder=tmp_path / 'made', trace=True)


def calls_of(trace: Trace, hook: str, plugin: str = '') -> list[TracedCall]:
    return [call for call in trace.calls if call.function.hook == hook and plugin in call.function.plugin]


def last(run_dir: Path) -> Trace:
    return read_traces(run_dir)[-1]


# -- what is recorded ------------------------------------------------------------------------------------------------


def test_a_call_has_its_plugin_its_outcome_and_its_step(traced: FinishedRun) -> None:
    trace = last(traced.run_dir)
    (export,) = calls_of(trace, 'export')
    assert (export.function.distribution, export.function.rank) == ('synapse-hooks', 'built-in')
    assert (export.step, export.outcome, export.thread) == ('export', 'answered', '')
    assert 0 < export.seconds <= trace.seconds
    (observer,) = calls_of(trace, 'resolve_checkpoint', 'Observes')
    assert (observer.outcome, observer.step, observer.function.rank) == ('declined', '', 'project')
    assert {call.outcome for call in calls_of(trace, 'run_step', 'Around')} == {'wrapped'}
    assert trace.is_complete
    assert trace.lost == trace.unreadable == 0


def test_a_call_within_another_one_is_below_it(traced: FinishedRun) -> None:
    trace = last(traced.run_dir)
    by_id = {call.id: call for call in trace.calls}
    (execute,) = calls_of(trace, 'execute')
    inner = by_id[execute.parent or 0]
    outer = by_id[inner.parent or 0]
    assert (inner.function.hook, inner.function.plugin, outer.function.plugin) == ('run_step', 'stages', 'Around')
    assert outer.parent is None
    assert outer.start <= inner.start <= execute.start
    assert execute.seconds <= inner.seconds <= outer.seconds


def test_sinks_are_traced_on_their_threads(traced: FinishedRun) -> None:
    (point,) = calls_of(last(traced.run_dir), 'log_metrics', 'Observes')
    assert point.thread
    assert (point.outcome, point.parent) == ('done', None)


def test_an_exception_is_recorded_by_its_type_only(tmp_path: Path, data: Dataset) -> None:
    run = run_action(Fails, dataset=data, plugins=[Around()], folder=tmp_path / 'made', trace=True, check=False)
    trace = last(run.run_dir)
    (execute,) = calls_of(trace, 'execute')
    assert (execute.outcome, execute.error) == ('raised', 'ValueError')
    assert calls_of(trace, 'run_step', 'Around')[-1].error == 'ValueError'
    assert trace.is_complete
    assert "'no'" not in (run.run_dir / TRACE).read_text()


def test_without_trace_there_is_no_file_and_no_thread(tmp_path: Path, data: Dataset) -> None:
    names: list[str] = []

    class Looks(Count):
        def execute(self, data_path: Path, checkpoint: Any) -> dict[str, Any]:
            names.extend(thread.name for thread in threading.enumerate())
            return {}

    run = run_action(Looks, dataset=data, folder=tmp_path / 'made')
    assert 'trace' not in names
    assert not (run.run_dir / TRACE).exists()
    with pytest.raises(RunError, match='was not traced') as caught:
        read_traces(run.run_dir)
    assert '--trace' in caught.value.hint


# -- runs that go on, or are killed ----------------------------------------------------------------------------------


def test_the_attempts_of_a_resumed_run_are_kept_apart(tmp_path: Path, data: Dataset) -> None:
    folder = tmp_path / 'made'
    first = run_action(Fails, dataset=data, folder=folder, trace=True, check=False)
    # What a killed attempt leaves.
    with (first.run_dir / TRACE).open('ab') as file:
        file.write(b'{"type":"call","id":')
    run_action(Count, dataset=data, folder=folder, trace=True, resume=True)
    before, after = read_traces(first.run_dir)
    assert (before.attempt, after.attempt) == (1, 2)
    assert calls_of(before, 'execute')[0].outcome == 'raised'
    assert calls_of(after, 'execute')[0].outcome == 'answered'
    assert (calls_of(before, 'export') != [], calls_of(after, 'export')) == (True, [])
    assert (before.unreadable, after.unreadable) == (1, 0)


def test_a_killed_run_leaves_what_it_was_doing(tmp_path: Path, data: Dataset) -> None:
    script = f"""
        import sys, time
        from pathlib import Path
        from synapse_hooks import BaseTrainAction, BaseTrainParams
        from synapse_hooks.testing import run_action

        class Waits(BaseTrainAction[BaseTrainParams]):
            def execute(self, data_path, checkpoint):
                time.sleep(60)

        run_action(Waits, dataset=Path({str(data['path'])!r}), folder=Path({str(tmp_path / 'made')!r}), trace=True)
    """
    process = subprocess.Popen([sys.executable, '-c', textwrap.dedent(script)])
    try:
        late = re.compile('"execute".*"alive".*"alive"', re.DOTALL)
        until(lambda: any(late.search(file.read_text()) for file in (tmp_path / 'made').rglob(TRACE)), process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (file,) = (tmp_path / 'made').rglob(TRACE)
    trace = last(file.parent)
    assert not trace.is_complete
    (execute,) = calls_of(trace, 'execute')
    assert execute.outcome == 'unfinished'
    assert execute.seconds > 0.05
    assert calls_of(trace, 'export')[0].outcome == 'answered'
    assert [stage.step for stage in call_trees(trace)][-1] == 'execute'


def test_a_forked_process_writes_nothing(tmp_path: Path, data: Dataset) -> None:
    class Forks(Count):
        def execute(self, data_path: Path, checkpoint: Any) -> dict[str, Any]:
            child = os.fork()
            if child == 0:
                for _ in range(10):
                    self.context.hooks.resolve_checkpoint(context=self.context)
                os._exit(0)
            os.waitpid(child, 0)
            return {}

    trace = last(run_action(Forks, dataset=data, folder=tmp_path / 'made', trace=True).run_dir)
    assert len(calls_of(trace, 'resolve_checkpoint')) == 1
    assert (trace.unreadable, trace.lost) == (0, 0)


# -- what is wrong with the file -------------------------------------------------------------------------------------


def spoil(file: Path, how: str) -> None:
    file.unlink()
    if how == 'folder':
        file.mkdir()
    elif how == 'pipe':
        os.mkfifo(file)
    elif how == 'link':
        file.symlink_to('/dev/full')


@pytest.mark.parametrize('how', ['folder', 'pipe', 'link'])
def test_a_file_that_cannot_be_written_harms_no_run(tmp_path: Path, data: Dataset, how: str) -> None:
    folder = tmp_path / 'made'
    first = run_action(Fails, dataset=data, folder=folder, trace=True, check=False)
    spoil(first.run_dir / TRACE, how)
    second = run_action(Count, dataset=data, folder=folder, trace=True, resume=True)
    assert second.statuses['execute'] == 'succeeded'
    assert [message for message in second.of('message') if message.get('code') == 'trace-incomplete']
    with pytest.raises(RunError, match=r'trace\.jsonl'):
        read_traces(first.run_dir)


def test_a_disk_that_becomes_full_harms_no_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracer = Tracer()
    plugins, context = traced_plugins(tracer)
    tracer.open(tmp_path, 1)
    real = os.write

    def write(file: int, content: bytes) -> int:
        # As a full disk does: some of it fits.
        if len(content) > 40:
            return real(file, content[:40])
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'write', write)
    plugins.calls.resolve_checkpoint(context=context)
    tracer.close()
    assert 'No space left' in tracer.failure
    assert read_traces(tmp_path)[0].unreadable == 1


def test_damaged_lines_are_counted_and_left_out(traced: FinishedRun) -> None:
    file = traced.run_dir / TRACE
    whole = last(traced.run_dir)
    wrong = [
        'not json',
        '[]',
        '{"type":"call","id":"x"}',
        '{"type":"call","id":99999,"function":77777}',
        '{"type":"new"}',
        '',
    ]
    file.write_text(file.read_text() + '\n'.join(wrong) + '\n')
    again = last(traced.run_dir)
    assert again.unreadable == len(wrong)
    assert again.calls == whole.calls


def test_a_file_that_no_run_has_written_is_shown(traced: FinishedRun) -> None:
    file = traced.run_dir / TRACE
    head = file.read_text().splitlines()[0]
    function = '{"type":"function","id":1,"hook":"export","plugin":"\\u001b[2J","kind":"plugin","rank":"project"}'
    line = '{"type":"call","id":%d,"function":1,"start":%s,"seconds":1,"outcome":"done","parent":%d}'
    deep = [line % (number, '0', number - 1) for number in range(1, 5001)]
    file.write_text('\n'.join([head, function, *deep, line % (6000, '1e300', 1), line % (7000, '0', 8000)]) + '\n')
    trace = last(traced.run_dir)
    assert (len(trace.calls), trace.unreadable) == (5001, 1)
    stages = call_trees(trace)
    assert sum(node.calls for stage in stages for root in stage.nodes for _, node in root.walk()) == 5001
    assert '\x1b' not in trace_text('a run', trace, stages, [1])
    assert len(chrome_trace(trace, 'a run')['traceEvents']) > 5001
    file.write_text(head + '\n')
    assert call_trees(last(traced.run_dir)) == []
    assert trace_text('a run', last(traced.run_dir), [], [1]).startswith('a run: 0 calls')


def test_a_trace_of_another_version_is_refused(traced: FinishedRun) -> None:
    file = traced.run_dir / TRACE
    file.write_text(file.read_text().replace('"v":1', '"v":2', 1))
    with pytest.raises(RunError, match='version 1, got 2'):
        read_traces(traced.run_dir)


# -- many calls ------------------------------------------------------------------------------------------------------


def traced_plugins(tracer: Tracer | None) -> tuple[Plugins, TrainContext]:
    plugins = build(Settings(), extra=[Observes()], installed=(), tracer=tracer)
    return plugins, TrainContext({}, RuntimeContext(), plugins.calls)


def test_the_file_stays_small_however_many_calls_there_are(tmp_path: Path) -> None:
    tracer = Tracer()
    plugins, context = traced_plugins(tracer)
    tracer.open(tmp_path, 1)
    tracer.begin_step('execute')
    for _ in range(20 * EACH):
        plugins.calls.resolve_checkpoint(context=context)
    tracer.close()
    trace = last(tmp_path)
    assert trace.is_complete
    assert len(calls_of(trace, 'resolve_checkpoint', 'Observes')) == EACH
    counted = {function.plugin: more.calls for function, more in trace.more}
    assert counted['Observes'] == 19 * EACH
    assert trace.lost == 0
    (stage,) = [stage for stage in call_trees(trace) if stage.step == 'execute']
    assert {(node.function.plugin, node.outcome): node.calls for node in stage.nodes} == {
        ('Observes', 'declined'): EACH,
        ('stages', 'declined'): EACH,
        ('Observes', 'counted'): 19 * EACH,
        ('stages', 'counted'): 19 * EACH,
    }
    assert (tmp_path / TRACE).stat().st_size < 2 * EACH * 200


# -- what is made of it ----------------------------------------------------------------------------------------------


def test_calls_that_are_alike_are_one_node(traced: FinishedRun) -> None:
    stages = {stage.step: stage for stage in call_trees(last(traced.run_dir))}
    assert list(stages)[:2] == ['', 'export']
    around = next(node for node in stages['execute'].nodes if node.function.wrapper)
    names = [(depth, node.function.hook) for depth, node in around.walk()]
    assert names == [(0, 'run_step'), (1, 'run_step'), (2, 'execute')]
    assert isinstance(around, CallNode)
    assert around.own_seconds == pytest.approx(around.seconds - around.inner[0].seconds)


def test_the_chrome_trace_has_the_shape_that_perfetto_reads(traced: FinishedRun) -> None:
    trace = last(traced.run_dir)
    made = json.loads(json.dumps(chrome_trace(trace, 'a run')))
    events = made['traceEvents']
    for event in events:
        assert isinstance(event['name'], str)
        assert event['ph'] in 'MXB'
        assert isinstance(event['ts'], int | float)
        assert event['ts'] >= 0
        assert isinstance(event['pid'], int)
        assert event['tid'] > 0
        assert isinstance(event['args'], dict)
        assert event['ph'] != 'X' or event['dur'] >= 0
    named = {event['tid'] for event in events if event['name'] == 'thread_name'}
    assert named == {event['tid'] for event in events}
    assert len([event for event in events if event.get('cat') == 'hook']) == len(trace.calls)
    assert next(event['name'] for event in events if event.get('cat') == 'step') == 'step export'
    spans = sorted((e['ts'], -e['dur'], e['ts'] + e['dur']) for e in events if e['ph'] == 'X' and e['tid'] == 2)
    under_way: list[float] = []
    for start, _, end in spans:
        under_way = [other for other in under_way if other > start]
        assert all(end <= other + 0.01 for other in under_way), 'spans of a thread must nest'
        under_way.append(end)


def test_a_failed_step_is_in_its_place(tmp_path: Path, data: Dataset) -> None:
    with pytest.raises(StepFailed):
        run_action(Fails, dataset=data, folder=tmp_path / 'made', trace=True)
    (file,) = (tmp_path / 'made').rglob(TRACE)
    stages = [stage.step for stage in call_trees(last(file.parent))]
    assert stages[-1] == 'execute'
