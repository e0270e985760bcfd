"""Which launcher runs a plan or a search: an installed one, or one that the project lists under `plugins`."""

from __future__ import annotations

from typing import Final

from synapse_hooks.errors import ConfigError, ParamsError, PluginMissing, SelectionError
from synapse_hooks.launching.launcher import BaseLauncher, SearchLauncher
from synapse_hooks.plugins import Plugins
from synapse_hooks.plugins.records import normalize
from synapse_hooks.searches import Search

INSTALL: Final = 'pip install "synapse-hooks-ray[tune]"'
"""What installs a launcher that searches."""
_HINT: Final = f'install one that can: `{INSTALL}`'


def launcher_of(plugins: Plugins, name: str) -> str:
    """The launcher for a run, by its own spelling of the name.

    Args:
        plugins: Those of the run.
        name: As the user typed it.

    Raises:
        SelectionError: There is none of that name, or it cannot be used.
    """
    return _named(plugins, name, 'launch')


def search_launcher_of(plugins: Plugins, name: str | None) -> str:
    """The launcher for a search.

    Args:
        plugins: Those of the run.
        name: As the user typed it; None is the only launcher that searches.

    Raises:
        ConfigError: The name is None, and several launchers search.
        SelectionError: There is none that searches, or the one that was named cannot be used.
    """
    if name is None:
        return _only(plugins)
    try:
        return _named(plugins, name, 'tune')
    except PluginMissing as error:
        if error.facts.get('available') is not None:
            raise PluginMissing(error.problem, hint=f'{error.hint}; {_HINT}', **error.facts) from error
        facts = {**error.facts, 'name': name}
        raise PluginMissing(f'the launcher {name!r} cannot search for hyperparameters', hint=_HINT, **facts) from error


def check_search(plugins: Plugins, name: str, search: Search) -> None:
    """Refuse a search that its launcher cannot do.

    Args:
        plugins: Those of the run.
        name: The launcher, as `search_launcher_of` found it.
        search: The search.

    Raises:
        ParamsError: With everything that the launcher cannot do.
    """
    found = plugins.catalogues['launcher'].select(name)
    loaded = [] if found is None else [found.loaded]
    own = [plugin.loaded for plugin, role in plugins.order('tune') if role == 'answer']
    for launcher in (*own, *loaded):
        if isinstance(launcher, SearchLauncher) and normalize(launcher.name) == normalize(name):
            faults = list(launcher.check_search(search))
            if faults:
                raise ParamsError(
                    f'the launcher {name!r} cannot search like this: {"; ".join(faults)}',
                    hint='change `tune_config`',
                    faults=[{'field': 'tune_config', 'value': None, 'rule': fault} for fault in faults],
                )
            return


def _named(plugins: Plugins, name: str, hook: str) -> str:
    own = [found for found in _of_project(plugins, hook) if normalize(found) == normalize(name)]
    if own:
        return own[0]
    catalogue = plugins.catalogues['launcher']
    every = _of_project(plugins, 'launch', 'tune')
    same = [found for found in every if normalize(found) == normalize(name)]
    found = catalogue.select(name)
    if found is not None:
        catalogue.check(found, hook)
        return found.name
    if _may_have_any_name(plugins, hook):
        return name
    if same:
        raise PluginMissing(
            f'the launcher {same[0]!r} of the project does not answer {hook!r}',
            hint='choose another launcher: `synapse-hooks plugins` lists them',
            kind='launcher',
            name=same[0],
        )
    if '' in every:
        raise PluginMissing(
            'a launcher of the project has no name', hint=f'write `name = {name!r}` in its class', kind='launcher'
        )
    raise catalogue.missing(name, every)


def _only(plugins: Plugins) -> str:
    """The only launcher that searches. Installed ones are imported, where that is how it is found."""
    own = _of_project(plugins, 'tune')
    if not own and _may_have_any_name(plugins, 'tune'):
        raise ConfigError(
            'the name of the launcher is needed: a function of the project searches', hint='add `--launcher NAME`'
        )
    catalogue = plugins.catalogues['launcher']
    installed, errors = [], []
    for plugin in catalogue.plugins:
        if plugin.rank == 'built-in' or plugin.name in own or not catalogue.may_answer(plugin):
            continue
        try:
            catalogue.check(catalogue.select(plugin.name) or plugin, 'tune')
            installed.append(plugin.name)
        except SelectionError as error:
            errors.append(error)
    names = sorted({*own, *installed})
    if len(names) > 1:
        raise ConfigError(
            f'there are several launchers that search: {", ".join(names)}', hint=f'add `--launcher {names[0]}`'
        )
    if names:
        return names[0]
    broken = next((error for error in errors if not isinstance(error, PluginMissing)), None)
    if broken is not None:
        raise broken
    raise PluginMissing(
        'no launcher that can search for hyperparameters is installed',
        hint=_HINT,
        kind='launcher',
        name='',
        available=[],
    ) from (errors[0] if errors else None)


def _of_project(plugins: Plugins, *hooks: str) -> list[str]:
    """The names of launchers that the project lists under `plugins`, nearest first."""
    answering = (plugin.loaded for hook in hooks for plugin, role in plugins.order(hook) if role == 'answer')
    return list(dict.fromkeys(loaded.name for loaded in answering if isinstance(loaded, BaseLauncher)))


def _may_have_any_name(plugins: Plugins, hook: str) -> bool:
    """Whether functions answer a hook whose names only they know."""
    return any(role == 'answer' and not isinstance(plugin.loaded, BaseLauncher) for plugin, role in plugins.order(hook))
