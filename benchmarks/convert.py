"""`synapse-hooks convert`, less start-up, against the least that any converter must do; and its peak memory.

Datasets are made for the occasion (sources.py), in memory where there is a disk in memory. The floor (floor.py) is
measured right after every conversion, with its source and its output.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from figures import MEMORY, Figure, finish, finished, our_command, parser

HERE = Path(__file__).parent
FEW, MANY = 5_000, 20_000
"""The images of the DM source, by default and with `--full`. The aims in time are for no fewer than MANY."""
SHARE = {'dm': 1.0, 'coco': 2.5}
"""How many images a source has, for each of the DM source's."""
CURVE = {'dm': (1.0, 2.5, 10.0), 'coco': (2.5,)}
"""The same where memory is measured; `--full` adds LONGEST for DM."""
LONGEST = 50.0
WORKERS = (1, 2)
PEAKS = {'dm': 300.0, 'coco': 400.0}
"""The aims for peak memory, in MB."""


@dataclass(frozen=True)
class Work:
    """One conversion, with its aims by the number of workers."""

    source: str
    title: str
    options: tuple[str, ...]
    aims: dict[int, float]


WORKS = {
    'dm-yolo': Work('dm', 'dm -> yolo', ('--to', 'yolo'), {1: 1.5, 2: 1.0}),
    'dm-coco': Work('dm', 'dm -> coco', ('--to', 'coco'), {1: 1.5, 2: 1.0}),
    'coco-segment': Work('coco', 'coco -> yolo segment', ('--to', 'yolo', '--task', 'segment'), {1: 1.6, 2: 1.1}),
    'coco-detect': Work('coco', 'coco -> yolo detect', ('--to', 'yolo', '--task', 'detect'), {1: 1.2}),
}
MEMORY_WORKS = {'dm-memory': WORKS['dm-yolo'], 'coco-memory': WORKS['coco-segment']}


@dataclass(frozen=True)
class Turn:
    """One conversion and the floor behind it: seconds, and MB of peak memory."""

    took: float
    peak: float
    decode: float
    write: float
    link: float

    @property
    def floor(self) -> float:
        """The parts of the floor together."""
        return self.decode + self.write + self.link


def main() -> int:
    """Exit code 1 when an aim was missed."""
    names = [*WORKS, *MEMORY_WORKS]
    made = parser(__doc__)
    made.add_argument('--images', type=int, help=f'of the DM source; {FEW:,} by default. COCO has 2.5 times as many')
    made.add_argument('--works', nargs='+', choices=names, default=names, metavar='NAME', help=f'of {", ".join(names)}')
    made.add_argument('--rounds', type=int, default=3, help='counted turns, of which the median is shown')
    made.add_argument('--full', action='store_true', help=f'{MANY:,} images, and the memory of fifty times as many')
    made.add_argument('--keep', action='store_true', help='leave the sources where the next time finds them')
    options = made.parse_args()
    return finish(measure(options), as_json=options.json)


def measure(options: argparse.Namespace) -> list[Figure]:
    """The works that were chosen: speed, then memory."""
    images = options.images or (MANY if options.full else FEW)
    figures = []
    for kind, share in SHARE.items():
        works = [work for name, work in WORKS.items() if name in options.works and work.source == kind]
        if works:
            with dataset(kind, round(share * images), keep=options.keep) as source:
                figures += [] if source is None else speed(source, works, options.rounds, images >= MANY)
    for name, work in MEMORY_WORKS.items():
        shares = (*CURVE[work.source], *((LONGEST,) if options.full and work.source == 'dm' else ()))
        for share in shares if name in options.works else ():
            with dataset(work.source, round(share * images), keep=options.keep) as source:
                figures += [] if source is None else [memory(source, work)]
    return figures


@dataclass(frozen=True)
class Source:
    """A dataset that was made."""

    path: Path
    images: int

    @property
    def place(self) -> str:
        """What kind of disk it is on."""
        return 'in memory' if self.path.is_relative_to(MEMORY) else 'on the disk'


@contextmanager
def dataset(kind: str, images: int, *, keep: bool) -> Iterator[Source | None]:
    """A source, for the time inside; None, with a sentence that says so, where there is no room for it."""
    places = [MEMORY, Path(tempfile.gettempdir())]
    place = next((place for place in places if place.is_dir() and has_room(place, images)), None)
    if place is None:
        print(
            f'{kind}, {images:,} images: left out, there is no room for it in {places[0]} or {places[1]}',
            file=sys.stderr,
        )
        yield None
        return
    with tempfile.TemporaryDirectory(dir=place, prefix='synapse-hooks-bench-') as scratch:
        maker = HERE / 'sources.py'
        version = hashlib.sha256(maker.read_bytes()).hexdigest()[:8]
        path = (place / 'synapse-hooks-bench' if keep else Path(scratch)) / f'{kind}-{images}-{version}'
        if not path.is_dir():
            unfinished = Path(scratch) / 'unfinished'
            subprocess.run([sys.executable, str(maker), kind, str(unfinished), str(images)], check=True)
            path.parent.mkdir(exist_ok=True)
            unfinished.rename(path)
        source = Source(path, images)
        print(f'{kind}, {images:,} images, {source.place}', file=sys.stderr)
        yield source


def has_room(place: Path, images: int) -> bool:
    """Whether a source, its output and the floor's files fit. A disk in memory counts every link as a file."""
    disk = os.statvfs(place)
    free = disk.f_bavail * disk.f_frsize
    if place == MEMORY:
        values = dict(line.split(':') for line in Path('/proc/meminfo').read_text().splitlines())
        free = min(free, 1024 * int(values['MemAvailable'].split()[0]))
    return free > 16_384 * images + 2**31 and (not disk.f_files or disk.f_favail > 6 * images)


def speed(source: Source, works: Sequence[Work], rounds: int, has_aims: bool) -> list[Figure]:
    """Every work with every number of workers, turn by turn; the first turn warms up and is not counted."""
    starts = []
    turns: dict[tuple[str, int], list[Turn]] = {(work.title, count): [] for work in works for count in WORKERS}
    for _ in range(rounds + 1):
        starts.append(finished([*our_command(), '--help']).took)
        for work in works:
            for count in WORKERS:
                turns[work.title, count].append(turn(source, work, count))
    start = statistics.median(starts[1:])
    figures = []
    for work in works:
        for count in WORKERS:
            aim = work.aims.get(count) if has_aims else None
            name = f'{work.title}, {count} worker{"s" if count > 1 else ""}'
            figures += compared(name, source, turns[work.title, count][1:], start, aim)
    return figures


def compared(name: str, source: Source, turns: Sequence[Turn], start: float, aim: float | None) -> list[Figure]:
    """The ratio to the floor, then what it is a ratio of: all are medians."""
    net = statistics.median(one.took - start for one in turns)
    ratio = statistics.median((one.took - start) / one.floor for one in turns)
    decode, write, link, floor = (
        statistics.median(column) for column in zip(*((t.decode, t.write, t.link, t.floor) for t in turns), strict=True)
    )
    peak = max(one.peak for one in turns)
    amount = f'{source.images:,} images {source.place}, {source.images / net:,.0f} a second; median of {len(turns)}'
    return [
        Figure(f'{name} / floor', ratio, 'x', aim, amount),
        Figure('  the command', net, 's', None, f'less {start:.2f} of start-up; peak {peak:.0f} MB'),
        Figure('  the floor', floor, 's', None, f'decode {decode:.3f}, write {write:.3f}, link {link:.3f}'),
    ]


def memory(source: Source, work: Work) -> Figure:
    """The peak of one conversion in one process."""
    with tempfile.TemporaryDirectory(dir=source.path.parent) as scratch:
        peak = finished(conversion(source, work, Path(scratch) / 'converted', 1)).peak
    name = f'peak memory, {work.title}, {source.images:,} images'
    return Figure(name, peak, 'MB', PEAKS[work.source], source.place)


def turn(source: Source, work: Work, count: int) -> Turn:
    """Convert, then measure the floor of just this conversion, in a process of its own."""
    with tempfile.TemporaryDirectory(dir=source.path.parent) as scratch:
        output = Path(scratch) / 'converted'
        cost = finished(conversion(source, work, output, count))
        floor = [sys.executable, str(HERE / 'floor.py'), str(source.path), str(output)]
        values = json.loads(subprocess.run(floor, check=True, stdout=subprocess.PIPE).stdout)
    if (images := values.pop('images')) != source.images:
        raise RuntimeError(f'{work.title}: {images:,} of {source.images:,} images are in the output')
    return Turn(cost.took, cost.peak, **values)


def conversion(source: Source, work: Work, output: Path, count: int) -> list[str]:
    """The command, as it is typed."""
    return [*our_command(), 'convert', str(source.path), str(output), *work.options, '--workers', f'{count}']


if __name__ == '__main__':
    sys.exit(main())
