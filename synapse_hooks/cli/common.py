"""Common to all commands: options, output as text or JSON, errors and exit codes."""

from __future__ import annotations

import argparse
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from errno import EPIPE
from types import ModuleType
from typing import Any, NoReturn, TextIO

from synapse_hooks.cli.error_report import error_data, error_text, exit_code
from synapse_hooks.cli.exit_guard import exit_guard
from synapse_hooks.cli.streams import ProtectedStream
from synapse_hooks.errors import ConfigError
from synapse_hooks.steps.signals import terminate_raises
from synapse_hooks.storage.user_paths import working_directory
from synapse_hooks.terminal import sanitized, sanitized_json, write_stderr


@dataclass
class CommandResult:
    """The result of a command."""

    data: dict[str, Any]
    """The JSON object of `--json`."""
    text: str = ''
    """The same as text; printed on stdout without `--json`."""
    exit_code: int = 0
    error: BaseException | None = field(default=None, repr=False)
    """The error, for a command that has a result nevertheless."""
    has_side_effects: bool = False
    """Whether the command has made something (a run, a conversion, an import). Then the exit code is its outcome, even
    if the result cannot be written to stdout."""


def run_command(module: ModuleType, name: str, words: Sequence[str]) -> int:
    """Parse the arguments of a command, run it, print its result.

    Args:
        module: Has a docstring (the help), `add_arguments(parser)` and `run(options) -> Answer`. With
            `PASSES_REST = True` the words after `--` are `options.rest`, for another program.
        name: The name of the command.
        words: The arguments after the name.

    Returns:
        The exit code.
    """
    parser = _Parser(
        prog=f'synapse-hooks {name}',
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    add_common(parser)
    if getattr(module, 'PASSES_REST', False):
        place = [*words, '--'].index('--')
        parser.set_defaults(rest=[*words[place + 1 :]])
        words = words[:place]
    warnings.showwarning = _show_warning
    as_json = '--json' in words
    with _stdout(as_json) as out, terminate_raises():
        with exit_guard.on_early_exit(lambda error: _print(_failure(error), out, as_json)):
            result = _run_module(module, parser, words)
        return exit_guard.set_exit_code(_print(result, out, as_json))


def add_common(parser: argparse.ArgumentParser, *, subcommand: bool = False) -> None:
    """The options of every command.

    Args:
        parser: Where to add them.
        subcommand: For the parser of a sub-command: the options may follow it too, and have no defaults there.
    """
    names: Any = argparse.SUPPRESS if subcommand else []
    common = parser.add_argument_group('every command')
    common.add_argument(
        '--block', metavar='NAME', action='append', default=names, help='do not use a plugin (repeatable)'
    )
    common.add_argument(
        '--only', metavar='NAME', action='append', default=names, help='use this plugin only (repeatable)'
    )
    common.add_argument(
        '--json',
        action='store_true',
        default=argparse.SUPPRESS if subcommand else False,
        help='the last line of stdout is one JSON object',
    )


def limit_numpy_threads() -> None:
    """Limit NumPy's linear algebra to one thread, unless the environment sets a number. Call it before importing NumPy.

    On import NumPy would start a thread for every core, which takes longer than the rest of its import; no conversion
    or inspection multiplies matrices. For commands only: a program that uses this package decides for itself.
    """
    for name in ('OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS'):
        os.environ.setdefault(name, '1')


class _Parser(argparse.ArgumentParser):
    """Raises usage errors as ConfigError, so that they are reported as all other errors are."""

    def error(self, message: str) -> NoReturn:
        assignment = re.search(r'unrecognized arguments: .*?\b([A-Za-z_]\w*=\S+)', message)
        if assignment and '-p' in self._option_string_actions:
            raise ConfigError(message, hint=f'a parameter is given as `-p {assignment[1]}`')
        usage = ' '.join(self.format_usage().split())
        if 'unrecognized arguments' in message and self.get_default('rest') is not None:
            usage = f'options for another program follow `--`; {usage}'
        if missing := re.fullmatch(r'argument (--[\w-]+): expected one argument', message):
            usage = f'a value that begins with `-` is given as `{missing[1]}=-VALUE`; {usage}'
        raise ConfigError(message, hint=usage)


def _run_module(module: ModuleType, parser: argparse.ArgumentParser, words: Sequence[str]) -> CommandResult:
    try:
        options = parser.parse_args(words)
        # Fails if the working directory is gone: the search for a project and relative paths need it.
        working_directory()
    except ConfigError as error:
        return _failure(error)
    try:
        result: CommandResult = module.run(options)
        return result
    except BaseException as error:
        # A third-party plugin may raise anything, SystemExit too.
        return _failure(error)


def _failure(error: BaseException) -> CommandResult:
    return CommandResult({'error': error_data(error)}, exit_code=exit_code(error), error=error)


def _print(result: CommandResult, out: TextIO, as_json: bool) -> int:
    """Print the error and the result; returns the exit code."""
    if result.error is not None:
        write_stderr(error_text(result.error))
    text = sanitized_json(result.data) if as_json else sanitized(result.text)
    if text and not _write_output(text, out) and not result.has_side_effects:
        return result.exit_code or 1
    return result.exit_code


def _write_output(text: str, out: TextIO) -> bool:
    """Write to stdout. False if that failed, which is reported on stderr; a closed pipe is not a failure."""
    try:
        print(text, file=out, flush=True)
        error = out.failure() if isinstance(out, ProtectedStream) else None
    except OSError as raised:
        error = raised
    if error is None or error.errno == EPIPE:
        return True
    write_stderr(f'error: the result cannot be written to stdout: {error.strerror}')
    return False


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, UserWarning):
        write_stderr(f'warning: {message}')
    else:
        write_stderr(warnings.formatwarning(message, category, filename, lineno, line).rstrip('\n'))


@contextmanager
def _stdout(as_json: bool) -> Iterator[TextIO]:
    """The stream for the result. With JSON, everything else that any code writes to stdout goes to stderr."""
    if not as_json:
        yield sys.stdout
        return
    stdout = sys.stdout
    stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        yield ProtectedStream(own)
    finally:
        # Third-party code may have replaced it by any object, None too.
        for stream in (stdout, sys.stdout):
            with suppress(Exception):
                stream.flush()
        os.dup2(own, 1)
        os.close(own)
