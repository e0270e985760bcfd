"""A training without a framework, which stops where a test wants it to.

In the folder `marks` it makes a file for each place that it reaches; where `stop` names that place, it then waits for a
file `go-PLACE`, or to be killed, the first time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from synapse_hooks import BaseTrainAction, BaseTrainParams

_RANK = """
import os, sys
from pathlib import Path
from synapse_hooks.journal import Journal
rank = int(os.environ['RANK'])
devices = os.environ['CUDA_VISIBLE_DEVICES']
journal = Journal.join(Path(sys.argv[1]), rank=rank)
journal.record('metrics', {'phase': 'custom', 'axis': 'epoch', 'step': 1, 'values': {f'rank{rank}': float(rank)}})
journal.record('message', {'text': f'rank {rank} has the devices {devices}'})
"""


class Params(BaseTrainParams):
    """The parameters."""

    epochs: int = 3
    stop: list[str] = []
    marks: str = ''
    ranks: int = 0
    lr: float = 0.5
    show: list[str] = []


class Train(BaseTrainAction[Params]):
    """Trains nothing."""

    target_format = 'coco'

    def export(self, context: Any) -> Any:
        """Stop before the end of it."""
        dataset = super().export(context=context)
        self._reach('export')
        return dataset

    def convert(self, context: Any, dataset: Any, target_format: Any) -> Any:
        """The same."""
        converted = super().convert(context=context, dataset=dataset, target_format=target_format)
        self._reach('convert')
        return converted

    def upload(self, context: Any, result: Any) -> Any:
        """The same: the model is there already."""
        model = super().upload(context=context, result=result)
        self._reach('upload')
        return model

    def execute(self, data_path: Any, checkpoint: Any) -> dict[str, Any]:
        """Go on after the last epoch of the checkpoint, if the run was interrupted."""
        interrupted = self.context.resume_from
        first = 1 if interrupted is None else int(interrupted.read_text()) + 1
        saved = self.context.run_dir / 'checkpoints' / 'last.txt'
        saved.parent.mkdir(exist_ok=True)
        print(f'training from epoch {first}, devices {os.environ.get("CUDA_VISIBLE_DEVICES", "")!r}')
        for name in self.params.show:
            print(f'{name} has {len(os.environ.get(name, ""))} characters')
        for epoch in range(first, self.params.epochs + 1):
            self.log_metrics({'loss': self.params.lr / epoch}, phase='train', step=epoch)
            saved.write_text(str(epoch))
            self.context.log_checkpoint(saved, epoch=epoch)
            self._reach(f'epoch{epoch}')
        command = [sys.executable, '-c', _RANK, str(self.context.run_dir)]
        ranks = [subprocess.Popen(command, env={**os.environ, 'RANK': str(rank)}) for rank in range(self.params.ranks)]
        assert not any(rank.wait() for rank in ranks)
        weights = self.context.output_dir / 'best.pt'
        weights.write_bytes(b'weights')
        return {'weights_path': str(weights)}

    def _reach(self, place: str) -> None:
        if not self.params.marks:
            return
        marks = Path(self.params.marks)
        is_first = not (marks / place).exists()
        with (marks / place).open('a', encoding='utf-8') as file:
            file.write(f'{os.getpid()}\n')
        while is_first and place in self.params.stop and not (marks / f'go-{place}').exists():
            if not marks.exists():
                raise RuntimeError('the test has ended')
            time.sleep(0.02)
