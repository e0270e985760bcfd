"""Formats of other distributions beside the built-in COCO, per annotation, as whole processes in the same run.

A format that reads and writes in columns (contrib/synapse-hooks-openimages), and the plain one of 40 lines that is the
example of docs/write-a-converter.md. All datasets hold the same images and boxes. What is read is written as YOLO
detect, and what is written is read from COCO, in one process, without ultralytics' cache, which only YOLO has.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import orjson
from figures import MEMORY, ROOT, Figure, finish, in_turns, our_command, parser

HERE = Path(__file__).parent
FLAGS = ('--workers', '1', '--no-trainer-cache')
AIMS = {
    ('openimages', 'yolo'): 1.3,
    ('lines', 'yolo'): 2.0,
    ('coco', 'openimages'): 1.5,
    ('coco', 'lines'): 4.0,
}
"""The processor time of each conversion, divided by that of COCO to YOLO."""
FEW = 100
"""Images of the dataset whose time is taken off: start-up, imports, plans."""
COLUMNAR = ROOT / 'contrib' / 'synapse-hooks-openimages' / 'synapse_hooks_openimages'
DOCUMENT = ROOT / 'docs' / 'write-a-converter.md'


def measure(images: int, rounds: int) -> list[Figure]:
    """Every conversion in turn, of many images and of few: the difference is what the images cost.

    Args:
        images: Of the larger dataset.
        rounds: How often.
    """
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as scratch:
        site, out = Path(scratch, 'site'), Path(scratch, 'out')
        install(site, 'openimages', 'synapse_hooks_openimages:OpenImagesFormat')
        shutil.copytree(COLUMNAR, site / COLUMNAR.name)
        install(site, 'lines', 'lines_format:LinesFormat')
        (site / 'lines_format.py').write_text(example(DOCUMENT, 'lines_format.py'), 'utf-8')
        many, few = Path(scratch, 'many'), Path(scratch, 'few')
        count = datasets(many, images, site) - datasets(few, FEW, site)
        works = [('coco', 'yolo'), *AIMS]
        programs = {
            (folder, work): partial(converted, folder, out, *work, site) for work in works for folder in (many, few)
        }
        times = in_turns(programs, rounds, lambda: shutil.rmtree(out, ignore_errors=True))
    wall = {work: times[many, work][0] - times[few, work][0] for work in works}
    busy = {work: times[many, work][1] - times[few, work][1] for work in works}
    first, *others = works
    note = f'{count:,} boxes in {images - FEW:,} images; processor time; median of {rounds}'
    figures = [Figure('coco -> yolo, per annotation', 1e6 * busy[first] / count, 'us', note=note)]
    for work in others:
        note = f'{1e6 * busy[work] / count:.2f} us per annotation; wall time {wall[work] / wall[first]:.2f}x'
        figures.append(Figure(f'{" -> ".join(work)} / coco -> yolo', busy[work] / busy[first], 'x', AIMS[work], note))
    return figures


def datasets(folder: Path, images: int, site: Path) -> int:
    """The same images and boxes in each of the formats; how many boxes there are."""
    subprocess.run([sys.executable, str(HERE / 'sources.py'), 'coco', str(folder / 'coco'), str(images)], check=True)
    count = boxes_only(folder / 'coco')
    for name in ('openimages', 'lines'):
        converted(folder, folder / name, 'coco', name, site)
    return count


def boxes_only(dataset: Path) -> int:
    """Take the outlines out of a COCO dataset; how many annotations there are."""
    count = 0
    for file in (dataset / 'annotations').iterdir():
        content = orjson.loads(file.read_bytes())
        for annotation in content['annotations']:
            annotation['segmentation'] = []
        count += len(content['annotations'])
        file.write_bytes(orjson.dumps(content))
    return count


def example(document: Path, name: str) -> str:
    """The file of that name in a page of the documentation."""
    found = re.search(rf'\*\*`{re.escape(name)}`\*\*\n\n```python\n(.*?)```', document.read_text('utf-8'), re.DOTALL)
    if found is None:
        raise LookupError(f'{document} has no {name}')
    return found[1]


def install(site: Path, name: str, target: str) -> None:
    """What an installer leaves of a distribution with one format, besides its code."""
    metadata = site / f'third_party_{name}-1.0.dist-info'
    metadata.mkdir(parents=True)
    (metadata / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: third-party-{name}\nVersion: 1.0\n', 'utf-8')
    (metadata / 'entry_points.txt').write_text(f'[synapse_hooks.formats]\n{name} = {target}\n', 'utf-8')


def converted(folder: Path, out: Path, source: str, target: str, site: Path) -> None:
    """Convert one of the datasets, where the formats are installed besides everything else."""
    places = [str(site), *filter(None, [os.environ.get('PYTHONPATH')])]
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(places)}
    words = ['convert', str(folder / source), str(out), '--from', source, '--to', target, *FLAGS]
    subprocess.run(
        [*our_command(), *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env, cwd=folder
    )


def main() -> int:
    """As a script: `--images N`, `--rounds N`."""
    made = parser(__doc__)
    made.add_argument('--images', type=int, default=5_000)
    made.add_argument('--rounds', type=int, default=5)
    options = made.parse_args()
    return finish(measure(options.images, options.rounds), as_json=options.json)


if __name__ == '__main__':
    sys.exit(main())
