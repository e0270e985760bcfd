"""What scale.py measures in processes of their own: workspaces with many runs, looking at them, and a training."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synapse_hooks.backends import Workspace
from synapse_hooks.context import RuntimeContext
from synapse_hooks.journal import Journal, RunDirectory

EPOCHS = 100
METRICS = ('box_loss', 'cls_loss', 'dfl_loss', 'precision', 'recall', 'mAP50', 'mAP50-95', 'lr')


def make_runs(folder: str, count: str) -> dict[str, float]:
    """A workspace with runs that have ended, of 100 epochs each."""
    chance, started = random.Random(7), time.process_time()
    runs = Path(folder) / 'runs'
    runs.mkdir()
    for number in range(int(count)):
        params = {'epochs': EPOCHS, 'lr0': chance.random(), 'batch': 16, 'dataset': 1}
        directory = RunDirectory.create(runs / f'run-{number:05}', action='train', params=params)
        journal = Journal(directory.path)
        for epoch in range(1, EPOCHS + 1):
            values = {name: chance.random() for name in METRICS}
            journal.record('metrics', {'phase': 'train', 'axis': 'epoch', 'step': epoch, 'values': values})
        journal.record('run_end', {'status': 'succeeded', 'error': None, 'model': None})
        journal.close()
        directory.update(status='succeeded', metrics=values)
    return {'making a run directory of 100 epochs': time.process_time() - started}


def look_at_runs(folder: str) -> dict[str, float]:
    """The page of the server, and the scan for dead runs where each run has a marker."""
    from synapse_hooks.runs import Runs
    from synapse_hooks.serve.runs import run_row
    from synapse_hooks.steps.delivery import end_dead_runs
    from synapse_hooks.storage import owner

    workspace = Workspace(Path(folder))
    rows = used(lambda: [run_row(run) for run in Runs(workspace)])
    markers = workspace.root / 'active'
    markers.mkdir(exist_ok=True)
    for run in Runs(workspace):
        note = {'run_dir': str(run.path), 'job': 1, 'owner': owner(), 'backend': dict(workspace.address)}
        (markers / f'{run.path.name}-1.json').write_text(json.dumps(note))
    scan = used(lambda: end_dead_runs(RuntimeContext(client=workspace)))
    return {'the list of `serve`': rows, 'looking for dead runs, all with jobs': scan}


def check_again(folder: str) -> dict[str, float]:
    """Whether a folder is as it was: what a run does with a dataset that it finds."""
    from synapse_hooks.storage import tree_stamp

    return {'seconds': used(lambda: tree_stamp(Path(folder)))}


def used(call: Callable[[], Any]) -> float:
    """Processor seconds of a call, the least of three."""
    times = []
    for _ in range(3):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return min(times)


def train(folder: str, epochs: str) -> dict[str, float]:
    """A training with the autologger: what is in its run directory."""
    import autolog

    from synapse_hooks import BaseTrainAction, BaseTrainParams
    from synapse_hooks.autologgers.offline import go_offline
    from synapse_hooks.testing import convert_dataset

    root = Path(folder)
    autolog.IMAGES = 16
    go_offline(str(root / 'settings'))
    data = convert_dataset(autolog.scenes(root / 'images'), 'yolo', root / 'data', classes=('box',)).dataset
    options = {'epochs': int(epochs), 'imgsz': 64, 'batch': 8, 'device': 'cpu', 'workers': 0, 'plots': False}

    class Train(BaseTrainAction[BaseTrainParams]):
        def execute(self, data_path: Any, checkpoint: Any) -> dict[str, Any]:
            from ultralytics import YOLO

            with self.autolog('ultralytics'):
                model = YOLO('yolo11n.yaml')
                model.train(data=str(data['config_path']), verbose=False, **options)
            return {}

    client = Workspace(root / 'workspace')
    run_dir = root / 'run'
    Train({'data_path': root / 'data'}, RuntimeContext(client=client, run_dir=run_dir, discover=False)).run()
    lines = (run_dir / 'events.jsonl').read_bytes().splitlines()
    files = [file for file in run_dir.rglob('*') if file.is_file()]
    return {
        'events': len(lines),
        'bytes of the journal': sum(len(line) + 1 for line in lines),
        'bytes of metrics': sum(len(line) + 1 for line in lines if b'"type":"metrics"' in line),
        'files of the run directory': len(files),
        'bytes of the run directory': sum(file.stat().st_size for file in files),
    }
