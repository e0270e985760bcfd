"""What many metrics cost: the time and memory of recording them, with and without sinks, and of resuming the run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from figures import MEMORY, Figure, finished, main, our_command

FEW, MANY = 1_000, 300_000
MILLION = 1_000_000
ACTION = """
import os
from synapse_hooks import BaseTrainAction, BaseTrainParams


class Params(BaseTrainParams):
    points: int


class Train(BaseTrainAction[Params]):
    def execute(self, data_path, checkpoint):
        if not (data_path / 'go').exists():
            for step in range(self.params.points):
                self.log_metrics({'loss': 1 / (step + 1)}, phase='train', step=step, axis='batch')
            (data_path / 'go').touch()
            raise SystemExit(1)
"""
RECORDING = """
import resource, sys, tempfile, time
from pathlib import Path

from synapse_hooks.context import RuntimeContext, TrainContext
from synapse_hooks.journal import Journal, SinkPump

points, sink = int(sys.argv[1]), sys.argv[2]


class Sink:
    name = 'sink'

    def deliver(self, hook, payload):
        time.sleep(0.1 if sink == 'slow' else 0.0)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


with tempfile.TemporaryDirectory(dir=sys.argv[3]) as folder:
    context = TrainContext({}, RuntimeContext(), hooks=None, recorder=Journal(Path(folder)), run_dir=Path(folder))
    pump = SinkPump(context.recorder, [] if sink == 'none' else [Sink()])
    pump.start()
    before, began, used = peak(), time.perf_counter(), time.thread_time()
    for step in range(points):
        context.log_metrics({'loss': 1 / (step + 1)}, phase='train', step=step, axis='batch')
    took, used = time.perf_counter() - began, time.thread_time() - used
    print(1e6 * took / points, 1e6 * used / points, peak() - before)
    pump.close(0.0 if sink == 'slow' else 60.0)
"""


def measure() -> list[Figure]:
    """A run that fails after its last point, then the same run to its end."""
    peaks: dict[tuple[str, int], float] = {}
    times: dict[tuple[str, int], float] = {}
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as root:
        for points in (FEW, MANY):
            folder = Path(root) / str(points)
            (folder / 'data').mkdir(parents=True)
            (folder / 'train.py').write_text(ACTION, encoding='utf-8')
            target = ('train', f'{folder}/train.py:Train', '-p', f'data_path={folder / "data"}', '-p')
            where = ('--run-dir', str(folder / 'run'), '--workspace', str(folder / 'workspace'))
            for what, words in (
                ('train', (*target, f'points={points}', *where)),
                ('resume', ('resume', str(folder / 'run'))),
            ):
                command = ['sh', '-c', '"$@" || true', 'sh', *our_command(), *words]
                cost = finished(command)
                times[what, points], peaks[what, points] = cost.took, cost.peak
        parsing = parsed(folder / 'run' / 'events.jsonl')
    figures = []
    for what, aim in (('train', 1.2), ('resume', 1.2)):
        few, many = peaks[what, FEW], peaks[what, MANY]
        note = f'{few:.0f} MB and {many:.0f} MB'
        figures.append(Figure(f'peak memory of {what}, {MANY:,} points / {FEW:,}', many / few, 'x', aim, note))
    resuming, training = (times[what, MANY] - times[what, FEW] for what in ('resume', 'train'))
    return [
        *figures,
        *recording(),
        Figure('what the journal adds to resume / parsing it once', resuming / parsing, 'x', 4, 'the whole process'),
        Figure('  resume, for each line', 1e6 * resuming / MANY, 'us'),
        Figure('  parsing, for each line', 1e6 * parsing / MANY, 'us'),
        Figure('  train, for each point', 1e6 * training / MANY, 'us'),
    ]


def recording() -> list[Figure]:
    """A million points, logged as fast as they can be: alone, with a sink that keeps up, and with one that does not."""
    figures = []
    for sink, words in (('none', 'no sink'), ('fast', 'a sink'), ('slow', 'a sink that takes 0.1 s for 500')):
        place = str(MEMORY) if MEMORY.is_dir() else tempfile.gettempdir()
        command = [sys.executable, '-c', RECORDING, str(MILLION), sink, place]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        took, used, grown = map(float, printed.split())
        figures += [
            Figure(f'logging a point, {words}', took, 'us', 20, f'{used:.1f} us of processor time of the training'),
            Figure('  memory that a million take', grown, 'MB', 10),
        ]
    return figures


def parsed(journal: Path) -> float:
    """Seconds for parsing every line of a journal once, and keeping nothing."""
    started = time.perf_counter()
    with journal.open('rb') as file:
        for line in file:
            msgspec.json.decode(line)
    return time.perf_counter() - started


if __name__ == '__main__':
    sys.exit(main(measure, __doc__))
