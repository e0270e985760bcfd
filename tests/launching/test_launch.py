"""A run that is launched: its plan, its directory, its outcome, and what differs on a worker."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, RuntimeContext
from synapse_hooks.actions.launched import run_launched
from synapse_hooks.actions.target import load_action
from synapse_hooks.backends import Workspace
from synapse_hooks.errors import LaunchError, ParamsError, PluginMissing, RunError, WrongAnswer
from synapse_hooks.journal import RunDirectory
from synapse_hooks.launches import Resources, RunOutcome, RunPlan
from synapse_hooks.launching import BaseLauncher
from synapse_hooks.launching.driver import in_background, prepare_launch
from synapse_hooks.launching.outcome import error_of

ACTION = """
from synapse_hooks import BaseTrainAction, BaseTrainParams

class Params(BaseTrainParams):
    epochs: int = 2
    fail: bool = False
    rates: list[float | None] = []
    name: str = ''

class Train(BaseTrainAction[Params]):
    def execute(self, data_path, checkpoint):
        for epoch in range(1, self.params.epochs + 1):
            self.log_metrics({'loss': 1 / epoch}, phase='train', step=epoch)
        if self.params.fail:
            raise ValueError('no luck')
        weights = self.context.output_dir / 'best.pt'
        weights.write_bytes(b'weights')
        return {'weights_path': str(weights)}
"""


@pytest.fixture
def action(tmp_path: Path) -> Callable[..., BaseTrainAction[Any]]:
    """Makes an action of a file, with data."""
    file = tmp_path / 'project' / 'train.py'
    file.parent.mkdir()
    file.write_text(ACTION, encoding='utf-8')
    (tmp_path / 'data').mkdir()

    def action(**options: Any) -> BaseTrainAction[Any]:
        kind, target, _ = load_action(f'{file}:Train')
        params = {'data_path': str(tmp_path / 'data'), **options.pop('params', {})}
        context = {'target': target, 'project': file.parent, **options}
        return kind(params, RuntimeContext(**context))

    return action


def test_a_run_that_is_launched_here_is_a_run_like_any_other(action: Callable[..., BaseTrainAction[Any]]) -> None:
    outcome = action().launch('local')
    assert outcome.outcome == 'succeeded'
    assert outcome.metrics == {'loss': 0.5}
    assert outcome.model is not None
    record = RunDirectory.open(Path(outcome.run_dir)).read()
    assert record['launch'] == {'launcher': 'local', 'resources': {}}
    assert (record['status'], record['attempts']) == ('succeeded', 1)


def test_a_workspace_that_is_not_there_yet_is_made(action: Callable[..., BaseTrainAction[Any]], tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / 'new' / 'workspace')
    outcome = action(client=workspace, run_dir=tmp_path / 'run').launch('local')
    assert outcome.outcome == 'succeeded', outcome.error
    assert [model['id'] for model in workspace.list_models()] == [(outcome.model or {})['id']]


def test_after_ctrl_c_the_end_is_waited_for() -> None:
    done: list[str] = []

    def run(cancelled: threading.Event) -> None:
        threading.Event().wait(0.1)
        os.kill(os.getpid(), signal.SIGINT)
        assert cancelled.wait(30)
        # A thread that nobody waits for would not come that far.
        threading.Event().wait(0.3)
        done.append('ended')

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            in_background(run, lambda: done.append('cancelling'))
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == ['cancelling', 'ended']


def test_a_failure_is_part_of_the_outcome(action: Callable[..., BaseTrainAction[Any]]) -> None:
    outcome = action(params={'fail': True}).launch('local')
    assert outcome.outcome == 'failed'
    error = error_of(outcome)
    assert str(error).startswith("step 'execute' failed: ValueError: no luck\n")
    assert "raise ValueError('no luck')" in error.traceback  # type: ignore[union-attr]


def test_an_unknown_launcher_is_refused_before_anything_is_made(
    action: Callable[..., BaseTrainAction[Any]], tmp_path: Path
) -> None:
    with pytest.raises(PluginMissing, match="no launcher 'raj'; there are: local"):
        action(run_dir=tmp_path / 'run').launch('raj')
    assert not (tmp_path / 'run').exists()


def test_a_run_that_cannot_begin_is_refused_by_the_driver(action: Callable[..., BaseTrainAction[Any]]) -> None:
    with pytest.raises(ParamsError, match='nothing at /nowhere'):
        action(params={'data_path': '/nowhere'}).launch('local')


def test_what_cannot_travel_is_refused(action: Callable[..., BaseTrainAction[Any]], tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match='passed as objects cannot travel to a worker: Silent'):
        action(plugins=(Silent(),)).launch('local')
    with pytest.raises(LaunchError, match='has no name by which a worker can import it'):
        action(target=None).launch('local')


@pytest.mark.parametrize('number', [float('nan'), float('inf')])
def test_numbers_without_a_json_form_are_refused(action: Callable[..., BaseTrainAction[Any]], number: float) -> None:
    with pytest.raises(LaunchError, match=f'the parameter rates is {number}, which cannot travel'):
        action(params={'rates': [0.5, number]}).launch('local')


def test_a_text_that_is_not_unicode_spoils_no_other_parameter(action: Callable[..., BaseTrainAction[Any]]) -> None:
    plan = prepare_launch(action(params={'name': 'a\ud800', 'epochs': 7}).setup_run(), 'local', Resources()).plan
    assert (plan.params['name'], plan.params['epochs']) == ('a?', 7)


LAUNCHERS = """
from synapse_hooks.launching import BaseLauncher, RunOutcome, read_outcome

class Nothing(BaseLauncher):
    name = 'nothing'
    def run_plan(self, plan, resources, cancelled):
        read_outcome(plan.run_dir)

class Number(BaseLauncher):
    name = 'number'
    def run_plan(self, plan, resources, cancelled):
        return 5

class Other(BaseLauncher):
    name = 'other'
    def run_plan(self, plan, resources, cancelled):
        return RunOutcome('succeeded', '/of/another/run')

class Idle(BaseLauncher):
    name = 'idle'
    def run_plan(self, plan, resources, cancelled):
        if not cancelled.is_set():
            return RunOutcome('failed', plan.run_dir, model='none', metrics=None)
        return read_outcome(plan.run_dir)
"""


@pytest.fixture
def launchers(action: Callable[..., BaseTrainAction[Any]], tmp_path: Path) -> None:
    """Launchers of the project that do not do what they should."""
    (tmp_path / 'project' / 'launchers.py').write_text(LAUNCHERS, encoding='utf-8')
    names = ', '.join(f'"launchers:{name}"' for name in ('Nothing', 'Number', 'Other', 'Idle'))
    (tmp_path / 'project' / 'pyproject.toml').write_text(f'[tool.synapse_hooks]\nplugins = [{names}]\n')


@pytest.mark.usefixtures('launchers')
@pytest.mark.parametrize(
    ('launcher', 'message'),
    [
        ('nothing', "launcher 'nothing' must return a RunOutcome, got None"),
        ('number', "launcher 'number' must return a RunOutcome, got 5"),
        ('other', "launcher 'other' says that the run has succeeded, and run.json in .* says 'created'"),
    ],
)
def test_a_wrong_answer_of_a_launcher_is_an_error(
    action: Callable[..., BaseTrainAction[Any]], launcher: str, message: str
) -> None:
    with pytest.raises(WrongAnswer, match=message):
        action().launch(launcher)


@pytest.mark.usefixtures('launchers')
def test_the_outcome_is_that_of_this_attempt(action: Callable[..., BaseTrainAction[Any]]) -> None:
    failed = action(params={'fail': True}).launch('local')
    again = action(run_dir=Path(failed.run_dir), resume=True).launch('idle')
    assert again.error is not None
    assert 'the run has not begun: its worker did not start' in again.error['message']
    assert (again.outcome, again.run_dir, again.model) == ('failed', failed.run_dir, None)
    done = action(run_dir=Path(failed.run_dir), resume=True).launch('local')
    assert done.outcome == 'succeeded'
    assert action(run_dir=Path(failed.run_dir), resume=True).launch('local') == done


@pytest.mark.usefixtures('launchers')
def test_a_run_that_was_cancelled_before_it_began_is_cancelled(action: Callable[..., BaseTrainAction[Any]]) -> None:
    cancelled = threading.Event()
    cancelled.set()
    outcome = prepare_launch(action().setup_run(), 'idle', Resources()).run(cancelled)
    assert outcome.outcome == 'cancelled'
    assert RunDirectory.open(Path(outcome.run_dir)).status == 'cancelled'


@pytest.mark.usefixtures('launchers')
def test_a_run_that_another_process_drives_was_not_killed(action: Callable[..., BaseTrainAction[Any]]) -> None:
    ready = prepare_launch(action().setup_run(), 'idle', Resources())
    directory = RunDirectory.open(Path(ready.plan.run_dir))
    with directory.locked():
        directory.update(status='running')
        error = ready.run(threading.Event()).error
    assert error is not None
    assert error['message'] == 'the run is at work in another process, which has not ended'


@pytest.mark.parametrize('launch', ['text', [1], {'launcher': 5}, {'launcher': 'local', 'resources': [1]}])
def test_a_damaged_record_of_the_launch_is_named(action: Callable[..., BaseTrainAction[Any]], launch: object) -> None:
    directory = RunDirectory.open(Path(action().launch('local').run_dir))
    with directory.locked():
        directory.update(launch=launch)
    with pytest.raises(RunError, match='cannot be used in `launch'):
        RunDirectory.open(directory.path)


def test_ctrl_c_while_the_thread_starts_is_waited_for_too() -> None:
    ended = []

    def run(cancelled: threading.Event) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        assert cancelled.wait(10)
        time.sleep(0.3)
        ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        in_background(run, lambda: None)
    assert ended


class Silent(BaseLauncher):
    """Answers for its name, and returns nothing."""

    name = 'silent'

    def run_plan(self, plan: RunPlan, resources: Resources, cancelled: threading.Event) -> RunOutcome:
        return None  # type: ignore[return-value]


def test_a_worker_that_differs_is_refused_with_both_sides(action: Callable[..., BaseTrainAction[Any]]) -> None:
    ready = prepare_launch(action().setup_run(), 'local', Resources())
    plan = replace(
        ready.plan,
        plugins={**ready.plan.plugins, 'format:voc': 'acme-voc 1.2'},
        synapse_hooks='0.0.1',
    )
    outcome = run_launched(plan)
    assert outcome.outcome == 'failed'
    assert outcome.error is not None
    assert 'format:voc: the driver has acme-voc 1.2, the worker has none' in outcome.error['message']
    assert 'synapse-hooks: the driver has 0.0.1, the worker has ' in outcome.error['message']
    assert outcome.error['type'] == 'LaunchError'
    events = (Path(plan.run_dir) / 'events.jsonl').read_text().splitlines()
    assert json.loads(events[-1])['type'] == 'run_end'
    # The cause is gone: the same run goes on.
    assert run_launched(ready.plan).outcome == 'succeeded'
