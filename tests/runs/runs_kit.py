"""Run directories for tests, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synapse_hooks.journal import Journal, RunDirectory


def make_run(path: Path, *, logged: list[dict[str, Any]] | None = None, **fields: Any) -> Path:
    """A run directory with these fields in run.json, and these events of the type `metrics` in its journal."""
    created = fields.pop('created', None)
    directory = RunDirectory.create(path, **{'action': 'train', **fields})
    if created is not None:
        directory.update(created=created)
    if logged is not None:
        journal = Journal(path)
        for event in logged:
            journal.record('metrics', event)
        journal.close()
    return path


def stage(name: str, status: str = 'succeeded', seconds: float = 1.5, **fields: Any) -> dict[str, Any]:
    """An entry of `stages`."""
    return {'name': name, 'status': status, 'seconds': seconds, 'data': {}, 'context': {}, **fields}
