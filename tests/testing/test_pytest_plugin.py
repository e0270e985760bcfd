"""The fixtures of the kit do what docs/testing.md says, and cost nothing where they are not used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, hookimpl
from synapse_hooks.autologgers.ultralytics import UltralyticsAutologger
from synapse_hooks.backends import Workspace
from synapse_hooks.errors import NoAnswer, PluginBroken, SinkUnavailable
from synapse_hooks.testing import FakeRun, HookRecorder, PluginHost, run_action


class Observer:
    def __init__(self) -> None:
        self.seen: list[str] = []

    @hookimpl
    def run_started(self, context: Any) -> None:
        self.seen.append('run_started')

    @hookimpl(wrapper=True)
    def run_step(self, step: Any) -> Any:
        result = yield
        self.seen.append(step.name)
        return result

    @hookimpl.log_metrics
    def deliver(self, points: Any) -> None:
        self.seen.append(f'{len(points)} points')


class Action(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path: Any, checkpoint: Any) -> Any:
        self.log_metrics({'loss': 1.0}, step=1)


def test_a_fake_run_has_a_context_and_a_journal(fake_run: FakeRun) -> None:
    fake_run.context.log_metrics({'loss': 0.5}, step=1)
    fake_run.context.log_message('careful', level='warning')
    assert fake_run.metrics == {'loss': 0.5}
    assert fake_run.warnings == ['careful']
    assert [event['type'] for event in fake_run.events] == ['metrics', 'message']
    assert fake_run.context.output_dir.is_dir()
    assert fake_run.context.client is fake_run.workspace


def test_a_fake_run_has_a_session_for_autologgers(fake_run: FakeRun, plugin_host: Any) -> None:
    session = fake_run.session('ultralytics')
    session.start_training().log_metrics({'loss': 1.0}, step=1)
    assert fake_run.of('metrics')[0]['training'] is not None
    assert plugin_host(UltralyticsAutologger()).call('autolog', framework='ultralytics', session=session) is not None


def test_a_fake_run_delivers_to_sinks_once(fake_run: FakeRun) -> None:
    observer = Observer()
    fake_run.context.log_metrics({'loss': 0.5}, step=1)
    assert fake_run.deliver(observer) == 0
    assert fake_run.deliver(observer) == 0
    assert observer.seen == ['1 points']


def test_a_sink_that_is_away_is_counted_and_one_that_fails_is_an_error(fake_run: FakeRun) -> None:
    class Away:
        @hookimpl
        def log_metrics(self, points: Any) -> None:
            raise SinkUnavailable('later')

    class Fails:
        @hookimpl
        def log_metrics(self, points: Any) -> None:
            raise KeyError('loss')

    fake_run.context.log_metrics({'loss': 0.5}, step=1)
    assert fake_run.deliver(Away()) == 1
    with pytest.raises(AssertionError, match=r"because a hook raised: .*KeyError: 'loss'"):
        fake_run.deliver(Fails())


def test_a_host_has_the_plugins_that_are_named_only(plugin_host: Any, elsewhere: Path) -> None:
    (elsewhere / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugins = ["no_such_module"]\n')
    host = plugin_host(Observer(), 'synapse_hooks.formats.dm:DmFormat')
    installed = {one.name for one in host.plugins.records if one.rank not in ('built-in', 'project')}
    assert host.order('run_step') == ['Observer']
    assert installed == set()


def test_a_host_calls_hooks_with_the_context_of_the_run(plugin_host: Any, fake_run: FakeRun) -> None:
    class Seed:
        @hookimpl
        def pre_execute(self, context: Any) -> Any:
            return {'data_path': context.run_dir}

    host = plugin_host(Seed())
    assert host.call('pre_execute') == {'data_path': fake_run.run_dir}
    assert fake_run.context.hooks is host.hooks
    with pytest.raises(NoAnswer):
        host.call('execute', data_path=None, checkpoint=None)


def test_a_broken_plugin_is_refused(plugin_host: Any) -> None:
    class Broken:
        @hookimpl
        def convret(self) -> None: ...

    with pytest.raises(PluginBroken, match="did you mean 'convert'"):
        plugin_host(Broken())
    with pytest.raises(PluginBroken, match='no_such_module'):
        plugin_host('no_such_module')


def test_the_workspace_is_empty_and_the_dataset_can_be_imported(workspace: Workspace, sample_dataset: Any) -> None:
    assert workspace.list_datasets() == []
    assert workspace.add_dataset(sample_dataset['path'], name='small')['count'] == 8


def test_calls_in_a_run_are_recorded(assert_hooks_called: HookRecorder, sample_dataset: Any, tmp_path: Path) -> None:
    observer = Observer()
    run = run_action(Action, plugins=[observer], dataset=sample_dataset, folder=tmp_path)
    assert run.error is None
    assert_hooks_called('run_started', 'run_step', 'run_step')
    assert_hooks_called(run_started=1, log_metrics=1, cleanup=0)
    assert_hooks_called(run_step=4, plugin=Observer)
    assert_hooks_called('run_started', *['run_step'] * 4, plugin=observer, exactly=True)
    assert observer.seen[:2] == ['run_started', 'export']
    step = assert_hooks_called.of('run_step')[0]
    assert step.arguments['step'].name == 'export'
    assert not step.answer.skipped


@pytest.mark.parametrize(
    ('order', 'options', 'message'),
    [
        (('run_step', 'run_started'), {}, "'run_started' was not called after 'run_step'\nthe calls: run_started"),
        (('cleanup',), {}, "the hook 'cleanup' was not called\n"),
        ((), {'run_step': 3}, "'run_step' was called twice, expected 3 times\n"),
        ((), {'run_started': 0}, "'run_started' was called once, expected never\n"),
        (('run_started',), {'exactly': True}, 'expected exactly these calls: run_started\nthe calls: run_started, run'),
        (('run_started',), {'plugin': Action}, "was not called\nthe calls: none"),
    ],
)  # fmt: skip
def test_calls_that_differ_are_an_error(
    plugin_host: Any, assert_hooks_called: HookRecorder, order: Any, options: Any, message: str
) -> None:
    host = plugin_host(Observer())
    step: Any = type('Step', (), {'name': 'one', 'execute': lambda self, context: self})()
    host.call('run_started')
    for _ in range(2):
        host.call('run_step', step=step)
    with pytest.raises(AssertionError, match=message):
        assert_hooks_called(*order, **options)
    with pytest.raises(TypeError, match="no hook 'run_strted'; did you mean 'run_started'"):
        assert_hooks_called('run_strted')


def test_errors_are_recorded_and_functions_given_back(tmp_path: Path) -> None:
    class Fails:
        @hookimpl
        def pre_execute(self) -> None:
            raise ValueError('no')

    plugin = Fails()
    with HookRecorder() as recorder:
        with pytest.raises(ValueError, match='no'):
            PluginHost(plugin, run=FakeRun(tmp_path)).call('pre_execute')
        assert 'pre_execute' in vars(plugin)
    assert isinstance(recorder.calls[0].error, ValueError)
    assert 'pre_execute' not in vars(plugin)


def test_a_plugin_whose_attributes_cannot_be_set_is_an_error(assert_hooks_called: HookRecorder) -> None:
    class Slotted:
        __slots__ = ()

        @hookimpl
        def run_started(self) -> None: ...

    with pytest.raises(AssertionError, match=r'calls of Slotted cannot be recorded: .* remove __slots__'):
        assert_hooks_called.watch(Slotted())


def test_a_project_runs_commands_in_its_folder(plugin_project: Any) -> None:
    plugin_project.write(
        {
            'pyproject.toml': """
                [tool.synapse_hooks]
                plugins = ["hooks.py"]
            """,
            'hooks.py': """
                from synapse_hooks import hookimpl

                @hookimpl
                def run_started(context): ...
            """,
        }
    )
    plugins = plugin_project.hooks('plugins', '--json').json['plugins']
    assert [plugin['hooks'] for plugin in plugins if plugin['rank'] == 'project'] == [['run_started']]
    refused = plugin_project.hooks('train', 'no.py:Train', code=2)
    assert 'no.py' in refused.err
    with pytest.raises(AssertionError, match=r'expected the exit code 1, got 0\n\$ synapse-hooks formats\n'):
        plugin_project.hooks('formats', code=1)
    with pytest.raises(AssertionError, match='use `--json`'):
        _ = plugin_project.hooks('formats').json
    with pytest.raises(AssertionError, match=r'has not ended in 0\.01 s'):
        plugin_project.hooks('formats', timeout=0.01)


def test_an_unused_plugin_imports_nothing() -> None:
    code = (
        'import sys, pytest; before = set(sys.modules)\n'
        'import synapse_hooks.testing.pytest_plugin\n'
        'print(sorted(name for name in set(sys.modules) - before if not name.startswith("synapse_hooks")))\n'
        'print(sorted(name for name in set(sys.modules) - before if name.startswith("synapse_hooks")))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    others, ours = done.stdout.splitlines()
    assert others == '[]'
    modules = set(ast.literal_eval(ours))
    assert {name for name in modules if name.startswith('synapse_hooks.testing.')} == {
        'synapse_hooks.testing.pytest_plugin'
    }
    assert {name.split('.')[1] for name in modules if '.' in name} <= {'lazy', 'platforms', 'testing', 'version'}
