"""A run, from its first moment to its last, without any training framework."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext, hookimpl
from synapse_hooks.backends import Workspace
from synapse_hooks.context import TrainContext
from synapse_hooks.errors import (
    CleanupFailed,
    ConfigError,
    NoAnswer,
    ParamsError,
    PluginBroken,
    PluginMissing,
    RecordNotFound,
    RunError,
    StepFailed,
    Terminated,
    WrongAnswer,
)
from synapse_hooks.journal import read_events
from synapse_hooks.report import RunContents, report_page
from synapse_hooks.runs import Run
from synapse_hooks.steps import BaseStep, ConvertDatasetStep, ExportDatasetStep, StepRegistry, StepResult
from synapse_hooks.testing import run_action

pytestmark = pytest.mark.usefixtures('elsewhere')


class Params(BaseTrainParams):
    epochs: int = 1


class Action(BaseTrainAction[Params]):
    """Writes weights, and remembers what it got."""

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        self.got = (data_path, checkpoint)
        weights = self.context.output_dir / 'weights'
        weights.mkdir()
        (weights / 'best.pt').write_bytes(b'trained')
        return {'weights_path': str(weights)}


def context(tmp_path: Path, *plugins: Any, **fields: Any) -> RuntimeContext:
    workspace = Workspace(tmp_path / 'workspace')
    return RuntimeContext(**{'client': workspace, 'run_dir': tmp_path / 'run', 'plugins': plugins, **fields})


def data(tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / 'data'
    folder.mkdir(exist_ok=True)
    return {'data_path': folder}


def record(tmp_path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((tmp_path / 'run' / 'run.json').read_text())
    return loaded


def statuses(tmp_path: Path) -> dict[str, str]:
    return {stage['name']: stage['status'] for stage in record(tmp_path)['stages']}


class Plugin:
    """Hooks by keyword: `Plugin(cleanup=lambda outcome: ...)`."""

    def __init__(self, **functions: Any) -> None:
        vars(self).update({name: hookimpl(function) for name, function in functions.items()})


def test_data_path_skips_export_and_convert_and_the_model_is_uploaded(tmp_path: Path) -> None:
    action = Action(data(tmp_path), context(tmp_path))
    result = action.run()
    assert action.got == (tmp_path / 'data', None)
    # The staging folder was published, and the returned path followed.
    assert result == {'weights_path': str(tmp_path / 'run' / 'stages' / 'execute' / 'weights')}
    assert (Path(result['weights_path']) / 'best.pt').read_bytes() == b'trained'
    run = record(tmp_path)
    assert run['status'] == 'succeeded'
    assert statuses(tmp_path) == {
        'export': 'skipped', 'convert': 'skipped', 'pre_execute': 'succeeded', 'execute': 'succeeded',
        'upload': 'succeeded',
    }  # fmt: skip
    models = Workspace(tmp_path / 'workspace').list_models()
    assert [model['id'] for model in models] == [run['model']['id']]
    assert (Path(models[0]['path']) / 'best.pt').read_bytes() == b'trained'
    assert not (tmp_path / 'run' / '.staging').exists()


def test_nothing_to_train_on_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match='no `dataset` and no `data_path`') as caught:
        Action({}, context(tmp_path)).run()
    assert caught.value.exit_code == 2
    with pytest.raises(ParamsError, match='data_path: there is nothing at nowhere'):
        Action({'data_path': 'nowhere'}, context(tmp_path)).run()
    assert not (tmp_path / 'run').exists()
    # Somebody else may know of a dataset without being told its name.
    plugin = Plugin(export=lambda context: {'path': tmp_path, 'format': 'dm'})
    action = Action({}, context(tmp_path, plugin))
    action.run()
    assert action.got[0] == tmp_path


def test_an_unknown_dataset_and_an_unknown_model_are_named(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match='77') as caught:
        Action({'dataset': 77}, context(tmp_path)).run()
    assert isinstance(caught.value.__cause__, RecordNotFound)
    assert caught.value.step == 'export'
    ctx = context(tmp_path)
    ctx.run_dir = tmp_path / 'other'
    with pytest.raises(StepFailed, match='78') as caught:
        Action({**data(tmp_path), 'checkpoint': 78}, ctx).run()
    assert caught.value.step == 'checkpoint'
    # Nothing was exported or trained before it was noticed.
    assert json.loads((tmp_path / 'other' / 'run.json').read_text())['stages'] == []


def test_an_unknown_format_fails_before_anything_is_done(tmp_path: Path) -> None:
    class Odd(Action):
        target_format = 'ylo'

    with pytest.raises(PluginMissing, match="did you mean 'yolo'"):
        Odd({'dataset': 1}, context(tmp_path)).run()
    assert not (tmp_path / 'run').exists()


def test_the_checkpoint_is_a_dict_with_all_keys(tmp_path: Path) -> None:
    weights = tmp_path / 'base.pt'
    weights.write_bytes(b'base')
    model = Workspace(tmp_path / 'workspace').create_model(weights, name='base', category='base')
    action = Action({**data(tmp_path), 'checkpoint': model['id']}, context(tmp_path))
    action.run()
    checkpoint = action.got[1]
    assert {name: checkpoint[name] for name in ('category', 'id', 'name')} == {
        'category': 'base', 'id': model['id'], 'name': 'base',
    }  # fmt: skip
    assert (checkpoint['path'] / 'best.pt').read_bytes() == b'base'
    assert checkpoint['weights'] == checkpoint['path'] / 'best.pt'


def test_ctx_checkpoint_goes_before_the_parameter(tmp_path: Path) -> None:
    folder = tmp_path / 'mine'
    folder.mkdir()
    action = Action(
        {**data(tmp_path), 'checkpoint': 99}, context(tmp_path, checkpoint={'path': folder, 'category': 'own'})
    )
    action.run()
    assert action.got[1] == {'path': folder, 'category': 'own', 'id': None, 'name': 'mine', 'weights': None}


def test_weights_that_do_not_exist_are_a_failure(tmp_path: Path) -> None:
    class Liar(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            return {'weights_path': 'nowhere/best.pt'}

    with pytest.raises(StepFailed, match='nothing is there') as caught:
        Liar(data(tmp_path), context(tmp_path)).run()
    assert isinstance(caught.value.__cause__, WrongAnswer)
    assert any('raised by the action' in note for note in caught.value.__cause__.__notes__)
    assert Workspace(tmp_path / 'workspace').list_models() == []


@pytest.mark.parametrize('value', [3, ['best.pt']])
def test_weights_that_are_no_path_are_named(value: Any, tmp_path: Path) -> None:
    class Odd(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            return {'weights_path': value}

    with pytest.raises(StepFailed, match=r'weights_path of what execute returned is .*; a path was expected'):
        Odd(data(tmp_path), context(tmp_path)).run()


def test_relative_weights_start_from_the_working_directory(tmp_path: Path) -> None:
    class Relative(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            Path('weights').mkdir()
            Path('weights/best.pt').write_bytes(b'here')
            return {'weights_path': './weights'}

    Relative(data(tmp_path), context(tmp_path)).run()
    model = Workspace(tmp_path / 'workspace').list_models()[0]
    assert (Path(model['path']) / 'best.pt').read_bytes() == b'here'


def test_no_weights_means_no_upload_and_the_run_says_so(tmp_path: Path) -> None:
    class Bare(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            return {'accuracy': 0.5}

    assert Bare(data(tmp_path), context(tmp_path)).run() == {'accuracy': 0.5}
    messages = [event['text'] for event in read_events(tmp_path / 'run') if event['type'] == 'message']
    assert any('nothing was uploaded' in text for text in messages)
    assert statuses(tmp_path)['upload'] == 'skipped'


def test_a_model_that_was_created_is_not_uploaded_again(tmp_path: Path) -> None:
    class Eager(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            weights = self.context.output_dir / 'best.pt'
            weights.write_bytes(b'mine')
            model = self.create_model(weights, name='mine')
            return {'weights_path': str(weights), 'model': model['id']}

    Eager(data(tmp_path), context(tmp_path)).run()
    assert [model['name'] for model in Workspace(tmp_path / 'workspace').list_models()] == ['mine']
    assert record(tmp_path)['model']['name'] == 'mine'


def test_an_action_without_execute_is_told_so(tmp_path: Path) -> None:
    class Empty(BaseTrainAction[Params]):
        pass

    with pytest.raises(NoAnswer, match="no plugin answered the hook 'execute'") as caught:
        Empty(data(tmp_path), context(tmp_path)).run()
    assert not (tmp_path / 'run').exists()
    assert 'write an `execute(self, data_path, checkpoint)`' in str(caught.value)


def test_an_error_keeps_its_frames_and_gets_a_name(tmp_path: Path) -> None:
    class Broken(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            return {}['missing']

    with pytest.raises(StepFailed) as caught:
        Broken(data(tmp_path), context(tmp_path)).run()
    cause = caught.value.__cause__
    assert isinstance(cause, KeyError)
    frames = []
    trace = cause.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert frames[-1] == 'execute'
    assert (caught.value.step, caught.value.attempt) == ('execute', 1)
    assert f'synapse-hooks resume {tmp_path / "run"}' in str(caught.value)
    recorded = record(tmp_path)['error']
    assert recorded['step'] == 'execute'
    assert recorded['cause'].startswith("KeyError: 'missing' (")
    assert "return {}['missing']" in recorded['traceback']
    assert f'synapse-hooks resume {tmp_path / "run"}' in recorded['hint']


def test_a_step_is_tried_again_as_long_as_retry_step_says(tmp_path: Path) -> None:
    attempts: list[int] = []

    class Flaky(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            attempts.append(len(attempts) + 1)
            # What a failed attempt left behind is gone.
            assert list(self.context.output_dir.iterdir()) == []
            (self.context.output_dir / 'left').write_text('over')
            if len(attempts) < 3:
                raise ConnectionError('not yet')
            return None

        def retry_step(self, error: BaseException, attempt: int) -> float | None:
            return 0 if isinstance(error, ConnectionError) else None

    Flaky(data(tmp_path), context(tmp_path)).run()
    assert attempts == [1, 2, 3]
    stage = next(stage for stage in record(tmp_path)['stages'] if stage['name'] == 'execute')
    assert stage['attempts'] == 3


@pytest.mark.parametrize('answer', [math.inf, None])
def test_retry_can_be_forbidden_or_left_alone(answer: float | None, tmp_path: Path) -> None:
    class Failing(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            raise ConnectionError('never')

    with pytest.raises(StepFailed) as caught:
        Failing(data(tmp_path), context(tmp_path, Plugin(retry_step=lambda step: answer))).run()
    assert caught.value.attempt == 1


def test_a_retry_that_fails_itself_does_not_hide_the_cause(tmp_path: Path) -> None:
    def retry_step(step: Any) -> float:
        raise RuntimeError('the retry is broken')

    class Failing(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            raise ConnectionError('the cause')

    with pytest.raises(StepFailed) as caught:
        Failing(data(tmp_path), context(tmp_path, Plugin(retry_step=retry_step))).run()
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert any('the retry is broken' in note for note in caught.value.__cause__.__notes__)


@pytest.mark.parametrize('answer', [True, False, math.nan, -1, 'soon', 1e300])
def test_a_retry_answer_that_is_not_seconds_is_noted_with_its_plugin(answer: Any, tmp_path: Path) -> None:
    attempts: list[int] = []

    class Failing(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            attempts.append(1)
            raise ConnectionError('the cause')

    with pytest.raises(StepFailed) as caught:
        Failing(data(tmp_path), context(tmp_path, Plugin(retry_step=lambda step: answer))).run()
    assert isinstance(caught.value.__cause__, ConnectionError)
    (note,) = [note for note in caught.value.__cause__.__notes__ if note.startswith('retry_step failed too')]
    assert f"WrongAnswer: the project (plugin 'Plugin') answered retry_step with {answer!r}" in note
    assert len(attempts) == 1


@pytest.mark.parametrize(('setting', 'limit'), [(None, 10), ('3', 3), ('1', 1)])
def test_attempts_have_a_limit_and_reaching_it_is_told(
    setting: str | None, limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if setting is not None:
        monkeypatch.setenv('SYNAPSE_HOOKS_MAX_ATTEMPTS', setting)

    class Failing(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            raise ConnectionError('the cause')

    with pytest.raises(StepFailed) as caught:
        Failing(data(tmp_path), context(tmp_path, Plugin(retry_step=lambda step: 0))).run()
    assert caught.value.attempt == limit
    told = f"step 'execute' was not tried again: it may have {limit} attempts (`max_attempts`)"
    assert told in caught.value.__cause__.__notes__
    codes = [event.get('code') for event in read_events(tmp_path / 'run') if event['type'] == 'message']
    assert codes.count('max-attempts') == 1


class Trace(BaseStep[TrainContext]):
    """A step that tells what happens to it."""

    def __init__(self, name: str, told: list[str], *, fails: bool = False, rollback_fails: bool = False) -> None:
        self._name, self.told, self.fails, self.rollback_fails = name, told, fails, rollback_fails

    @property
    def name(self) -> str:
        return self._name

    def execute(self, context: TrainContext) -> StepResult:
        self.told.append(f'{self._name} runs')
        if self.fails:
            return StepResult(success=False, error='as asked')
        return StepResult(rollback_data={'from': self._name})

    def rollback(self, context: TrainContext, result: StepResult) -> None:
        self.told.append(f'{self._name} rolls back {result.rollback_data["from"]}')
        if self.rollback_fails:
            raise OSError('cannot undo')


def with_steps(*steps: BaseStep[TrainContext]) -> type[BaseTrainAction[Params]]:
    class Custom(BaseTrainAction[Params]):
        def setup_steps(self, registry: StepRegistry[TrainContext]) -> None:
            for step in steps:
                registry.register(step)

    return Custom


def test_executed_steps_roll_back_in_reverse_then_cleanup_then_the_failure(tmp_path: Path) -> None:
    told: list[str] = []
    steps = [Trace('a', told), Trace('b', told, rollback_fails=True), Trace('c', told, fails=True)]
    plugin = Plugin(
        cleanup=lambda outcome: told.append(f'cleanup {outcome}'),
        run_finished=lambda outcome: told.append(f'finished {outcome}'),
    )
    with pytest.raises(StepFailed, match='as asked') as caught:
        with_steps(*steps)({}, context(tmp_path, plugin)).run()
    assert told == [
        'a runs', 'b runs', 'c runs', 'b rolls back b', 'a rolls back a', 'cleanup failed', 'finished failed',
    ]  # fmt: skip
    assert [str(error) for error in caught.value.rollback_errors.exceptions] == ['cannot undo']
    assert statuses(tmp_path) == {'a': 'rolled back', 'b': 'rolled back', 'c': 'failed'}


def test_custom_steps_pass_run_step_and_share_values(tmp_path: Path) -> None:
    seen: list[str] = []

    class Give(BaseStep[TrainContext]):
        name = 'give'

        def execute(self, context: TrainContext) -> StepResult:
            context.values['gift'] = 3
            return StepResult()

    class Take(BaseStep[TrainContext]):
        name = 'take'

        def execute(self, context: TrainContext) -> StepResult:
            return StepResult(data={'taken': context.values['gift']})

    class Around:
        @hookimpl(wrapper=True)
        def run_step(self, step: Any) -> Any:
            seen.append(step.name)
            return (yield)

    with_steps(Give(), Take())({}, context(tmp_path, Around())).run()
    assert seen == ['give', 'take']
    assert record(tmp_path)['stages'][1]['data'] == {'taken': 3}


def test_a_step_that_returns_nothing_is_told_what_to_return(tmp_path: Path) -> None:
    class Mute(BaseStep[TrainContext]):
        name = 'mute'

        def execute(self, context: TrainContext) -> StepResult:
            return None  # type: ignore[return-value]

    with pytest.raises(StepFailed, match=r'return StepResult\(success=True\)'):
        with_steps(Mute())({}, context(tmp_path)).run()


def test_convert_before_export_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r'register ExportDatasetStep\(\) before it'):
        with_steps(ConvertDatasetStep('yolo'))({}, context(tmp_path)).run()


def test_a_plugins_dataset_must_exist(tmp_path: Path) -> None:
    plugin = Plugin(export=lambda context: {'path': '/no/such/folder', 'format': 'dm'})
    with pytest.raises(StepFailed, match='names a path that does not exist') as caught:
        with_steps(ExportDatasetStep())({'dataset': 1}, context(tmp_path, plugin)).run()
    assert caught.value.plugin == 'Plugin'
    assert "raised by the project (plugin 'Plugin') in hook 'export'" in caught.value.__cause__.__notes__


def test_cleanup_that_fails_is_told_and_never_in_place_of_the_cause(tmp_path: Path) -> None:
    def cleanup(outcome: Any) -> None:
        raise OSError('the door is stuck')

    with pytest.raises(CleanupFailed, match='the door is stuck'):
        Action(data(tmp_path), context(tmp_path, Plugin(cleanup=cleanup))).run()
    assert record(tmp_path)['status'] == 'succeeded'

    class Failing(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            raise ValueError('the cause')

    ctx = context(tmp_path, Plugin(cleanup=cleanup))
    ctx.run_dir = tmp_path / 'second'
    with pytest.raises(StepFailed, match='the cause') as caught:
        Failing(data(tmp_path), ctx).run()
    assert any('the door is stuck' in note for note in caught.value.__notes__)


@pytest.mark.parametrize(('number', 'kind'), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_cancels_the_run_cleans_up_and_can_be_resumed(number: int, kind: type, tmp_path: Path) -> None:
    told: list[str] = []

    class Slow(Action):
        interrupt = True

        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            if self.interrupt:
                os.kill(os.getpid(), number)
                time.sleep(5)
                raise AssertionError('the signal did not arrive')
            return None

    # Shells let what runs in the background ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(kind):
        Slow(data(tmp_path), context(tmp_path, Plugin(cleanup=lambda outcome: told.append(outcome)))).run()
    assert signal.getsignal(signal.SIGTERM) == before
    assert told == ['cancelled']
    assert record(tmp_path)['status'] == 'cancelled'
    assert statuses(tmp_path)['execute'] == 'cancelled'
    Slow.interrupt = False
    Slow(data(tmp_path), context(tmp_path, resume=True)).run()
    assert record(tmp_path)['status'] == 'succeeded'


def test_system_exit_in_a_plugin_is_a_failure_with_clean_up(tmp_path: Path) -> None:
    told: list[str] = []

    class Leaver(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            raise SystemExit(3)

    with pytest.raises(StepFailed) as caught:
        Leaver(data(tmp_path), context(tmp_path, Plugin(cleanup=lambda outcome: told.append(outcome)))).run()
    assert isinstance(caught.value.__cause__, SystemExit)
    assert told == ['failed']


def test_pre_execute_may_change_what_execute_gets(tmp_path: Path) -> None:
    other = tmp_path / 'other'
    other.mkdir()
    plugin = Plugin(pre_execute=lambda context: {'data_path': other, 'checkpoint': {'path': other}})
    action = Action(data(tmp_path), context(tmp_path, plugin))
    action.run()
    assert action.got[0] == other
    assert action.got[1]['path'] == other
    ctx = context(tmp_path, Plugin(pre_execute=lambda context: {'data_path': '/no/such/file'}))
    ctx.run_dir = tmp_path / 'third'
    with pytest.raises(StepFailed, match='data_path where nothing is: /no/such/file'):
        Action(data(tmp_path), ctx).run()
    ctx = context(tmp_path, Plugin(pre_execute=lambda context: {'epochs': 3}))
    ctx.run_dir = tmp_path / 'second'
    with pytest.raises(StepFailed, match="may return data_path and checkpoint, not 'epochs'"):
        Action(data(tmp_path), ctx).run()


def test_a_run_directory_is_used_once(tmp_path: Path) -> None:
    Action(data(tmp_path), context(tmp_path)).run()
    with pytest.raises(RunError, match='holds a run already'):
        Action(data(tmp_path), context(tmp_path)).run()


def test_an_override_with_an_argument_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    class Wrong(Action):
        def export(self, contxt: Any) -> Any:
            return None

    with pytest.raises(PluginBroken, match="no argument 'contxt'; did you mean 'context'"):
        Wrong(data(tmp_path), context(tmp_path)).run()


def test_a_misspelt_override_is_warned_of(tmp_path: Path) -> None:
    class Typo(Action):
        def pre_exceute(self, context: Any) -> Any:
            return None

    with pytest.warns(UserWarning, match=r"Typo.pre_exceute\(\) is not a hook; did you mean 'pre_execute'"):
        Typo(data(tmp_path), context(tmp_path)).run()


def test_the_journal_tells_the_whole_run(tmp_path: Path) -> None:
    Action(data(tmp_path), context(tmp_path)).run()
    types = [event['type'] for event in read_events(tmp_path / 'run')]
    assert types[0] == 'run_start'
    assert types[-1] == 'run_end'
    assert {'step', 'progress', 'model'} <= set(types)
    overall = [event['overall'] for event in read_events(tmp_path / 'run') if event['type'] == 'progress']
    assert overall == sorted(overall)
    assert overall[-1] == pytest.approx(1.0)


def test_the_context_belongs_to_the_run(tmp_path: Path) -> None:
    ctx = context(tmp_path)

    class Looks(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            assert self.context.runtime_ctx is self.ctx is ctx
            assert self.context.params['epochs'] == 1
            assert self.context.client is ctx.client
            self.set_progress(1, 2, 'train')
            return None

    Looks(data(tmp_path), ctx).run()
    with pytest.raises(Exception, match='there is no run yet'):
        _ = Looks(data(tmp_path), ctx).context


def test_outside_of_a_run_there_is_no_context_and_hasattr_says_so(tmp_path: Path) -> None:
    action = Action(data(tmp_path), context(tmp_path))
    assert not hasattr(action, 'context')
    assert getattr(action, 'context', None) is None
    with pytest.raises(ConfigError, match='there is no run yet'):
        _ = action.context
    action.run()
    assert not hasattr(action, 'context')


def test_an_action_says_where_its_last_run_is_however_it_ended(tmp_path: Path) -> None:
    class Moody(Action):
        fails = True

        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            assert self.last_run is not None
            assert self.last_run.status == 'running'
            if self.fails:
                raise OSError('the power went')
            return None

    ctx = context(tmp_path)
    action = Moody(data(tmp_path), ctx)
    assert action.last_run is None
    with pytest.raises(StepFailed):
        action.run()
    assert action.last_run is not None
    assert (action.last_run.path, action.last_run.status) == (ctx.run_dir, 'failed')
    action.fails, ctx.resume = False, True
    action.run()
    assert (action.last_run.name, action.last_run.status) == ('run', 'succeeded')
    # What cannot begin has no directory, and the run of before is not this one's.
    ctx.resume = False
    with pytest.raises(RunError):
        action.run()
    assert action.last_run is None


def test_a_run_may_be_given_a_name(tmp_path: Path) -> None:
    ctx = context(tmp_path, run_dir=None, run_name='First-try_1.0')
    action = Action(data(tmp_path), ctx)
    action.run()
    assert action.last_run is not None
    assert action.last_run.path == tmp_path / 'workspace' / 'runs' / 'First-try_1.0'
    assert action.last_run.record['run'] == 'First-try_1.0'
    with pytest.raises(RunError, match=r'First-try_1[.]0.* already') as caught:
        action.run()
    assert 'choose another name' in caught.value.hint
    # With a directory, the name is only what the run is called.
    elsewhere = Action(data(tmp_path), context(tmp_path, run_dir=tmp_path / 'there', run_name='second'))
    elsewhere.run()
    assert elsewhere.last_run is not None
    assert (elsewhere.last_run.path, elsewhere.last_run.name) == (tmp_path / 'there', 'second')


@pytest.mark.parametrize(
    'name', ['', '.', '..', 'a/b', '../a', '-rf', '.hidden', 'a b', 'a\x1b[31m', 'x' * 101, '/etc']
)
def test_a_name_that_could_be_a_path_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='cannot be called'):
        Action(data(tmp_path), context(tmp_path, run_dir=None, run_name=name)).run()
    assert not (tmp_path / 'workspace' / 'runs').exists()


class Broken(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path: Path, checkpoint: Any) -> Any:
        raise ValueError('broken')


def test_the_code_of_a_run_that_failed_is_recorded(tmp_path: Path) -> None:
    run = run_action(Broken, {'data_path': tmp_path}, folder=tmp_path / 'run', check=False)
    assert run.statuses['execute'] == 'failed'
    assert 'test_run.py' in run.record['code']


class Slow:
    """Takes its time, and declines."""

    @hookimpl
    def retry_step(self, step: Any, error: BaseException, attempt: int) -> None:
        time.sleep(0.02)

    @hookimpl(wrapper=True)
    def run_step(self, step: Any) -> Iterator[Any]:
        time.sleep(0.01)
        return (yield)

    @hookimpl
    def log_metrics(self, points: Any) -> None:
        """A sink is on a thread of its own."""


class Sleeps(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path: Path, checkpoint: Any) -> Any:
        self.log_metrics({'loss': 1.0})
        time.sleep(0.05)
        if not (data_path / 'fine').exists():
            raise ValueError('broken')
        return {}


@pytest.mark.parametrize('fine', [True, False])
def test_the_calls_of_hooks_are_recorded_with_their_times(tmp_path: Path, fine: bool) -> None:
    if fine:
        (tmp_path / 'fine').touch()
    run = run_action(Sleeps, {'data_path': tmp_path}, folder=tmp_path / 'run', plugins=[Slow()], check=False)
    stage = next(stage for stage in run.record['stages'] if stage['name'] == 'execute')
    called = {(each['hook'], each['plugin']): each for each in stage['hooks']}
    slow = "the project (plugin 'Slow')"
    assert called['run_step', slow]['calls'] == 1
    # A wrapper's own time is without what it wraps.
    assert 0.01 <= called['run_step', slow]['seconds'] < 0.05
    built_in = next(each for (hook, who), each in called.items() if hook == 'run_step' and who != slow)
    assert built_in['seconds'] >= 0.05
    assert built_in['answered'] is fine
    assert (('retry_step', slow) in called) is not fine
    assert fine or (called['retry_step', slow]['seconds'] >= 0.02 and not called['retry_step', slow]['answered'])
    assert not any(hook == 'log_metrics' for hook, _ in called)
    (listed,) = [stage for stage in Run(run.run_dir).stages if stage.name == 'execute']
    assert {(each.hook, each.plugin) for each in listed.hooks} == set(called)
    assert 'plugin &#x27;Slow&#x27;' in report_page([RunContents.of(run.run_dir)])
