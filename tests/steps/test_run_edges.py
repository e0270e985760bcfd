"""What actions and plugins do that nobody expects, and what may not come of it."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext, hookimpl
from synapse_hooks.backends import Workspace
from synapse_hooks.context import AutologSession
from synapse_hooks.errors import CleanupFailed, StepFailed
from synapse_hooks.journal import metrics_table, read_events
from synapse_hooks.steps import BaseStep, StepRegistry, StepResult
from tests.formats.format_kit import add_item, box

pytestmark = pytest.mark.usefixtures('elsewhere')


class Params(BaseTrainParams):
    rate: float = 1.0
    thing: Any = None


class Action(BaseTrainAction[Params]):
    """Writes its weights beside the run."""

    trained = 0
    fails = False

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        type(self).trained += 1
        if self.fails:
            raise ConnectionError('the training failed')
        weights = data_path.parent / 'weights.pt'
        weights.write_text(str(self.trained))
        return {'weights_path': str(weights)}


class Plugin:
    """Hooks by keyword: `Plugin(cleanup=lambda outcome: ...)`."""

    def __init__(self, **functions: Any) -> None:
        vars(self).update({name: hookimpl(function) for name, function in functions.items()})


@pytest.fixture
def action() -> type[Action]:
    """A fresh class for each test: it counts trainings."""
    return type('Counting', (Action,), {})


def context(tmp_path: Path, *plugins: Any, **fields: Any) -> RuntimeContext:
    client = Workspace(tmp_path / 'workspace')
    return RuntimeContext(client=client, run_dir=tmp_path / 'run', plugins=plugins, **fields)


def data(tmp_path: Path, **params: Any) -> dict[str, Any]:
    folder = tmp_path / 'data'
    folder.mkdir(exist_ok=True)
    return {'data_path': folder, **params}


def record(tmp_path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((tmp_path / 'run' / 'run.json').read_text())
    return loaded


def refuse(context: Any) -> None:
    raise ConnectionError('the registry is away')


class After(BaseStep[Any]):
    """A step after the upload that fails once."""

    name = 'after'
    fails = True

    def execute(self, context: Any) -> StepResult:
        if self.fails:
            raise ValueError('not yet')
        return StepResult()


def test_weights_that_were_deleted_before_their_upload_are_trained_again(tmp_path: Path, action: type[Action]) -> None:
    with pytest.raises(StepFailed, match='the registry is away'):
        action(data(tmp_path), context(tmp_path, Plugin(upload=refuse))).run()
    (tmp_path / 'weights.pt').unlink()
    action(data(tmp_path), context(tmp_path, resume=True)).run()
    assert action.trained == 2
    assert len(Workspace(tmp_path / 'workspace').list_models()) == 1


def test_weights_that_were_deleted_after_their_upload_are_not_missed(tmp_path: Path, action: type[Action]) -> None:
    class Longer(action):  # type: ignore[valid-type, misc]
        after = After()

        def setup_steps(self, registry: StepRegistry[Any]) -> None:
            super().setup_steps(registry)
            registry.register(self.after)

    with pytest.raises(StepFailed, match='not yet'):
        Longer(data(tmp_path), context(tmp_path)).run()
    (tmp_path / 'weights.pt').unlink()
    Longer.after.fails = False
    Longer(data(tmp_path), context(tmp_path, resume=True)).run()
    assert Longer.trained == 1
    assert record(tmp_path)['model']['id'] == 1


def test_a_dataset_that_vanished_is_exported_again(tmp_path: Path, action: type[Action]) -> None:
    exports: list[int] = []

    def export(context: Any) -> Any:
        exports.append(1)
        (tmp_path / 'share').mkdir(exist_ok=True)
        return {'path': tmp_path / 'share', 'format': 'dm'}

    action.fails = True
    with pytest.raises(StepFailed):
        action({'dataset': 1}, context(tmp_path, Plugin(export=export))).run()
    shutil.rmtree(tmp_path / 'share')
    action.fails = False
    action({'dataset': 1}, context(tmp_path, Plugin(export=export), resume=True)).run()
    assert len(exports) == 2


def test_values_that_pydantic_cannot_write_as_json_do_not_cost_the_training(tmp_path: Path) -> None:
    class Strange:
        def __repr__(self) -> str:
            return 'strange'

    class Result(BaseModel):
        score: float
        extra: Any = None

    class Odd(Action):
        result_model = Result

        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            return Result(score=0.5, extra=Strange())

    result = Odd(data(tmp_path, thing=Strange()), context(tmp_path)).run()
    assert isinstance(result.extra, Strange)
    assert record(tmp_path)['result'] == {'score': 0.5, 'extra': 'strange'}
    assert record(tmp_path)['params']['thing'] == 'strange'


def test_an_action_may_take_its_output_folder_away(tmp_path: Path) -> None:
    class Moves(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            self.context.output_dir.rename(tmp_path / 'mine')
            return {'score': 1}

    assert Moves(data(tmp_path), context(tmp_path)).run() == {'score': 1}


def test_a_run_without_steps_can_be_gone_on_with(tmp_path: Path) -> None:
    class Nothing(Action):
        def setup_steps(self, registry: StepRegistry[Any]) -> None:
            pass

    assert Nothing(data(tmp_path), context(tmp_path)).run() is None
    assert Nothing(data(tmp_path), context(tmp_path, resume=True)).run() is None


def test_the_model_of_a_failed_attempt_is_not_the_model_of_the_run(tmp_path: Path, action: type[Action]) -> None:
    class Twice(action):  # type: ignore[valid-type, misc]
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            result = super().execute(data_path, checkpoint)
            if self.trained == 1:
                self.create_model(result['weights_path'], name='too-early')
                raise ConnectionError('later')
            return result

        def retry_step(self) -> float:
            return 0

    Twice(data(tmp_path), context(tmp_path)).run()
    model = Workspace(tmp_path / 'workspace').get_model(record(tmp_path)['model']['id'])
    assert model['name'] != 'too-early'


def test_the_parameters_that_a_run_goes_on_with_are_recorded(tmp_path: Path, action: type[Action]) -> None:
    action.fails = True
    with pytest.raises(StepFailed):
        action(data(tmp_path), context(tmp_path)).run()
    action.fails = False
    action(data(tmp_path, rate=2), context(tmp_path, resume=True)).run()
    assert record(tmp_path)['params']['rate'] == 2


def test_sys_exit_ends_neither_the_run_nor_the_clean_up(tmp_path: Path, action: type[Action]) -> None:
    cleaned: list[str] = []
    leaves = Plugin(step_started=lambda step: sys.exit(3), cleanup=lambda outcome: sys.exit(4))
    good = Plugin(cleanup=lambda outcome: cleaned.append(outcome))
    with (
        pytest.warns(UserWarning, match=r"failed in hook 'step_started': RuntimeError: it called sys.exit\(3\)"),
        pytest.raises(CleanupFailed, match=r'it called sys.exit\(4\)'),
    ):
        action(data(tmp_path), context(tmp_path, leaves, good)).run()
    assert cleaned == ['succeeded']
    assert record(tmp_path)['status'] == 'succeeded'


def test_an_observer_does_not_fail_a_run_where_warnings_are_errors(tmp_path: Path, action: type[Action]) -> None:
    def run_started(context: Any) -> None:
        raise ValueError('no')

    with warnings.catch_warnings():
        warnings.simplefilter('error')
        action(data(tmp_path), context(tmp_path, Plugin(run_started=run_started))).run()
    assert record(tmp_path)['status'] == 'succeeded'


def test_an_interruption_of_the_clean_up_leaves_a_finished_record(tmp_path: Path, action: type[Action]) -> None:
    def cleanup(outcome: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        action(data(tmp_path), context(tmp_path, Plugin(cleanup=cleanup))).run()
    assert record(tmp_path)['status'] == 'succeeded'


def test_an_action_that_answers_none_is_named(tmp_path: Path, action: type[Action]) -> None:
    class Forgets(action):  # type: ignore[valid-type, misc]
        def export(self) -> Any:
            pass

    with pytest.raises(StepFailed) as caught:
        Forgets({'dataset': 1}, context(tmp_path)).run()
    assert 'Forgets' in str(caught.value.plugin)


def test_sys_exit_in_the_training_is_blamed_on_who_called_it(tmp_path: Path, action: type[Action]) -> None:
    class Leaves(action):  # type: ignore[valid-type, misc]
        def execute(self) -> Any:
            sys.exit(0)

    with pytest.raises(StepFailed) as caught:
        Leaves(data(tmp_path), context(tmp_path)).run()
    assert 'Leaves' in str(caught.value.plugin)


def test_a_metric_that_is_no_number_is_left_out_and_the_training_goes_on(tmp_path: Path) -> None:
    class Logs(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            self.log_metrics({'loss': 0.5, 'best': None})  # type: ignore[dict-item]
            return {}

    Logs(data(tmp_path), context(tmp_path)).run()
    assert list(metrics_table(tmp_path / 'run').values()) == [0.5]
    told = [event['text'] for event in read_events(tmp_path / 'run') if 'metric' in event.get('text', '')]
    assert told == ["the metric 'best' was left out: None is not a number"]


@pytest.mark.parametrize('given', ['weights', {'id': 3}])
def test_a_checkpoint_without_a_path_is_told_what_it_should_be(given: Any, tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r'ctx.checkpoint must be a dict with a path, got .*') as caught:
        Action(data(tmp_path), context(tmp_path, checkpoint=given)).run()
    assert caught.value.exit_code == 2


def test_one_action_runs_once_at_a_time(tmp_path: Path, action: type[Action]) -> None:
    class Again(action):  # type: ignore[valid-type, misc]
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            return self.run()

    again = Again(data(tmp_path), context(tmp_path))
    with pytest.raises(StepFailed, match='Again: this action runs already'):
        again.run()
    # And one run after the other, as before.
    one = action(data(tmp_path), context(tmp_path))
    one.ctx.run_dir = None
    one.run()
    one.run()
    assert action.trained == 2


def test_two_sinks_of_one_class_are_told_apart(tmp_path: Path, action: type[Action]) -> None:
    class Sink:
        def __init__(self) -> None:
            self.got: list[str] = []

        @hookimpl
        def log_message(self, messages: Any) -> None:
            self.got += [message['text'] for message in messages]

    class Says(action):  # type: ignore[valid-type, misc]
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            self.log_message('hello')
            return super().execute(data_path, checkpoint)

    sinks = Sink(), Sink()
    Says(data(tmp_path), context(tmp_path, *sinks)).run()
    assert [sink.got for sink in sinks] == [['hello'], ['hello']]


def test_a_checkpoint_of_the_training_moves_with_its_run(tmp_path: Path) -> None:
    class Resumable(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            if self.context.resume_from is not None:
                return {'from': str(self.context.resume_from)}
            last = self.context.run_dir / 'last.pt'
            last.write_text('half')
            session = AutologSession('acme', self.context.recorder, self.context.run_dir)
            session.log_checkpoint(last, epoch=1)
            raise ConnectionError('killed')

    with pytest.raises(StepFailed):
        Resumable(data(tmp_path), context(tmp_path)).run()
    (tmp_path / 'run').rename(tmp_path / 'moved')
    ctx = context(tmp_path, resume=True)
    ctx.run_dir = tmp_path / 'moved'
    assert Resumable(data(tmp_path), ctx).run() == {'from': str(tmp_path / 'moved' / 'last.pt')}


def test_a_format_may_be_typed_in_capitals(tmp_path: Path, action: type[Action]) -> None:
    source = tmp_path / 'source'
    for split in ('train', 'valid'):
        add_item(source / split, split, {'bounding_box': [box(1, 2, 30, 40)]})
    dataset = Workspace(tmp_path / 'workspace').add_dataset(source, name='small')['id']

    class Capital(action):  # type: ignore[valid-type, misc]
        target_format = 'YOLO'

        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            return {'config': data_path.name}

    assert Capital({'dataset': dataset}, context(tmp_path)).run() == {'config': 'dataset.yaml'}
