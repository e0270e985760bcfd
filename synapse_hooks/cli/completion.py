"""Print a script that lets a shell complete commands, options and names with the Tab key.

bash and zsh (after compinit):  eval "$(synapse-hooks completion bash)"
fish:                           synapse-hooks completion fish | source

The line goes into ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish. It needs the extra `completion`.
"""

from __future__ import annotations

import argparse
from typing import Final

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.errors import ConfigError

SHELLS: Final = ('bash', 'zsh', 'fish')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The shell."""
    parser.add_argument('shell', metavar='SHELL', choices=SHELLS, help=', '.join(SHELLS))


def run(options: argparse.Namespace) -> CommandResult:
    """Print the script."""
    try:
        from argcomplete import shellcode
    except ImportError as error:
        raise ConfigError(
            'completion needs argcomplete, which is not installed', hint="pip install 'synapse-hooks[completion]'"
        ) from error
    script = shellcode(['synapse-hooks'], shell=options.shell).strip()
    return CommandResult({'shell': options.shell, 'script': script}, script)
