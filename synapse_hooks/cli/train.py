"""Run a train action: export, convert, pre_execute, execute, upload.

TARGET is module:Class, path/file.py:Class, or a folder with a config.yaml (its train action).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.launching import add_launcher, chosen_resources, need_launcher

if TYPE_CHECKING:
    from synapse_hooks.searches import SearchRequest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Target, parameters, backend."""
    parser.add_argument('target', metavar='TARGET', help='the action to run')
    add_run_options(parser)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Parameters, backend, launcher, and the rest that a run has."""
    add_params(parser)
    parser.add_argument('--name', help='the name of the run, its folder and its model in the workspace')
    parser.add_argument('--note', metavar='TEXT', default='', help='a note about the run; `runs note` changes it')
    parser.add_argument('--run-dir', metavar='DIR', type=Path, help='the folder of the run')
    add_plan(parser)
    parser.add_argument('--params-help', action='store_true', help='show the parameters of TARGET, and run nothing')
    parser.add_argument('--strict', action='store_true', help='fail rather than lose annotations in a conversion')
    add_pickles(parser)
    add_deadlines(parser)
    add_trace(parser)
    add_job(parser)
    add_backend(parser)
    add_launcher(parser)


def add_params(parser: argparse.ArgumentParser) -> None:
    """`-p` and `--params`."""
    parser.add_argument(
        '-p', metavar='NAME=VALUE', action='append', default=[], dest='params', help='a parameter; read as YAML'
    )
    parser.add_argument('--params', metavar='FILE', type=Path, dest='file', help='parameters in a YAML or JSON file')


def add_plan(parser: argparse.ArgumentParser) -> None:
    """`--plan`."""
    parser.add_argument(
        '--plan',
        action='store_true',
        help='show what each stage would do and which plugin would answer, and run nothing',
    )


def add_pickles(parser: argparse.ArgumentParser) -> None:
    """`--allow-pickle`."""
    parser.add_argument(
        '--allow-pickle',
        metavar='NAME',
        action='append',
        default=[],
        help='allow a checkpoint to import this (module.name), or `all`; only if you trust its author',
    )


def add_deadlines(parser: argparse.ArgumentParser) -> None:
    """`--deadline`."""
    parser.add_argument(
        '--deadline',
        metavar='STAGE=SECONDS',
        action='append',
        default=[],
        dest='deadlines',
        help='end a stage that takes longer, with the processes that it started; the run fails',
    )


def add_trace(parser: argparse.ArgumentParser) -> None:
    """`--trace`."""
    parser.add_argument(
        '--trace', action='store_true', help='record every call of a hook; `synapse-hooks trace RUN` shows them'
    )


def deadlines_of(options: argparse.Namespace) -> dict[str, float]:
    """The values of `--deadline`.

    Raises:
        ConfigError: A value is not a number of seconds.
    """
    from synapse_hooks.amounts import seconds_of

    pairs = [text.partition('=') for text in options.deadlines]
    return {name: seconds_of(seconds, f'--deadline {name}') for name, _, seconds in pairs}


def add_job(parser: argparse.ArgumentParser) -> None:
    """`--job`."""
    parser.add_argument('--job', metavar='ID', help='the job of the backend for this run')


def chosen_job(options: argparse.Namespace) -> str | None:
    """`--job`, else the job that the platform sets in the environment."""
    return options.job or os.environ.get('SYNAPSE_JOB_ID') or None


def add_backend(parser: argparse.ArgumentParser) -> None:
    """`--workspace` and `--host`."""
    backend = parser.add_mutually_exclusive_group()
    backend.add_argument('--workspace', metavar='DIR', type=Path, help='the embedded workspace to use')
    backend.add_argument('--host', metavar='URL', help='the Synapse backend to use')


def run(options: argparse.Namespace) -> CommandResult:
    """Load the action, validate the parameters, run."""
    from synapse_hooks.cli.run_action import failed_before_start

    try:
        return run_with(options, partial(_parameters, options))
    except BaseException as error:
        return failed_before_start(error)


Parameters = Callable[[Any, Mapping[str, Any], Mapping[str, Any]], 'tuple[Any, SearchRequest | None]']
"""The validated parameters of a run, and its search if it is one, from the action's model, its defaults and values."""


def _parameters(
    options: argparse.Namespace, model: Any, defaults: Mapping[str, Any], values: Mapping[str, Any]
) -> tuple[Any, SearchRequest | None]:
    from synapse_hooks.actions import search_params
    from synapse_hooks.actions.params import validated
    from synapse_hooks.searches import SearchRequest

    if not values.get('is_tune'):
        return validated(model, {**defaults, **values}, strict=True), None
    search, params = search_params(model, values, defaults=defaults)
    return params, SearchRequest(search, options.launcher, chosen_resources(options))


def run_with(options: argparse.Namespace, parameters: Parameters) -> CommandResult:
    """Load the action, and run it with its parameters.

    Args:
        options: Those of `add_run_options`, and the target.
        parameters: Makes the parameters, and the search.
    """
    from synapse_hooks.actions.target import load_action
    from synapse_hooks.backends import connect
    from synapse_hooks.cli.params import read_params
    from synapse_hooks.cli.plan import params_help, plan_result
    from synapse_hooks.cli.run_action import fail_job, run_action
    from synapse_hooks.context import RuntimeContext
    from synapse_hooks.errors import BackendUnavailable, SynapseHooksError

    kind, target, defaults = load_action(options.target)
    if options.params_help:
        return params_help(kind, defaults)
    job = chosen_job(options)
    client = connect(options.workspace, options.host, job=job)
    try:
        values = read_params(options.file, options.params)
        params, search = parameters(kind.params_model, defaults, values)
        if search is None:
            need_launcher(options.launcher, chosen_resources(options))
    except SynapseHooksError as error:
        if not options.plan:
            fail_job(client, job, error)
        raise
    if job is not None and not options.plan:
        # A missing job would only be noticed after the training, by the upload.
        with suppress(BackendUnavailable):
            client.get_job(job)
    ctx = RuntimeContext(
        client=client,
        job_id=job,
        run_dir=options.run_dir,
        run_name=options.name,
        note=options.note,
        block=tuple(options.block),
        only=tuple(options.only),
        target=target,
        strict=options.strict,
        allow_pickle=tuple(options.allow_pickle),
        deadlines=deadlines_of(options),
        trace=options.trace,
        search=search,
    )
    if options.plan:
        return plan_result(kind, params, ctx)
    if search is not None:
        # Its stages run here, and its trials where the launcher runs them.
        return run_action(kind, params, ctx)
    return run_action(kind, params, ctx, options.launcher, chosen_resources(options))
