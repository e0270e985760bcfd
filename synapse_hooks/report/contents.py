"""Everything that a report says of a run, read once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synapse_hooks.errors import RunError
from synapse_hooks.journal import Redactor, secrets_of
from synapse_hooks.journal.evaluation import ROLE, Confusion, Evaluation, read_evaluation
from synapse_hooks.report.history import History
from synapse_hooks.runs import MetricRow, Metrics, Run
from synapse_hooks.storage import is_inside


@dataclass(frozen=True)
class RunContents:
    """A run, its numbers, and what else its journal says; without the secrets of the environment."""

    run: Run
    """Its record."""
    metrics: Metrics
    """Its numbers."""
    history: History
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
        redactor = Redactor(secrets_of(os.environ))
        clean = redactor.clean
        run.record = clean(run.record)
        run.last_values = clean(run.last_values)
        metrics = _cleaned(run.metrics(), clean) if redactor.secrets else run.metrics()
        history = History.of(run, clean)
        evaluations = {
            name: Evaluation(clean(found.classes), found.confusion and _relabelled(found.confusion, clean))
            for name, found in _evaluations(run.path, history)
        }
        return cls(run, metrics, history, evaluations)


def _cleaned(metrics: Metrics, clean: Callable[[Any], Any]) -> Metrics:
    # A run has few names and many numbers.
    names: dict[str | None, Any] = {}
    for row in metrics:
        for text in (row.training, row.phase, row.axis, row.name):
            if text not in names:
                names[text] = clean(text)
    if all(text == cleaned for text, cleaned in names.items()):
        return metrics
    return Metrics(
        [
            MetricRow(names[row.training], names[row.phase], names[row.axis], row.step, names[row.name], row.value)
            for row in metrics
        ]
    )


def _relabelled(confusion: Confusion, clean: Callable[[Any], Any]) -> Confusion:
    return Confusion(clean(confusion.labels), confusion.matrix)


def _evaluations(run_dir: Path, history: History) -> Iterator[tuple[str, Evaluation]]:
    for path, event in history.artifacts.items():
        if event.get('role') == ROLE and is_inside(run_dir / path, run_dir):
            with suppress(RunError):
                yield str(event.get('training') or Path(path).stem), read_evaluation(run_dir / path)
