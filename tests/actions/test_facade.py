"""The action as the nearest plugin: overrides, `super()`, parameters, helpers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest
from pydantic import BaseModel, Field

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext, hookimpl
from synapse_hooks.actions.params import validated
from synapse_hooks.backends import Workspace
from synapse_hooks.errors import ParamsError, PluginBroken, PluginMissing, StepFailed

pytestmark = pytest.mark.usefixtures('elsewhere')


class Params(BaseTrainParams):
    epochs: int = Field(default=100, ge=1, le=1000)
    batch_size: int = 16


class Plain(BaseTrainAction[Params]):
    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        return {'data_path': str(data_path)}


def context(tmp_path: Path, *plugins: Any) -> RuntimeContext:
    workspace = Workspace(tmp_path / 'workspace')
    return RuntimeContext(client=workspace, run_dir=tmp_path / 'run', plugins=plugins)


# -- parameters ------------------------------------------------------------------------------------------------------


def test_the_class_in_the_brackets_validates_a_mapping() -> None:
    action = Plain({'data_path': '.', 'epochs': 3})
    assert isinstance(action.params, Params)
    assert action.params.epochs == 3
    assert Plain(Params(data_path='.')).params.batch_size == 16


def test_a_generic_action_in_between_keeps_the_class() -> None:
    kind = TypeVar('kind', bound=BaseTrainParams)

    class Company(BaseTrainAction[kind], Generic[kind]):
        pass

    class Mine(Company[Params]):
        pass

    assert Mine.params_model is Params


def test_hyperparameters_are_lifted_and_the_top_level_wins() -> None:
    params = validated(Params, {'dataset': 1, 'hyperparameters': [{'epochs': 10, 'batch_size': 8}], 'batch_size': 4})
    assert (params.epochs, params.batch_size) == (10, 4)
    assert validated(Params, {'dataset': 1, 'is_tune': False, 'hyperparameters': []}).epochs == 100


def test_a_search_is_refused_plainly() -> None:
    with pytest.raises(ParamsError, match='is_tune'):
        Plain({'dataset': 1, 'is_tune': True, 'hyperparameters': [{'name': 'epochs', 'type': 'randint'}]})


def test_every_fault_names_field_value_and_rule() -> None:
    with pytest.raises(ParamsError) as caught:
        Plain({'data_path': '.', 'epochs': 0, 'batch_size': 'many'})
    assert [fault['field'] for fault in caught.value.faults] == ['epochs', 'batch_size']
    assert caught.value.faults[0]['value'] == 0
    assert 'greater than or equal to 1' in caught.value.faults[0]['rule']
    assert "and it is 'many'" in str(caught.value)
    assert caught.value.exit_code == 2


def test_parameters_that_are_no_mapping_are_refused() -> None:
    with pytest.raises(ParamsError, match='3 is not a mapping'):
        Plain(3)  # type: ignore[arg-type]


def test_a_missing_parameter_is_named() -> None:
    class Needs(BaseTrainParams):
        dataset: int

    with pytest.raises(ParamsError, match='dataset: Field required'):
        validated(Needs, {})


def test_an_unknown_parameter_is_warned_of_or_refused() -> None:
    with pytest.warns(UserWarning, match="no parameter 'epoch'; did you mean 'epochs'"):
        validated(Params, {'epoch': 3})
    with pytest.raises(ParamsError, match="no parameter 'epoch'; did you mean 'epochs'"):
        validated(Params, {'epoch': 3}, strict=True)


def test_data_path_goes_before_a_dataset_and_says_so(tmp_path: Path) -> None:
    from synapse_hooks.journal import read_events

    result = Plain({'data_path': tmp_path, 'dataset': 77}, context(tmp_path)).run()
    assert result == {'data_path': str(tmp_path)}
    messages = [event['text'] for event in read_events(tmp_path / 'run') if event['type'] == 'message']
    assert 'data_path is given, so dataset 77 is not exported' in messages


# -- results ---------------------------------------------------------------------------------------------------------


class Result(BaseModel):
    weights_path: str
    score: float | None = None


def test_a_dict_becomes_the_result_model_and_paths_follow(tmp_path: Path) -> None:
    class Typed(Plain):
        result_model = Result

        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            (self.context.output_dir / 'best.pt').write_bytes(b'w')
            return {'weights_path': str(self.context.output_dir / 'best.pt'), 'score': 0.5}

    result = Typed({'data_path': tmp_path}, context(tmp_path)).run()
    assert result == Result(weights_path=str(tmp_path / 'run' / 'stages' / 'execute' / 'best.pt'), score=0.5)


def test_a_result_that_does_not_fit_is_a_failure(tmp_path: Path) -> None:
    class Wrong(Plain):
        result_model = Result

        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            return {'score': 'good'}

    with pytest.raises(StepFailed, match='weights_path: Field required; score: Input should be a valid number'):
        Wrong({'data_path': tmp_path}, context(tmp_path)).run()


# -- overrides -------------------------------------------------------------------------------------------------------


class Far:
    """A project's plugin that answers, to be reached by `super()`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: list[str] = []

    @hookimpl
    def export(self, context: Any) -> Any:
        self.calls.append('export')
        return {'path': self.folder, 'format': 'dm', 'classes': ['far']}

    @hookimpl
    def convert(self, dataset: Any, target_format: str) -> Any:
        self.calls.append(f'convert {target_format}')
        return {**dataset, 'format': target_format}


def test_super_reaches_the_next_plugin_with_any_subset_of_arguments(tmp_path: Path) -> None:
    far = Far(tmp_path)

    class Mine(Plain):
        target_format = 'shout'

        def export(self) -> Any:
            dataset = super().export()
            return {**dataset, 'classes': ['mine', *dataset['classes']]}

        def convert(self, dataset: Any, target_format: str) -> Any:
            return super().convert(self.context, dataset, target_format.upper())

        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            return {'format': self.context.dataset['format'], 'classes': self.context.dataset['classes']}

    result = Mine({'dataset': 1}, context(tmp_path, far)).run()
    assert result == {'format': 'SHOUT', 'classes': ['mine', 'far']}
    assert far.calls == ['export', 'convert SHOUT']


def test_super_of_execute_asks_the_next_plugin(tmp_path: Path) -> None:
    class Trainer:
        @hookimpl
        def execute(self, data_path: Any) -> Any:
            return {'by': 'the project'}

    class Mine(BaseTrainAction[Params]):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            return {**super().execute(data_path, checkpoint), 'and': 'the action'}

    class Lazy(BaseTrainAction[Params]):
        pass

    assert Mine({'data_path': tmp_path}, context(tmp_path, Trainer())).run() == {
        'by': 'the project', 'and': 'the action',
    }  # fmt: skip
    ctx = context(tmp_path, Trainer())
    ctx.run_dir = tmp_path / 'second'
    assert Lazy({'data_path': tmp_path}, ctx).run() == {'by': 'the project'}


def test_an_action_that_returns_none_does_not_train_twice(tmp_path: Path) -> None:
    class Trainer:
        @hookimpl
        def execute(self, data_path: Any) -> Any:
            raise AssertionError('asked although the action answered')

    class Silent(Plain):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            return None

    assert Silent({'data_path': tmp_path}, context(tmp_path, Trainer())).run() is None


def test_observers_of_an_action_are_called_beside_all_others(tmp_path: Path) -> None:
    told: list[str] = []

    class Watches(Plain):
        def run_started(self, context: Any) -> None:
            told.append('action started')

        def step_finished(self, step: Any, error: BaseException | None) -> None:
            told.append(f'action {step.name}')

        def cleanup(self, outcome: str) -> None:
            told.append(f'action {outcome}')

    class Other:
        @hookimpl
        def run_started(self) -> None:
            told.append('other started')

    Watches({'data_path': tmp_path}, context(tmp_path, Other())).run()
    assert told == ['action started', 'other started', 'action pre_execute', 'action execute', 'action succeeded']


# -- helpers ---------------------------------------------------------------------------------------------------------


def test_an_unknown_framework_says_what_there_is(tmp_path: Path) -> None:
    class Logs(Plain):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            self.autolog('ultralitics')

    with pytest.raises(StepFailed, match="no autologger 'ultralitics'; there are: ultralytics") as caught:
        Logs({'data_path': tmp_path}, context(tmp_path)).run()
    assert isinstance(caught.value.__cause__, PluginMissing)
    assert "did you mean 'ultralytics'" in str(caught.value)


def test_autologging_ends_with_the_run_or_earlier(tmp_path: Path) -> None:
    from contextlib import contextmanager

    told: list[str] = []

    class Logger:
        @hookimpl
        def autolog(self, framework: str, session: Any) -> Any:
            @contextmanager
            def attached() -> Any:
                told.append(f'{framework} on, {session.run_dir == tmp_path / "run"}')
                yield
                told.append(f'{framework} off')

            return attached() if framework in ('a', 'b') else None

        @hookimpl
        def cleanup(self) -> None:
            told.append('cleanup')

    class Logs(Plain):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            self.autolog('a')
            with self.autolog('b'):
                told.append('training')

    Logs({'data_path': tmp_path}, context(tmp_path, Logger())).run()
    assert told == ['a on, True', 'b on, True', 'training', 'b off', 'a off', 'cleanup']


def test_get_checkpoint_is_what_execute_gets(tmp_path: Path) -> None:
    class Asks(Plain):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            assert self.get_checkpoint() is checkpoint
            return {'name': checkpoint and checkpoint['name']}

    ctx = context(tmp_path)
    ctx.checkpoint = {'path': tmp_path, 'name': 'mine'}
    assert Asks({'data_path': tmp_path}, ctx).run() == {'name': 'mine'}


def test_a_method_marked_for_a_hook_that_it_would_not_answer_is_refused(tmp_path: Path) -> None:
    class Marked(BaseTrainAction[BaseTrainParams]):
        def execute(self, data_path, checkpoint):
            return None

        @hookimpl.convert
        def to_acme(self, dataset):
            return dataset

        @hookimpl.export
        def upload(self, context):
            return None

        @hookimpl.log_metrics
        def metrics(self, points):
            return None

        @hookimpl
        def cleaned(self):
            return None

    with pytest.raises(PluginBroken) as caught:
        Marked({'data_path': tmp_path}, RuntimeContext(run_dir=tmp_path / 'run')).run()
    assert set(caught.value.facts['faults']) == {
        "to_acme() is marked for the hook 'convert': a method of an action must have the name of its hook",
        "upload() is marked for the hook 'export': a method of an action must have the name of its hook",
        "metrics() is marked for the hook 'log_metrics', which an action cannot answer: move it into a plugin",
        "there is no hook 'cleaned'; did you mean 'cleanup'?",
    }
