"""Going on: what is whole is used again, what is not is done again, and nobody trains twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext, hookimpl
from synapse_hooks.backends import Workspace
from synapse_hooks.context import TrainContext
from synapse_hooks.errors import RunError, StepFailed
from synapse_hooks.steps import BaseStep, StepRegistry, StepResult
from tests.formats.format_kit import add_item, box

pytestmark = pytest.mark.usefixtures('elsewhere')


class Action(BaseTrainAction[BaseTrainParams]):
    target_format = 'yolo'
    trained = 0
    fails = False

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        type(self).trained += 1
        if self.fails:
            raise RuntimeError('the training failed')
        weights = self.context.output_dir / 'best.pt'
        weights.write_bytes(b'w')
        return {'weights_path': str(weights)}


@pytest.fixture
def action() -> type[Action]:
    """A fresh class for each test: it counts trainings."""
    return type('Counting', (Action,), {})


def context(tmp_path: Path, **fields: Any) -> RuntimeContext:
    return RuntimeContext(client=workspace(tmp_path), run_dir=tmp_path / 'run', **fields)


def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / 'workspace')


@pytest.fixture
def dataset(tmp_path: Path) -> Any:
    source = tmp_path / 'source'
    add_item(source / 'train', 'a', {'bounding_box': [box(1, 2, 30, 40)]})
    add_item(source / 'valid', 'b', {'bounding_box': [box(1, 2, 30, 40)]})
    return workspace(tmp_path).add_dataset(source, name='small')['id']


def stages(tmp_path: Path) -> dict[str, dict[str, Any]]:
    record = json.loads((tmp_path / 'run' / 'run.json').read_text())
    return {stage['name']: stage for stage in record['stages']}


class Upload:
    """Fails until it is told not to."""

    def __init__(self) -> None:
        self.fails = True

    @hookimpl
    def upload(self, context: Any) -> Any:
        if self.fails:
            raise ConnectionError('the registry is away')
        return None


def test_a_failed_upload_is_only_an_upload(tmp_path: Path, action: type[Action], dataset: Any) -> None:
    registry = Upload()
    with pytest.raises(StepFailed, match='the registry is away'):
        action({'dataset': dataset}, context(tmp_path, plugins=(registry,))).run()
    registry.fails = False
    result = action({'dataset': dataset}, context(tmp_path, plugins=(registry,), resume=True)).run()
    assert action.trained == 1
    assert Path(result['weights_path']).read_bytes() == b'w'
    assert len(workspace(tmp_path).list_models()) == 1


def test_a_finished_training_is_final_whatever_became_of_its_data(
    tmp_path: Path, action: type[Action], dataset: Any
) -> None:
    registry = Upload()
    with pytest.raises(StepFailed):
        action({'dataset': dataset}, context(tmp_path, plugins=(registry,))).run()
    (tmp_path / 'run' / 'stages' / 'convert' / 'dataset.yaml').unlink()
    registry.fails = False
    action({'dataset': dataset}, context(tmp_path, plugins=(registry,), resume=True)).run()
    assert action.trained == 1


def test_export_and_convert_are_used_again_when_they_are_whole(
    tmp_path: Path, action: type[Action], dataset: Any
) -> None:
    action.fails = True
    with pytest.raises(StepFailed):
        action({'dataset': dataset}, context(tmp_path)).run()
    before = stages(tmp_path)
    action.fails = False
    action({'dataset': dataset}, context(tmp_path, resume=True)).run()
    after = stages(tmp_path)
    assert after['export']['finished'] == before['export']['finished']
    assert after['convert']['finished'] == before['convert']['finished']
    assert after['execute']['status'] == 'succeeded'


@pytest.mark.parametrize('damage', ['deleted', 'changed'])
def test_what_is_not_whole_is_made_again(damage: str, tmp_path: Path, action: type[Action], dataset: Any) -> None:
    action.fails = True
    with pytest.raises(StepFailed):
        action({'dataset': dataset}, context(tmp_path)).run()
    label = next((tmp_path / 'run' / 'stages' / 'convert' / 'labels').rglob('a.txt'))
    text = label.read_text()
    label.unlink()
    if damage == 'changed':
        label.write_text('0 0.1 0.1 0.1 0.1\n')
    before = stages(tmp_path)
    action.fails = False
    action({'dataset': dataset}, context(tmp_path, resume=True)).run()
    assert label.read_text() == text
    assert stages(tmp_path)['export']['finished'] == before['export']['finished']
    assert stages(tmp_path)['convert']['finished'] != before['convert']['finished']


def test_another_target_format_converts_again_and_exports_no_more(
    tmp_path: Path, action: type[Action], dataset: Any
) -> None:
    action.fails = True
    with pytest.raises(StepFailed):
        action({'dataset': dataset}, context(tmp_path)).run()
    before = stages(tmp_path)
    action.fails, action.target_format = False, 'coco'
    action({'dataset': dataset}, context(tmp_path, resume=True)).run()
    after = stages(tmp_path)
    assert after['export']['finished'] == before['export']['finished']
    assert (tmp_path / 'run' / 'stages' / 'convert' / 'train' / 'annotations.json').is_file() or list(
        (tmp_path / 'run' / 'stages' / 'convert').rglob('annotations.json')
    )


class Mark(BaseStep[TrainContext]):
    """Counts its runs, and can be rolled back."""

    name = 'mark'
    ran = 0

    def execute(self, context: TrainContext) -> StepResult:
        type(self).ran += 1
        context.values['mark'] = type(self).ran
        return StepResult()


class Undoable(Mark):
    name = 'undoable'

    def rollback(self, context: TrainContext, result: StepResult) -> None:
        """Undone."""


def test_custom_steps_are_not_repeated_unless_they_were_rolled_back(tmp_path: Path, action: type[Action]) -> None:
    mark, undoable = type('M', (Mark,), {'ran': 0}), type('U', (Undoable,), {'ran': 0})

    def setup_steps(self: Any, registry: StepRegistry[TrainContext]) -> None:
        Action.setup_steps(self, registry)
        registry.insert_before('execute', mark())
        registry.insert_before('execute', undoable())

    action.setup_steps = setup_steps  # type: ignore[method-assign]
    action.fails = True
    folder = tmp_path / 'data'
    folder.mkdir()
    with pytest.raises(StepFailed):
        action({'data_path': folder}, context(tmp_path)).run()
    action.fails = False
    action({'data_path': folder}, context(tmp_path, resume=True)).run()
    assert (mark.ran, undoable.ran) == (1, 2)


def test_a_moved_run_directory_can_be_resumed(tmp_path: Path, action: type[Action], dataset: Any) -> None:
    registry = Upload()
    with pytest.raises(StepFailed):
        action({'dataset': dataset}, context(tmp_path, plugins=(registry,))).run()
    (tmp_path / 'run').rename(tmp_path / 'moved')
    registry.fails = False
    ctx = context(tmp_path, plugins=(registry,), resume=True)
    ctx.run_dir = tmp_path / 'moved'
    result = action({'dataset': dataset}, ctx).run()
    assert action.trained == 1
    assert Path(result['weights_path']).is_relative_to(tmp_path / 'moved')


def test_resume_needs_a_run(tmp_path: Path, action: type[Action]) -> None:
    with pytest.raises(RunError, match='there is no such folder'):
        action({'data_path': tmp_path}, context(tmp_path, resume=True)).run()


def test_an_interrupted_training_is_told_where_it_stopped(tmp_path: Path) -> None:
    seen: list[Path | None] = []
    last = tmp_path / 'last.pt'
    last.write_bytes(b'epoch 3')

    class Long(Action):
        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            seen.append(self.context.resume_from)
            if len(seen) == 1:
                self.context.recorder.record('checkpoint', {'path': str(last), 'epoch': 3, 'resumable': True})
                raise KeyboardInterrupt
            return None

    folder = tmp_path / 'data'
    folder.mkdir()
    with pytest.raises(KeyboardInterrupt):
        Long({'data_path': folder}, context(tmp_path)).run()
    Long({'data_path': folder}, context(tmp_path, resume=True)).run()
    assert seen == [None, last]


@pytest.mark.timeout(300)
def test_a_kill_at_any_moment_can_be_resumed(tmp_path: Path) -> None:
    command = [sys.executable, '-m', 'tests.steps.kill_sweep', str(tmp_path / 'sweep')]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report['events'] > 50
    assert report['faults'] == [], done.stderr


def test_a_cache_that_the_trainer_left_beside_the_data_changes_nothing(
    tmp_path: Path, action: type[Action], dataset: Any
) -> None:
    action.fails = True
    with pytest.raises(StepFailed):
        action({'dataset': dataset}, context(tmp_path)).run()
    before = stages(tmp_path)
    (tmp_path / 'run' / 'stages' / 'convert' / 'labels' / 'train.cache').write_bytes(b'cache')
    action.fails = False
    action({'dataset': dataset}, context(tmp_path, resume=True)).run()
    assert stages(tmp_path)['convert']['finished'] == before['convert']['finished']


def test_a_run_that_succeeded_delivers_later_what_a_sink_could_not_take(tmp_path: Path, action: type[Action]) -> None:
    class Registry:
        away = True

        def __init__(self) -> None:
            self.got: list[dict[str, float]] = []

        @hookimpl
        def log_metrics(self, points: Any) -> None:
            if self.away:
                raise ConnectionError('away')
            self.got += [point['values'] for point in points]

    class Logs(Action):
        trained = 0

        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            self.log_metrics({'loss': 0.5}, step=1)
            return Action.execute(self, data_path, checkpoint)

    folder, sink = tmp_path / 'data', Registry()
    folder.mkdir()
    with pytest.warns(
        UserWarning, match="the sink 'project-Registry' has not received 1 event: ConnectionError: away; .*sync"
    ):
        result = Logs({'data_path': folder}, context(tmp_path, plugins=(sink,))).run()
    record = json.loads((tmp_path / 'run' / 'run.json').read_text())
    assert record['status'] == 'succeeded'
    assert record['undelivered'] == {'project-Registry': 1}
    sink.away = False
    # The weights may be gone by now: nobody trains for the sake of a number.
    Path(result['weights_path']).unlink()
    assert Logs({'data_path': folder}, context(tmp_path, plugins=(sink,), resume=True)).run() == result
    assert sink.got == [{'loss': 0.5}]
    assert Logs.trained == 1
    assert json.loads((tmp_path / 'run' / 'run.json').read_text())['undelivered'] == {}
