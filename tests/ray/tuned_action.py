"""An action without a framework: each epoch is a line of arithmetic, and a checkpoint is a number in a file."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from synapse_hooks import BaseTrainAction, BaseTrainParams

TYPES = (
    'choice uniform quniform loguniform qloguniform randn qrandn randint qrandint lograndint qlograndint grid_search'
)


class Params(BaseTrainParams):
    """The types of a search are the names of parameters."""

    epochs: int = 3
    lr: float = 0.5
    pause: float = 0.0
    ending: float = 0.0
    hold: str = ''
    choice: Any = None
    uniform: float = 0
    quniform: float = 0
    loguniform: float = 0
    qloguniform: float = 0
    randn: float = 0
    qrandn: float = 0
    randint: int = 0
    qrandint: int = 0
    lograndint: int = 0
    qlograndint: int = 0
    grid_search: float = 0


class Train(BaseTrainAction[Params]):
    """The score grows with the epochs, the faster the larger `lr` is. A negative one fails."""

    target_format = 'yolo'

    def execute(self, data_path: Path, checkpoint: Any) -> dict[str, Any]:
        """Train."""
        state = {'epoch': 0, 'score': 0.0}
        if self.context.resume_from is not None:
            state = json.loads(self.context.resume_from.read_text())
            self.log_message(f'goes on with {state["score"] / state["epoch"]:g} an epoch')
        try:
            while state['epoch'] < self.params.epochs:
                state = self.epoch(state)
        finally:
            # Seconds in which a run that is ended early is not over.
            time.sleep(self.params.ending)
        best = self.context.output_dir / 'best.pt'
        best.write_text(json.dumps(state))
        return {'weights_path': str(best), **state}

    def epoch(self, state: dict[str, Any]) -> dict[str, Any]:
        """Train for one more epoch."""
        # A bad one is slower, so that there is a good one to start from.
        time.sleep(self.params.pause / max(self.params.lr, 0.5))
        if self.params.lr < 0:
            raise ValueError('lr is negative')
        state = {'epoch': state['epoch'] + 1, 'score': state['score'] + self.params.lr}
        weights = self.context.run_dir / 'last.json'
        # Others read it while the run goes on.
        unfinished = weights.with_suffix('.unfinished')
        unfinished.write_text(json.dumps(state))
        unfinished.replace(weights)
        self.log_metrics({'loss': -state['score']}, phase='train', step=state['epoch'])
        self.log_metrics({'score': state['score']}, phase='val', step=state['epoch'])
        # Last: a training that is killed before this repeats the epoch, and none is without metrics.
        self.context.log_checkpoint(weights, epoch=state['epoch'])
        # In this folder, a trial waits after two epochs for the file that is named like its `lr`.
        go = Path(self.params.hold, f'go-{self.params.lr}')
        while self.params.hold and state['epoch'] == 2 and not go.exists():
            time.sleep(0.02)
        return state
