"""The contract of a sink, as a test class that its author subclasses.

    from synapse_hooks.testing import SinkConformance

    class TestAcme(SinkConformance):
        def make_sink(self, folder):
            return AcmeSink(url=f'sqlite:///{folder}/acme.db')

        def received(self, folder):
            rows = sqlite3.connect(folder / 'acme.db').execute('select run, name, step, value from points')
            return [[(name, step, value) for _, name, step, value in rows]]

pytest collects the subclass and runs every test; `tmp_path` is a fixture of pytest.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any, ClassVar, Final
from unittest import SkipTest

from synapse_hooks.context import RuntimeContext, TrainContext
from synapse_hooks.errors import SinkUnavailable
from synapse_hooks.hookspecs import SINK_HOOKS
from synapse_hooks.journal import Journal, SinkPump, read_events
from synapse_hooks.plugins import PluginSink, Settings, build
from synapse_hooks.testing.plugins import check_plugin

_POINTS: Final = 40


class SinkConformance:
    """Subclass it in a test module; write `make_sink` and `received`, and `outage` if the tracker can be away."""

    # -- what an author writes ---------------------------------------------------------------------------------------

    def make_sink(self, folder: Path) -> object:
        """A new plugin, as a new process makes it.

        Args:
            folder: An existing folder, the same in each call of a test: for a tracker that keeps files.
        """
        raise NotImplementedError('return the plugin under test')

    def received(self, folder: Path) -> Sequence[Sequence[tuple[str, int, float]]]:
        """What the tracker has: for each of its runs every point, as name, step and value, however it calls a name."""
        raise NotImplementedError('read what the tracker received')

    @contextmanager
    def outage(self, folder: Path) -> Iterator[None]:
        """A context in which the tracker cannot be reached. By default, the hooks of the sink are not called."""
        self._is_away = True
        try:
            yield
        finally:
            self._is_away = False

    keeps_order: ClassVar[bool] = True
    """Whether `received` gives the points of a run in the order in which the tracker got them, or by their step."""

    # -- the contract ------------------------------------------------------------------------------------------------

    _is_away = False
    _is_killed = False
    _gate: ClassVar[Event] = Event()
    _gate.set()

    def test_it_is_a_valid_plugin(self, tmp_path: Path) -> None:
        """It has hooks of sinks, and no faults."""
        hooks = check_plugin(self.make_sink(tmp_path))
        assert set(hooks) & set(SINK_HOOKS), f'it must answer one of {", ".join(SINK_HOOKS)}, and answers {hooks}'

    def test_every_point_arrives(self, tmp_path: Path) -> None:
        """All points of a run are in one run of the tracker."""
        journal = _recorded(tmp_path)
        self._deliver(journal, tmp_path)
        self._check(tmp_path, _POINTS)

    def test_a_repetition_changes_nothing(self, tmp_path: Path) -> None:
        """A process that was killed before it saved its place delivers everything again, into the same run."""
        journal = _recorded(tmp_path)
        self._deliver(journal, tmp_path)
        for cursor in (journal.run_dir / 'sinks').glob('*.cursor'):
            cursor.unlink()
        self._deliver(journal, tmp_path)
        self._check(tmp_path, _POINTS)

    def test_nothing_is_lost_in_an_outage(self, tmp_path: Path) -> None:
        """What could not be delivered comes later, in another process, into one run."""
        journal = _recorded(tmp_path)
        with self.outage(tmp_path):
            undelivered = self._deliver(journal, tmp_path)
        assert undelivered, 'an outage must raise SinkUnavailable, ConnectionError or TimeoutError in the hooks'
        assert self._deliver(journal, tmp_path) == 0
        self._check(tmp_path, _POINTS)

    def test_a_resumed_run_goes_on_in_the_same_run(self, tmp_path: Path) -> None:
        """A later attempt, in another process, adds to the run of the tracker."""
        self._deliver(_recorded(tmp_path), tmp_path)
        self._deliver(_recorded(tmp_path, first=_POINTS + 1), tmp_path)
        self._check(tmp_path, 2 * _POINTS)

    def test_closing_without_a_delivery_is_no_error(self, tmp_path: Path) -> None:
        """`sink_closed` comes also when there was nothing to deliver."""
        self._deliver(Journal(tmp_path / 'run'), tmp_path)

    def test_points_arrive_in_order(self, tmp_path: Path) -> None:
        """In the order of the journal, also after an outage in between."""
        if not self.keeps_order:
            raise SkipTest('`keeps_order` is False')
        journal = _recorded(tmp_path)
        with self.outage(tmp_path):
            self._deliver(journal, tmp_path)
        self._deliver(journal, tmp_path)
        (run,) = self.received(tmp_path)
        steps = [step for name, step, _ in run if 'loss' in name]
        late = next((step for step, following in pairwise(steps) if step > following), None)
        assert late is None, f'the tracker has the loss of step {late} before that of an earlier step: {steps}'

    def test_a_kill_in_the_middle_of_a_delivery_repeats_nothing(self, tmp_path: Path) -> None:
        """Half of a batch has arrived, and the process ends before its place is saved: the batch comes again."""
        journal = _recorded(tmp_path)
        self._is_killed = True
        try:
            undelivered = self._deliver(journal, tmp_path)
        finally:
            self._is_killed = False
        assert undelivered, 'the kill was not noticed'
        assert self._deliver(journal, tmp_path) == 0
        self._check(tmp_path, _POINTS)

    def test_a_slow_tracker_does_not_delay_the_training(self, tmp_path: Path) -> None:
        """While a delivery takes long, the training goes on, and everything arrives later."""
        journal = Journal(tmp_path / 'run')
        self._gate.clear()
        try:
            with self._pump(journal, tmp_path) as pump:
                pump.start()
                started = time.perf_counter()
                _recorded(tmp_path, journal=journal)
                seconds = time.perf_counter() - started
                self._gate.set()
                undelivered = sum(pump.close(30.0).values())
        finally:
            self._gate.set()
        assert seconds < 2.0, f'logging {_POINTS} points took {seconds:.1f} s while a delivery was under way'
        assert not undelivered, f'{undelivered} events did not arrive after the delivery that took long'
        self._check(tmp_path, _POINTS)

    # -- how it is tested --------------------------------------------------------------------------------------------

    @contextmanager
    def _pump(self, journal: Journal, folder: Path) -> Iterator[SinkPump]:
        plugins = build(Settings(), extra=(self.make_sink(folder),), installed=())
        context = TrainContext(
            params={}, runtime_ctx=RuntimeContext(), hooks=plugins.calls, recorder=journal, run_dir=journal.run_dir
        )
        sinks = [_Sink(PluginSink(adapter, context), self) for adapter in plugins.sink_adapters()]
        pump = SinkPump(journal, sinks, batch=16, retry=(0.01, 0.1))
        yield pump
        assert not pump.failures, f'sink_closed failed: {pump.failures}'
        lost = [event['reason'] for event in read_events(journal.run_dir, types=('sink_loss',))]
        assert not lost, f'the sink lost events, because a hook raised: {"; ".join(lost)}'

    def _deliver(self, journal: Journal, folder: Path) -> int:
        with self._pump(journal, folder) as pump:
            return sum(pump.close(30.0).values())

    def _check(self, folder: Path, last: int) -> None:
        runs = self.received(folder)
        assert len(runs) == 1, f'expected one run in the tracker, got {len(runs)}'
        points = [(step, value) for name, step, value in runs[0] if 'loss' in name]
        values = dict(points)
        missing = sorted(set(range(1, last + 1)) - set(values))
        assert not missing, f'the tracker lacks the loss of the steps {missing}'
        twice = sorted({step for step in values if sum(other == step for other, _ in points) > 1})
        assert not twice, f'the tracker has the loss of the steps {twice} more than once'
        wrong = {step: value for step, value in values.items() if abs(value - 1 / step) > 1e-6}
        assert not wrong, f'the tracker has wrong values of the loss, which is 1 / step: {wrong}'


class _Sink:
    """The sink of a plugin, unavailable during an outage of the test."""

    def __init__(self, sink: PluginSink, test: SinkConformance) -> None:
        self.name, self.hooks, self.concurrent_artifacts = sink.name, sink.hooks, sink.concurrent_artifacts
        self.closed = sink.closed
        self._sink, self._test = sink, test

    def deliver(self, hook: str, payload: Any) -> None:
        if self._test._is_away:
            raise SinkUnavailable('an outage, for the test')
        self._test._gate.wait(20.0)
        if self._test._is_killed and hook == 'log_metrics':
            self._sink.deliver(hook, payload[: len(payload) // 2])
            raise SinkUnavailable('a kill, for the test')
        self._sink.deliver(hook, payload)


def _recorded(folder: Path, first: int = 1, journal: Journal | None = None) -> Journal:
    """A journal in `folder/run` with an attempt that has as many points as `_POINTS`, and everything else."""
    journal = journal or Journal(folder / 'run')
    context = TrainContext({}, RuntimeContext(), hooks=None, recorder=journal, run_dir=journal.run_dir)  # type: ignore[arg-type]
    journal.record('run_start', {'action': 'train', 'target': 'train.py:Train', 'params': {}, 'plugins': {}, 'env': {}})
    context.log_params({'epochs': _POINTS, 'model': {'name': 'small'}})
    table = journal.run_dir / 'table.csv'
    table.write_text('a,b\n')
    for step in range(first, first + _POINTS):
        context.log_metrics({'loss': 1 / step, 'ratio': float('nan')}, phase='train', step=step)
        context.set_progress(step, first + _POINTS)
    context.log_artifact(table, kind='table', role='results')
    context.log_message('half of it is done')
    journal.record('run_end', {'status': 'finished', 'error': None, 'model': None})
    return journal
