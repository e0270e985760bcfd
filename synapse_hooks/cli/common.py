"""What all commands share: options, output for people or as JSON, errors and exit codes."""

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

from synapse_hooks.cli.leaving import exit_guard
from synapse_hooks.cli.outgoing import outgoing, outgoing_json
from synapse_hooks.cli.streams import ProtectedStream, say
from synapse_hooks.cli.telling import error_data, exit_code, told
from synapse_hooks.errors import ConfigError
from synapse_hooks.steps.signals import terminate_raises
from synapse_hooks.storage.user_paths import working_directory


@dataclass
class Answer:
    """What a command ends with."""

    data: dict[str, Any]
    """The JSON object of `--json`."""
    text: str = ''
    """The same for people; printed on stdout without `--json`."""
    exit_code: int = 0
    error: BaseException | None = field(default=None, repr=False)
    """What went wrong, for a command that has an answer nevertheless."""
    stands_alone: bool = False
    """Whether something was done that stands without the answer: a run, a conversion, an import. Then the exit code
    tells how that ended, also where the answer cannot be written."""


def run_command(module: ModuleType, name: str, words: Sequence[str]) -> int:
    """Parse a command's words, run it, print its answer.

    Args:
        module: Has a docstring (the help), `add_arguments(parser)` and `run(options) -> Answer`.
        name: What the command is called.
        words: What follows the command's name.

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
    warnings.showwarning = _show_warning
    as_json = '--json' in words
    with _stdout(as_json) as out, terminate_raises():
        with exit_guard.reporting(lambda error: _print(_failure(error), out, as_json)):
            answer = _answer(module, parser, words)
        return exit_guard.ends_with(_print(answer, out, as_json))


def add_common(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """The options of every command.

    Args:
        parser: Where to add them.
        again: For the parser of a sub-command: they may stand there too, and where they do not, they say nothing.
    """
    names: Any = argparse.SUPPRESS if again else []
    common = parser.add_argument_group('every command')
    common.add_argument(
        '--block', metavar='NAME', action='append', default=names, help='keep a plugin out (repeatable)'
    )
    common.add_argument(
        '--only', metavar='NAME', action='append', default=names, help='let only this one in (repeatable)'
    )
    common.add_argument(
        '--json',
        action='store_true',
        default=argparse.SUPPRESS if again else False,
        help='the last line of stdout is one JSON object',
    )


def one_thread_for_numpy() -> None:
    """Let NumPy's linear algebra have one thread, unless the environment says otherwise. Call it before NumPy is there.

    On import it would start a thread for every core, which takes longer than the rest of NumPy; no conversion and no
    inspection has a matrix to multiply. For a command only: another program decides that for itself.
    """
    for name in ('OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS'):
        os.environ.setdefault(name, '1')


class _Parser(argparse.ArgumentParser):
    """Its errors are reported as all others are."""

    def error(self, message: str) -> NoReturn:
        found = re.search(r'unrecognized arguments: .*?\b([A-Za-z_]\w*=\S+)', message)
        if found and '-p' in self._option_string_actions:
            raise ConfigError(message, hint=f'a parameter is given as `-p {found[1]}`')
        raise ConfigError(message, hint=' '.join(self.format_usage().split()))


def _answer(module: ModuleType, parser: argparse.ArgumentParser, words: Sequence[str]) -> Answer:
    try:
        options = parser.parse_args(words)
        # Nearly everything looks for a project, and relative paths need it.
        working_directory()
    except ConfigError as error:
        return _failure(error)
    try:
        answer: Answer = module.run(options)
        return answer
    except BaseException as error:
        # Not only errors of ours: a stranger's plugin may raise anything, and leave with sys.exit().
        return _failure(error)


def _failure(error: BaseException) -> Answer:
    return Answer({'error': error_data(error)}, exit_code=exit_code(error), error=error)


def _print(answer: Answer, out: TextIO, as_json: bool) -> int:
    """Say what went wrong and print the answer; returns the exit code."""
    if answer.error is not None:
        say(told(answer.error))
    text = outgoing_json(answer.data) if as_json else outgoing(answer.text)
    if text and not _written(text, out) and not answer.stands_alone:
        return answer.exit_code or 1
    return answer.exit_code


def _written(text: str, out: TextIO) -> bool:
    """Whether stdout took the answer, or has no reader; where the disk did not, stderr says why."""
    try:
        print(text, file=out, flush=True)
        error = out.failure() if isinstance(out, ProtectedStream) else None
    except OSError as raised:
        error = raised
    if error is None or error.errno == EPIPE:
        return True
    say(f'error: the answer cannot be written to stdout: {error.strerror}')
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
        say(f'warning: {message}')
    else:
        say(warnings.formatwarning(message, category, filename, lineno, line).rstrip('\n'))


@contextmanager
def _stdout(as_json: bool) -> Iterator[TextIO]:
    """Where the answer goes. With JSON, whatever else is written to stdout, by any code, goes to stderr."""
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
        # Foreign code may have put any object in its place, None too.
        for stream in (stdout, sys.stdout):
            with suppress(Exception):
                stream.flush()
        os.dup2(own, 1)
        os.close(own)
