"""A run directory and a manager of plugins for tests of hooks, without a pipeline.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synapse_hooks.backends import Workspace
from synapse_hooks.context import AutologSession, RuntimeContext, TrainContext
from synapse_hooks.errors import PluginBroken
from synapse_hooks.journal import Journal, SinkPump, read_events
from synapse_hooks.plugins import HookCalls, PluginSink, Settings, bind, build
from synapse_hooks.testing.calls import watched


class FakeRun:
    """A run directory with a journal and a context, as hooks, autologgers and sinks get them. No stage runs.

    Args:
        folder: The folder for the run directory and the workspace, such as `tmp_path`.
        params: The parameters of the run.
        settings: `[tool.synapse_hooks.settings]`: a table for each plugin.

    Example:
        >>> run = FakeRun(getfixture('tmp_path'), params={'epochs': 3})
        >>> run.context.log_metrics({'loss': 0.5}, step=1)
        >>> run.of('metrics')[0]['values'], run.context.params
        ({'loss': 0.5}, {'epochs': 3})
    """

    def __init__(
        self,
        folder: Path,
        *,
        params: Mapping[str, Any] | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.folder = Path(folder)
        """Has the run directory and the workspace."""
        self.journal = Journal(self.folder / 'run')
        """The journal of the run, which `context` writes into."""
        self.run_dir = self.journal.run_dir
        """The run directory."""
        self.workspace = Workspace(self.folder / 'workspace')
        """The backend of the run: an empty workspace."""
        output = self.run_dir / 'output'
        output.mkdir(exist_ok=True)
        plugins = build(Settings(), installed=())
        self.context = TrainContext(
            params=dict(params or {}),
            runtime_ctx=RuntimeContext(client=self.workspace, run_dir=self.run_dir, discover=False),
            hooks=plugins.calls,
            recorder=self.journal,
            run_dir=self.run_dir,
            output_dir=output,
            settings=dict(settings or {}),
            find_dataset=plugins.find_dataset,
        )
        """What hooks get as `context`: set what the hook under test reads, such as `context.dataset`."""

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of the journal, each a dict with its `type`."""
        return list(read_events(self.run_dir))

    def of(self, type: str, **fields: Any) -> list[dict[str, Any]]:
        """The events of a type that have these values."""
        events = read_events(self.run_dir, types=(type,))
        return [event for event in events if all(event.get(name) == value for name, value in fields.items())]

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of every metric, by name."""
        return {name: value for event in self.of('metrics') for name, value in event['values'].items()}

    @property
    def warnings(self) -> list[str]:
        """The texts of all warnings."""
        return [event['text'] for event in self.of('message', level='warning')]

    def session(self, framework: str, *, resume_from: Path | None = None) -> AutologSession:
        """A session for an autologger, which logs into the journal.

        Args:
            framework: The name of the framework, such as `ultralytics`.
            resume_from: A checkpoint to resume from.
        """
        return AutologSession(framework, self.journal, self.run_dir, resume_from)

    def deliver(self, *plugins: object) -> int:
        """Deliver what was recorded to the log hooks of plugins, as the end of a run does, and close them.

        Args:
            plugins: The sinks; what they have received before does not come again.

        Returns:
            How many events could not be delivered because a sink was unavailable.

        Raises:
            AssertionError: A hook raised another error than those which mean that the tracker cannot be reached.
            PluginBroken: A plugin is not valid.
        """
        adapters = build(Settings(), extra=watched(plugins), installed=()).sink_adapters()
        pump = SinkPump(self.journal, [PluginSink(one, self.context) for one in adapters], retry=(0.01, 0.1))
        before = len(self.of('sink_loss'))
        undelivered = sum(pump.close(30.0).values())
        assert not pump.failures, f'sink_closed failed: {pump.failures}'
        lost = [event['reason'] for event in self.of('sink_loss')[before:]]
        assert not lost, f'the sink lost events, because a hook raised: {"; ".join(lost)}'
        return undelivered


class PluginHost:
    """A manager of the given plugins and the built-in ones: nothing installed, no project. Each test has its own.

    Args:
        plugins: Objects, nearest first, or texts as in `plugins` of a project: `acme_voc:AcmeFormat`, a module, a file.
        run: The run whose context the hooks get.

    Raises:
        PluginBroken: A plugin is not valid.

    Example:
        >>> from synapse_hooks import hookimpl
        >>> class Seed:
        ...     @hookimpl
        ...     def pre_execute(self, context):
        ...         return {'data_path': context.run_dir / 'seeded'}
        >>> host = PluginHost(Seed(), run=FakeRun(getfixture('tmp_path')))
        >>> host.call('pre_execute')['data_path'].name
        'seeded'
        >>> host.order('pre_execute')
        ['Seed']
    """

    def __init__(self, *plugins: object, run: FakeRun) -> None:
        objects = watched([plugin for plugin in plugins if not isinstance(plugin, str)])
        texts = tuple(plugin for plugin in plugins if isinstance(plugin, str))
        settings = Settings(plugins=texts, settings=run.context.settings)
        self.run = run
        """The run."""
        self.plugins = build(settings, extra=objects, installed=())
        """The manager: records, order and settings."""
        broken = next((one.error for one in self.plugins.records if isinstance(one.error, PluginBroken)), None)
        if broken is not None:
            raise broken
        run.context.hooks = self.hooks

    @property
    def hooks(self) -> HookCalls:
        """The hooks, with all arguments by keyword: `hooks.convert(context=..., dataset=..., target_format=...)`."""
        return self.plugins.calls

    def call(self, hook: str, *args: Any, **kwargs: Any) -> Any:
        """Call a hook as a run does. `context` is that of the run unless it is given.

        Args:
            hook: Its name.
            *args: Its arguments in order.
            **kwargs: Its arguments by name.

        Returns:
            The answer; None for hooks that only observe.

        Raises:
            NoAnswer: No plugin has answered.
            Exception: What a plugin raised, unless the hook is one that only observes.
        """
        return getattr(self.hooks, hook)(**bind(hook, args, kwargs, self.run.context))

    def order(self, hook: str) -> list[str]:
        """The names of the plugins that are called for a hook: wrappers first, then answers, nearest first."""
        return [plugin.name for plugin, _ in self.plugins.order(hook) if plugin.rank != 'built-in']
