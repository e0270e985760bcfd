"""Adapters of plugins that take logs to the interface of the journal's pump."""

from __future__ import annotations

from inspect import signature
from typing import Any

from synapse_hooks.context import TrainContext
from synapse_hooks.hookspecs import arguments
from synapse_hooks.plugins.adapter import HookAdapter


class PluginSink:
    """One plugin's log hooks. `name` keeps its place in the journal between attempts of a run.

    Args:
        adapter: The plugin's hook functions.
        context: The run.
    """

    def __init__(self, adapter: HookAdapter, context: TrainContext) -> None:
        plugin = adapter.plugin
        # Sinks of synapse-hooks itself have the rank of the project, and continue with the cursors of old runs.
        origin = plugin.rank if plugin.rank == 'project' else plugin.distribution or plugin.rank
        self.name = f'{origin}-{plugin.name}'
        self.hooks = adapter.plugin.hooks
        self.concurrent_artifacts = bool(getattr(plugin.loaded, 'concurrent_artifacts', True))
        self._adapter = adapter
        self._context = context

    def deliver(self, hook: str, payload: Any) -> None:
        """Pass a batch to the plugin."""
        if hook == 'log_artifact':
            # The journal has paths relative to the run directory, which may be moved; a plugin opens the file.
            # Conversions import plugins, and need no journal.
            from synapse_hooks.journal import current_path

            payload = [{**event, 'path': str(current_path(self._context.run_dir, event['path']))} for event in payload]
        self._call(hook, payload)

    def closed(self, undelivered: int) -> None:
        """This was the last delivery."""
        if 'sink_closed' in self.hooks:
            self._call('sink_closed', undelivered)

    def _call(self, hook: str, payload: Any) -> None:
        function = self._adapter.function(hook)
        assert function is not None, f'{hook} is none of {self.hooks}'
        call = {'context': self._context, arguments(hook)[1]: payload}
        function(**{name: call[name] for name in signature(function).parameters if name in call})
