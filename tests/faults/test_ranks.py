"""Ranks of one training, of which one dies."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext
from synapse_hooks.backends import Workspace
from synapse_hooks.errors import StepFailed

cell = pytest.mark.cell

WORKER = """
import os, signal, sys
from pathlib import Path
import torch.distributed as ranks

ranks.init_process_group('gloo')
Path(sys.argv[1], f'rank{ranks.get_rank()}').write_text(str(os.getpid()))
ranks.barrier()
if ranks.get_rank() == 1 and sys.argv[2] == 'dies':
    os.kill(os.getpid(), signal.SIGKILL)
ranks.barrier()
ranks.destroy_process_group()
"""


class Ranks(BaseTrainAction[BaseTrainParams]):
    """Trains in two ranks; the first attempt writes a checkpoint, and then one of them dies."""

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        import subprocess
        import sys

        resumed = self.context.resume_from
        with self.start_training() as training:
            if resumed is None:
                last = self.context.run_dir / 'last.pt'
                last.write_bytes(b'epoch 1')
                training.log_checkpoint(last, epoch=1)
            worker = data_path / 'worker.py'
            how = 'dies' if resumed is None else 'lives'
            launch = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2']
            subprocess.run([*launch, worker, data_path, how], check=True, env={**os.environ, 'OMP_NUM_THREADS': '1'})
        return {'resumed': str(resumed)}


@cell(53)
@pytest.mark.e2e
@pytest.mark.timeout(180)
def test_a_rank_that_dies_ends_the_others_and_the_run_can_go_on(tmp_path: Path) -> None:
    pytest.importorskip('torch', reason='torch is not installed')
    data = tmp_path / 'data'
    data.mkdir()
    (data / 'worker.py').write_text(WORKER)

    def run(**more: Any) -> Any:
        client = Workspace(tmp_path / 'workspace')
        ctx = RuntimeContext(client=client, run_dir=tmp_path / 'run', discover=False, **more)
        return Ranks({'data_path': data}, ctx).run()

    with pytest.raises(StepFailed, match='CalledProcessError'):
        run()
    until = time.monotonic() + 10
    pids = [int((data / f'rank{rank}').read_text()) for rank in (0, 1)]
    while any(map(_is_alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(_is_alive, pids))
    assert run(resume=True) == {'resumed': str(tmp_path / 'run' / 'last.pt')}


def _is_alive(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False
