"""`synapse-hooks convert` beside other converters, COCO to YOLO detect, as whole processes in the same run.

The others are measured where they are installed (the extra `bench`). They do not all do the same work. Ours reads both
splits, checks them, links the images and writes `dataset.yaml`, and where ultralytics is installed its cache of labels
too. Labelformat, panlabel and ultralytics write label files alone; the first two take a process for each split.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from figures import MEMORY, Figure, finish, in_turns, our_command, parser

HERE = Path(__file__).parent
SPLITS = ('train', 'val')
AIM = 1.0
"""The time of ours, divided by that of the fastest other one."""
DATUMARO = """
import sys
from datumaro.components.dataset import Dataset
Dataset.import_from(sys.argv[1], 'coco_instances').export(sys.argv[2], 'yolo_ultralytics', save_media=False)
"""
ULTRALYTICS = """
import sys
from ultralytics.data.converter import convert_coco
convert_coco(labels_dir=sys.argv[1], save_dir=sys.argv[2], use_segments=False, cls91to80=False)
"""


@dataclass(frozen=True)
class Peer:
    """Another converter, by the name of its distribution."""

    name: str

    @property
    def version(self) -> str | None:
        """The version that is installed; None where none is."""
        try:
            return importlib.metadata.version(self.name)
        except importlib.metadata.PackageNotFoundError:
            return None

    def commands(self, source: Path, out: Path) -> list[list[str]]:
        """The commands that convert the dataset in `source` into the folder `out`, to be run one after the other."""
        files = {split: source / 'annotations' / f'instances_{split}.json' for split in SPLITS}
        scripts = Path(sys.executable).parent
        if self.name == 'panlabel':
            start = [str(scripts / 'panlabel'), 'convert', '-f', 'coco', '-t', 'yolo', '--allow-lossy']
            return [[*start, '-i', str(file), '-o', str(out / split)] for split, file in files.items()]
        if self.name == 'labelformat':
            start = [str(scripts / 'labelformat'), 'convert', '--task', 'object-detection', '--input-format', 'coco']
            end = ['--output-format', 'yolov8', '--output-split']
            return [
                [*start, '--input-file', str(file), *end, split, '--output-file', str(out / split / 'data.yaml')]
                for split, file in files.items()
            ]
        if self.name == 'datumaro':
            return [[sys.executable, '-c', DATUMARO, str(source), str(out)]]
        return [[sys.executable, '-c', ULTRALYTICS, str(source / 'annotations'), str(out)]]


PEERS = tuple(map(Peer, ('panlabel', 'labelformat', 'ultralytics', 'datumaro')))


def measure(images: int, rounds: int) -> list[Figure]:
    """Every converter in turn.

    Args:
        images: Of the dataset.
        rounds: How often.
    """
    there = [peer for peer in PEERS if peer.version]
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        source, out = Path(folder, 'coco'), Path(folder, 'out')
        subprocess.run([sys.executable, str(HERE / 'sources.py'), 'coco', str(source), str(images)], check=True)
        ours = [*our_command(), 'convert', str(source), str(out), '--to', 'yolo', '--task', 'detect']
        works = {'ours': [ours], **{peer.name: peer.commands(source, out) for peer in there}}
        programs = {name: partial(run_all, commands) for name, commands in works.items()}
        found = in_turns(programs, rounds, lambda: shutil.rmtree(out, ignore_errors=True))
    wall = {name: took for name, (took, _) in found.items()}
    used = {name: busy for name, (_, busy) in found.items()}
    figures = [Figure('coco -> yolo detect, ours', wall['ours'], 's', note=f'{used["ours"]:.2f} s of CPU time')]
    for peer in there:
        note = f'{wall[peer.name]:.2f} s, {used[peer.name]:.2f} s of CPU time'
        figures.append(Figure(f'  {peer.name} {peer.version} / ours', wall[peer.name] / wall['ours'], 'x', note=note))
    if there:
        figures.append(Figure('  ours / the fastest', wall['ours'] / min(wall[peer.name] for peer in there), 'x', AIM))
    return figures


def run_all(commands: list[list[str]]) -> None:
    """Run commands, one after the other."""
    for command in commands:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run() -> int:
    """As a script: `--images N`, `--rounds N`."""
    made = parser(__doc__)
    made.add_argument('--images', type=int, default=20_000)
    made.add_argument('--rounds', type=int, default=3)
    options = made.parse_args()
    return finish(measure(options.images, options.rounds), as_json=options.json)


if __name__ == '__main__':
    sys.exit(run())
