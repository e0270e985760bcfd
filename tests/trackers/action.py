"""A training that stops where a test wants it to: after the epochs of `stops`, until the file `goN` exists."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy

from synapse_hooks import BaseTrainAction, BaseTrainParams


class Params(BaseTrainParams):
    """The parameters."""

    epochs: int = 10
    stops: list[int] = []
    lr: float = 0.5


class Train(BaseTrainAction[Params]):
    """Trains nothing, and logs everything."""

    def execute(self, data_path: Any, checkpoint: Any) -> dict[str, Any]:
        """Go on after the last epoch, if the run was interrupted."""
        here = Path.cwd()
        counter = self.context.run_dir / 'epoch'
        first = int(counter.read_text()) + 1 if counter.exists() else 1
        self.log_params(
            {'optimizer': {'name': 'sgd', 'betas': [0.9, 0.99]}, 'process': os.getpid(), 'note': 'x' * 9000}
        )
        for epoch in range(first, self.params.epochs + 1):
            self.log_metrics({'loss': 1 / epoch, 'mAP50(B)': epoch / 1000}, phase='train', step=epoch)
            self.log_metrics({'nan': float('nan')}, phase='val', step=epoch)
            if epoch in self.params.stops:
                picture = numpy.zeros((48, 64, 3), 'uint8')
                picture[8:40, 8 : 8 + epoch % 48] = (255, 80, 0)
                self.log_image('predictions', picture, step=epoch, caption='a box')
            counter.write_text(str(epoch))
            if epoch in self.params.stops:
                (here / f'at{epoch}').touch()
                while not (here / f'go{epoch}').exists():
                    time.sleep(0.01)
        with self.context.start_training('fold2') as fold:
            fold.log_metrics({'loss': 0.25}, phase='val', step=1, axis='batch')
        self.log_metrics({'accuracy': 0.75})
        self.log_message('trained')
        weights = self.context.output_dir / 'best.pt'
        weights.write_bytes(b'weights')
        self.log_artifact(weights, kind='weights', role='best')
        return {'weights_path': str(weights)}
