"""The note of a run: a text of the user's in run.json."""

from __future__ import annotations

from synapse_hooks.errors import RunError
from synapse_hooks.journal import RunDirectory
from synapse_hooks.journal.record import checked_note
from synapse_hooks.runs.run import Run


def set_note(run: Run, text: str) -> Run:
    """Change the note of a run that is over; an empty text removes it.

    Returns:
        The run with its new note.

    Raises:
        ConfigError: The note is too long.
        RunError: The run is in use by a process, which writes run.json itself, or cannot be read.
    """
    note = checked_note(text)
    if run.problem:
        raise RunError(run.problem, hint='correct or remove its run.json', path=str(run.path))
    directory = RunDirectory.open(run.path)
    with directory.locked():
        directory.update(note=note or None)
    return Run(run.path)
