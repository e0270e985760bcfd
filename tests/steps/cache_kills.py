"""Kills a run at every event of the file system while it converts and keeps; then another run begins, and it goes on.

A script of its own, as `kill_sweep` is. The last line of stdout is a JSON object `{events, faults}`.

    python -m tests.steps.cache_kills FOLDER [STRIDE]
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from synapse_hooks import hookimpl
from synapse_hooks.storage.folder_cache import CONVERSIONS, FolderCache
from tests.formats.format_kit import tree
from tests.steps.kill_kit import Place, action, in_child
from tests.support.killing import Killer


class Watch:
    """Counts, or kills, while the stage `convert` is at work."""

    def __init__(self, folder: Path, kill_at: int | None) -> None:
        self.folder = folder
        self.kill_at = kill_at

    @hookimpl
    def step_started(self, step: Any) -> None:
        if step.name == 'convert':
            self.killer = Killer(self.kill_at)

    @hookimpl
    def step_finished(self, step: Any) -> None:
        if step.name == 'convert':
            (self.folder / 'events').write_text(str(self.killer.count))
            self.killer.at = None


def attempt(folder: Path, run: str, *, kill_at: int | None = None) -> int:
    """Begin a run, or go on with it, in a forked child; returns the child's wait status."""
    resume = (folder / run / 'run.json').is_file()
    return in_child(lambda: action(folder, run, resume=resume, plugins=(Watch(folder, kill_at),)).run())


def main() -> None:
    """Sweep."""
    place = Place()
    at = place.at
    store = FolderCache(at / 'cache' / CONVERSIONS)
    place.fresh()
    faults = [] if attempt(at, 'run', kill_at=-1) == 0 else ['the run fails without any kill']
    events, wanted = int((at / 'events').read_text()), tree(at / 'run' / 'stages' / 'convert')
    for k in range(events, 0, -place.stride):
        place.fresh()
        if not os.WIFSIGNALED(attempt(at, 'run', kill_at=k)):
            faults.append(f'event {k}: was not killed')
            continue
        for run in ('other', 'run'):
            if attempt(at, run) != 0:
                faults.append(f'event {k}: {run} fails afterwards')
            elif tree(at / run / 'stages' / 'convert') != wanted:
                faults.append(f'event {k}: {run} has another dataset')
        store.sweep()
        entries = store.entries()
        if not entries or not all(entry.is_whole() and not store.users(entry.path) for entry in entries):
            faults.append(f'event {k}: the store has {[entry.record for entry in entries]}')
        left = {path.name for path in store.root.iterdir()} - {entry.path.name for entry in entries}
        if left:
            faults.append(f'event {k}: {sorted(left)} are left in the store')
    print(json.dumps({'events': events, 'faults': faults}))


if __name__ == '__main__':
    main()
