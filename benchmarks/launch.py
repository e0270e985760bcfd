"""What launching a run costs: an empty run through a launcher against the same run without one, turn by turn.

Whole commands: their time, their processor time, and the memory of all of their processes together at the peak (each
page of memory counted once). `--launcher ray` needs synapse-hooks-ray, and includes the start of a cluster on this
machine unless `--address` says where one is; then the figures do not include the cluster's own processes.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from figures import ROOT, Cost, Figure, finish, our_command, parser

ROUNDS = 5
LOOK = 0.02
"""Seconds between two looks at the memory."""
ACTION = """
from synapse_hooks import BaseTrainAction, BaseTrainParams


class Empty(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path, checkpoint):
        return {}
"""


def measure(launcher: str, more: Sequence[str], rounds: int) -> list[Figure]:
    """The run alone, and through the launcher; the first turn warms up and is not counted."""
    costs: dict[str, list[Cost]] = {'alone': [], launcher: []}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / 'data').mkdir()
        (root / 'empty.py').write_text(ACTION, encoding='utf-8')
        command = [*our_command(), 'train', f'{root}/empty.py:Empty', '-p', f'data_path={root / "data"}']
        command += ['--workspace', str(root / 'workspace')]
        for turn in range(rounds + 1):
            for name, options in (('alone', []), (launcher, ['--launcher', launcher, *more])):
                costs[name].append(watched([*command, '--run-dir', str(root / f'{name}-{turn}'), *options]))
    figures = []
    for what, unit, place in (('wall time', 's', 0), ('processor time', 's', 2), ('peak memory', 'MB', 1)):
        alone, launched = (statistics.median(cost[place] for cost in found[1:]) for found in costs.values())
        note = f'{launched:.3g} {unit} to {alone:.3g} {unit}; medians of {rounds}'
        figures.append(Figure(f'launched by {launcher!r} / alone, {what}', launched / alone, 'x', None, note))
    return figures


def watched(command: Sequence[str]) -> Cost:
    """What a command and all processes that it has started cost.

    Raises:
        RuntimeError: It failed.
    """
    usage, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, cwd=ROOT)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sum(map(memory, descendants(process.pid))))
            time.sleep(LOOK)
        took = time.perf_counter() - started
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f'{" ".join(command)} failed:\n{errors.read().decode()}')
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(took, peak, used.ru_utime + used.ru_stime - usage.ru_utime - usage.ru_stime)


def descendants(pid: int) -> list[int]:
    """A process, and those that it and its children have started."""
    found = [pid]
    for one in found:
        with suppress(OSError):
            for thread in os.listdir(f'/proc/{one}/task'):
                found += map(int, Path(f'/proc/{one}/task/{thread}/children').read_text().split())
    return found


def memory(pid: int) -> float:
    """MB of a process: what it shares with others is divided among them."""
    with suppress(OSError):
        for line in Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines():
            if line.startswith('Pss:'):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def main() -> int:
    """As a script."""
    made = parser(__doc__)
    made.add_argument('--launcher', default='local', help='by its name')
    made.add_argument('--address', help='passed on')
    made.add_argument('--rounds', type=int, default=ROUNDS)
    options = made.parse_args()
    if not Path('/proc/self/smaps_rollup').exists():
        print('launch: left out, it needs /proc of Linux', file=sys.stderr)
        return finish([], as_json=options.json)
    more = ['--address', options.address] if options.address else []
    return finish(measure(options.launcher, more, options.rounds), as_json=options.json)


if __name__ == '__main__':
    sys.exit(main())
