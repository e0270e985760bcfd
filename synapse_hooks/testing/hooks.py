"""The contract of a plugin of hooks, as a test class that its author subclasses.

    from synapse_hooks.testing import HookConformance

    class TestTiming(HookConformance):
        plugin = 'acme_timing:Timing'

pytest collects the subclass and runs every test; `tmp_path` is a fixture of pytest.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import Any, ClassVar, Final
from unittest import SkipTest

from synapse_hooks.actions import BaseTrainAction, BaseTrainParams
from synapse_hooks.errors import StepFailed
from synapse_hooks.hookspecs import semantics
from synapse_hooks.launches import Resources, RunPlan
from synapse_hooks.plugins import HookFunction, Plugin, hook_functions
from synapse_hooks.plugins.loading import load
from synapse_hooks.safe_text import summary
from synapse_hooks.testing.calls import HookRecorder, replace_attribute
from synapse_hooks.testing.hosting import FakeRun
from synapse_hooks.testing.plugins import check_plugin
from synapse_hooks.testing.process_state import process_state
from synapse_hooks.testing.running import FinishedRun, run_action
from synapse_hooks.testing.samples import small_dataset

_OTHER: Final = 'no-such-name'
_REBUILD: Final = """\
import importlib, inspect, json, sys, time
import synapse_hooks.actions, synapse_hooks.plugins
from synapse_hooks.plugins import Plugin, hook_functions
from synapse_hooks.plugins.loading import load
started = time.process_time()
plugin = Plugin('rebuilt', 'plugin', 'project', sys.argv[1])
load(plugin)
seconds = time.process_time() - started
print(json.dumps({'hooks': sorted(one.hook for one in hook_functions(plugin.loaded)), 'seconds': seconds}))
"""


class SmallAction(BaseTrainAction[BaseTrainParams]):
    """Logs something of every kind, and answers with weights. `HookConformance` runs it."""

    target_format = 'yolo'

    def execute(self, data_path: Any, checkpoint: Any) -> Any:
        """Train for two epochs of no time."""
        self.log_params({'epochs': 2})
        for epoch in (1, 2):
            self.log_metrics({'loss': 1 / epoch}, phase='train', step=epoch)
            self.set_progress(epoch, 2)
        table = self.context.output_dir / 'results.csv'
        table.write_text('epoch,loss\n1,1.0\n2,0.5\n')
        self.log_artifact(table, kind='table', role='results')
        weights = self.context.output_dir / 'weights.bin'
        weights.write_bytes(bytes(1000))
        return {'weights_path': str(weights)}


class _ExpectedError(Exception):
    """What the action of a test raises."""


class _FailingAction(SmallAction):
    def execute(self, data_path: Any, checkpoint: Any) -> Any:
        raise _ExpectedError('the training fails')


class HookConformance:
    """Subclass it in a test module and set `plugin`."""

    plugin: ClassVar[object]
    """The plugin under test: what its entry point names (`acme_timing:Timing`), a module, a class or an instance."""
    settings: ClassVar[Mapping[str, Any]] = {}
    """Its table `[tool.synapse_hooks.settings.NAME]`, as `{NAME: {...}}`, in every run."""
    params: ClassVar[Mapping[str, Any]] = {}
    """Parameters of every run."""
    import_seconds: ClassVar[float] = 2.0
    """The processor time that importing the plugin may take, without synapse_hooks itself."""
    call_seconds: ClassVar[float] = 0.5
    """How long a hook that only observes, or a wrapper itself, may take on average: the run waits for it."""

    # -- what an author may override ---------------------------------------------------------------------------------

    def make_plugin(self) -> object:
        """A new plugin, as a new process makes it; override it for one that needs arguments."""
        plugin = type(self).plugin
        if isinstance(plugin, str):
            record = Plugin(plugin, 'plugin', 'project', plugin)
            load(record)
            return record.loaded
        return plugin() if inspect.isclass(plugin) else plugin

    def run(
        self, plugin: object, folder: Path, action: type[BaseTrainAction[Any]] | None = None, **options: Any
    ) -> FinishedRun:
        """A small run with the plugin. Override it to give the run what the plugin needs.

        Args:
            plugin: The plugin.
            folder: For the run, the workspace and the project; it exists.
            action: The action to run; None is one that logs something of every kind.
            **options: Other arguments of `run_action`.
        """
        data = folder / 'data'
        dataset = None if data.exists() else small_dataset(data)
        project = folder / 'project'
        project.mkdir(exist_ok=True)
        (project / 'pyproject.toml').write_text(_toml(self.settings), encoding='utf-8')
        options = {'plugins': [plugin], 'dataset': dataset, 'folder': folder, 'project': project, **options}
        return run_action(action or SmallAction, self.params, **options)

    # -- tests -------------------------------------------------------------------------------------------------------

    def test_it_is_a_valid_plugin(self) -> None:
        """Its hooks exist, and take arguments that they have; wrappers yield, and nothing else does."""
        plugin = type(self).plugin
        check_plugin(plugin if isinstance(plugin, str) else self.make_plugin(), 'plugin')

    def test_a_run_succeeds_with_it(self, tmp_path: Path) -> None:
        """A small run succeeds, and issues no warning about the plugin."""
        with _plugin_warnings() as issued:
            run = self.run(self.make_plugin(), tmp_path, check=False)
        assert run.error is None, f'a small run with it failed: {summary(run.error)}'
        failed = [status for status in run.statuses.items() if status[1] not in ('succeeded', 'skipped')]
        assert not failed, f'a small run with it must succeed; its stages: {failed}'
        assert not issued, f'a small run with it issued warnings: {issued}'
        lost = [event['reason'] for event in run.of('sink_loss')]
        assert not lost, f'its log hooks lost events, because they raised: {lost}'

    def test_the_error_of_a_training_passes_through(self, tmp_path: Path) -> None:
        """If the training fails, the user gets its error, and the hooks at the end of the run do not fail."""
        with _plugin_warnings() as issued:
            run = self.run(self.make_plugin(), tmp_path, _FailingAction, check=False)
        cause = run.error.__cause__ if isinstance(run.error, StepFailed) else run.error
        assert isinstance(cause, _ExpectedError), (
            f'the training raised {_ExpectedError("the training fails")!r}, and the run ended with {cause!r}: '
            'a wrapper must let errors pass'
        )
        failed = [*issued, *(note for note in getattr(run.error, '__notes__', []) if 'cleanup' in note)]
        assert not failed, f'after a training that failed, hooks of the plugin failed too: {failed}'

    def test_a_failure_in_a_hook_that_observes_does_not_end_a_run(self, tmp_path: Path) -> None:
        """Each hook that observes or logs raises: the run succeeds, and warnings name plugin and hook. The other hooks
        of the plugin get along without them.
        """
        plugin = self.make_plugin()
        hooks = [one for one in hook_functions(plugin) if semantics(one.hook) in ('isolated', 'sink')]
        if not hooks:
            raise SkipTest('it has no hook that observes')
        undo = [replace_attribute(plugin, one.attribute, _failing(one)) for one in hooks]
        try:
            with _plugin_warnings() as issued:
                run = self.run(plugin, tmp_path, check=False)
        finally:
            for restore in undo:
                restore()
        names = [one.hook for one in hooks]
        assert run.error is None, f'failures of {", ".join(names)} ended the run: {summary(run.error)}'
        reported = '\n'.join([*issued, *(event['text'] for event in run.of('message', level='warning'))])
        missing = [name for name in names if name in ('run_started', 'run_finished') and name not in reported]
        assert not missing, f'failures of {missing} were not reported; the warnings are: {reported or "none"}'

    def test_it_declines_what_is_not_its_own(self, tmp_path: Path) -> None:
        """Hooks that are called with the name of a format, framework, executor or launcher return None for others."""
        plugin, asked = self.make_plugin(), []
        for one in hook_functions(plugin):
            if one.hook in _BY_NAME and not one.options.get('wrapper'):
                asked.append(one.hook)
                answer = _call(one, _by_name(one.hook, FakeRun(tmp_path)))
                assert answer is None, (
                    f'{one.hook} answered {answer!r} for the name {_OTHER!r}: return None, unless the name is its own'
                )
        if not asked:
            raise SkipTest('it has no hook that is called by a name')

    def test_nothing_is_written_beside_the_run(self, tmp_path: Path) -> None:
        """Files are written below the run directory only: not into the working directory, nor into the project."""
        cwd = tmp_path / 'cwd'
        cwd.mkdir()
        with chdir(cwd):
            self.run(self.make_plugin(), tmp_path)
        own = 'run/', 'workspace/', 'data/', 'project/pyproject.toml'
        files = [file.relative_to(tmp_path).as_posix() for file in sorted(tmp_path.rglob('*')) if file.is_file()]
        beside = [name for name in files if not name.startswith(own)]
        assert not beside, f'a run with it wrote {beside}: write below context.run_dir or context.output_dir'

    def test_the_process_is_as_before(self, tmp_path: Path) -> None:
        """After a run, working directory, environment, import path, signal handlers, root logger and threads are those
        of before.
        """
        plugin = self.make_plugin()
        before, threads = process_state(), set(threading.enumerate())
        self.run(plugin, tmp_path)
        after = process_state()
        changed = [name for name in before if before[name] != after[name]]
        assert not changed, f'a run with it changed {", ".join(changed)}: restore it in `cleanup` or `run_finished`'
        started = [thread for thread in set(threading.enumerate()) - threads if not thread.daemon]
        for thread in started:
            thread.join(2.0)
        running = [thread.name for thread in started if thread.is_alive()]
        assert not running, f'threads go on after the run, and keep the process alive: {running}; end them in `cleanup`'

    def test_a_second_run_is_like_the_first(self, tmp_path: Path) -> None:
        """In one process, two runs with one plugin call the same hooks, and end alike."""
        plugin, made = self.make_plugin(), []
        for name in ('first', 'second'):
            (tmp_path / name).mkdir()
            with HookRecorder() as recorder, _plugin_warnings() as issued:
                run = self.run(plugin, tmp_path / name, check=False)
            calls = sorted({call.hook for call in recorder.calls})
            made.append((run.statuses, calls, summary(run.error) if run.error else None, issued))
        first, second = made
        assert first == second, f'the first run ended with {first}, and the second with {second}'

    def test_it_is_made_again_by_its_name(self, tmp_path: Path) -> None:
        """Another process, such as the worker of a launcher, imports it by its name, and gets the same hooks."""
        rebuilt = self._rebuilt(tmp_path)
        hooks = sorted(one.hook for one in hook_functions(self.make_plugin()))
        assert rebuilt['hooks'] == hooks, f'another process gets the hooks {rebuilt["hooks"]}, and this one has {hooks}'

    def test_it_is_imported_quickly(self, tmp_path: Path) -> None:
        """Every command of every project imports it: import what is slow in the functions that need it."""
        seconds = self._rebuilt(tmp_path)['seconds']
        assert seconds <= self.import_seconds, (
            f'importing it takes {seconds:.2f} s of processor time, expected at most {self.import_seconds:g} s: import '
            'what is slow inside of functions (`python -X importtime -c "import ..."` shows it)'
        )

    def test_its_hooks_do_not_delay_a_run(self, tmp_path: Path) -> None:
        """Hooks that observe, and wrappers themselves, return soon. Log hooks have a thread of their own."""
        plugin = self.make_plugin()
        with HookRecorder() as recorder:
            run = self.run(plugin, tmp_path)
        slow = []
        for one in hook_functions(plugin):
            if one.options.get('wrapper'):
                times = [hook for stage in run.record['stages'] for hook in stage.get('hooks', ())]
                # What it encloses is left out there.
                own = [time for time in times if time['hook'] == one.hook and 'the project' in time['plugin']]
                total, count = sum(time['seconds'] for time in own), sum(time['calls'] for time in own)
            elif semantics(one.hook) in ('isolated', 'always', 'merged'):
                calls = recorder.of(one.hook)
                total, count = sum(call.seconds for call in calls), len(calls)
            else:
                continue
            if total > self.call_seconds * max(count, 1):
                slow.append(f'{one.hook} {total / max(count, 1):.2f} s')
        assert not slow, f'a call took on average: {", ".join(slow)}; expected at most {self.call_seconds:g} s'

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _rebuilt(self, folder: Path) -> dict[str, Any]:
        target = _target(type(self).plugin)
        done = subprocess.run(
            [sys.executable, '-c', _REBUILD, target],
            cwd=folder,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            encoding='utf-8',
            errors='replace',
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f'another process cannot import {target!r}:\n{done.stderr[-2000:]}'
        rebuilt: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return rebuilt


_BY_NAME: Final = ('convert', 'open_dataset', 'open_executor', 'launch', 'tune', 'autolog')


def _by_name(hook: str, run: FakeRun) -> dict[str, Any]:
    """The arguments of a call with a name that nothing has."""
    plan = RunPlan(target='none:None', run_dir=str(run.run_dir))
    return {
        'context': run.context,
        'dataset': {'path': run.folder, 'format': _OTHER if hook == 'open_dataset' else 'dm'},
        'target_format': _OTHER,
        'executor': _OTHER,
        'workers': 1,
        'framework': _OTHER,
        'session': run.session(_OTHER),
        'launcher': _OTHER,
        'plan': plan,
        'search': None,
        'resources': Resources(),
        'cancelled': Event(),
        'report': lambda trial: None,
    }


def _call(function: HookFunction, arguments: Mapping[str, Any]) -> Any:
    names = inspect.signature(function.function).parameters
    return function.function(**{name: arguments[name] for name in names if name in arguments})


def _failing(function: HookFunction) -> Any:
    """A function in the place of a hook's, which raises."""

    def fails(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError(f'{function.hook} fails, for the test')

    fails.__dict__.update(getattr(function.function, '__dict__', {}))
    fails.__signature__ = inspect.signature(function.function)  # type: ignore[attr-defined]
    return fails


@contextmanager
def _plugin_warnings() -> Iterator[list[str]]:
    """The texts of the warnings about plugins that the block issues, once it has ended."""
    texts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        yield texts
    texts += [str(one.message) for one in caught if one.category.__name__ == 'PluginWarning']


def _target(plugin: object) -> str:
    """What names a plugin for another process.

    Raises:
        SkipTest: Nothing does.
    """
    if isinstance(plugin, str):
        return plugin
    if isinstance(plugin, ModuleType):
        return plugin.__name__
    kind = plugin if inspect.isclass(plugin) else type(plugin)
    module = sys.modules.get(kind.__module__)
    found = next((name for name, value in vars(module).items() if value is plugin), None) if module else None
    if found is None or kind.__module__ == '__main__' or _is_a_test(kind.__module__):
        raise SkipTest('set `plugin` to the text of its entry point, such as "acme_timing:Timing"')
    return f'{kind.__module__}:{found}'


def _is_a_test(module: str) -> bool:
    return any(part.startswith('test') for part in module.split('.'))


def _toml(settings: Mapping[str, Any]) -> str:
    """The settings as a pyproject.toml; JSON is how TOML writes texts, numbers and lists."""
    lines = []
    for name, table in settings.items():
        lines.append(f'[tool.synapse_hooks.settings.{json.dumps(name)}]')
        lines += [f'{json.dumps(key)} = {json.dumps(value)}' for key, value in table.items()]
    return '\n'.join(lines) + '\n'
