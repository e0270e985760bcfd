"""The trainings of a run: their names, and what earlier attempts left of each.

A run may hold several trainings: folds, a teacher and a student, a pre-training in a step of its own. Everything a
training logs has its name, so that they do not overwrite each other, and so that a resumed run knows which one
was interrupted.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

_LONGEST: Final = 100


@dataclass(frozen=True)
class TrainingState:
    """What earlier attempts of a run left of one training."""

    name: str
    """Its name; empty for checkpoints that belong to no named training."""
    finished: bool = False
    """Whether it was trained to its end. Then it is not resumed."""
    resume_from: Path | None = None
    """The last complete checkpoint from which it can be resumed; None where there is none, or it has finished."""
    weights: Path | None = None
    """The weights that it recorded last, its best ones where it marked them; None where they do not exist any more."""
    folder: Path | None = None
    """Where the framework kept its files, where that is known."""


class Trainings(Mapping[str, TrainingState]):
    """What earlier attempts left, by the name of the training, in the order in which the trainings were begun.

    Args:
        earlier: The states; the last one is of the training that began last.

    Example:
        >>> first, second = TrainingState('fold1', finished=True), TrainingState('fold2', resume_from=Path('2.pt'))
        >>> trainings = Trainings([first, second])
        >>> [name for name, state in trainings.items() if state.finished], trainings.resume_from
        (['fold1'], PosixPath('2.pt'))
        >>> [trainings.begin('train'), trainings.begin('train')]
        ['train', 'train2']
    """

    def __init__(self, earlier: Iterable[TrainingState] = ()) -> None:
        self._states = {state.name: state for state in earlier}
        self._spent: set[Path] = set()
        self._lock = threading.Lock()
        self.begun: list[str] = []
        """The names of the trainings that this attempt has begun, in order."""

    def __getitem__(self, name: str) -> TrainingState:
        return self._states[name]

    def __iter__(self) -> Iterator[str]:
        return iter(name for name in self._states if name)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def resume_from(self) -> Path | None:
        """The checkpoint of the training that was interrupted: the one that began last, unless it has finished."""
        return list(self._states.values())[-1].resume_from if self._states else None

    def begin(self, name: str = 'train', *, checkpoint: str | Path | None = None) -> str:
        """Take a name for a training that begins now.

        A training that resumes from a checkpoint of this run keeps the name that it had. Every other one gets `name`,
        with a number after it where this attempt has begun one of that name already: `train`, `train2`, `train3`.

        Args:
            name: What to call it.
            checkpoint: What it starts from, if anything.
        """
        with self._lock:
            taken = None if checkpoint is None else self._continued(Path(checkpoint).resolve())
            taken = taken or self._free(str(name)[:_LONGEST] or 'train')
            self.begun.append(taken)
            return taken

    def finish(self, name: str) -> None:
        """A training has come to its end: its checkpoint is not offered again."""
        with self._lock:
            state = self._states.get(name)
            if state is not None:
                if state.resume_from is not None:
                    self._spent.add(state.resume_from)
                self._states[name] = replace(state, finished=True, resume_from=None)

    def is_spent(self, checkpoint: Path | None) -> bool:
        """Whether a training resumed from `checkpoint`, in this attempt, and finished."""
        return checkpoint in self._spent

    def _continued(self, checkpoint: Path) -> str | None:
        for state in self._states.values():
            last, folder = state.resume_from, state.folder
            if last is not None and last.resolve() == checkpoint:
                return state.name
            if not state.finished and folder is not None and checkpoint.is_relative_to(folder.resolve()):
                return state.name
        return None

    def _free(self, name: str) -> str:
        link = '-' if name[-1].isdigit() else ''
        numbered = re.compile(rf'{re.escape(name + link)}(\d{{1,9}})')
        matches = (1 if taken == name else numbered.fullmatch(taken) for taken in self.begun)
        last = max((one if isinstance(one, int) else int(one[1]) for one in matches if one), default=0)
        return f'{name}{link}{last + 1}' if last else name
