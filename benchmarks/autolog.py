"""What automatic logging adds to a training: the time inside its callbacks, in a real yolo11n training on the CPU.

Two trainings, with and without, differ by more than 1 % for reasons of their own; so the callbacks are timed directly.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

from figures import Figure, main

from synapse_hooks.autologgers.offline import go_offline
from synapse_hooks.autologgers.ultralytics import UltralyticsAutologger
from synapse_hooks.autologgers.ultralytics.training import EVENTS, Training
from synapse_hooks.context import AutologSession
from synapse_hooks.data import Box, Sample
from synapse_hooks.journal import Journal
from synapse_hooks.testing import convert_dataset, png

IMAGES, EPOCHS, BATCH, SIZE = 160, 2, 8, 128
"""A small training: with larger images or batches, the share is smaller still."""
PER_BATCH = 'on_train_batch_end'


def measure() -> list[Figure]:
    """Train once, and divide."""
    with tempfile.TemporaryDirectory() as root:
        batches, spent = train(Path(root))
    batch = statistics.median(batches)
    count = len(spent[PER_BATCH])
    per_batch = sum(spent[PER_BATCH]) / count
    epochs = {name: sum(times) / EPOCHS for name, times in spent.items() if name not in (PER_BATCH, 'on_train_end')}
    epoch = batch * count / EPOCHS
    return [
        Figure('autolog / training batch', 100 * per_batch / batch, '%', 0.5, f'mean of {count} batches, progress too'),
        Figure('  the callback', per_batch * 1e6, 'us', None, 'mean'),
        Figure('  a batch', batch * 1e3, 'ms', None, f'yolo11n, {BATCH} images of {SIZE} px, CPU; median'),
        Figure('once an epoch / epoch', 100 * sum(epochs.values()) / epoch, '%', None, f'{count // EPOCHS} batches'),
        *(Figure(f'  {name}', seconds * 1e3, 'ms') for name, seconds in epochs.items()),
        Figure('at the end', sum(spent['on_train_end']) * 1e3, 'ms', None, 'the files'),
    ]


def train(root: Path) -> tuple[list[float], dict[str, list[float]]]:
    """The seconds of every batch, and those of every call of a callback of ours."""
    os.environ.setdefault('OMP_NUM_THREADS', str(min(2, os.cpu_count() or 1)))
    os.environ['YOLO_VERBOSE'] = 'false'
    go_offline(str(root / 'settings'))
    from ultralytics import YOLO

    data = convert_dataset(scenes(root / 'images'), 'yolo', root / 'data', classes=('box',)).dataset['config_path']
    spent: dict[str, list[float]] = {event: [] for event in EVENTS}
    ends: list[tuple[int, float]] = []

    def timed(function: Callable[..., None], times: list[float]) -> Callable[..., None]:
        def callback(self: Training, trainer: Any) -> None:
            started = time.perf_counter()
            function(self, trainer)
            times.append(time.perf_counter() - started)
            if times is spent[PER_BATCH]:
                ends.append((trainer.epoch, started))

        return callback

    journal = Journal(root / 'run')
    session = AutologSession('ultralytics', journal, root / 'run')
    model = YOLO('yolo11n.yaml')
    with ExitStack() as stack:
        for event in EVENTS:
            stack.enter_context(mock.patch.object(Training, event, timed(getattr(Training, event), spent[event])))
        stack.enter_context(UltralyticsAutologger().autolog('ultralytics', session))
        model.train(
            data=str(data), epochs=EPOCHS, imgsz=SIZE, batch=BATCH, device='cpu', workers=0, plots=False, verbose=False
        )
    journal.close()
    return [end - start for (one, start), (other, end) in pairwise(ends) if one == other], spent


def scenes(folder: Path) -> list[Sample]:
    """Grey images with one coloured box each."""
    chance = random.Random(0)
    folder.mkdir(parents=True)
    samples = []
    for number in range(IMAGES + BATCH):
        x, y, w, h = (chance.randrange(10, 60) for _ in range(4))
        image = folder / f'{number}.png'
        image.write_bytes(png(SIZE, SIZE, [(x, y, w, h, (200, number, 60))]))
        split = 'train' if number < IMAGES else 'valid'
        samples.append(Sample(f'{number}', image=image, split=split, annotations=[Box(x, y, w, h, label='box')]))
    return samples


if __name__ == '__main__':
    sys.exit(main(measure, __doc__))
