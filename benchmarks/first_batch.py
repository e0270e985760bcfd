"""The time from the command to the first batch of a yolo11n: with `synapse-hooks train`, and with ultralytics alone.

The dataset is in a workspace; `synapse-hooks train` converts it from there and trains. Ultralytics alone is started on
a folder that was converted before: cold, when it has no cache of the folder yet, and warm. Every process ends at its
first batch. Measured are the wall time from its start, and the processor time of the process and its children until
then. Not measured is what comes before: taking the dataset into the workspace, and the conversion for ultralytics
alone. All files are in the system's memory already, for both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from figures import ROOT, Figure, finish, our_command, parser

FEW, MANY = 5_000, 20_000
SIZES = ((320, 320), (320, 240), (240, 320))
AIMS = {FEW: (0.95, 1.2), MANY: (0.8, 1.1)}
"""The first run / ultralytics with a cold cache, and the second run / ultralytics with a warm one, by images."""
ALONE = """
import json, os, sys, time

class FirstBatch(Exception):
    pass

def stop(trainer):
    times = os.times()
    with open(os.environ['FIRST_BATCH'], 'w') as file:
        json.dump({'at': time.time(), 'cpu': sum(times[:4])}, file)
    raise FirstBatch

def train(data):
    from ultralytics import YOLO

    model = YOLO('yolo11n.yaml')
    model.add_callback('on_train_batch_start', stop)
    quiet = {'plots': False, 'verbose': False, 'amp': False, 'pretrained': False, 'exist_ok': True}
    small = {'epochs': 1, 'imgsz': 320, 'batch': 16, 'device': 'cpu', 'workers': 0}
    try:
        model.train(data=str(data), project=os.path.abspath('runs'), **small, **quiet)
    except FirstBatch:
        return

if __name__ == '__main__':
    train(sys.argv[1])
"""
ACTION = """
from alone import train
from synapse_hooks import BaseTrainAction

class TrainAction(BaseTrainAction):
    action_name = 'train'
    target_format = 'yolo'

    def execute(self, data_path, checkpoint):
        train(data_path)
        return {}
"""


class Place:
    """A project, a workspace with the dataset, and the same dataset converted.

    Args:
        root: An empty folder.
        images: How many the dataset has.
    """

    def __init__(self, root: Path, images: int) -> None:
        self.root = root
        self.turn = 0
        project = root / 'project'
        project.mkdir()
        (project / 'alone.py').write_text(ALONE)
        (project / 'action.py').write_text(ACTION)
        make = f'import sources; sources.dm(sources.Path({str(root / "dm")!r}), {images}, {SIZES!r})'
        subprocess.run([sys.executable, '-c', make], check=True, cwd=Path(__file__).parent)
        workspace = ['--workspace', str(root / 'workspace')]
        self._run([*our_command(), 'workspace', 'import', str(root / 'dm'), '--name', 'd', *workspace])
        self._run([*our_command(), 'convert', str(root / 'dm'), str(root / 'yolo'), '--to', 'yolo'])
        self.pipeline = [*our_command(), 'train', 'action.py:TrainAction', '-p', 'dataset=d', *workspace]
        self.alone = [sys.executable, 'alone.py', str(root / 'yolo' / 'dataset.yaml')]

    def first(self) -> tuple[float, float]:
        """The first run: nothing of an earlier one is used."""
        self.turn += 1
        return self._measured([*self.pipeline, '--run-dir', str(self.root / f'run-{self.turn}')])

    def second(self) -> tuple[float, float]:
        """A run like the one before it."""
        return self._measured([*self.pipeline, '--run-dir', str(self.root / f'run-{self.turn}-again')])

    def cold(self) -> tuple[float, float]:
        """Ultralytics alone, without its cache."""
        for file in (self.root / 'yolo').rglob('*.cache'):
            file.unlink()
        return self.warm()

    def warm(self) -> tuple[float, float]:
        """Ultralytics alone, with the cache that it has left."""
        return self._measured(self.alone)

    def _measured(self, command: Sequence[str]) -> tuple[float, float]:
        """Seconds of wall time and processor time until the first batch."""
        note = self.root / 'first-batch.json'
        note.unlink(missing_ok=True)
        started = time.time()
        self._run(command)
        noted: dict[str, Any] = json.loads(note.read_text())
        return noted['at'] - started, noted['cpu']

    def _run(self, command: Sequence[str]) -> None:
        home = self.root / 'home'
        env = {name: value for name, value in os.environ.items() if name != 'PYTHONDONTWRITEBYTECODE'}
        env |= {'YOLO_OFFLINE': '1', 'YOLO_CONFIG_DIR': str(self.root), 'YOLO_AUTOINSTALL': 'false'}
        env |= {'FIRST_BATCH': str(self.root / 'first-batch.json'), 'PYTHONPATH': str(ROOT)}
        # The user's caches must stay as they are. Those of other libraries (of fonts, for instance) are shared by all
        # turns, ours is new in each. What earlier turns made stays: on ext4, creating files takes twice as long right
        # after many were removed.
        env |= {'SYNAPSE_HOOKS_CACHE': str(self.root / f'kept-{self.turn}')}
        env |= {f'XDG_{kind}_HOME': str(home / kind.lower()) for kind in ('CACHE', 'DATA', 'CONFIG', 'STATE')}
        done = subprocess.run(command, cwd=self.root / 'project', env=env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f'{" ".join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}')


def measure(options: argparse.Namespace) -> list[Figure]:
    """Both sizes, or the one that was asked for."""
    figures = []
    for images in [options.images] if options.images else (FEW, MANY) if options.full else (FEW,):
        with tempfile.TemporaryDirectory(prefix='synapse-hooks-bench-', dir=options.place) as scratch:
            figures += compared(Place(Path(scratch), images), images, options.rounds)
    return figures


def compared(place: Place, images: int, rounds: int) -> list[Figure]:
    """All four, turn by turn; the first turn warms up and is not counted."""
    ways = {
        'the first run': place.first,
        'the second run': place.second,
        'ultralytics, cold': place.cold,
        'ultralytics, warm': place.warm,
    }
    turns = []
    for number in range(rounds + 1):
        turns.append({name: measured() for name, measured in ways.items()})
        print(f'{images:,} images, turn {number} of {rounds}: {turns[-1]}', file=sys.stderr)
    times = {name: [turn[name] for turn in turns[1:]] for name in ways}
    wall, cpu = (
        {name: statistics.median(one[kind] for one in found) for name, found in times.items()} for kind in (0, 1)
    )
    figures = []
    pairs = [('the first run', 'ultralytics, cold'), ('the second run', 'ultralytics, warm')]
    for (ours, theirs), aim in zip(pairs, AIMS.get(images, (None, None)), strict=True):
        note = f'processor time {cpu[ours] / cpu[theirs]:.2f}x; medians of {rounds}'
        title = f'{ours} / {theirs}, {images:,} images'
        figures.append(Figure(title, wall[ours] / wall[theirs], 'x', aim, note))
        figures += [
            Figure(f'  {name}', wall[name], 's', None, f'{cpu[name]:.1f} s of processor time')
            for name in (ours, theirs)
        ]
    return figures


def main() -> int:
    """Exit code 1 when an aim was missed."""
    made = parser(__doc__)
    made.add_argument('--images', type=int, help=f'instead of {FEW:,}, and with `--full` {MANY:,}')
    made.add_argument('--rounds', type=int, default=3, help='counted turns, of which the median is shown')
    made.add_argument('--full', action='store_true', help=f'{MANY:,} images, too')
    made.add_argument('--place', type=Path, help='where the datasets are made; the temporary folder by default')
    options = made.parse_args()
    return finish(measure(options), as_json=options.json)


if __name__ == '__main__':
    sys.exit(main())
