"""Exceptions of foreign code that are not ordinary ones: bounded, recorded, survived."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, hookimpl
from synapse_hooks.cli.error_report import error_data, error_text
from synapse_hooks.errors import StepFailed
from synapse_hooks.safe_text import notes_of, summary, text_of
from synapse_hooks.testing import run_action


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError('no str')

    __repr__ = __str__


class Untold(Exception):
    """Its message is not text, and its notes are not a list."""

    __notes__ = 5

    def __str__(self) -> Any:
        return 5


def long() -> Exception:
    error = ValueError('x' * 10_000_000)
    for _ in range(1000):
        error.add_note('y' * 10_000)
    return error


STRANGE = {
    'unprintable': Unprintable,
    'untold': Untold,
    'long': long,
    'CancelledError': asyncio.CancelledError,
    'GeneratorExit': GeneratorExit,
    'SystemExit': lambda: SystemExit(0),
}
FEW = 100_000
"""Bytes: what anything that is written about such an exception stays below."""


class Action(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path: Path, checkpoint: Any) -> Any:
        self.log_metrics({'loss': 0.5})
        return {'done': True}


class Harmless:
    """Everything that only watches raises."""

    def __init__(self, make: Any) -> None:
        self.make = make
        self.calls: list[str] = []

    def fail(self, hook: str) -> None:
        self.calls.append(hook)
        raise self.make()

    @hookimpl
    def run_started(self) -> None:
        self.fail('run_started')

    @hookimpl
    def step_started(self) -> None:
        self.fail('step_started')

    @hookimpl
    def step_finished(self) -> None:
        self.fail('step_finished')

    @hookimpl
    def run_finished(self) -> None:
        self.fail('run_finished')

    @hookimpl
    def log_metrics(self, points: Any) -> None:
        self.fail('log_metrics')

    @hookimpl
    def log_message(self, messages: Any) -> None:
        self.fail('log_message')

    @hookimpl
    def progress_changed(self, progress: Any) -> None:
        self.fail('progress_changed')


@pytest.mark.parametrize('make', STRANGE.values(), ids=STRANGE)
@pytest.mark.filterwarnings('ignore::synapse_hooks.plugins.calls.PluginWarning')
def test_whatever_an_observer_or_a_sink_raises_the_run_succeeds(make: Any, tmp_path: Path) -> None:
    watching = Harmless(make)
    run = run_action(Action, {'data_path': tmp_path}, plugins=[watching], folder=tmp_path / 'run')
    assert run.record['status'] == 'succeeded'
    hooks = {'run_started', 'step_started', 'step_finished', 'run_finished'}
    assert hooks | {'log_metrics', 'log_message', 'progress_changed'} == set(watching.calls)
    assert {'log_metrics', 'progress_changed'} <= {event['reason'].split(':')[0] for event in run.of('sink_loss')}
    assert len(run.of('message', code='observer-failed')) == sum(hook in hooks for hook in watching.calls)
    assert (run.run_dir / 'run.json').stat().st_size < FEW
    assert all(len(str(event)) < FEW for event in run.events)


@pytest.mark.parametrize('make', STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize('hook', ['execute', 'pre_execute', 'cleanup', 'retry_step', 'resolve_checkpoint'])
@pytest.mark.filterwarnings('ignore::synapse_hooks.plugins.calls.PluginWarning')
def test_whatever_a_stage_raises_is_its_failure(hook: str, make: Any, tmp_path: Path) -> None:
    def fail() -> Any:
        raise make()

    failing = {
        'execute': lambda self, data_path, checkpoint: fail(),
        'pre_execute': lambda self, context: fail(),
        'cleanup': lambda self, context, outcome: fail(),
        'retry_step': lambda self, context, step, error, attempt: fail(),
        'resolve_checkpoint': lambda self, context: fail(),
    }
    names = {hook, 'execute'} if hook == 'retry_step' else {hook}
    action = type('Failing', (Action,), {name: failing[name] for name in names})
    run = run_action(action, {'data_path': tmp_path}, plugins=[], folder=tmp_path / 'run', check=False)
    assert run.error is not None
    ended = 'succeeded' if hook == 'cleanup' else 'failed'
    assert run.record['status'] == ended
    assert run.of('run_end')[0]['status'] == {'succeeded': 'finished'}.get(ended, ended)
    if hook != 'cleanup':
        assert isinstance(run.error, StepFailed)
        assert type(make()).__name__ in run.record['error']['message']
    assert (run.run_dir / 'run.json').stat().st_size < FEW
    assert len(error_text(run.error)) < FEW
    assert len(str(error_data(run.error))) < FEW


def test_a_signal_still_cancels(tmp_path: Path) -> None:
    class Interrupted:
        @hookimpl
        def step_started(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_action(Action, {'data_path': tmp_path}, plugins=[Interrupted()], folder=tmp_path / 'run')


def test_a_number_that_is_none_is_left_out(tmp_path: Path) -> None:
    class Odd:
        def __float__(self) -> float:
            raise Unprintable

        __str__ = __repr__ = __float__  # type: ignore[assignment]

    class Logging(Action):
        def execute(self, data_path: Path, checkpoint: Any) -> Any:
            self.log_metrics({'odd': Odd(), 'large': 10**400, 'right': 1.0, 'none': math.nan})
            self.log_message(Odd())  # type: ignore[arg-type]

    run = run_action(Logging, {'data_path': tmp_path}, folder=tmp_path / 'run')
    assert run.of('metrics')[0]['values'] == {'right': 1.0}
    assert len([event for event in run.of('message') if 'is not a number' in event['text']]) == 2
    assert run.of('message')[-1]['text']


def test_the_text_of_anything_is_short_and_never_raises() -> None:
    assert text_of('short') == 'short'
    assert len(text_of(long())) < 10_000
    assert text_of('begin' + 'x' * 10**7 + 'end').endswith('end')
    assert text_of(Unprintable()) == '<Unprintable whose __str__ raised ValueError>'
    assert summary(Untold()) == 'Untold: <Untold whose __str__ raised TypeError>'
    assert notes_of(Untold()) == []
    assert len(str(notes_of(long()))) < FEW
    assert len(error_text(long())) < FEW


def test_a_record_that_cannot_be_written_takes_no_cause_away(tmp_path: Path) -> None:
    class Sealing(Action):
        def execute(self, data_path: Path, checkpoint: Any) -> Any:
            raise ValueError('the cause')

        def step_finished(self, context: Any, step: Any, result: Any, error: Any) -> None:
            if error is not None:
                (context.run_dir / 'run.json').unlink()
                (context.run_dir / 'run.json').mkdir()

    run = run_action(Sealing, {'data_path': tmp_path}, folder=tmp_path / 'run', check=False)
    assert isinstance(run.error, StepFailed)
    assert isinstance(run.error.__cause__, ValueError)
    assert any('run.json is not a regular file' in note for note in notes_of(run.error))
    assert run.of('run_end')[0]['status'] == 'failed'
