"""What all commands share: options, output for people or as JSON, errors and exit codes."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType, TracebackType
from typing import Any, Final, TextIO

from synapse_hooks.errors import StepFailed, SynapseHooksError, Terminated

_OWN: Final = ('synapse_hooks', 'pluggy')


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


def run_command(module: ModuleType, name: str, words: Sequence[str]) -> int:
    """Parse a command's words, run it, print its answer.

    Args:
        module: Has a docstring (the help), `add_arguments(parser)` and `run(options) -> Answer`.
        name: What the command is called.
        words: What follows the command's name.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        prog=f'synapse-hooks {name}',
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    add_common(parser)
    options = parser.parse_args(words)
    warnings.showwarning = _show_warning
    with _stdout(options.json) as out:
        answer = _answer(module, options)
        if answer.error is not None:
            print(_told(answer.error), file=sys.stderr)
        if options.json:
            print(json.dumps(answer.data, ensure_ascii=False, default=str), file=out)
        elif answer.text:
            print(answer.text, file=out)
        out.flush()
    return answer.exit_code


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


def _answer(module: ModuleType, options: argparse.Namespace) -> Answer:
    try:
        answer: Answer = module.run(options)
        return answer
    except SynapseHooksError as error:
        return Answer({'error': error_data(error)}, exit_code=error.exit_code, error=error)
    except KeyboardInterrupt as error:
        return Answer({'error': error_data(error)}, exit_code=exit_code(error), error=error)
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Answer({}, exit_code=1)


def exit_code(error: BaseException) -> int:
    """The exit code for an error: 130 for Ctrl-C, 143 for SIGTERM, else the error's own, else 1."""
    if isinstance(error, Terminated):
        return 143
    if isinstance(error, KeyboardInterrupt):
        return 130
    return error.exit_code if isinstance(error, SynapseHooksError) else 1


def error_data(error: BaseException) -> dict[str, Any]:
    """An error as JSON values: type, message, hint, and who is to blame, where it is known."""
    data: dict[str, Any] = {'type': type(error).__name__, 'message': str(error)}
    if isinstance(error, SynapseHooksError):
        data['message'], data['hint'] = error.problem, error.hint or None
        data.update({name: value for name, value in error.facts.items() if name not in data})
    if error.__cause__ is not None:
        data['cause'] = {'type': type(error.__cause__).__name__, 'message': str(error.__cause__)}
    data['notes'] = [*getattr(error, '__notes__', ()), *getattr(error.__cause__, '__notes__', ())]
    return data


def _told(error: BaseException) -> str:
    """An error for people: the frames of foreign code that failed, then the sentence and what to do."""
    if isinstance(error, KeyboardInterrupt):
        return 'cancelled' if not str(error) else f'cancelled ({error})'
    lines = []
    cause = error.__cause__
    foreign = isinstance(error, StepFailed) and cause is not None and not isinstance(cause, SynapseHooksError)
    if foreign and cause is not None:
        lines += traceback.format_exception(type(cause), cause, _foreign_frames(cause))
    lines += [f'error: {error}']
    lines += [f'  {note}' for note in getattr(error, '__notes__', ())]
    if not foreign and cause is not None:
        lines += [f'  {note}' for note in getattr(cause, '__notes__', ())]
    return '\n'.join(line.rstrip('\n') for line in lines)


def _foreign_frames(error: BaseException) -> TracebackType | None:
    """The frames from where our own code called somebody else's; all of them, when there is no such place."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get('__name__', '').split('.')[0] in _OWN:
        trace = trace.tb_next
    return trace or error.__traceback__


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, UserWarning):
        print(f'warning: {message}', file=file or sys.stderr)
    else:
        print(warnings.formatwarning(message, category, filename, lineno, line), file=file or sys.stderr, end='')


@contextmanager
def _stdout(as_json: bool) -> Iterator[TextIO]:
    """Where the answer goes. With JSON, whatever else is written to stdout, by anybody, goes to stderr."""
    if not as_json:
        yield sys.stdout
        return
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(own), 'w', encoding='utf-8') as out:
            yield out
    finally:
        sys.stdout.flush()
        os.dup2(own, 1)
        os.close(own)
