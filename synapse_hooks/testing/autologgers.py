"""The contract of an autologger, as a test class that its author subclasses.

    from synapse_hooks.testing import AutologConformance

    class TestAcme(AutologConformance):
        autologger = AcmeAutologger()
        framework = 'acme'

        def train(self, folder):
            acme.fit(epochs=2, output=folder)

pytest collects the subclass and runs every test; `tmp_path` is a fixture of pytest.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar
from unittest import SkipTest

from synapse_hooks.context import AutologSession
from synapse_hooks.journal import Journal, read_events
from synapse_hooks.safe_text import summary
from synapse_hooks.testing.conversion import hook_calls
from synapse_hooks.testing.plugins import check_plugin
from synapse_hooks.testing.recording import Recording, recording_session


class AutologConformance:
    """Subclass it in a test module; set `autologger` and `framework`, write `train`."""

    autologger: ClassVar[object]
    """The plugin under test."""
    framework: ClassVar[str]
    """The framework that it logs; also the package whose functions must be restored afterwards."""
    metrics: ClassVar[tuple[str, ...]] = ()
    """Names of metrics that the training must have logged."""

    overhead: ClassVar[float] = 1.5
    """How much longer a training may take with the autologger."""
    trains_at_once: ClassVar[bool] = True
    """Whether the framework can train in two threads at once. False where they share state of the process."""

    # -- what an author writes ---------------------------------------------------------------------------------------

    def train(self, folder: Path) -> Any:
        """Train for an epoch or two, as a user would, without any call for the autologger.

        Args:
            folder: An existing, empty folder for the output of the training.
        """
        raise NotImplementedError('write a short training in the framework')

    def state(self) -> Any:
        """The state that must be restored when the autologger has exited.

        By default: the functions and classes of the framework's modules, the methods of its classes, and the functions
        in its lists and dictionaries (of callbacks).
        """
        return {
            f'{name}.{key}': tuple(_callables(value, name))
            for name, module in sorted(sys.modules.items())
            if name.partition('.')[0] == self.framework
            for key, value in list(vars(module).items())
            if not isinstance(value, ModuleType)
        }

    # -- tests -------------------------------------------------------------------------------------------------------

    def test_it_is_a_valid_plugin(self) -> None:
        """Its hook is valid."""
        check_plugin(self.autologger, 'autologger')

    def test_it_declines_other_frameworks(self, tmp_path: Path) -> None:
        """It returns None for other frameworks."""
        session, _ = recording_session('no-such-framework', tmp_path)
        answer = self._autolog('no-such-framework', session)
        assert answer is None, f'it answered {answer!r} for another framework; it must return None'

    def test_a_training_is_logged(self, tmp_path: Path) -> None:
        """Metrics are logged, all of them finite, and progress; there are no warnings."""
        log = self._logged(tmp_path)
        assert not log.warnings, f'it warned: {log.warnings}'
        assert log.metrics, 'a training logged no metrics'
        odd = [name for name, value in log.metrics.items() if not math.isfinite(value)]
        assert not odd, f'these metrics are not finite: {odd}'
        missing = set(self.metrics).difference(log.metrics)
        assert not missing, f'the metrics {sorted(missing)} are missing; there are {sorted(log.metrics)}'
        assert log.of('progress'), 'a training reported no progress: session.set_progress(epoch, epochs)'

    def test_each_training_has_a_name(self, tmp_path: Path) -> None:
        """Two trainings of one session have different names, and both are finished."""
        session, log = recording_session(self.framework, tmp_path / 'run')
        with self._attach(session):
            for number in range(2):
                self._train(tmp_path / f'training{number}')
        names = list(dict.fromkeys(event.get('training') for event in log.of('metrics')))
        message = f'two trainings logged their metrics under {names}: log each through `session.start_training()`'
        assert len(names) == 2, message
        assert None not in names, message
        ended = [event['training'] for event in log.of('training', status='finished')]
        assert ended == names, f'of the trainings {names}, these were finished: {ended}; call `finish()` at the end'

    def test_nothing_happens_before_it_is_entered(self, tmp_path: Path) -> None:
        """Only entering the context manager attaches anything, not the call of the hook."""
        self._train(tmp_path / 'before')
        before = self.state()
        session, _ = recording_session(self.framework, tmp_path / 'run')
        self._attach(session)
        self._check_unchanged(before, 'a call of the hook without entering the context manager')

    def test_nothing_stays_behind(self, tmp_path: Path) -> None:
        """Afterwards the framework is restored, and a training is not logged any more."""
        self._train(tmp_path / 'before')
        before = self.state()
        log = self._logged(tmp_path)
        self._check_unchanged(before, 'a training')
        count = len(log.events)
        self._train(tmp_path / 'after')
        assert len(log.events) == count, f'a training after the end was logged: {log.events[count:][:3]}'

    def test_errors_of_the_training_pass_through(self, tmp_path: Path) -> None:
        """An error of the training is raised unchanged, and the framework is restored."""
        self._train(tmp_path / 'before')
        before = self.state()
        session, _ = recording_session(self.framework, tmp_path / 'run')
        error, caught = RuntimeError('the training failed'), None
        try:
            with self._attach(session):
                raise error
        except Exception as arrived:
            caught = arrived
        assert caught is error, f'the training raised {error!r}, and the user gets {caught!r}'
        self._check_unchanged(before, 'a training that failed')

    def test_a_failure_inside_is_a_warning(self, tmp_path: Path) -> None:
        """If logging fails, the training continues, and each kind of failure is reported once."""
        types = {event['type'] for event in self._logged(tmp_path).events} - {'message'}
        log = Recording(fail_on=frozenset(types))
        try:
            self._logged(tmp_path / 'failing', log)
        except Exception as error:
            raise AssertionError(
                f'a failure to log ended the training ({summary(error)}): '
                'wrap the body of every callback in `with session.guard(...):`'
            ) from error
        assert log.warnings, 'logging failed, and there was no warning'
        repeated = sorted({text for text in log.warnings if log.warnings.count(text) > 1})
        assert not repeated, f'these warnings were issued more than once: {repeated}'

    def test_it_can_be_used_again(self, tmp_path: Path) -> None:
        """A second session in the same process gets the same metrics, and the first one gets no more events."""
        first = self._logged(tmp_path / 'first')
        count = len(first.events)
        second = self._logged(tmp_path / 'second')
        assert len(first.events) == count, 'the second training was logged to the first session'
        assert first.metrics.keys() == second.metrics.keys(), 'a second session gets other metrics than the first'

    def test_another_rank_logs_as_that_rank_or_not_at_all(self, tmp_path: Path) -> None:
        """A process of a distributed training (`RANK=1`) trains as before, and does not log as if it were the first."""
        journal = Journal(tmp_path / 'run', rank=1)
        session = AutologSession(self.framework, journal, journal.run_dir)
        before = os.environ.get('RANK')
        os.environ['RANK'] = '1'
        try:
            with self._attach(session):
                self._train(tmp_path / 'training')
        finally:
            if before is None:
                del os.environ['RANK']
            else:
                os.environ['RANK'] = before
        events = list(read_events(journal.run_dir))
        others = [event for event in events if event.get('rank') != 1]
        assert not others, f'events of rank 1 were logged as those of another: {others[:3]}'
        warned = [event['text'] for event in events if event.get('level') == 'warning']
        assert not warned, f'with RANK=1 it warned: {warned}'

    def test_a_training_in_another_thread_is_logged_or_declined(self, tmp_path: Path) -> None:
        """It raises nothing, and either everything is logged or nothing."""
        self._require_threads(tmp_path / 'before', 1)
        expected = self._logged(tmp_path / 'main')
        session, log = recording_session(self.framework, tmp_path / 'run')
        with self._attach(session):
            errors = self._in_threads(tmp_path / 'training', 1)
        assert not errors, f'a training in another thread raised {summary(errors[0])} with the autologger only'
        assert not log.warnings, f'a training in another thread caused warnings: {log.warnings}'
        lost = sorted(expected.metrics.keys() - log.metrics.keys()) if log.metrics else []
        assert not lost, f'a training in another thread logged a part of the metrics: {lost} are missing'

    def test_two_trainings_at_once_do_not_mix(self, tmp_path: Path) -> None:
        """Each metric of each training is logged once for each step."""
        if not self.trains_at_once:
            raise SkipTest('`trains_at_once` is False')
        self._require_threads(tmp_path / 'before', 2)
        session, log = recording_session(self.framework, tmp_path / 'run')
        with self._attach(session):
            errors = self._in_threads(tmp_path / 'training', 2)
        assert not errors, f'two trainings at once raised {summary(errors[0])} with the autologger only'
        points = Counter(
            (event.get('training'), event.get('phase'), event.get('axis'), event.get('step'), name)
            for event in log.of('metrics')
            for name in event['values']
            if event.get('step') is not None
        )
        mixed = sorted({str(point[0]) for point, count in points.items() if count > 1})
        assert not mixed, (
            f'two trainings at once were logged under one name ({", ".join(mixed)}): keep what belongs to a training '
            'with the object of the framework that is trained, and not in the autologger'
        )

    def test_logging_costs_little_time(self, tmp_path: Path) -> None:
        """A training with the autologger takes at most `overhead` times the processor time that it takes without, and
        10 ms for each event.
        """
        without = min(self._processor_time(tmp_path / f'without{number}') for number in range(2))
        session, log = recording_session(self.framework, tmp_path / 'run')
        with self._attach(session):
            taken = min(self._processor_time(tmp_path / f'with{number}') for number in range(2))
        # Both trainings are in the log.
        allowed = without * self.overhead + 0.01 * len(log.events) / 2
        assert taken <= allowed, (
            f'a training takes {without:.2f} s of processor time, and {taken:.2f} s with the autologger, expected at '
            f'most {allowed:.2f} s: log what the framework has computed, and not in every batch'
        )

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _autolog(self, framework: str, session: AutologSession) -> Any:
        autologger: Any = self.autologger
        return autologger.autolog(framework=framework, session=session)

    def _attach(self, session: AutologSession) -> AbstractContextManager[Any]:
        return hook_calls(self.autologger).autolog(framework=self.framework, session=session)

    def _train(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.train(folder)

    def _processor_time(self, folder: Path) -> float:
        started = time.process_time()
        self._train(folder)
        return time.process_time() - started

    def _in_threads(self, folder: Path, count: int) -> list[BaseException]:
        """Train in so many threads at once; the errors that were raised."""
        errors: list[BaseException] = []

        def train(number: int) -> None:
            try:
                self._train(folder / f'{number}')
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=train, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return errors

    def _require_threads(self, folder: Path, count: int) -> None:
        """Skip the test if the framework itself cannot train there."""
        if errors := self._in_threads(folder, count):
            raise SkipTest(f'the framework does not train in {count} threads: {summary(errors[0])}')

    def _logged(self, folder: Path, recorder: Recording | None = None) -> Recording:
        session, log = recording_session(self.framework, folder / 'run', recorder=recorder)
        with self._attach(session):
            self._train(folder / 'training')
        return log

    def _check_unchanged(self, before: Any, what: str) -> None:
        after = self.state()
        if isinstance(before, dict) and isinstance(after, dict):
            changed = sorted(str(key) for key in before if before[key] != after.get(key))
        else:
            changed = [] if before == after else ['its state']
        assert not changed, f'after {what}, {", ".join(changed)} has changed'


class _Identity:
    """Equal to the same object only; it keeps the object alive, so that its id is not used again."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.value is other.value

    __hash__ = None  # type: ignore[assignment]


def _callables(value: Any, module: str, depth: int = 2) -> Iterator[_Identity]:
    if isinstance(value, list | tuple | set | frozenset | dict):
        if depth:
            # Not its own `values`: a dictionary of a framework may import what it names.
            for item in [*(dict.values(value) if isinstance(value, dict) else value)]:
                yield from _callables(item, module, depth - 1)
    elif callable(value):
        yield _Identity(value)
        if isinstance(value, type) and value.__module__ == module and depth == 2:
            for item in [*vars(value).values()]:
                yield from _callables(item, module, 0)
