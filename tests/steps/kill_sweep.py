"""Kills a run at every event of the file system, resumes it, and tells what came out.

A script of its own: it imports once and forks for each run, in a process without threads. The last line of stdout is
a JSON object `{events, faults}`; every fault is a sentence.

    python -m tests.steps.kill_sweep FOLDER [STRIDE]
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext
from synapse_hooks.backends import Workspace
from tests.formats.format_kit import add_item, box, tree
from tests.support.killing import Killer


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


def attempt(folder: Path, *, resume: bool, kill_at: int | None) -> int:
    """Run the action in a forked child; returns the child's wait status. The events it counted are in `events`."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        warnings.simplefilter('ignore')
        ctx = RuntimeContext(
            client=Workspace(folder / 'workspace'), run_dir=folder / 'run', resume=resume, project=folder
        )
        action = Action({'dataset': 'small', 'checkpoint': 'base', 'trace': folder / 'trace'}, ctx)
        killer = Killer(kill_at)
        action.run()
        (folder / 'events').write_text(str(killer.count))
        os._exit(0)
    except BaseException as error:  # a forked child must never return into its parent's code
        print(f'{type(error).__name__}: {error}', file=sys.stderr)
        os._exit(1)


def status_of(folder: Path) -> dict[str, str]:
    """The status of each stage, as far as run.json was written."""
    file = folder / 'run' / 'run.json'
    if not file.is_file():
        return {}
    return {stage['name']: stage['status'] for stage in json.loads(file.read_text())['stages']}


def outcome(folder: Path) -> dict[str, Any]:
    """What a finished run must look like, whatever happened on the way."""
    run = json.loads((folder / 'run' / 'run.json').read_text())
    # Read as a stranger would: every line is JSON, but for what a kill tore.
    models = Workspace(folder / 'workspace').list_models()
    return {
        'status': run['status'],
        'stages': status_of(folder),
        'dataset': hashlib.sha256(repr(tree(folder / 'run' / 'stages' / 'convert')).encode()).hexdigest(),
        'models': len(models),
        'weights': (Path(models[-1]['path']) / 'best.pt').read_text(),
        'left': sorted(name for name in os.listdir(folder / 'run') if name.startswith('.staging')),
    }


def main() -> None:
    """Sweep."""
    folder, stride = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    pristine, at = folder / 'pristine', folder / 'at'
    prepare(pristine)

    def fresh() -> None:
        shutil.rmtree(at, ignore_errors=True)
        shutil.copytree(pristine, at)
        # What a run has kept is there for the one that goes on, and for no other.
        os.environ['SYNAPSE_HOOKS_CACHE'] = str(at / 'cache')

    fresh()
    faults = [] if attempt(at, resume=False, kill_at=-1) == 0 else ['the run fails without any kill']
    wanted, events = outcome(at), int((at / 'events').read_text())
    for k in range(1, events + 1, stride):
        fresh()
        died = attempt(at, resume=False, kill_at=k)
        if not os.WIFSIGNALED(died):
            faults.append(f'event {k}: was not killed ({died})')
            continue
        before = status_of(at)
        # Killed before run.json was there, nothing was begun: the same command is typed again.
        known = (at / 'run' / 'run.json').is_file()
        if attempt(at, resume=known, kill_at=None) != 0:
            faults.append(f'event {k}: cannot go on after {before}')
            continue
        found = outcome(at)
        if found != wanted:
            faults.append(f'event {k}: {found} instead of {wanted}')
        trained = (at / 'trace').read_text().count('trained')
        if trained > (1 if before.get('execute') in (None, 'succeeded') else 2):
            faults.append(f'event {k}: trained {trained} times, and execute was {before.get("execute")}')
    print(json.dumps({'events': events, 'faults': faults}))


if __name__ == '__main__':
    main()
