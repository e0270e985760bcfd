"""Building the plugins of one run: found, selected, validated, and registered in the order of nearness.

A manager is built for each run and then left alone, so nothing leaks from one run into the next.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pluggy

from synapse_hooks.autologgers import BUILTIN as BUILTIN_AUTOLOGGERS
from synapse_hooks.conversion import EXECUTORS as BUILTIN_EXECUTORS
from synapse_hooks.errors import (
    ConfigError,
    PluginBlocked,
    PluginBroken,
    PluginIncompatible,
    SelectionError,
    WrongAnswer,
)
from synapse_hooks.formats import BUILTIN as BUILTIN_FORMATS
from synapse_hooks.hookspecs import PROJECT, SINK_HOOKS, HookSpecs
from synapse_hooks.plugins.adapter import HookAdapter
from synapse_hooks.plugins.blame import Trail, blame
from synapse_hooks.plugins.builtin import Stages
from synapse_hooks.plugins.calls import HookCalls
from synapse_hooks.plugins.catalogue import Catalogue
from synapse_hooks.plugins.discovery import DISTRIBUTION, installed_plugins
from synapse_hooks.plugins.dispatcher import DISPATCHED, Dispatcher
from synapse_hooks.plugins.duplicates import without_duplicates
from synapse_hooks.plugins.loading import load, validated
from synapse_hooks.plugins.records import Kind, Plugin, PluginWarning
from synapse_hooks.plugins.settings import Settings
from synapse_hooks.plugins.validation import LAZY_HOOKS, MARKER, HookFunction
from synapse_hooks.version import __version__

if TYPE_CHECKING:
    from synapse_hooks.context import Dataset
    from synapse_hooks.formats import BaseFormat
    from synapse_hooks.tracing import Tracer

_PLAIN: Final = pluggy.HookimplOpts(
    wrapper=False, hookwrapper=False, optionalhook=False, tryfirst=False, trylast=False, specname=None
)


class _Manager(pluggy.PluginManager):
    """pluggy's manager, for adapters and dispatchers only.

    It reads the functions that an adapter has, where pluggy would inspect every attribute of an object; and the
    methods of a dispatcher, which cannot bear the marker of their rank.
    """

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        if isinstance(plugin, Dispatcher):
            return {**_PLAIN, 'trylast': plugin.rank == 'built-in'} if name in DISPATCHED else None
        options: pluggy.HookimplOpts | None = getattr(vars(plugin).get(name), MARKER, None)
        return options


@dataclass(eq=False)
class Plugins:
    """The plugins of one run, and the way to call their hooks."""

    records: list[Plugin]
    """Every plugin that was found, whatever its state."""
    calls: HookCalls
    trail: Trail
    settings: Settings
    catalogues: Mapping[Kind, Catalogue]
    manager: pluggy.PluginManager = field(repr=False)
    warnings: list[str] = field(default_factory=list)
    """A sentence for each plugin that was skipped."""

    def versions(self) -> dict[str, str]:
        """Name to distribution and version, for every plugin that may take part: what run.json keeps.

        Objects that were passed for this run are left out: their names mean nothing later.
        """
        return {
            f'{plugin.kind}:{plugin.name}': f'{plugin.distribution} {plugin.version}'
            if plugin.distribution
            else plugin.rank
            for plugin in self.records
            if plugin.state in ('active', 'available')
            and (plugin.rank != 'project' or plugin.name in self.settings.plugins)
        }

    def left_out(self) -> list[dict[str, Any]]:
        """The plugins that cannot take part because something is wrong with them: what run.json keeps."""
        keys = ('name', 'kind', 'rank', 'distribution', 'version', 'state', 'reason')
        unsound = [plugin.to_dict() for plugin in self.records if plugin.state in ('broken', 'incompatible')]
        return [{key: entry[key] for key in keys} for entry in unsound]

    def check_pinned(self) -> None:
        """Fail at once where a plugin that is called by name, and that the project pins, cannot be used.

        Raises:
            PluginBroken, PluginIncompatible: With what is wrong with it.
        """
        for catalogue in self.catalogues.values():
            for plugin in catalogue.plugins:
                if plugin.state != 'blocked' and self.settings.is_pinned(plugin) and self.settings.requires(plugin):
                    catalogue.adapter(plugin)

    def order(self, hook: str) -> list[tuple[Plugin, str]]:
        """The plugins that are called for `hook`, with their roles: wrappers outermost, then answers, nearest first.

        Roles are `wrapper`, `answer`, and `by name` for plugins that a dispatcher imports when they are selected.
        """
        return [(plugin, role) for plugin, role, _ in self.answers(hook)]

    def answers(self, hook: str) -> list[tuple[Plugin, str, Callable[..., Any] | None]]:
        """The same, each with its function; None for those that are called by name."""
        answers: list[tuple[Plugin, str, Callable[..., Any] | None]] = []
        for impl in reversed(getattr(self.manager.hook, hook).get_hookimpls()):
            if isinstance(impl.plugin, Dispatcher):
                answers += [(plugin, 'by name', None) for plugin in impl.plugin.plugins(hook)]
            else:
                answers.append((impl.plugin.plugin, 'wrapper' if impl.wrapper else 'answer', impl.function))
        return answers

    def blame_answerer(self, error: WrongAnswer) -> None:
        """Note on `error` the plugin whose answer it is about, where that is known."""
        hook = str(error.facts.get('hook'))
        answerer = self.trail.last.get(hook)
        if answerer is not None:
            blame(error, answerer, hook)

    def check_format(self, name: str) -> None:
        """Fail at once where it is certain that no plugin can convert to the format `name`.

        Nothing is certain while some plugin other than a format answers `convert`: it may support the name.

        Raises:
            SelectionError: No plugin has it, or it cannot be used.
        """
        if any(role == 'answer' for _, role in self.order('convert')):
            return
        catalogue = self.catalogues['format']
        plugin = catalogue.select(name)
        if plugin is None:
            raise catalogue.missing(name)
        catalogue.check(plugin, 'convert')

    def check_other(self, hook: str, error: Exception) -> None:
        """Raise `error` unless a plugin besides the built-in ones answers `hook`."""
        if not any(role == 'answer' and plugin.rank != 'built-in' for plugin, role in self.order(hook)):
            raise error

    def check_hook(self, hook: str) -> None:
        """Fail at once where no plugin implements a hook that will be needed.

        Raises:
            NoAnswer: There is none.
        """
        if not any(role == 'answer' for _, role in self.order(hook)):
            raise self.calls.no_answer(hook, {})

    def formats(self) -> list[BaseFormat]:
        """Every format that can be used, imported. One that cannot be imported is left out."""
        from synapse_hooks.formats import BaseFormat

        catalogue = self.catalogues['format']
        for plugin in catalogue.plugins:
            if plugin.state == 'available':
                with suppress(SelectionError):
                    catalogue.adapter(plugin)
        # A format of the project need not be an entry point.
        loaded = [plugin.loaded for plugin in self.records if plugin.state == 'active']
        return [format for format in loaded if isinstance(format, BaseFormat)]

    def find_dataset(self, path: Path) -> Dataset:
        """See `TrainContext.find_dataset`."""
        from synapse_hooks.formats.guess import locate_dataset

        found, format = locate_dataset(path, self.formats())
        return {'path': found, 'format': format}

    def sink_adapters(self) -> list[HookAdapter]:
        """The adapters of plugins that take logs."""
        adapters = [p for p in self.manager.get_plugins() if isinstance(p, HookAdapter)]
        return sorted(
            (adapter for adapter in adapters if any(adapter.function(hook) for hook in SINK_HOOKS)),
            key=lambda adapter: adapter.plugin.name,
        )


def build(
    settings: Settings,
    *,
    action: tuple[str, Sequence[HookFunction]] | None = None,
    extra: Sequence[object] = (),
    installed: Iterable[Plugin] | None = None,
    refuse: bool = True,
    tracer: Tracer | None = None,
) -> Plugins:
    """Find, select and register the plugins of a run.

    Args:
        settings: Which may take part.
        action: The action's name and the hooks that it overrides.
        extra: Plugin objects at the rank of the project, nearest first.
        installed: Instead of what the environment has; for tests.
        refuse: Whether to refuse plugins that are wanted and cannot be used; a listing shows them instead.
        tracer: Records every call of a hook.

    Raises:
        ConfigError: A flag names a plugin that does not exist.
        PluginBroken, PluginIncompatible: A plugin that the project lists or `--only` names cannot be used.
        PluginBlocked: `--only` names a plugin that the project does not list, where it must.

    Warns:
        PluginWarning: A plugin was skipped.
    """
    trail = Trail(tracer=tracer)
    manager = _Manager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    others = list(installed_plugins() if installed is None else installed)
    project = [Plugin(text, 'plugin', 'project', text) for text in settings.plugins]
    built_in = _built_in()
    records = [*project, *others, *built_in]
    for plugin in records:
        _block(plugin, settings)
    settings.check_names(records)
    if refuse:
        _check_command_line(others, settings)
    catalogues = {
        kind: Catalogue(kind, [p for p in records if p.kind == kind], settings.pins.get(kind, {}), trail)
        for kind in LAZY_HOOKS
    }
    skipped: list[str] = []
    wanted: list[SelectionError] = []

    def register(plugin: Plugin, functions: Sequence[HookFunction]) -> HookAdapter:
        plugin.state = 'active'
        adapter = HookAdapter(plugin, functions, trail)
        manager.register(adapter, name=f'{plugin.rank}:{plugin.distribution}:{plugin.name}:{id(plugin)}')
        return adapter

    near: list[tuple[Plugin, list[HookFunction]]] = []
    names = _names_of(extra)
    for thing in extra:
        name = names[id(thing)]
        plugin = Plugin(name, 'plugin', 'project', name, loaded=thing)
        if type(thing).__module__.startswith('synapse_hooks.'):
            # The display and the like: for the reader of a failure, these are not the project's.
            plugin.distribution, plugin.version = DISTRIBUTION, __version__
        records.append(plugin)
        near.append((plugin, validated(plugin, thing)))
    for plugin in (*project, *(p for p in others if p.kind == 'plugin')):
        if plugin.state == 'blocked':
            continue
        try:
            near.append((plugin, load(plugin, settings.root)))
        except (PluginBroken, PluginIncompatible) as error:
            # A listing shows what the project requires and cannot have; a name that was typed must work.
            if settings.requires(plugin) if refuse else settings.is_on_command_line(plugin):
                wanted.append(error)
            skipped.append(f'{error.problem}; it is skipped')
    if wanted:
        raise _unusable(wanted)
    # LIFO: the plugin that is registered last is called first.
    manager.register(Dispatcher(catalogues, 'installed'), name='installed plugins by name')
    for plugin, functions in reversed(without_duplicates(near)):
        register(plugin, functions)
    # Built-in answers are `trylast`, and the last of those that is registered is called last of all.
    manager.register(Dispatcher(catalogues, 'built-in'), name='built-in plugins by name')
    stages = built_in[0]
    register(stages, validated(stages, Stages()))
    own = None
    if action is not None:
        plugin = Plugin(action[0], 'plugin', 'action', action[0])
        records.insert(0, plugin)
        own = register(plugin, action[1])

    for text in skipped:
        warnings.warn(text, PluginWarning, stacklevel=2)
    calls = HookCalls(manager, own, trail, lambda kind, name, hook: catalogues[kind].unanswered(name, hook))
    return Plugins(records, calls, trail, settings, catalogues, manager, skipped)


def _built_in() -> list[Plugin]:
    plugins = [Plugin('stages', 'plugin', 'built-in', 'synapse_hooks.plugins.builtin:Stages')]
    plugins += [Plugin(name, 'format', 'built-in', target) for name, target in BUILTIN_FORMATS.items()]
    plugins += [Plugin(name, 'autologger', 'built-in', target) for name, target in BUILTIN_AUTOLOGGERS.items()]
    plugins += [Plugin(name, 'executor', 'built-in', target) for name, target in BUILTIN_EXECUTORS.items()]
    plugins.append(Plugin('local', 'launcher', 'built-in', 'synapse_hooks.actions.launched:Local'))
    for plugin in plugins:
        plugin.distribution, plugin.version = DISTRIBUTION, __version__
    return plugins


def _block(plugin: Plugin, settings: Settings) -> None:
    reason = settings.blocked_by(plugin)
    if reason is None:
        return
    if plugin.rank == 'built-in' and plugin.kind == 'plugin':
        raise ConfigError(f'{reason}: the built-in stages cannot be blocked', hint='override a hook instead')
    plugin.state, plugin.reason = 'blocked', reason
    if reason == settings.unlisted:
        plugin.fix = settings.how_to_allow(plugin)


def _check_command_line(plugins: Iterable[Plugin], settings: Settings) -> None:
    """Refuse `--only` of what the project does not list: it would be left out in silence."""
    for plugin in plugins:
        if plugin.fix and settings.is_on_command_line(plugin):
            raise PluginBlocked(
                f'{plugin.who} is blocked by {plugin.reason}: the project does not list its distribution',
                hint=plugin.fix,
                kind=plugin.kind,
                name=plugin.name,
                setting=plugin.reason,
            )


def _unusable(errors: Sequence[SelectionError]) -> SelectionError:
    """The first of the errors, whose hint says what to do, with the others as notes."""
    first, *others = errors
    for other in others:
        first.add_note(other.problem)
    name = first.facts['name']
    if first.facts.get('distribution') is None:
        first.hint += f', or continue without it: in pyproject.toml [tool.synapse_hooks] allow_broken = ["{name}"]'
    return first


def _names_of(things: Iterable[Any]) -> dict[int, str]:
    """A name for each object, by its `id`: two of one class differ by a number."""
    names: dict[int, str] = {}
    for thing in things:
        name = getattr(thing, '__name__', None) or type(thing).__name__
        same = sum(taken.partition(' ')[0] == name for taken in names.values())
        names[id(thing)] = f'{name} {same + 1}' if same else name
    return names
