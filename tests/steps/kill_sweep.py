"""Kills a run at every event of the file system, resumes it, and reports what came out.

A script of its own: it imports once and forks for each run, in a process without threads. The last line of stdout is
a JSON object `{events, faults}`; every fault is a sentence.

    python -m tests.steps.kill_sweep FOLDER [STRIDE]
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from synapse_hooks.backends import Workspace
from tests.formats.format_kit import tree
from tests.steps.kill_kit import Place, action, in_child
from tests.support.killing import Killer


def attempt(folder: Path, *, resume: bool, kill_at: int | None) -> int:
    """Run the action in a forked child; returns the child's wait status. The events it counted are in `events`."""

    def work() -> None:
        begun = action(folder, 'run', resume=resume)
        killer = Killer(kill_at)
        begun.run()
        (folder / 'events').write_text(str(killer.count))

    return in_child(work)


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
    place = Place()
    at = place.at
    place.fresh()
    faults = [] if attempt(at, resume=False, kill_at=-1) == 0 else ['the run fails without any kill']
    wanted, events = outcome(at), int((at / 'events').read_text())
    for k in range(1, events + 1, place.stride):
        place.fresh()
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
        result = outcome(at)
        if result != wanted:
            faults.append(f'event {k}: {result} instead of {wanted}')
        trained = (at / 'trace').read_text().count('trained')
        if trained > (1 if before.get('execute') in (None, 'succeeded') else 2):
            faults.append(f'event {k}: trained {trained} times, and execute was {before.get("execute")}')
    print(json.dumps({'events': events, 'faults': faults}))


if __name__ == '__main__':
    main()
