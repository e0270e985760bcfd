"""A run of an action, made into a search: who searches, and the steps."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from synapse_hooks.errors import ConfigError, PluginMissing, SelectionError
from synapse_hooks.journal import RunDirectory
from synapse_hooks.launches import Resources, RunPlan
from synapse_hooks.launching.plans import plan_of, refuse_objects
from synapse_hooks.plugins import Plugins
from synapse_hooks.searches import Search, SearchRequest
from synapse_hooks.steps import RunSetup
from synapse_hooks.steps.preflight import prepare_plugins
from synapse_hooks.storage.user_paths import working_directory
from synapse_hooks.tuning.step import SearchStep
from synapse_hooks.tuning.trials import EXECUTE, recorded_trials

INSTALL: Final = 'pip install synapse-hooks-ray'
"""What installs a launcher that searches."""
_HINT: Final = f'install one that can: `{INSTALL}`'


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
    name = launcher_of(plugins, request.launcher)

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


def launcher_of(plugins: Plugins, name: str | None) -> str:
    """The launcher that searches.

    Args:
        plugins: Those of the run.
        name: Its name; None is the only one that is installed.

    Raises:
        SelectionError: There is none that can search; several; or the one that was named cannot be used.
    """
    catalogue = plugins.catalogues['launcher']
    if name is None:
        names = sorted(
            {found.name for found in catalogue.plugins if found.rank != 'built-in' and catalogue.may_answer(found)}
        )
        if len(names) > 1:
            raise ConfigError(f'there are several launchers: {", ".join(names)}', hint=f'add `--launcher {names[0]}`')
        if not names and any(role == 'answer' for _, role in plugins.order('tune')):
            raise ConfigError('a plugin of the project searches, but by which name?', hint='add `--launcher NAME`')
        if not names:
            raise PluginMissing(
                'no launcher that can search for hyperparameters is installed',
                hint=_HINT,
                kind='launcher',
                name='',
                available=[],
            )
        name = names[0]
    found = catalogue.select(name)
    if found is None:
        if any(role == 'answer' for _, role in plugins.order('tune')):
            return name
        raise _with_hint(catalogue.missing(name))
    try:
        catalogue.check(found, 'tune')
    except PluginMissing as error:
        raise PluginMissing(
            f'the launcher {found.name!r} cannot search for hyperparameters', hint=_HINT, **error.facts
        ) from error
    return found.name


def _with_hint(error: SelectionError) -> SelectionError:
    return type(error)(error.problem, hint=f'{error.hint}; {_HINT}', **error.facts)


def _with_trials(search: Search, run_dir: Path) -> dict[str, Any]:
    """What run.json has of a search that has ended."""
    trials = [trial.to_dict() for _, trial in sorted(recorded_trials(run_dir).items())]
    return {'search': {**search.to_dict(), 'trials': trials}}
