"""The run directory that a command works on: a path, or the name of a run."""

from __future__ import annotations

from pathlib import Path

from synapse_hooks.errors import RunError


def run_folder(given: Path) -> Path:
    """The folder, if it exists; else that of the run of the workspace with this name, and else the folder as given.

    Raises:
        RunError: Several runs fit the name.
    """
    from synapse_hooks.runs import Runs

    if len(given.parts) != 1 or given.exists():
        return given
    try:
        return Runs().find(str(given)).path
    except RunError as error:
        if error.facts.get('candidates'):
            raise
        return given
