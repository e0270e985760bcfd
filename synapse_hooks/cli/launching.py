"""`--launcher` and what belongs to it: where a run happens, and what it gets there."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from synapse_hooks.errors import ConfigError
from synapse_hooks.terminal import write_stderr

if TYPE_CHECKING:
    from synapse_hooks.launches import Resources


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
        ConfigError: It cannot be read.
    """
    from synapse_hooks.launches import Resources, resources_of

    typed = resources_of(options.resources, env=options.env, address=options.address, storage=options.storage)
    return None if typed == Resources() else typed


def need_launcher(launcher: str | None, resources: Resources | None) -> None:
    """Refuse resources without a launcher.

    Args:
        launcher: The name of the launcher; None where the run happens in this process.
        resources: What was typed.

    Raises:
        ConfigError: There are some.
    """
    if launcher is None and resources is not None:
        raise ConfigError(
            '-r, --address, --storage and --env are for a launcher, and there is none',
            hint='add `--launcher NAME`; `synapse-hooks plugins` lists them',
        )


def report_cancelling() -> None:
    """Print that the end of what was cancelled is waited for."""
    write_stderr('cancelling the run, and waiting for its end; Ctrl-C again does not wait')
