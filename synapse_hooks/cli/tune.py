"""Search for the best parameters of a train action. The stages before the training run once, and each trial is a run.

TARGET is module:Class, path/file.py:Class, or a folder with a config.yaml (its train action). FILE has the form that a
backend sends, with `hyperparameters` and `tune_config`; or the list `hyperparameters` alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.train import add_run_options, run_with

if TYPE_CHECKING:
    from synapse_hooks.searches import SearchRequest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Target, space, how to search, and the options of a run."""
    parser.add_argument('target', metavar='TARGET', help='the action to run')
    group = parser.add_argument_group('the search')
    group.add_argument('--space', metavar='FILE', type=Path, required=True, help='a YAML or JSON file with the search')
    group.add_argument('--metric', metavar='NAME', help='the metric by which trials are compared')
    group.add_argument('--mode', choices=('max', 'min'), help='whether its largest or its smallest value is best')
    group.add_argument('--samples', metavar='N', type=int, help='how many trials there are')
    group.add_argument('--concurrent', metavar='N', type=int, help='how many of them run at once, at most')
    group.add_argument(
        '--models', choices=('best', 'all', 'none'), default='best', help="which trials' models are uploaded"
    )
    add_run_options(parser)


def run(options: argparse.Namespace) -> CommandResult:
    """Load the action, check the search, run it."""
    from synapse_hooks.cli.run_action import failed_before_start

    try:
        return run_with(options, partial(_parameters, options))
    except BaseException as error:
        return failed_before_start(error)


def _parameters(
    options: argparse.Namespace, model: Any, defaults: Mapping[str, Any], values: Mapping[str, Any]
) -> tuple[Any, SearchRequest]:
    """The parameters of a trial, and the search."""
    from synapse_hooks.actions import search_params
    from synapse_hooks.cli.launching import chosen_resources
    from synapse_hooks.cli.params import read_yaml_file
    from synapse_hooks.searches import SearchRequest

    typed = {
        'metric': options.metric,
        'mode': options.mode,
        'num_samples': options.samples,
        'max_concurrent_trials': options.concurrent,
    }
    search, params = search_params(
        model,
        read_yaml_file('--space', options.space),
        values,
        config={name: value for name, value in typed.items() if value is not None},
        models=options.models,
        defaults=defaults,
    )
    return params, SearchRequest(search, options.launcher, chosen_resources(options))
