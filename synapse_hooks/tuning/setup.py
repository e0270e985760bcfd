"""A run of an action, made into a search: who searches, and the steps."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from synapse_hooks.errors import ConfigError
from synapse_hooks.journal import RunDirectory
from synapse_hooks.launches import Resources, RunPlan
from synapse_hooks.launching.choice import check_search, search_launcher_of
from synapse_hooks.launching.plans import plan_of, refuse_objects
from synapse_hooks.searches import Search, SearchRequest
from synapse_hooks.steps import RunSetup
from synapse_hooks.steps.preflight import prepare_plugins
from synapse_hooks.storage.user_paths import working_directory
from synapse_hooks.tuning.step import SearchStep
from synapse_hooks.tuning.trials import EXECUTE, recorded_trials


def search_setup(setup: RunSetup, request: SearchRequest) -> RunSetup:
    """The run of an action as a search: `execute` searches, and what comes after it gets the best trial's result.

    Args:
        setup: The run; its registry is changed.
        request: What is searched, and who does it.

    Raises:
        ConfigError, ParamsError, SelectionError, NoAnswer: It cannot begin.
        LaunchError: It holds what cannot travel.
    """
    if EXECUTE not in setup.registry:
        raise ConfigError(
            f'{setup.action} has no step {EXECUTE!r}, so there is nothing to search with',
            hint=f'its steps are {", ".join(setup.registry.names)}',
        )
    path = getattr(setup.params, 'data_path', None)
    if path is not None:
        # Trials may run in another folder, and share stages that have used it.
        setup = replace(setup, params=setup.params.model_copy(update={'data_path': working_directory() / path}))
    # Objects that show the run stay here.
    travelling = replace(setup, ctx=replace(setup.ctx, plugins=(), search=None))
    refuse_objects(travelling)
    plugins = prepare_plugins(travelling)
    search, given = request.search, request.resources or Resources()
    name = search_launcher_of(plugins, request.launcher)
    check_search(plugins, name, search)

    def plan(run_dir: Path) -> RunPlan:
        ctx = replace(setup.ctx, plugins=(), search=None)
        return plan_of(replace(setup, ctx=ctx), RunDirectory.open(run_dir), plugins)

    setup.registry.replace(EXECUTE, SearchStep(search, name, given, plan, setup.result_model))
    for step in ('pre_execute', *(['upload'] if search.models == 'none' else [])):
        if step in setup.registry:
            setup.registry.unregister(step)
    launch = {'launcher': name, 'resources': given.to_dict()}
    record = {**setup.record, 'search': search.to_dict(), 'launch': launch}
    return replace(setup, record=record, closing=partial(_with_trials, search))


def _with_trials(search: Search, run_dir: Path) -> dict[str, Any]:
    """What run.json has of a search that has ended."""
    trials = [trial.to_dict() for _, trial in sorted(recorded_trials(run_dir).items())]
    return {'search': {**search.to_dict(), 'trials': trials}}
