"""Which runs use a dataset or a model of a workspace now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from synapse_hooks.errors import RunError
from synapse_hooks.runs.collection import Runs
from synapse_hooks.runs.run import Run

_PARAM = {'dataset': 'dataset', 'model': 'checkpoint'}


def active_users(root: Path, kind: Literal['dataset', 'model'], record: Mapping[str, Any]) -> list[Run]:
    """The runs that are going on with a dataset, or with a model to start from.

    Args:
        root: The folder of the workspace.
        kind: What it is.
        record: Its record in the workspace.
    """
    running = {run.path: run for run in _running(root)}
    return [run for run in running.values() if _uses(run, kind, record)]


def _running(root: Path) -> Iterator[Run]:
    """Those in the workspace, and those with a directory elsewhere, which a run with a job marks."""
    yield from (run for run in Runs(root / 'runs') if run.status in ('created', 'running') and run.is_active)
    for marker in (root / 'active').glob('*.json'):
        with suppress(OSError, RunError, msgspec.MsgspecError, KeyError, TypeError):
            run = Run(Path(msgspec.json.decode(marker.read_bytes(), type=dict[str, Any])['run_dir']))
            if run.is_active:
                yield run


def _uses(run: Run, kind: str, record: Mapping[str, Any]) -> bool:
    wanted = run.params.get(_PARAM[kind])
    if isinstance(wanted, dict):
        wanted = wanted.get('id', wanted.get('name'))
    if wanted is not None and str(wanted) in (str(record['id']), record.get('name')):
        return True
    used: Mapping[str, Any] = (run.dataset if kind == 'dataset' else run.checkpoint) or {}
    path = used.get('path')
    return isinstance(path, str) and Path(path).is_relative_to(record['path'])
