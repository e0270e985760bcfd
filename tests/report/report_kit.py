"""Runs to report on, made without running anything."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from synapse_hooks.journal import Journal, RunDirectory
from synapse_hooks.report import RunContents, report_page
from tests.support.html_page import Page

Event = tuple[str, dict[str, Any]]


def metrics(step: int | None, phase: str = 'train', axis: str = 'epoch', **values: float) -> Event:
    """A `metrics` event; names may have `__` for a slash."""
    named = {name.replace('__', '/'): value for name, value in values.items()}
    finite = {name: value for name, value in named.items() if math.isfinite(value)}
    nonfinite = {name: str(value) for name, value in named.items() if name not in finite}
    return 'metrics', {'phase': phase, 'axis': axis, 'step': step, 'values': finite, 'nonfinite': nonfinite}


def step(name: str, status: str, **fields: Any) -> Event:
    """A `step` event."""
    return 'step', {'name': name, 'status': status, **fields}


def make_run(path: Path, *attempts: list[Event], **fields: Any) -> Path:
    """A run directory with these fields in run.json, and in its journal the events of each attempt."""
    directory = RunDirectory.create(path, action='train')
    directory.update(attempts=len(attempts), **fields)
    for events in attempts:
        journal = Journal(path)
        for type, payload in events:
            journal.record(type, payload)
        journal.close()
    return path


def text_of_page(*paths: Path) -> str:
    """The report on the runs in these directories."""
    return report_page([RunContents.of(path) for path in paths])


def read_page(*paths: Path) -> Page:
    """The same, parsed; it fails if elements are not nested well."""
    return Page(text_of_page(*paths))
