"""Which plugin raised an exception, which one answered, and how long it took: a guard around all functions of plugins.

An exception that leaves a plugin carries a note with the plugin's name and distribution; the innermost plugin is the
one to blame. A wrapper that forgets to return what it got is an error here, where pluggy would lose the result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.errors import SynapseHooksError, WrongAnswer
from synapse_hooks.hookspecs import semantics
from synapse_hooks.plugins.records import Plugin
from synapse_hooks.plugins.validation import MARKER, HookFunction
from synapse_hooks.safe_text import add_note

if TYPE_CHECKING:
    from synapse_hooks.tracing import Tracer

_BLAME: Final = '__synapse_blame__'


@dataclass(eq=False, slots=True)
class HookTime:
    """The calls of one function of a plugin."""

    calls: int = 0
    seconds: float = 0.0
    """In all; with the hooks that it called itself."""
    answered: bool = False
    """Whether it gave an answer, and did not decline."""


@dataclass(eq=False)
class Trail:
    """Which plugin gave which answer, within one run."""

    last: dict[str, Plugin] = field(default_factory=dict)
    """For each hook, the plugin whose answer was the last; an action's None is one."""
    merged: list[tuple[Plugin, Any]] = field(default_factory=list)
    """For the hook that merges: every answer of the current call, with its plugin."""

    times: dict[tuple[str, Plugin], HookTime] = field(default_factory=dict)
    """Of the hooks that are called since it was cleared, but for sinks: they have threads of their own."""

    tracer: Tracer | None = None
    """Records every call, if the run is traced. It is set before the first plugin is registered."""

    def begin_step(self, name: str) -> None:
        """A step of the run begins; an empty name means that the steps are over."""
        self.times.clear()
        if self.tracer is not None:
            self.tracer.begin_step(name)

    def answered(self, hook: str, plugin: Plugin, answer: Any) -> None:
        """Note an answer that is not None, or an action's."""
        self.last[hook] = plugin
        self._time((hook, plugin)).answered = True
        if semantics(hook) == 'merged' and answer is not None:
            self.merged.append((plugin, answer))

    def took(self, call: tuple[str, Plugin], seconds: float) -> None:
        """Note how long a call of a hook of a plugin took."""
        time = self._time(call)
        time.calls += 1
        time.seconds += seconds

    def _time(self, call: tuple[str, Plugin]) -> HookTime:
        time = self.times.get(call)
        if time is None:
            time = self.times[call] = HookTime()
        return time


def blame(error: BaseException, plugin: Plugin, hook: str) -> None:
    """Note on `error` that `plugin` raised it, unless a plugin nearer to the cause was noted before."""
    # The built-in run_step only calls the step: what a custom step raises is the step's own.
    if culprit(error) is not None or (hook == 'run_step' and plugin.rank == 'built-in'):
        return
    try:
        setattr(error, _BLAME, plugin)
    except AttributeError:
        return
    if plugin.rank == 'built-in' and isinstance(error, SynapseHooksError):
        # Its message says what is wrong; which built-in plugin raised it does not help.
        return
    add_note(error, f'raised by {plugin.who} in hook {hook!r}')


def culprit(error: BaseException | None) -> Plugin | None:
    """The plugin that raised `error`, or None where no plugin is to blame."""
    plugin = getattr(error, _BLAME, None)
    return plugin if isinstance(plugin, Plugin) else None


def guard(answer: HookFunction, plugin: Plugin, trail: Trail) -> Callable[..., Any]:
    """`answer.function` with blame; marked for pluggy, with the same arguments."""
    wraps = answer.options.get('wrapper')
    guarded = _guard_wrapper(answer, plugin, trail) if wraps else _guard_plain(answer, plugin, trail)
    if trail.tracer is not None:
        guarded = _traced(guarded, answer, plugin, trail.tracer)
    setattr(guarded, MARKER, {**answer.options, 'specname': None})
    return guarded


def _traced(guarded: Callable[..., Any], answer: HookFunction, plugin: Plugin, tracer: Tracer) -> Callable[..., Any]:
    from synapse_hooks.tracing.records import Function

    wraps = bool(answer.options.get('wrapper'))
    origin = plugin.distribution, plugin.version
    return tracer.traced(guarded, Function(0, answer.hook, plugin.name, plugin.kind, plugin.rank, *origin, wraps))


def _guard_plain(answer: HookFunction, plugin: Plugin, trail: Trail) -> Callable[..., Any]:
    function, hook = answer.function, answer.hook
    is_timed, call = semantics(hook) != 'sink', (hook, plugin)

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        started = perf_counter()
        try:
            result = function(*args, **kwargs)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            blame(error, plugin, hook)
            raise
        finally:
            if is_timed:
                trail.took(call, perf_counter() - started)
        if result is not None:
            trail.answered(hook, plugin, result)
            if hasattr(result, 'blame'):
                # A reader works on after it was returned.
                result.blame = functools.partial(blame, plugin=plugin, hook=hook)
        return result

    return guarded


def _guard_wrapper(answer: HookFunction, plugin: Plugin, trail: Trail) -> Callable[..., Any]:
    function, hook = answer.function, answer.hook

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Generator[None, Any, Any]:
        passing: BaseException | None = None
        started, inside = perf_counter(), 0.0
        try:
            wrapper = function(*args, **kwargs)
            try:
                next(wrapper)
            except StopIteration:
                raise WrongAnswer(f'the wrapper of {plugin.who} around {hook!r} did not yield', hook=hook) from None
            inner = None
            entered = perf_counter()
            try:
                inner = yield
            except BaseException as error:
                passing = error
                resume: Callable[[], Any] = functools.partial(wrapper.throw, error)
            else:
                resume = functools.partial(wrapper.send, inner)
            inside = perf_counter() - entered
            try:
                resume()
            except StopIteration as stop:
                if stop.value is None and inner is not None:
                    raise WrongAnswer(
                        f'the wrapper of {plugin.who} around {hook!r} lost the result',
                        hint='write `return (yield)`, or return a result of its own',
                        hook=hook,
                    ) from None
                return stop.value
            wrapper.close()
            raise WrongAnswer(f'the wrapper of {plugin.who} around {hook!r} yields twice', hook=hook)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if error is not passing:
                blame(error, plugin, hook)
            raise
        finally:
            # Its own time, without that of what it wraps.
            trail.took((hook, plugin), perf_counter() - started - inside)

    return guarded
