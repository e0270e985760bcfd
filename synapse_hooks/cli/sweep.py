"""Run a train action many times, with other parameters each time: here one after the other, on a cluster at once.

FILE is YAML or JSON: a list of parameters, `- {lr: 0.1, epochs: 5}` for each run; or one mapping of lists, `lr: [0.1,
0.01]`, for every combination. It may be CSV too. Each is a run of its own, called NAME-0001 and so on; one that fails
does not end the others. The same command with the same --name goes on: runs that have succeeded are left as they are.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.launching import add_launcher, chosen_resources, need_launcher, report_cancelling
from synapse_hooks.cli.train import (
    add_backend,
    add_deadlines,
    add_params,
    add_pickles,
    add_trace,
    deadlines_of,
)
from synapse_hooks.errors import ConfigError, ParamsError

if TYPE_CHECKING:
    from synapse_hooks.context import RuntimeContext
    from synapse_hooks.launches import RunOutcome
    from synapse_hooks.launching.driver import Launch
    from synapse_hooks.launching.sweep import SweptRun

_PARALLEL: Final = 8
"""How many runs are launched at once, if the user does not say it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The action, the file, and where to run."""
    parser.add_argument('target', metavar='TARGET', help='the action to run')
    parser.add_argument('--over', metavar='FILE', type=Path, required=True, help='the parameters of each run')
    add_params(parser)
    parser.add_argument('--name', help='the name of the sweep, with which the names of its runs begin')
    parser.add_argument('--parallel', metavar='N', type=int, help=f'how many runs at once; {_PARALLEL} on a cluster')
    parser.add_argument('--strict', action='store_true', help='fail rather than lose annotations in a conversion')
    add_pickles(parser)
    add_deadlines(parser)
    add_trace(parser)
    add_backend(parser)
    add_launcher(parser)


def run(options: argparse.Namespace) -> CommandResult:
    """Check every set of parameters, then launch the runs."""
    from datetime import datetime

    from synapse_hooks.actions.params import validated
    from synapse_hooks.actions.target import load_action
    from synapse_hooks.backends import connect
    from synapse_hooks.cli.params import read_params
    from synapse_hooks.cli.sweep_file import read_sweep
    from synapse_hooks.journal import new_run_name
    from synapse_hooks.journal.values import is_hidden
    from synapse_hooks.launching.driver import LOCAL
    from synapse_hooks.launching.sweep import SweptRun, launch_all, names_of
    from synapse_hooks.steps.setup import check_run_name
    from synapse_hooks.steps.state import plain

    need_launcher(options.launcher, chosen_resources(options))
    launcher = options.launcher or LOCAL
    parallel = _parallel(options.parallel, launcher == LOCAL)
    kind, target, defaults = load_action(options.target)
    common = {**defaults, **read_params(options.file, options.params)}
    rows = read_sweep(options.over)
    name = options.name or new_run_name(datetime.now().astimezone(), 'sweep')
    check_run_name(names_of(name, rows)[-1])
    connect_again = partial(connect, options.workspace, options.host)
    runs = []
    for number, (run_name, row) in enumerate(zip(names_of(name, rows), rows, strict=True), 1):
        try:
            params = validated(kind.params_model, {**common, **row}, strict=True)
        except ParamsError as error:
            error.add_note(f'run {number} of {options.over}')
            raise
        prepare = partial(_prepare, options, kind, target, params, run_name, connect_again, launcher)
        written = plain(params)
        values = {name: written[name] if is_hidden(written[name]) else value for name, value in row.items()}
        runs.append(SweptRun(run_name, values, prepare))
    shown = _Shown(len(runs))
    try:
        outcomes = launch_all(
            runs,
            launcher=launcher,
            parallel=parallel,
            on_begin=shown.begin,
            on_end=shown.end,
            on_cancel=report_cancelling,
        )
    except KeyboardInterrupt as error:
        error.add_note(f'go on with the same command and `--name {shlex.quote(name)}`')
        raise
    return _result(name, runs, outcomes)


def _parallel(typed: int | None, is_local: bool) -> int:
    if typed is not None and typed < 1:
        raise ConfigError(f'--parallel must be a number from 1 on, got {typed}', hint='for example 4', field='parallel')
    if is_local and typed is not None and typed > 1:
        raise ConfigError(
            'this process runs one training at a time', hint='add `--launcher NAME`, or leave out --parallel'
        )
    return 1 if is_local else typed or _PARALLEL


def _prepare(
    options: argparse.Namespace, kind: Any, target: str, params: Any, name: str, connect_again: Any, launcher: str
) -> Launch:
    """The run of this name: a new one, or one that an earlier sweep of the same name has begun."""
    from synapse_hooks.backends import runs_folder
    from synapse_hooks.cli.run_action import open_job
    from synapse_hooks.context import RuntimeContext
    from synapse_hooks.journal.record import RECORD
    from synapse_hooks.launches import Resources
    from synapse_hooks.launching.driver import prepare_launch

    client = connect_again()
    ctx: RuntimeContext = RuntimeContext(
        client=client,
        run_name=name,
        block=tuple(options.block),
        only=tuple(options.only),
        target=target,
        strict=options.strict,
        allow_pickle=tuple(options.allow_pickle),
        deadlines=deadlines_of(options),
        trace=options.trace,
        resume=(runs_folder(client) / name / RECORD).exists(),
    )
    open_job(kind, ctx)
    return prepare_launch(kind(params, ctx).setup_run(), launcher, chosen_resources(options) or Resources())


class _Shown:
    """A line for each run that ends."""

    def __init__(self, count: int) -> None:
        from synapse_hooks.cli.console import on_stderr

        self._console = on_stderr()
        self._count, self._ended = count, 0

    def begin(self, run: SweptRun, ready: Launch) -> None:
        from synapse_hooks.journal import RunDirectory

        is_done = RunDirectory.open(Path(ready.plan.run_dir)).status == 'succeeded'
        self._print('·', run, 'has succeeded before' if is_done else 'begins', _values_text(run.values))

    def end(self, run: SweptRun, outcome: RunOutcome | BaseException) -> None:
        self._ended += 1
        row = _row(run, outcome)
        mark = '✔' if row[1] == 'succeeded' else '✘'
        self._print(mark, run, str(row[1]), str(row[3] or row[4] or ''), f'({self._ended} of {self._count})')

    def _print(self, mark: str, run: SweptRun, *words: str) -> None:
        from rich.text import Text

        self._console.print(Text(' '.join(filter(None, (mark, run.name, *words)))), soft_wrap=True)


def _result(name: str, runs: Sequence[SweptRun], outcomes: Mapping[str, RunOutcome | BaseException]) -> CommandResult:
    from synapse_hooks.cli.error_report import error_data
    from synapse_hooks.cli.table import table

    rows = [_row(run, outcomes[run.name]) for run in runs]
    data = []
    for run in runs:
        outcome = outcomes[run.name]
        if isinstance(outcome, BaseException):
            ended: dict[str, Any] = {'outcome': 'failed', 'error': error_data(outcome)}
        else:
            ended = asdict(outcome)
        data.append({'run': run.name, 'params': dict(run.values), **ended})
    failed = sum(row[1] != 'succeeded' for row in rows)
    text = table(['run', 'outcome', 'parameters', 'best metric', 'error'], rows)
    return CommandResult(
        {'sweep': name, 'runs': data, 'succeeded': len(rows) - failed, 'failed': failed},
        f'{text}\n\n{len(rows) - failed} of {len(rows)} runs have succeeded'
        + (f'; the same command with `--name {name}` goes on with the others' if failed else ''),
        exit_code=1 if failed else 0,
        has_side_effects=True,
    )


def _row(run: SweptRun, outcome: RunOutcome | BaseException) -> list[str | None]:
    from synapse_hooks.launching.outcome import error_of
    from synapse_hooks.runs.headline import headline
    from synapse_hooks.safe_text import summary

    values = _values_text(run.values)
    if isinstance(outcome, BaseException):
        return [run.name, 'failed', values, None, summary(outcome).partition('\n')[0]]
    best = headline(outcome.metrics)
    error = error_of(outcome)
    reason = None if error is None else str(error).partition('\n')[0] or None
    return [run.name, outcome.outcome, values, None if best is None else str(best), reason]


def _values_text(values: Mapping[str, Any]) -> str:
    return ' '.join(f'{name}={value}' for name, value in values.items())
