"""A run that holds several trainings: their names, which of them is gone on with, and which is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext, hookimpl
from synapse_hooks.backends import Workspace
from synapse_hooks.context import TrainContext
from synapse_hooks.errors import StepFailed
from synapse_hooks.journal import metrics_table, read_events
from synapse_hooks.steps import BaseStep, StepRegistry, StepResult

pytestmark = pytest.mark.usefixtures('elsewhere')
Train = Callable[[BaseTrainAction[BaseTrainParams]], Any]


class Acting(BaseTrainAction[BaseTrainParams]):
    """Trains as the test says."""

    trains: Train

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        return type(self).trains(self)


class PowerFailure(OSError):
    pass


def run(tmp_path: Path, trains: Train, *, resume: bool = False, **fields: Any) -> Any:
    """One attempt at the run; what `trains` returned, None where the power failed."""
    (tmp_path / 'data').mkdir(exist_ok=True)
    kind = type('Acting', (fields.pop('kind', Acting),), {'trains': staticmethod(trains)})
    fields = {'run_dir': tmp_path / 'run', **fields}
    ctx = RuntimeContext(client=Workspace(tmp_path / 'workspace'), resume=resume, discover=False, **fields)
    try:
        return kind({'data_path': tmp_path / 'data'}, ctx).run()
    except StepFailed as error:
        if isinstance(error.__cause__, PowerFailure):
            return None
        raise


def train(action: Any, name: str = 'train', epochs: int = 3, fails_at: int | None = None, **start: Any) -> None:
    """A training of `epochs` epochs that keeps a checkpoint after each, but for the last."""
    with action.context.start_training(name, **start) as log:
        last = action.context.run_dir / 'checkpoints' / log.name / 'last.pt'
        last.parent.mkdir(parents=True, exist_ok=True)
        first = int(log.resume_from.read_text()) if start and log.resume_from else 0
        for epoch in range(first + 1, epochs + 1):
            if epoch == fails_at:
                raise PowerFailure('the power went')
            log.log_metrics({'loss': 1 / epoch}, phase='train', step=epoch)
            log.set_progress(epoch, epochs)
            if epoch < epochs:
                last.write_text(str(epoch))
                log.log_checkpoint(last, epoch=epoch)


def logged(tmp_path: Path) -> dict[tuple[str | None, Any], float]:
    return {(key.training, key.step): value for key, value in metrics_table(tmp_path / 'run').items()}


def test_each_training_has_its_own_name_in_whatever_is_logged(tmp_path: Path) -> None:
    seen: list[Any] = []

    class Sink:
        @hookimpl
        def log_metrics(self, points: Any) -> None:
            seen.extend((point['training'], point['step']) for point in points)

    def twice(action: Any) -> None:
        train(action, epochs=2)
        train(action, epochs=1)

    run(tmp_path, twice, plugins=(Sink(),))
    assert list(logged(tmp_path)) == [('train', 1), ('train', 2), ('train2', 1)] == seen
    events = list(read_events(tmp_path / 'run'))
    assert [e['path'] for e in events if e['type'] == 'checkpoint'] == ['checkpoints/train/last.pt']
    assert {e['training'] for e in events if e['type'] == 'progress' and 'training' in e} == {'train', 'train2'}
    # What belongs to no training has none.
    assert all('training' not in e for e in events if e['type'] in ('step', 'run_start'))


def test_a_finished_training_is_not_offered_when_the_one_after_it_crashes(tmp_path: Path) -> None:
    def folds(action: Any) -> Any:
        if action.context.resume_from is not None:
            return 'resumed the wrong one'
        train(action)
        train(action, fails_at=1)
        return None

    assert run(tmp_path, folds) is None
    assert (tmp_path / 'run' / 'checkpoints' / 'train' / 'last.pt').is_file()
    assert run(tmp_path, folds, resume=True) is None


def test_the_interrupted_training_goes_on_and_the_finished_one_is_left_alone(tmp_path: Path) -> None:
    trained: list[str] = []

    def folds(action: Any, fails_at: int | None = None) -> Any:
        for name in ('first', 'second', 'third'):
            before = action.context.trainings.get(name)
            if before is not None and before.finished:
                continue
            trained.append(name)
            checkpoint = before.resume_from if before is not None else None
            train(action, name, fails_at=fails_at if name == 'second' else None, checkpoint=checkpoint)
        return str(action.context.resume_from)

    assert run(tmp_path, lambda action: folds(action, fails_at=3)) is None
    assert trained == ['first', 'second']
    trained.clear()
    at = tmp_path / 'run' / 'checkpoints' / 'second' / 'last.pt'
    assert run(tmp_path, folds, resume=True) == str(at)
    assert trained == ['second', 'third']
    assert list(logged(tmp_path)) == [(name, step) for name in ('first', 'second', 'third') for step in (1, 2, 3)]


def test_a_training_that_goes_on_from_its_checkpoint_keeps_its_name(tmp_path: Path) -> None:
    def first(action: Any) -> None:
        train(action)
        train(action, fails_at=3)

    def second(action: Any) -> None:
        train(action, checkpoint=action.context.resume_from)
        train(action, epochs=1)

    run(tmp_path, first)
    run(tmp_path, second, resume=True)
    assert [key for key in logged(tmp_path) if key[0] != 'train'] == [
        *[('train2', step) for step in (1, 2, 3)],
        ('train3', 1),
    ]


def test_what_trains_again_under_its_name_counts_once(tmp_path: Path) -> None:
    def folds(action: Any) -> None:
        train(action, epochs=2)
        train(action, epochs=2, fails_at=2 if action.context.runtime_ctx.resume is False else None)

    run(tmp_path, folds)
    run(tmp_path, folds, resume=True)
    assert list(logged(tmp_path)) == [('train', 1), ('train', 2), ('train2', 1), ('train2', 2)]


class Teach(BaseStep[TrainContext]):
    """A training in a step of its own."""

    name = 'teach'

    def execute(self, context: TrainContext) -> StepResult:
        with context.start_training() as log:
            log.log_metrics({'loss': 0.5}, phase='train', step=1)
        return StepResult()


class TwoSteps(Acting):
    def setup_steps(self, registry: StepRegistry[TrainContext]) -> None:
        super().setup_steps(registry)
        registry.insert_before('execute', Teach())


def test_a_training_of_a_step_that_is_not_run_again_keeps_its_name(tmp_path: Path) -> None:
    run(tmp_path, lambda action: train(action, fails_at=2), kind=TwoSteps)
    run(tmp_path, lambda action: train(action, epochs=2), kind=TwoSteps, resume=True)
    assert list(logged(tmp_path)) == [('train', 1), ('train2', 1), ('train2', 2)]


class Patient:
    @hookimpl
    def retry_step(self, attempt: int) -> float | None:
        return 0.0 if attempt < 2 else None


def test_a_step_that_is_tried_again_trains_the_same_training(tmp_path: Path) -> None:
    tries: list[int] = []

    def moody(action: Any) -> None:
        tries.append(1)
        train(action, fails_at=2 if len(tries) == 1 else None)

    run(tmp_path, moody, plugins=(Patient(),))
    assert list(logged(tmp_path)) == [('train', 1), ('train', 2), ('train', 3)]


def test_what_finished_is_not_gone_on_with_when_the_step_is_tried_again(tmp_path: Path) -> None:
    offered: list[Any] = []

    def forgetful(action: Any) -> None:
        offered.append(action.context.resume_from)
        train(action, checkpoint=action.context.resume_from)
        if len(offered) == 1:
            raise PowerFailure('after the training')

    run(tmp_path, lambda action: train(action, fails_at=3))
    run(tmp_path, forgetful, resume=True, plugins=(Patient(),))
    assert offered == [tmp_path / 'run' / 'checkpoints' / 'train' / 'last.pt', None]


def test_the_weights_of_a_finished_training_are_known(tmp_path: Path) -> None:
    def first(action: Any) -> None:
        with action.start_training('teacher') as log:
            for name in ('best', 'last'):
                file = action.context.run_dir / f'{name}.pt'
                file.write_text(name)
                log.log_artifact(file, kind='weights', role=name)
        raise PowerFailure('later')

    run(tmp_path, first)
    moved = (tmp_path / 'run').rename(tmp_path / 'elsewhere' / 'run')
    found = run(tmp_path, lambda action: str(action.context.trainings['teacher'].weights), resume=True, run_dir=moved)
    assert found == str(moved / 'best.pt')


def test_a_name_is_never_a_path(tmp_path: Path) -> None:
    def odd(action: Any) -> None:
        for name in ('../../up', 'fold1', 'fold1', 'fold1', '', 'x' * 1000):
            with action.start_training(name) as log:
                log.log_metrics({'loss': 1}, phase='train', step=1)

    run(tmp_path, odd)
    names = [training for training, _ in logged(tmp_path)]
    assert names == ['../../up', 'fold1', 'fold1-2', 'fold1-3', 'train', 'x' * 100]
