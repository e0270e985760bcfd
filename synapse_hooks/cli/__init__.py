"""The command line. This module imports nothing heavy, so that `--help` is fast.

Exit codes: 0 done; 1 the run or check failed; 2 usage, configuration or selection; 130 Ctrl-C; 143 SIGTERM or
SIGHUP.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from synapse_hooks.platforms import UNSUPPORTED, is_supported

COMMANDS: Final = {
    'demo': 'watch a model train: a labelled dataset, a real training, an uploaded model',
    'train': 'run a train action',
    'sweep': 'run a train action many times, with other parameters each time',
    'tune': 'search for the best parameters of a train action',
    'resume': 'resume a run that was interrupted or has failed',
    'runs': 'list, show, compare and remove runs',
    'watch': 'watch a run that goes on in another process',
    'report': 'a report on runs: as text, or as a page with curves and results',
    'trace': 'which plugins a run with --trace has called, and how long that took',
    'sync': 'deliver what the job and the trackers of a run have not received',
    'convert': 'convert a dataset from one format to another',
    'inspect': 'examine a dataset: what it holds, and what is wrong with it',
    'workspace': 'the datasets and models of the embedded workspace',
    'plugins': 'every plugin: state, origin, hooks',
    'hooks': 'the hooks, and the plugins that are called for each, in order',
    'formats': 'the dataset formats',
    'autologgers': 'the training frameworks whose metrics are logged automatically',
    'verify': 'check that the files of a dataset or a run are unchanged',
    'cache': 'what is cached for later runs: fetched files and conversions',
    'serve': 'serve the workspace as a Synapse backend, for development',
    'install': 'install plugins into the environment of this command',
    'uninstall': 'uninstall plugins',
    'new': 'write a new project: a plugin or a train action, ready to be published',
    'doctor': 'check this installation and project',
    'check': 'check whether a distribution of plugins is ready for others',
    'run-plan': 'run the plan that a launcher has sent: the command of a worker',
    'completion': 'a script that lets the shell complete commands and names',
}
"""Every command, in the order of `--help`; each is a module of this package."""


def module_of(command: str) -> str:
    """The module of a command."""
    return f'synapse_hooks.cli.{command.replace("-", "_")}'


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        return _main(argv)
    except KeyboardInterrupt as error:
        # Before the command has begun, while its modules are imported, or after it has ended.
        from synapse_hooks.cli.error_report import exit_code

        return exit_code(error)


def _main(argv: Sequence[str] | None) -> int:
    if '_ARGCOMPLETE' in os.environ:
        from synapse_hooks.cli.completer import complete

        complete(os.environ.get('COMP_LINE', ''))
        return 1
    if argv is None:
        # Called as a program: streams and exit may be replaced for the whole process.
        from synapse_hooks.cli.exit_guard import exit_guard
        from synapse_hooks.cli.streams import protect

        protect()
        exit_guard.install()
        # Conversions make millions of small objects and no cycles, for which Python would look every 700 objects.
        gc.set_threshold(50_000, 20, 20)
    words = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in words if not word.startswith('-')), None)
    if command in COMMANDS and words.index(command) == 0:
        if not is_supported():
            print(f'error: {UNSUPPORTED}', file=sys.stderr)
            return 2
        from synapse_hooks.cli.common import run_command

        return run_command(import_module(module_of(command)), command, words[1:])
    return _top(words, command)


def _top(words: list[str], command: str | None) -> int:
    width = max(map(len, COMMANDS))
    listing = '\n'.join(f'  {name:{width}}  {text}' for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog='synapse-hooks',
        usage='synapse-hooks COMMAND [--help]',
        description='A model-training pipeline made of hooks.',
        epilog=f'commands:\n{listing}\n\nsynapse-hooks COMMAND --help describes its options.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='store_true', help='print the version and exit')
    if command is not None:
        from difflib import get_close_matches

        near = get_close_matches(command, COMMANDS, n=1)
        meant = f'; did you mean {near[0]!r}?' if near else f'; the commands are {", ".join(COMMANDS)}'
        parser.error(f'there is no command {command!r}{meant}')
    if parser.parse_args(words).version:
        from synapse_hooks.version import __version__

        print(f'synapse-hooks {__version__}')
        return 0
    parser.print_help()
    return 0 if words else 2
