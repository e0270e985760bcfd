"""Run the plan that a launcher has sent: what a worker does.

The plan is one JSON object, as `RunPlan.to_json` writes it, on standard input or in FILE. The run directory that it
names must exist; run.json in it has the outcome, however the run ends. The launcher shows the run to the user.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from synapse_hooks.cli.common import CommandResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The plan."""
    parser.add_argument('file', metavar='FILE', nargs='?', default='-', help='the plan; `-`, the default, is stdin')
    parser.add_argument('--show', action='store_true', help='show the run here too, as `train` does')


def run(options: argparse.Namespace) -> CommandResult:
    """Read the plan, and run it."""
    from synapse_hooks.actions.launched import run_launched
    from synapse_hooks.cli.error_report import exit_code
    from synapse_hooks.cli.journal_display import shown_run
    from synapse_hooks.errors import ConfigError
    from synapse_hooks.launches import RunPlan
    from synapse_hooks.launching.outcome import error_of

    try:
        text = sys.stdin.buffer.read() if options.file == '-' else Path(options.file).read_bytes()
    except OSError as error:
        raise ConfigError(f'{options.file}: {error.strerror}', hint='check the path', path=options.file) from error
    plan = RunPlan.from_json(text)
    with shown_run(Path(plan.run_dir), resumed=False) if options.show else nullcontext():
        outcome = run_launched(plan)
    failure = error_of(outcome)
    return CommandResult(
        asdict(outcome),
        exit_code=0 if failure is None else exit_code(failure),
        # Without it, the driver reports it.
        error=failure if options.show else None,
        has_side_effects=True,
    )
