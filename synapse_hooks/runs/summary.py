"""What a list shows of a run, as text."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from synapse_hooks.runs.run import Run
from synapse_hooks.safe_text import text_of

HEADINGS: Final = ('name', 'status', 'action', 'dataset', 'model', 'best metric', 'duration', 'note')
_LETTERS: Final = 200


def summary_cells(run: Run) -> list[str | None]:
    """A cell for each of `HEADINGS`; None where there is nothing to show."""
    best = run.best_metric
    cells = [
        run.path.name,
        status_text(run),
        run.action,
        run.dataset_name,
        model_text(run),
        None if best is None else str(best),
        duration_of(run),
        run.note or None,
    ]
    return [None if cell is None else text_of(cell, _LETTERS) for cell in cells]


def status_text(run: Run) -> str:
    """The status, with the stage of a run that is running or has failed, or that it was killed."""
    if (run.error or {}).get('type') == 'Killed':
        return f'{run.status} (killed)'
    stage = next((stage.name for stage in reversed(run.stages) if stage.status in ('running', 'failed')), '')
    return f'{run.status} ({stage})' if stage and run.status in ('failed', 'running') else run.status


def error_text(run: Run) -> str | None:
    """Why the run failed, without what to do about it."""
    error = run.error or {}
    message, hint = error.get('message'), error.get('hint')
    return message.removesuffix(f'\n  → {hint}') if isinstance(message, str) and hint else message


def model_text(run: Run) -> str | None:
    """The id and the name of the uploaded model."""
    if run.model is None:
        return None
    number, name = run.model.get('id'), run.model.get('name')
    return str(number) if name in (None, number) else f'{number} ({name})'


def duration_of(run: Run) -> str | None:
    """How long a run took, as text; None if no stage has begun."""
    return None if run.duration is None else duration_text(run.duration.total_seconds())


def duration_text(seconds: float) -> str:
    """A duration: seconds, or minutes and seconds, or hours, minutes and seconds.

    Example:
        >>> duration_text(0.44), duration_text(185), duration_text(3723)
        ('0.4 s', '3:05', '1:02:03')
    """
    if seconds < 59.95:
        return f'{seconds:.1f} s'
    return str(timedelta(seconds=round(seconds))).removeprefix('0:').removeprefix('0')
