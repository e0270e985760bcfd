"""`--launcher` and what belongs to it: runs that happen somewhere else."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.streams import write_stderr
from synapse_hooks.errors import ConfigError

if TYPE_CHECKING:
    from synapse_hooks.actions import BaseTrainAction
    from synapse_hooks.launches import Resources, RunOutcome


def add_launcher(parser: argparse.ArgumentParser) -> None:
    """`--launcher`, `-r`, `--address`, `--storage` and `--env`."""
    group = parser.add_argument_group('somewhere else')
    group.add_argument('--launcher', metavar='LAUNCHER', help='where to run: `local`, or a plugin such as `ray`')
    group.add_argument(
        '-r',
        metavar='NAME=AMOUNT',
        action='append',
        default=[],
        dest='resources',
        help='num_cpus, num_gpus, memory, ...',
    )
    group.add_argument('--address', help='where the cluster of the launcher is')
    group.add_argument(
        '--storage', metavar='URL', help='where runs are kept meanwhile, if the cluster does not share this disk'
    )
    group.add_argument(
        '--env',
        metavar='NAME=VALUE',
        action='append',
        default=[],
        help='an environment variable of the run; no secrets',
    )


def chosen_resources(options: argparse.Namespace) -> Resources | None:
    """What was typed; None where nothing was.

    Raises:
        ConfigError: It cannot be read, or there is no launcher that it could be for.
    """
    from synapse_hooks.launches import Resources, resources_of

    typed = resources_of(options.resources, env=options.env, address=options.address, storage=options.storage)
    return None if typed == Resources() else typed


def need_launcher(options: argparse.Namespace) -> None:
    """Refuse resources without a launcher.

    Raises:
        ConfigError: There are some.
    """
    if options.launcher is None and chosen_resources(options) is not None:
        raise ConfigError(
            '-r, --address, --storage and --env are for a launcher, and there is none',
            hint='add `--launcher NAME`; `synapse-hooks plugins` lists them',
        )


def launch_action(action: BaseTrainAction[Any], launcher: str, resources: Resources | None) -> CommandResult:
    """Launch an action with a display; the result is the same as that of a run here.

    Raises:
        KeyboardInterrupt: It was cancelled.
        SynapseHooksError: It could not be launched.
    """
    from synapse_hooks.cli.journal_display import shown_run
    from synapse_hooks.launching import launch

    watch = partial(shown_run, resumed=action.ctx.resume)
    return launched_result(launch(action.setup_run(), launcher, resources, watch=watch, on_cancel=report_cancelling))


def report_cancelling() -> None:
    """Print that the end of what was cancelled is waited for."""
    write_stderr('cancelling the run, and waiting for its end; Ctrl-C again does not wait')


def launched_result(outcome: RunOutcome) -> CommandResult:
    """The result of a command that has launched a run: the same as that of a run here."""
    from synapse_hooks.cli.error_report import error_data, exit_code
    from synapse_hooks.cli.run_action import summary_text
    from synapse_hooks.launching.outcome import error_of

    data = asdict(outcome)
    error = error_of(outcome)
    if error is not None:
        data['error'] = error_data(error)
        return CommandResult(data, exit_code=exit_code(error), error=error)
    return CommandResult(data, summary_text(data), has_side_effects=True)
