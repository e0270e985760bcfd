"""Everything that a report says of a run, read once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from synapse_hooks.errors import RunError
from synapse_hooks.journal import Redactor, secrets_of
from synapse_hooks.journal.evaluation import ROLE, Evaluation, read_evaluation
from synapse_hooks.report.happened import Happened
from synapse_hooks.runs import Metrics, Run
from synapse_hooks.storage import is_inside


@dataclass(frozen=True)
class RunContents:
    """A run, its numbers, and what else its journal says; without the secrets of the environment."""

    run: Run
    """Its record."""
    metrics: Metrics
    """Its numbers."""
    happened: Happened
    """What else the journal says: attempts, messages, files."""
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    """Metrics by class, by the name of the training."""

    @classmethod
    def of(cls, path: Path) -> RunContents:
        """Read the run in a directory.

        Raises:
            RunError: There is no run in it.
        """
        run = Run(path)
        clean = Redactor(secrets_of(os.environ)).clean
        run.record = clean(run.record)
        happened = Happened.of(run, clean)
        return cls(run, run.metrics(), happened, dict(_evaluations(run.path, happened)))


def _evaluations(run_dir: Path, happened: Happened) -> Iterator[tuple[str, Evaluation]]:
    for path, event in happened.artifacts.items():
        if event.get('role') == ROLE and is_inside(run_dir / path, run_dir):
            with suppress(RunError):
                yield str(event.get('training') or Path(path).stem), read_evaluation(run_dir / path)
