"""What an item costs, in time and in memory, in datasets of 1,000 items up to a million.

Taking a dataset into the workspace, exporting it, converting it to yolo and inspecting it: the processor time of a
process, less what the same takes for a handful of items, and its peak memory.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from convert import has_room
from figures import MEMORY, Cost, Figure, finish, finished, our_command, parser

SIZES = (1_000, 10_000, 100_000)
LONGEST = 1_000_000
"""With `--full`."""
FEW = 10
"""Items of the run whose time is subtracted from that of the others: it is start-up alone."""
FLAT = 1.25
"""The aim: the time of an item in the largest dataset, divided by that in the second smallest."""
ROUNDS = 3
"""Counted turns of a dataset of at most 10,000 items; larger ones have one."""
IMPORT = """
import sys
from pathlib import Path
from synapse_hooks.backends import Workspace
Workspace(Path(sys.argv[1])).add_dataset(Path(sys.argv[2]), name='items')
"""
EXPORT = """
import sys
from pathlib import Path
from synapse_hooks.backends import Workspace
Path(sys.argv[2]).mkdir()
Workspace(Path(sys.argv[1])).export_dataset('items', Path(sys.argv[2]))
"""
OPERATIONS = ('import', 'export', 'convert', 'inspect')


def measure(sizes: list[int]) -> list[Figure]:
    """Every operation at every size: microseconds of an item, the peak, and how flat it is."""
    costs: dict[int, dict[str, Cost]] = {}
    notes: dict[int, str] = {}
    for items in (FEW, *sizes):
        place = place_for(items)
        if place is None:
            print(f'{items:,} items: left out, there is no room for them', file=sys.stderr)
            continue
        notes[items] = 'in memory' if place == MEMORY else 'on the disk'
        print(f'{items:,} items, {notes[items]}', file=sys.stderr)
        costs[items] = medians(place, items, ROUNDS if items <= SIZES[1] else 1)
    few = costs.pop(FEW)
    figures = []
    for operation in OPERATIONS:
        each = {items: 1e6 * (cost[operation].busy - few[operation].busy) / items for items, cost in costs.items()}
        if len(each) > 2:
            first, last = [*each][1], [*each][-1]
            name = f'{operation}: an item of {last:,} / of {first:,}'
            same = notes[first] == notes[last]
            figures.append(Figure(name, each[last] / each[first], 'x', FLAT if same else None, notes[last]))
        for items, took in each.items():
            peak = costs[items][operation].peak
            figures.append(
                Figure(f'  {operation}, {items:,} items', took, 'us', None, f'peak {peak:.0f} MB, {notes[items]}')
            )
    return figures


def place_for(items: int) -> Path | None:
    """A disk with room for the source, the workspace, the export and the conversion, in memory where that fits."""
    places = [MEMORY, Path(tempfile.gettempdir())]
    return next((place for place in places if place.is_dir() and has_room(place, 2 * items)), None)


def medians(place: Path, items: int, rounds: int) -> dict[str, Cost]:
    """What each operation costs with so many items."""
    with tempfile.TemporaryDirectory(dir=place, prefix='synapse-hooks-bench-') as scratch:
        source = Path(scratch) / 'source'
        maker = Path(__file__).with_name('sources.py')
        subprocess.run([sys.executable, str(maker), 'dm', str(source), str(items)], check=True)
        turns = [turn(source, Path(scratch) / f'turn{number}') for number in range(rounds)]
    return {
        operation: Cost(*map(statistics.median, zip(*(one[operation] for one in turns), strict=True)))
        for operation in OPERATIONS
    }


def turn(source: Path, scratch: Path) -> dict[str, Cost]:
    """Every operation once. Nothing is removed meanwhile: on some disks that slows what is made afterwards."""
    scratch.mkdir()
    workspace, exported, converted = (str(scratch / name) for name in ('workspace', 'exported', 'converted'))
    commands = {
        'import': [sys.executable, '-c', IMPORT, workspace, str(source)],
        'export': [sys.executable, '-c', EXPORT, workspace, exported],
        'convert': [*our_command(), 'convert', exported, converted, '--to', 'yolo', '--workers', '1'],
        'inspect': [*our_command(), 'inspect', exported],
    }
    return {operation: finished(commands[operation]) for operation in OPERATIONS}


def main() -> int:
    """Exit code 1 when an aim was missed."""
    made = parser(__doc__)
    made.add_argument('--items', type=int, nargs='+', help=f'sizes in place of {", ".join(map(str, SIZES))}')
    made.add_argument('--full', action='store_true', help=f'a dataset of {LONGEST:,} items, too')
    options = made.parse_args()
    sizes = options.items or [*SIZES, *([LONGEST] if options.full else [])]
    return finish(measure(sizes), as_json=options.json)


if __name__ == '__main__':
    sys.exit(main())
