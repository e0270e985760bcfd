"""Who is asked, in which order, and whose answer counts: action x project x installed x wrapper x None x raise."""

from __future__ import annotations

from itertools import product
from types import ModuleType
from typing import Any

import pytest

from synapse_hooks import __version__
from synapse_hooks.context import RuntimeContext, TrainContext
from synapse_hooks.errors import NoAnswer, PluginMissing, WrongAnswer
from synapse_hooks.hookspecs import hookimpl
from synapse_hooks.plugins import HookFunction, JobReporter, Plugin, Plugins, Settings, build, culprit
from synapse_hooks.plugins.sinks import PluginSink

ABSENT = 'absent'
DECLINES = 'declines'
ANSWERS = 'answers'
RAISES = 'raises'


class Failure(Exception):
    """What a plugin of these tests raises."""


def plugin_of(name: str, behaviour: str, calls: list[str], hook: str = 'export') -> ModuleType | None:
    if behaviour == ABSENT:
        return None
    module = ModuleType(name)

    @hookimpl(specname=hook)
    def answer(context: Any) -> Any:
        calls.append(name)
        if behaviour == RAISES:
            raise Failure(name)
        return {'path': name, 'format': 'dm'} if behaviour == ANSWERS else None

    module.answer = answer  # type: ignore[attr-defined]
    return module


def wrapper_of(name: str, calls: list[str], hook: str = 'export') -> ModuleType:
    module = ModuleType(name)

    @hookimpl(wrapper=True, specname=hook)
    def around(context: Any) -> Any:
        calls.append(f'{name} in')
        try:
            return (yield)
        finally:
            calls.append(f'{name} out')

    module.around = around  # type: ignore[attr-defined]
    return module


def installed(module: ModuleType | None, monkeypatch: pytest.MonkeyPatch) -> list[Plugin]:
    if module is None:
        return []
    import sys

    monkeypatch.setitem(sys.modules, module.__name__, module)
    return [Plugin(module.__name__, 'plugin', 'installed', module.__name__, 'acme-x', '1.2')]


def action_of(behaviour: str, calls: list[str]) -> tuple[str, list[HookFunction]]:
    module = plugin_of('action', behaviour, calls)
    if module is None:
        return ('Action', [])
    options = {'wrapper': False, 'hookwrapper': False, 'optionalhook': False, 'tryfirst': True, 'trylast': False}
    return ('Action', [HookFunction('export', module.answer, {**options, 'specname': None})])


def context_of(plugins: Plugins) -> TrainContext:
    return TrainContext(params={}, runtime_ctx=RuntimeContext(), hooks=plugins.calls)


BEHAVIOURS = (ABSENT, DECLINES, ANSWERS, RAISES)


@pytest.mark.parametrize('wrapped', [False, True])
@pytest.mark.parametrize(('action', 'project', 'far'), list(product(BEHAVIOURS, BEHAVIOURS, BEHAVIOURS)))
def test_the_nearest_that_does_not_decline_decides(
    action: str, project: str, far: str, wrapped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    extra = [plugin_of('project', project, calls)]
    if wrapped:
        extra.append(wrapper_of('wrap', calls))
    plugins = build(
        Settings(),
        action=action_of(action, calls),
        extra=[plugin for plugin in extra if plugin is not None],
        installed=installed(plugin_of('far', far, calls), monkeypatch),
    )
    # What must happen, told without a word of pluggy: nearest first; an action's answer, None included, is final.
    expected_calls, outcome = [], 'nobody'
    for name, behaviour in (('action', action), ('project', project), ('far', far)):
        if behaviour == ABSENT:
            continue
        expected_calls.append(name)
        if behaviour == RAISES:
            outcome = f'{name} raises'
            break
        if behaviour == ANSWERS:
            outcome = name
            break
        if name == 'action':
            outcome = 'None'
            break
    if wrapped:
        expected_calls = ['wrap in', *expected_calls, 'wrap out']

    context = context_of(plugins)
    if outcome.endswith('raises'):
        with pytest.raises(Failure) as caught:
            plugins.calls.export(context=context)
        blamed = culprit(caught.value)
        assert blamed is not None
        assert blamed.rank == {'action': 'action', 'project': 'project', 'far': 'installed'}[outcome.split()[0]]
        assert caught.value.__notes__[0].startswith('raised by ')
        assert len(caught.value.__notes__) == 1
    elif outcome == 'nobody':
        # The built-in answer is asked last of all; without a dataset it says what is missing.
        with pytest.raises(Exception, match='nothing to train on'):
            plugins.calls.export(context=context)
    elif outcome == 'None':
        assert plugins.calls.export(context=context) is None
    else:
        assert plugins.calls.export(context=context)['path'] == outcome
    assert calls == expected_calls


def test_super_reaches_the_next_answer_without_wrappers(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    plugins = build(
        Settings(),
        action=action_of(ANSWERS, calls),
        extra=[plugin_of('project', ANSWERS, calls), wrapper_of('wrap', calls)],
        installed=installed(plugin_of('far', ANSWERS, calls), monkeypatch),
    )
    answer = plugins.calls.next('export', {'context': context_of(plugins)})
    assert answer['path'] == 'project'
    assert calls == ['project']


def test_super_does_nothing_in_hooks_that_ask_everybody() -> None:
    calls: list[str] = []
    plugins = build(Settings(), extra=[plugin_of('project', ANSWERS, calls, 'pre_execute')], installed=[])
    assert plugins.calls.next('pre_execute', {'context': context_of(plugins)}) is None
    assert calls == []


def test_an_installed_trylast_still_goes_before_the_built_in_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType('shy')

    @hookimpl(trylast=True)
    def export(context: Any) -> Any:
        return {'path': 'shy', 'format': 'dm'}

    module.export = export  # type: ignore[attr-defined]
    plugins = build(Settings(), installed=installed(module, monkeypatch))
    assert plugins.calls.export(context=context_of(plugins))['path'] == 'shy'


def test_falsy_answers_are_answers() -> None:
    module = ModuleType('zero')

    @hookimpl
    def retry_step(step: Any) -> float:
        return 0

    module.retry_step = retry_step  # type: ignore[attr-defined]
    plugins = build(Settings(), extra=[module], installed=[])
    wait = plugins.calls.retry_step(
        context=context_of(plugins),
        step=None,
        error=ValueError(),
        attempt=1,  # type: ignore[arg-type]
    )
    assert wait == 0
    assert wait is not None


def test_where_nobody_answers_execute_the_error_lists_who_was_asked() -> None:
    calls: list[str] = []
    plugins = build(Settings(), extra=[plugin_of('project', DECLINES, calls, 'execute')], installed=[])
    with pytest.raises(NoAnswer, match="no plugin answered the hook 'execute'") as caught:
        plugins.calls.execute(context=context_of(plugins), data_path=None, checkpoint=None)
    assert caught.value.asked == ["the project (plugin 'project')"]
    assert 'write an `execute' in str(caught.value)


def test_nobody_asked_names_the_format() -> None:
    plugins = build(Settings(), installed=[])
    with pytest.raises(
        PluginMissing, match="there is no format 'ylo'; there are: coco, dm, imagefolder, yolo"
    ) as caught:
        plugins.calls.convert(
            context=context_of(plugins),
            dataset={'path': 'x', 'format': 'dm'},
            target_format='ylo',  # type: ignore[typeddict-item]
        )
    assert "did you mean 'yolo'?" in str(caught.value)


def test_a_wrapper_that_forgets_return_is_an_error_that_names_it() -> None:
    calls: list[str] = []
    module = ModuleType('forgetful')

    @hookimpl(wrapper=True)
    def export(context: Any) -> Any:
        yield

    module.export = export  # type: ignore[attr-defined]
    plugins = build(Settings(), extra=[module, plugin_of('project', ANSWERS, calls)], installed=[])
    with pytest.raises(WrongAnswer, match=r"'forgetful'.*lost the result"):
        plugins.calls.export(context=context_of(plugins))


@pytest.mark.parametrize(
    ('body', 'message'), [('twice', 'yields twice'), ('never', 'did not yield')], ids=['twice', 'never']
)
def test_a_wrapper_must_yield_once(body: str, message: str) -> None:
    module = ModuleType('odd')

    @hookimpl(wrapper=True)
    def export(context: Any) -> Any:
        if body == 'twice':
            yield
            yield
        elif body == 'once':
            yield

    module.export = export  # type: ignore[attr-defined]
    calls: list[str] = []
    plugins = build(Settings(), extra=[module, plugin_of('project', ANSWERS, calls)], installed=[])
    with pytest.raises(WrongAnswer, match=message):
        plugins.calls.export(context=context_of(plugins))


def test_a_wrapper_may_replace_a_result_and_swallow_an_error() -> None:
    calls: list[str] = []
    module = ModuleType('saviour')

    @hookimpl(wrapper=True)
    def export(context: Any) -> Any:
        try:
            yield
        except Failure:
            return {'path': 'saved', 'format': 'dm'}

    module.export = export  # type: ignore[attr-defined]
    plugins = build(Settings(), extra=[module, plugin_of('project', RAISES, calls)], installed=[])
    assert plugins.calls.export(context=context_of(plugins))['path'] == 'saved'


def test_the_innermost_plugin_is_blamed_and_a_wrapper_it_passes_is_not() -> None:
    calls: list[str] = []
    plugins = build(Settings(), extra=[wrapper_of('wrap', calls), plugin_of('project', RAISES, calls)], installed=[])
    with pytest.raises(Failure) as caught:
        plugins.calls.export(context=context_of(plugins))
    assert caught.value.__notes__ == ["raised by the project (plugin 'project') in hook 'export'"]


def test_pre_execute_merges_and_the_same_key_twice_names_both() -> None:
    def giver(name: str, answer: dict[str, Any]) -> ModuleType:
        module = ModuleType(name)

        @hookimpl
        def pre_execute(context: Any) -> dict[str, Any]:
            return answer

        module.pre_execute = pre_execute  # type: ignore[attr-defined]
        return module

    plugins = build(Settings(), extra=[giver('a', {'data_path': 1}), giver('b', {'checkpoint': 2})], installed=[])
    assert plugins.calls.pre_execute(context=context_of(plugins)) == {'data_path': 1, 'checkpoint': 2}

    plugins = build(Settings(), extra=[giver('a', {'data_path': 1}), giver('b', {'data_path': 2})], installed=[])
    with pytest.raises(Exception, match=r"plugin 'a'.*and.*plugin 'b'.*both return 'data_path'"):
        plugins.calls.pre_execute(context=context_of(plugins))


def test_observers_are_isolated_and_cleanup_reaches_everybody() -> None:
    seen: list[str] = []

    def observer(name: str, fails: bool) -> ModuleType:
        module = ModuleType(name)

        @hookimpl
        def run_started(context: Any) -> None:
            seen.append(name)
            if fails:
                raise Failure(name)

        @hookimpl
        def cleanup(outcome: Any) -> None:
            seen.append(f'{name} cleans')
            if fails:
                raise Failure(f'{name} cannot clean')

        module.run_started, module.cleanup = run_started, cleanup  # type: ignore[attr-defined]
        return module

    plugins = build(Settings(), extra=[observer('bad', True), observer('good', False)], installed=[])
    context = context_of(plugins)
    with pytest.warns(UserWarning, match="plugin 'bad'.*failed in hook 'run_started': Failure: bad; the run continues"):
        plugins.calls.run_started(context=context)
    assert seen == ['bad', 'good']
    seen.clear()
    with pytest.raises(ExceptionGroup) as caught:
        plugins.calls.cleanup(context=context, outcome='failed')
    assert seen == ['bad cleans', 'good cleans']
    assert [str(error) for error in caught.value.exceptions] == ['bad cannot clean']


def test_the_listing_shows_the_order_of_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    plugins = build(
        Settings(),
        action=action_of(ANSWERS, calls),
        extra=[plugin_of('first', ANSWERS, calls), plugin_of('second', ANSWERS, calls), wrapper_of('wrap', calls)],
        installed=installed(plugin_of('far', ANSWERS, calls), monkeypatch),
    )
    order = [(plugin.name, role) for plugin, role in plugins.order('export')]
    assert order == [
        ('wrap', 'wrapper'),
        ('Action', 'answer'),
        ('first', 'answer'),
        ('second', 'answer'),
        ('far', 'answer'),
        ('stages', 'answer'),
    ]


def test_what_synapse_hooks_brings_itself_is_not_named_as_the_project() -> None:
    plugins = build(Settings(), extra=[JobReporter(), plugin_of('mine', ANSWERS, [])], installed=[])
    who = {plugin.name: plugin.who for plugin in plugins.records}
    assert who['JobReporter'] == f"synapse-hooks {__version__} (plugin 'JobReporter')"
    assert who['mine'] == "the project (plugin 'mine')"
    # The cursor of a run that began before goes on.
    context: Any = None
    assert [PluginSink(adapter, context).name for adapter in plugins.sink_adapters()] == ['project-JobReporter']
