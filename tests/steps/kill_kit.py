"""What scripts have in common that kill runs at every event of the file system: a small run, and children for it."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext
from synapse_hooks.backends import Workspace
from tests.formats.format_kit import add_item, box


class Params(BaseTrainParams):
    trace: Path


class Action(BaseTrainAction[Params]):
    target_format = 'yolo'

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        with self.params.trace.open('a') as file:
            file.write('trained\n')
        weights = self.context.output_dir / 'weights'
        weights.mkdir()
        labels = sorted((data_path.parent / 'labels').rglob('*.txt'))
        (weights / 'best.pt').write_text(''.join(label.read_text() for label in labels))
        self.context.recorder.record('checkpoint', {'path': str(weights / 'best.pt'), 'epoch': 1, 'resumable': False})
        return {'weights_path': str(weights)}


def prepare(folder: Path) -> None:
    """A workspace with one small dataset and one model."""
    source = folder / 'source'
    for split, stems in (('train', ('a', 'b')), ('valid', ('c',))):
        for stem in stems:
            add_item(source / split, stem, {'bounding_box': [box(1, 2, 30, 40, id=stem)]})
    workspace = Workspace(folder / 'workspace')
    workspace.add_dataset(source, name='small')
    base = folder / 'base.pt'
    base.write_bytes(b'base')
    workspace.create_model(base, name='base')


def action(folder: Path, run: str, *, resume: bool, plugins: tuple[Any, ...] = ()) -> Action:
    """The action over the workspace in a folder; its run is in the folder, too."""
    ctx = RuntimeContext(
        client=Workspace(folder / 'workspace'), run_dir=folder / run, resume=resume, project=folder, plugins=plugins
    )
    return Action({'dataset': 'small', 'checkpoint': 'base', 'trace': folder / 'trace'}, ctx)


def in_child(work: Callable[[], None]) -> int:
    """Do something in a forked child; returns the child's wait status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        warnings.simplefilter('ignore')
        work()
        os._exit(0)
    except BaseException as error:  # a forked child must never return into its parent's code
        print(f'{type(error).__name__}: {error}', file=sys.stderr)
        os._exit(1)


class Place:
    """Where a script works: a folder that is as `prepare` leaves it whenever `fresh` was called.

    Its arguments are those of the script: `FOLDER [STRIDE]`.
    """

    def __init__(self) -> None:
        folder = Path(sys.argv[1])
        self.stride = int(sys.argv[2]) if len(sys.argv) > 2 else 1
        """The distance between two events at which runs are killed."""
        self.at = folder / 'at'
        self._pristine = folder / 'pristine'
        prepare(self._pristine)
        # What a run has kept is there for the one that goes on, and for no other.
        os.environ['SYNAPSE_HOOKS_CACHE'] = str(self.at / 'cache')

    def fresh(self) -> None:
        """Undo everything that runs have done."""
        shutil.rmtree(self.at, ignore_errors=True)
        shutil.copytree(self._pristine, self.at)
