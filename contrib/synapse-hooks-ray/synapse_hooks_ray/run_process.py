"""The process of a run on a node: `synapse-hooks run-plan`, which reads the plan from its standard input."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from synapse_hooks.errors import RunError
from synapse_hooks.journal import is_driven
from synapse_hooks.launches import RunPlan
from synapse_hooks_ray.child import Child, Output, environment
from synapse_hooks_ray.cluster import variables_here

_LOCK_SECONDS: Final = 60.0
"""How long to wait for a process that drives the run still: it dies with the node that was lost."""
_POLL: Final = 0.2


def start_run(
    plan: RunPlan, here: Path | None, secrets: Mapping[str, str], env: Mapping[str, str], output: Output
) -> Child:
    """Start the process of a run.

    Args:
        plan: The plan, with the paths of this machine.
        here: Where Ray has unpacked the project.
        secrets: Variables that only this process gets.
        env: Other variables.
        output: Gets what the process prints.
    """
    start = Path(plan.cwd)
    return Child(
        [sys.executable, '-P', '-m', 'synapse_hooks.cli', 'run-plan', '--json'],
        plan.to_json(),
        environment(variables_here(), secrets, env, but=here),
        start if start.is_dir() else here,
        output,
    )


def wait_until_free(run_dir: Path) -> None:
    """Wait until no process drives a run: the one before dies with its actor or its node.

    Args:
        run_dir: The run directory.

    Raises:
        RunError: One drives it still.
    """
    deadline = time.monotonic() + _LOCK_SECONDS
    while is_driven(run_dir):
        if time.monotonic() > deadline:
            raise RunError(
                f'{run_dir} is in use by another process still',
                hint='end it; on NFS, wait until the server has freed the lock of the node that was lost',
                path=str(run_dir),
            )
        time.sleep(_POLL)
