"""Answers for formats, autologgers, executors and launchers on behalf of plugins that are not imported yet.

One dispatcher is at the installed rank and one at the built-in rank, so that nearness holds. Blame and answers are
noted for the plugin behind the dispatcher, never for the dispatcher.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.plugins.catalogue import Catalogue
from synapse_hooks.plugins.records import Kind, Plugin, Rank

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from synapse_hooks.context import AutologSession, Dataset, DatasetReader, Executor, TrainContext
    from synapse_hooks.launches import Resources, RunOutcome, RunPlan
    from synapse_hooks.searches import Search, SearchOutcome, Trial


DISPATCHED: Final[dict[str, tuple[Kind, str]]] = {
    'convert': ('format', 'target_format'),
    'open_dataset': ('format', 'dataset'),
    'open_executor': ('executor', 'executor'),
    'launch': ('launcher', 'launcher'),
    'tune': ('launcher', 'launcher'),
    'autolog': ('autologger', 'framework'),
}
"""The hooks that plugins answer by name: the kind of these plugins, and the argument that has the name."""


class Dispatcher:
    """Looks a name up and dispatches the call, importing the plugin on the first match.

    Args:
        catalogues: The catalogue of each kind.
        rank: Dispatch to plugins of this rank only.
    """

    def __init__(self, catalogues: Mapping[Kind, Catalogue], rank: Rank) -> None:
        self.rank = rank
        self._catalogues = catalogues

    def convert(self, context: TrainContext, dataset: Dataset, target_format: str) -> Any:
        """Call the format named `target_format`."""
        return self._dispatch(target_format, 'convert', locals())

    def open_dataset(self, dataset: Dataset) -> DatasetReader | None:
        """Call the format of the dataset."""
        reader: DatasetReader | None = self._dispatch(dataset['format'], 'open_dataset', locals())
        return reader

    def open_executor(self, context: TrainContext, executor: str, workers: int | None) -> Executor | None:
        """Call the executor of that name."""
        opened: Executor | None = self._dispatch(executor, 'open_executor', locals())
        return opened

    def autolog(self, framework: str, session: AutologSession) -> AbstractContextManager[Any] | None:
        """Call the autologger of `framework`."""
        manager: AbstractContextManager[Any] | None = self._dispatch(framework, 'autolog', locals())
        return manager

    def launch(self, launcher: str, plan: RunPlan, resources: Resources, cancelled: Event) -> RunOutcome | None:
        """Call the launcher of that name."""
        outcome: RunOutcome | None = self._dispatch(launcher, 'launch', locals())
        return outcome

    def tune(
        self,
        launcher: str,
        plan: RunPlan,
        search: Search,
        resources: Resources,
        cancelled: Event,
        report: Callable[[Trial], None],
    ) -> SearchOutcome | None:
        """Call the launcher of that name."""
        outcome: SearchOutcome | None = self._dispatch(launcher, 'tune', locals())
        return outcome

    def plugins(self, hook: str) -> list[Plugin]:
        """The plugins that may be called for `hook`, for a listing: one for each name, or all until one is pinned."""
        catalogue = self._catalogues[DISPATCHED[hook][0]]
        own = [plugin for plugin in catalogue.plugins if plugin.rank == self.rank]
        return [plugin for plugin in own if catalogue.may_answer(plugin)]

    def _dispatch(self, name: str, hook: str, call: Mapping[str, Any]) -> Any:
        kind, argument = DISPATCHED[hook]
        catalogue = self._catalogues[kind]
        plugin = catalogue.select(name)
        if plugin is None or plugin.rank != self.rank:
            return None
        function = catalogue.adapter(plugin).function(hook)
        if function is None:
            return None
        # A plugin is called with its own name, in whichever spelling that was typed.
        if hook == 'open_dataset':
            call = {'dataset': {**call['dataset'], 'format': plugin.name}}
        else:
            call = {**call, argument: plugin.name}
        return function(**{name: call[name] for name in signature(function).parameters if name in call})
