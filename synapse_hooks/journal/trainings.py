"""The state of each training of a run, from the journal: whether it has finished, and the checkpoint to resume from."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from synapse_hooks.journal.reader import read_events
from synapse_hooks.journal.run_directory import current_path
from synapse_hooks.storage import file_digest
from synapse_hooks.trainings import Trainings, TrainingState

_TYPES: Final = ('training', 'checkpoint', 'artifact')


def read_trainings(run_dir: Path) -> Trainings:
    """The trainings of a run, in the order in which they were begun or resumed.

    A training resumes from the checkpoint of its last `checkpoint` event that has `resumable`, whose file
    is there, and whose `size` (bytes) and `sha256` (hexadecimal) match where the event has them. A relative path counts
    from the run directory.

    Raises:
        RunError: There is no such folder.

    Example:
        >>> from synapse_hooks.journal import Journal
        >>> journal = Journal(getfixture('tmp_path'))
        >>> journal.record('training', {'training': 'fold1', 'status': 'started'})
        >>> journal.record('training', {'training': 'fold1', 'status': 'finished'})
        >>> read_trainings(journal.run_dir)['fold1'].finished
        True
    """
    found: dict[str, _Events] = {}
    for event in read_events(run_dir, types=_TYPES):
        name = event.get('training')
        name = name if isinstance(name, str) else ''
        if event['type'] == 'training' or (event['type'] == 'checkpoint' and not name):
            # Sorted by when they began. For checkpoints without a training that is not known.
            found[name] = found.pop(name, _Events())
        found.setdefault(name, _Events()).add(event)
    return Trainings(events.state(name, Path(run_dir)) for name, events in found.items() if events.counts)


def last_checkpoint(run_dir: Path) -> Path | None:
    """The last checkpoint of the training of a run that was interrupted, or None: `read_trainings(...).resume_from`.

    Args:
        run_dir: The run directory.

    Raises:
        RunError: There is no such folder.
    """
    return read_trainings(run_dir).resume_from


@dataclass(slots=True)
class _Events:
    """What one training left in the journal."""

    counts: bool = False
    """Files alone make no training: a validation has some, too."""
    finished: bool = False
    folder: str | None = None
    weights: dict[str, str] = field(default_factory=dict)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)

    def add(self, event: dict[str, Any]) -> None:
        path = event.get('path')
        self.counts = self.counts or event['type'] != 'artifact'
        if event['type'] == 'training':
            self.finished = event.get('status') == 'finished'
            folder = event.get('folder')
            self.folder = folder if isinstance(folder, str) else self.folder
        elif event['type'] == 'artifact' and event.get('kind') == 'weights' and isinstance(path, str):
            self.weights[str(event.get('role'))] = path
        elif event['type'] == 'checkpoint' and event.get('resumable') and isinstance(path, str):
            self.checkpoints.append(event)

    def state(self, name: str, run_dir: Path) -> TrainingState:
        weights = self.weights.get('best', next(reversed(self.weights.values()), None))
        candidates = (
            [] if self.finished else [(current_path(run_dir, e['path']), e) for e in reversed(self.checkpoints)]
        )
        trained = None if weights is None else current_path(run_dir, weights)
        return TrainingState(
            name,
            self.finished,
            next((path for path, event in candidates if _is_whole(path, event)), None),
            trained if trained is not None and os.path.exists(trained) else None,  # noqa: PTH110 (it raises nothing)
            None if self.folder is None else current_path(run_dir, self.folder),
        )


def _is_whole(path: Path, event: dict[str, Any]) -> bool:
    if not os.path.isfile(path):  # noqa: PTH113 (it raises nothing)
        return os.path.isdir(path)  # noqa: PTH112
    if event.get('size') not in (None, path.stat().st_size):
        return False
    if not event.get('sha256'):
        return True
    return file_digest(path) == str(event['sha256'])
