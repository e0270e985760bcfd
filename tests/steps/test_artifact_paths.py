"""Files that a stage has recorded while it was writing them, and that have moved since."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synapse_hooks import BaseTrainAction, BaseTrainParams, hookimpl
from synapse_hooks.context import RuntimeContext
from synapse_hooks.errors import SinkUnavailable
from synapse_hooks.journal import RunDirectory, read_trainings
from synapse_hooks.steps.delivery import deliver


class Action(BaseTrainAction[BaseTrainParams]):
    """Records its weights where it writes them."""

    def execute(self, data_path: Any, checkpoint: Any) -> dict[str, Any]:
        """Train."""
        weights = self.context.output_dir / 'best.pt'
        weights.write_text('weights')
        with self.context.start_training('fold1') as log:
            log.log_artifact(weights, kind='weights', role='best')
        return {'weights_path': weights}


class Tracker:
    """Takes artifacts when it is there."""

    def __init__(self, away: bool) -> None:
        self.away = away
        self.contents: list[str] = []

    @hookimpl
    def log_artifact(self, artifacts: Sequence[Any]) -> None:
        """Read them, as a tracker does."""
        if self.away:
            raise SinkUnavailable('away')
        self.contents += [Path(artifact['path']).read_text() for artifact in artifacts]


def run(run_dir: Path, tracker: Tracker) -> RuntimeContext:
    ctx = RuntimeContext(run_dir=run_dir, plugins=(tracker,), discover=False)
    Action({'data_path': str(run_dir.parent)}, ctx).run()
    return ctx


def test_a_late_sink_gets_the_file_where_the_stage_was_published(tmp_path: Path) -> None:
    ctx = run(tmp_path / 'run', Tracker(away=True))
    ctx.plugins = (tracker := Tracker(away=False),)
    late, _ = deliver(ctx, RunDirectory.open(tmp_path / 'run'))
    assert late == {}
    assert tracker.contents == ['weights']


def test_the_weights_of_a_training_are_found_after_the_stage_was_published(tmp_path: Path) -> None:
    run(tmp_path / 'run', Tracker(away=False))
    assert read_trainings(tmp_path / 'run')['fold1'].weights == tmp_path / 'run' / 'stages' / 'execute' / 'best.pt'
