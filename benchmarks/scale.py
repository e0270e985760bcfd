"""What grows with what: the slopes that docs/scale.md calculates with, each measured at three sizes.

A slope is the difference between the two larger sizes, divided by their distance. Its note has the slope between the
two smaller ones: where this is much less, something grows faster than its cause. Times are processor time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from convert import WORKS, Source, Work, conversion, dataset
from export import make_files, served
from export_dataset import EXPORT, api
from figures import MEMORY, ROOT, Figure, finish, finished, our_command, parser

ITEMS = (2_000, 8_000, 32_000)
RUNS = (100, 1_000, 4_000)
EPOCHS = (2, 4, 8)
UNITS = {'us': 1e6, 'ms': 1e3, 'B': 1.0, 'kB': 1e-3, '': 1.0}
INDEX = ('.db', '.sqlite', '.jsonl')
Sizes = dict[int, float]

CHILD = """
import json, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import scale_parts
print(json.dumps(getattr(scale_parts, sys.argv[2])(*sys.argv[3:])))
"""


def slope(name: str, values: Sizes, unit: str, per: str) -> Figure:
    """How much one more adds.

    Args:
        name: What grows.
        values: Its value at three sizes: seconds, bytes, or a number.
        unit: Of the slope.
        per: What it grows with.
    """
    (n1, v1), (n2, v2), (n3, v3) = sorted(values.items())
    small, large = (UNITS[unit] * (b - a) / (m - n) for n, a, m, b in ((n1, v1, n2, v2), (n2, v2, n3, v3)))
    return Figure(f'{name}, {per}', large, unit, None, f'{small:.3g} from {n1:,} to {n2:,}, then to {n3:,}')


def shared(sizes: tuple[int, ...], share: float) -> list[int]:
    """A share of each size, and no two equal."""
    return [max(place, round(share * size)) for place, size in enumerate(sizes, 2)]


def of_conversions(work: Work, share: float) -> Iterator[Figure]:
    """Conversions of datasets of several sizes, with one worker."""
    found: dict[str, Sizes] = {}
    for count in shared(ITEMS, share):
        with dataset(work.source, count, keep=False) as source:
            if source is not None:
                for name, value in converted(source, work).items():
                    found.setdefault(name, {})[count] = value
    for name, values in found.items():
        unit = 'us' if 'time' in name else '' if 'entries' in name else 'B'
        yield slope(f'{work.title}: {name}', values, unit, 'an item')


def converted(source: Source, work: Work) -> dict[str, float]:
    """What a conversion costs, and what it leaves; images are links."""
    with tempfile.TemporaryDirectory(dir=source.path.parent) as scratch:
        output = Path(scratch) / 'converted'
        cost = finished(conversion(source, work, output, 1))
        tree = [(Path(folder), names + folders) for folder, folders, names in os.walk(output)]
        files = [folder / name for folder, names in tree for name in names if (folder / name).is_file()]
        own = [file for file in files if file.suffix not in ('.jpg', '.png')]
        return {
            'processor time': cost.busy,
            'peak memory': cost.peak * 1e6,
            'entries': sum(len(names) for _, names in tree),
            'entries of the fullest folder': max(len(names) for _, names in tree),
            'bytes': sum(file.stat().st_size for file in own),
            'largest document': max((file.stat().st_size for file in own if file.suffix == '.json'), default=0),
            'processor time of checking it again': in_child('check_again', output)['seconds'],
            'cache': sum(file.stat().st_size for file in own if file.suffix == '.cache'),
        }


def of_exports(share: float) -> Iterator[Figure]:
    """Exports from an API that answers from memory, with files of 20 kB."""
    if shutil.which('nginx') is None:
        print('exports: left out, nginx is not installed', file=sys.stderr)
        return
    found: dict[str, Sizes] = {}
    for count in shared(ITEMS, share):
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            root = Path(folder)
            root.chmod(0o755)
            make_files(root / 'www', count, 20_000)
            with served(root) as files, api(count, files) as host:
                (root / 'out').mkdir()
                cost = finished([sys.executable, '-c', EXPORT, str(root / 'out'), host])
            files_of = [file for file in (root / 'out').rglob('*') if file.is_file()]
            states = {file: file.stat() for file in files_of}
            for name, value in (
                ('processor time', cost.busy),
                ('peak memory', cost.peak * 1e6),
                ('names', len(states)),
                ('files', len({state.st_ino for state in states.values()})),
                ('bytes of documents', sum(state.st_size for file, state in states.items() if 'json' in file.parts)),
                ('bytes of the index', sum(state.st_size for file, state in states.items() if file.suffix in INDEX)),
            ):
                found.setdefault(name, {})[count] = value
    for name, values in found.items():
        unit = 'us' if 'time' in name else 'B' if 'bytes' in name or 'memory' in name else ''
        yield slope(f'export: {name}', values, unit, 'an item')


def of_runs(share: float) -> Iterator[Figure]:
    """A workspace with many runs, each of 100 epochs."""
    found: dict[str, Sizes] = {}
    for count in shared(RUNS, share):
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            made = in_child('make_runs', folder, count)
            listed = finished([*our_command(), 'runs', '--json', '--workspace', folder])
            newest = finished([*our_command(), 'runs', '--limit', '10', '--workspace', folder])
            for name, value in (
                *made.items(),
                ('`runs --json`, processor time', listed.busy),
                ('`runs --json`, peak memory', listed.peak * 1e6),
                ('`runs --limit 10`, processor time', newest.busy),
                *in_child('look_at_runs', folder).items(),
            ):
                found.setdefault(name, {})[count] = value
    for name, values in found.items():
        yield slope(name, values, 'B' if 'memory' in name else 'us', 'a run')


def of_trainings(_share: float) -> Iterator[Figure]:
    """What a training leaves: events, bytes and files."""
    found: dict[str, Sizes] = {}
    for epochs in EPOCHS:
        with tempfile.TemporaryDirectory() as folder:
            for name, value in in_child('train', folder, epochs).items():
                found.setdefault(name, {})[epochs] = value
    for name, values in found.items():
        yield slope(f'yolo11n: {name}', values, 'B' if 'bytes' in name else '', 'an epoch')


def in_child(function: str, *words: object) -> Mapping[str, float]:
    """Call a function of scale_parts in a process of its own."""
    command = [sys.executable, '-c', CHILD, str(Path(__file__).parent), function, *map(str, words)]
    env = {**os.environ, 'PYTHONPATH': str(ROOT)}
    printed = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
    values: dict[str, float] = json.loads(printed.splitlines()[-1])
    return values


PARTS: dict[str, Callable[[float], Iterator[Figure]]] = {
    **{name: partial(of_conversions, WORKS[name]) for name in ('dm-yolo', 'dm-coco', 'coco-detect')},
    'exports': of_exports,
    'runs': of_runs,
    'trainings': of_trainings,
}


def main() -> int:
    """Print the figures of the parts that were chosen."""
    made = parser(__doc__)
    made.add_argument('--parts', nargs='+', choices=PARTS, default=list(PARTS), metavar='NAME', help=', '.join(PARTS))
    made.add_argument('--share', type=float, default=1.0, help='of the sizes: 0.01 is fast, and says little')
    options = made.parse_args()
    return finish([figure for name in options.parts for figure in PARTS[name](options.share)], as_json=options.json)


if __name__ == '__main__':
    sys.exit(main())
