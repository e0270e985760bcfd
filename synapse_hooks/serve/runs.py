"""The runs of the workspace, for the page: a list, and the report of each as it goes on."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from synapse_hooks.backends import Workspace
from synapse_hooks.errors import RecordNotFound, RunError
from synapse_hooks.journal import without_secrets
from synapse_hooks.journal.reader import journal_files
from synapse_hooks.report import RunContents, report_page
from synapse_hooks.report.badges import SEVERITY
from synapse_hooks.runs import Run, Runs
from synapse_hooks.runs.collection import run_directories
from synapse_hooks.runs.summary import HEADINGS, summary_cells


def run_row(run: Run) -> dict[str, Any]:
    """What the list shows of a run: its name, its status and the style of it, and a cell for each heading."""
    cells = without_secrets(dict(zip(HEADINGS, summary_cells(run), strict=True)), os.environ)
    return {'name': run.path.name, 'status': run.status, 'style': SEVERITY.get(run.status), 'cells': cells}


def run_report(workspace: Workspace, name: str) -> dict[str, Any]:
    """The report of a run as a page, and whether the run goes on.

    Args:
        workspace: Whose run.
        name: The name of its directory; no path.

    Raises:
        RecordNotFound: The workspace has no such run.
    """
    path = next((path for path in run_directories(Runs(workspace).folder) if path.name == name), None)
    if path is None:
        raise RecordNotFound(f'there is no run {name!r}', hint='see `synapse-hooks runs`')
    try:
        run = Run(path)
        return {'name': name, 'status': run.status, 'active': run.is_active, 'html': _report(path, _stamp(run))}
    except RunError as error:
        raise RecordNotFound(error.problem, hint=error.hint) from error
    except FileNotFoundError as error:
        raise RecordNotFound(f'the run {name!r} was removed', hint='see `synapse-hooks runs`') from error


def _stamp(run: Run) -> tuple[Any, ...]:
    """What differs when the report does."""
    files = [run.path / 'run.json', *journal_files(run.path)]
    return (run.status, *((state.st_size, state.st_mtime_ns) for state in (file.stat() for file in files)))


@lru_cache(maxsize=4)
def _report(path: Path, stamp: tuple[Any, ...]) -> str:
    return report_page([RunContents.of(path)])
