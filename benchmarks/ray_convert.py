"""A conversion on Ray beside the same one in processes of this machine, with as many workers.

It needs Ray, which the other benchmarks do not, so `run.py` leaves it out: run it with the interpreter of an
environment with synapse-hooks-ray. The cluster is one node with a CPU for each worker. It is started before;
the time of a command includes connecting to it. What images cost is the difference of conversions of many and of few.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from figures import MEMORY, Figure, finish, in_turns, our_command, parser

HERE = Path(__file__).parent
FEW = 2_000
WORKERS = 2


def measure(images: int, rounds: int) -> list[Figure]:
    """Convert DM to YOLO with both executors in turn.

    Args:
        images: Of the larger dataset.
        rounds: How often.
    """
    from synapse_hooks_ray.cluster import connected

    executors = ('fork', 'ray')
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as scratch,
        connected('local', cpus=WORKERS) as ray,
    ):
        address = ray.get_runtime_context().gcs_address
        out = Path(scratch, 'out')
        for count in (images, FEW):
            source = Path(scratch, str(count))
            subprocess.run([sys.executable, str(HERE / 'sources.py'), 'dm', str(source), str(count)], check=True)
        programs = {
            (executor, count): partial(converted, Path(scratch, str(count)), out, executor, address)
            for executor in executors
            for count in (images, FEW)
        }
        times = in_turns(programs, rounds, lambda: shutil.rmtree(out, ignore_errors=True))
    wall = {work: found[0] for work, found in times.items()}
    each = {executor: wall[executor, images] - wall[executor, FEW] for executor in executors}
    note = f'dm -> yolo, {WORKERS} workers, median of {rounds}'
    note_of_each = f'{1e6 * each["ray"] / (images - FEW):.0f} us to {1e6 * each["fork"] / (images - FEW):.0f} us'
    return [
        Figure('ray / fork, whole command', wall['ray', images] / wall['fork', images], 'x', note=f'{images:,} images'),
        Figure('ray / fork, per image', each['ray'] / each['fork'], 'x', note=f'{note_of_each}; {note}'),
        Figure('ray - fork, of few images', wall['ray', FEW] - wall['fork', FEW], 's', note=f'{FEW:,} images'),
    ]


def converted(source: Path, out: Path, executor: str, address: str) -> None:
    """Convert a dataset."""
    words = ['convert', str(source), str(out), '--to', 'yolo', '--executor', executor, '--workers', str(WORKERS)]
    env = {**os.environ, 'RAY_ADDRESS': address}
    command = [*our_command(), *words, '--no-trainer-cache']
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)


def main() -> int:
    """As a script: `--images N`, `--rounds N`."""
    made = parser(__doc__)
    made.add_argument('--images', type=int, default=20_000)
    made.add_argument('--rounds', type=int, default=3)
    options = made.parse_args()
    return finish(measure(options.images, options.rounds), as_json=options.json)


if __name__ == '__main__':
    sys.exit(main())
