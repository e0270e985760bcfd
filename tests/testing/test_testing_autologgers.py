"""The built-in autologger keeps its promises, and an autologger that breaks one is found out."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from synapse_hooks import hookimpl
from synapse_hooks.autologgers.ultralytics import UltralyticsAutologger
from synapse_hooks.context import AutologSession
from synapse_hooks.testing import AutologConformance
from tests.autologgers.conftest import ultralytics  # noqa: F401
from tests.autologgers.ultralytics_stand_in import YOLO


@pytest.mark.usefixtures('ultralytics')
class TestUltralytics(AutologConformance):
    """Against the stand-in; `test_ultralytics_e2e.py` trains for real."""

    autologger = UltralyticsAutologger()
    framework = 'ultralytics'
    metrics = ('train/box_loss', 'metrics/mAP50(B)', 'lr/pg0')

    def train(self, folder: Path) -> Any:
        return YOLO().train(save_dir=str(folder))


# -- a framework of a few lines, and autologgers for it ------------------------------------------------------------


@pytest.fixture(autouse=True)
def acme(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType('acme')
    vars(module)['callbacks'] = []

    def fit(epochs: int) -> None:
        for epoch in range(1, epochs + 1):
            for callback in module.callbacks:
                callback(epoch, epochs, 1 / epoch)

    module.fit = fit  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, 'acme', module)
    return module


class Good:
    @hookimpl
    def autolog(self, framework: str, session: AutologSession) -> AbstractContextManager[Any] | None:
        return self.attached(session) if framework == 'acme' else None

    @contextmanager
    def attached(self, session: AutologSession) -> Iterator[None]:
        log: Any = None

        def callback(epoch: int, epochs: int, loss: float) -> None:
            nonlocal log
            with session.guard('logging an epoch'):
                if epoch == 1:
                    log = session.start_training()
                log.log_metrics({'loss': loss}, phase='train', step=epoch)
                log.set_progress(epoch, epochs)
                if epoch == epochs:
                    log.finish()

        callbacks = sys.modules['acme'].callbacks
        callbacks.append(callback)
        try:
            yield
        finally:
            self.detach(callbacks, callback)

    def detach(self, callbacks: list[Any], callback: Any) -> None:
        if callback in callbacks:
            callbacks.remove(callback)


class Acme(AutologConformance):
    framework = 'acme'
    metrics = ('loss',)

    def train(self, folder: Path) -> Any:
        assert folder.is_dir()
        sys.modules['acme'].fit(epochs=2)


class TestGood(Acme):
    autologger = Good()


class AnswersAll(Good):
    @hookimpl
    def autolog(self, framework: str, session: AutologSession) -> AbstractContextManager[Any] | None:
        return self.attached(session)


class Eager(Good):
    @hookimpl
    def autolog(self, framework: str, session: AutologSession) -> AbstractContextManager[Any] | None:
        manager = self.attached(session) if framework == 'acme' else None
        sys.modules['acme'].callbacks.append(print)
        return manager


class Stays(Good):
    def detach(self, callbacks: list[Any], callback: Any) -> None:
        pass


class Swallows(Good):
    @contextmanager
    def attached(self, session: AutologSession) -> Iterator[None]:
        with super().attached(session):
            try:
                yield
            except Exception as error:
                session.log_message(str(error))


class LeavesOnErrors(Good):
    @contextmanager
    def attached(self, session: AutologSession) -> Iterator[None]:
        self.inner = super().attached(session)
        self.inner.__enter__()
        yield
        self.inner.__exit__(None, None, None)


class Unguarded(Good):
    @contextmanager
    def attached(self, session: AutologSession) -> Iterator[None]:
        callbacks = sys.modules['acme'].callbacks
        callbacks.append(lambda epoch, epochs, loss: session.log_metrics({'loss': loss}, step=epoch))
        yield
        callbacks.pop()


class Nags(Good):
    @contextmanager
    def attached(self, session: AutologSession) -> Iterator[None]:
        def callback(epoch: int, epochs: int, loss: float) -> None:
            try:
                session.log_metrics({'loss': loss}, step=epoch)
                session.set_progress(epoch, epochs)
            except OSError:
                session.log_message('it failed', level='warning')

        callbacks = sys.modules['acme'].callbacks
        callbacks.append(callback)
        yield
        callbacks.remove(callback)


class Once(Good):
    used = False

    @contextmanager
    def attached(self, session: AutologSession) -> Iterator[None]:
        if self.used:
            yield
            return
        self.used = True
        with super().attached(session):
            yield


class Mute(Good):
    @contextmanager
    def attached(self, session: AutologSession) -> Iterator[None]:
        yield


class Warns(Good):
    @contextmanager
    def attached(self, session: AutologSession) -> Iterator[None]:
        if os.environ.get('RANK') == '1':
            session.log_message('this is not the first process', level='warning')
        with super().attached(session):
            yield


class MainThreadOnly(Good):
    @contextmanager
    def attached(self, session: AutologSession) -> Iterator[None]:
        def callback(epoch: int, epochs: int, loss: float) -> None:
            assert threading.current_thread() is threading.main_thread()

        sys.modules['acme'].callbacks.append(callback)
        yield
        sys.modules['acme'].callbacks.remove(callback)


class IsSlow(Good):
    @contextmanager
    def attached(self, session: AutologSession) -> Iterator[None]:
        def callback(epoch: int, epochs: int, loss: float) -> None:
            begun = time.process_time()
            while time.process_time() < begun + 0.1:
                pass

        sys.modules['acme'].callbacks.append(callback)
        with super().attached(session):
            yield
        sys.modules['acme'].callbacks.remove(callback)


@pytest.mark.parametrize(
    ('kind', 'broken'),
    [
        (AnswersAll, 'it_declines_other_frameworks'),
        (Eager, 'nothing_happens_before_it_is_entered'),
        (Stays, 'nothing_stays_behind'),
        (Swallows, 'errors_of_the_training_pass_through'),
        (LeavesOnErrors, 'errors_of_the_training_pass_through'),
        (Unguarded, 'a_failure_inside_is_a_warning'),
        (Nags, 'a_failure_inside_is_a_warning'),
        (Once, 'it_can_be_used_again'),
        (Mute, 'a_training_is_logged'),
        (Warns, 'another_rank_logs_as_that_rank_or_not_at_all'),
        (MainThreadOnly, 'a_training_in_another_thread_is_logged_or_declined'),
        (Unguarded, 'two_trainings_at_once_do_not_mix'),
        (IsSlow, 'logging_costs_little_time'),
    ],
)
def test_a_broken_promise_is_found(kind: type[Good], broken: str, tmp_path: Path) -> None:
    suite = Acme()
    suite.autologger = kind()  # type: ignore[misc]
    with pytest.raises(AssertionError):
        getattr(suite, f'test_{broken}')(tmp_path)


def test_a_patched_method_is_noticed(acme: ModuleType) -> None:
    class Trainer:
        def fit(self) -> None: ...

    Trainer.__module__ = 'acme'
    acme.Trainer = Trainer  # type: ignore[attr-defined]
    suite = Acme()
    before = suite.state()
    assert before == suite.state()
    Trainer.fit = lambda self: None  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match=r'acme\.Trainer has changed'):
        suite._check_unchanged(before, 'this')
