"""Deliver what the job and the trackers of a run have not received yet. No stage is run.

Events that could not be delivered during the run are read from its journal, and delivered in order.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from synapse_hooks.cli.common import CommandResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run directory."""
    parser.add_argument(
        'run_dir', metavar='RUN', type=Path, help='the folder that the run printed, or the name of the run'
    )
    parser.add_argument('--deadline', metavar='SECONDS', type=float, default=60.0, help='how long to try (60)')


def run(options: argparse.Namespace) -> CommandResult:
    """Deliver."""
    from synapse_hooks.backends import connect
    from synapse_hooks.cli.run_folder import run_folder
    from synapse_hooks.context import RuntimeContext
    from synapse_hooks.journal import RunDirectory
    from synapse_hooks.steps.delivery import deliver, undelivered_text

    directory = RunDirectory.open(run_folder(options.run_dir))
    with directory.locked():
        record: dict[str, Any] = directory.read()
        runtime = record.get('runtime') or {}
        workspace = record['workspace']
        client = connect(None if workspace is None else Path(workspace), record.get('host'), job=runtime.get('job_id'))
        ctx = RuntimeContext(
            client=client,
            job_id=runtime.get('job_id'),
            run_dir=directory.path,
            block=tuple(options.block or runtime.get('block', ())),
            only=tuple(options.only or runtime.get('only', ())),
            project=Path(runtime['project']) if runtime.get('project') else None,
        )
        late, reasons = deliver(ctx, directory, deadline=options.deadline)
    lines = [undelivered_text(name, count, reasons.get(name)) for name, count in late.items()]
    lines.append(f'  → try again later: `synapse-hooks sync {directory.path}`' if late else 'all is delivered')
    return CommandResult({'run_dir': str(directory.path), 'undelivered': late}, '\n'.join(lines), 1 if late else 0)
