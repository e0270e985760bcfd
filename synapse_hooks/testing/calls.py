"""The calls of hooks in a test: recorded, and compared with what the test expects.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from inspect import signature
from itertools import groupby
from time import perf_counter
from types import TracebackType
from typing import Any, Final, Self

from synapse_hooks.errors import suggest
from synapse_hooks.hookspecs import SINK_HOOKS, hook_names
from synapse_hooks.plugins import HookFunction, hook_functions
from synapse_hooks.safe_text import summary


@dataclass(eq=False)
class HookCall:
    """A call of a hook function of a plugin."""

    hook: str
    """The name of the hook."""
    plugin: object = field(repr=False)
    """The plugin whose function was called."""
    arguments: Mapping[str, Any] = field(repr=False)
    """The arguments that it took, by name."""
    answer: Any = None
    """What it returned; of a wrapper, what it passed on."""
    error: BaseException | None = None
    """What it raised; of a wrapper, also what passed through it."""
    seconds: float = 0.0
    """How long it took; of a wrapper, with what it encloses."""


class HookRecorder:
    """Records the calls of plugins' hook functions. The fixture `assert_hooks_called` is one.

    While it is in use (as a context manager, or in a test that takes the fixture), `run_action` and `plugin_host` pass
    their plugins to `watch`.

    Example:
        >>> from synapse_hooks import hookimpl
        >>> from synapse_hooks.testing import FakeRun, PluginHost
        >>> class Greeter:
        ...     @hookimpl
        ...     def run_started(self, context):
        ...         context.log_message('hello')
        >>> with HookRecorder() as recorder:
        ...     PluginHost(Greeter(), run=FakeRun(getfixture('tmp_path'))).call('run_started')
        >>> recorder('run_started')
        >>> recorder(run_started=2)
        Traceback (most recent call last):
            ...
        AssertionError: the hook 'run_started' was called once, expected twice
        the calls: run_started
    """

    def __init__(self) -> None:
        self.calls: list[HookCall] = []
        """In order. Sinks are called on threads of their own, so their place among the others varies."""
        self._watched: dict[int, object] = {}
        self._undo = ExitStack()
        self._lock = threading.Lock()
        self._tokens: list[Any] = []

    def __enter__(self) -> Self:
        self._tokens.append(_ACTIVE.set((*_ACTIVE.get(), self)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _ACTIVE.reset(self._tokens.pop())
        self.stop()

    def watch(self, plugin: object) -> object:
        """Record the calls of a plugin's hook functions from now on. Its functions are replaced until `stop`.

        Args:
            plugin: A module or an instance.

        Returns:
            The same plugin.

        Raises:
            AssertionError: Attributes of the plugin cannot be set.
        """
        if id(plugin) in self._watched:
            return plugin
        self._watched[id(plugin)] = plugin
        for function in hook_functions(plugin):
            try:
                self._undo.callback(replace_attribute(plugin, function.attribute, self._recorded(function, plugin)))
            except (AttributeError, TypeError) as error:
                raise AssertionError(
                    f'calls of {type(plugin).__name__} cannot be recorded: {summary(error)}; its attributes must be '
                    'settable: remove __slots__ or `frozen`'
                ) from error
        return plugin

    def stop(self) -> None:
        """Give all plugins their own functions back; the calls remain."""
        self._undo.close()
        self._watched.clear()

    def of(self, hook: str, plugin: object = None) -> list[HookCall]:
        """The calls of one hook.

        Args:
            hook: Its name.
            plugin: Only those of this plugin: the object, or its class.
        """
        return [call for call in self._calls(plugin) if call.hook == hook]

    def __call__(self, *order: str, plugin: object = None, exactly: bool = False, **counts: int) -> None:
        """Assert which hooks were called.

        Args:
            *order: Hooks that were called in this order; other calls may come in between.
            plugin: Only calls of this plugin count: the object, or its class. None counts those of all plugins.
            exactly: There were no other calls than those of `order`. Hooks of sinks are left out unless it names them.
            **counts: For each hook how often it was called; 0 for never.

        Raises:
            AssertionError: With all calls that there were.
            TypeError: There is no such hook.
        """
        for hook in (*order, *counts):
            if hook not in hook_names():
                raise TypeError(f'there is no hook {hook!r}; {suggest(hook, hook_names()) or "see docs/hooks.md"}')
        called = [call.hook for call in self._calls(plugin)]
        if exactly and not set(order) & set(SINK_HOOKS):
            called = [hook for hook in called if hook not in SINK_HOOKS]
        numbers = Counter(called)
        for hook, expected in counts.items():
            # Raised, not asserted: pytest would add the comparison, which says less.
            if numbers[hook] != expected:
                times = f'{_times(numbers[hook])}, expected {_times(expected)}'
                raise AssertionError(f'the hook {hook!r} was called {times}{_listed(called)}')
        if exactly:
            if called != list(order):
                raise AssertionError(f'expected exactly these calls: {", ".join(order)}{_listed(called)}')
            return
        remaining = iter(called)
        for place, hook in enumerate(order):
            after = f' after {order[place - 1]!r}' if place and hook in numbers else ''
            if hook not in remaining:
                raise AssertionError(f'the hook {hook!r} was not called{after}{_listed(called)}')

    def _calls(self, plugin: object) -> Sequence[HookCall]:
        with self._lock:
            calls = [*self.calls]
        if plugin is None:
            return calls
        if isinstance(plugin, type):
            return [call for call in calls if isinstance(call.plugin, plugin)]
        return [call for call in calls if call.plugin is plugin]

    def _begin(self, hook: str, plugin: object, arguments: Mapping[str, Any]) -> HookCall:
        call = HookCall(hook, plugin, arguments)
        with self._lock:
            self.calls.append(call)
        return call

    def _recorded(self, function: HookFunction, plugin: object) -> Callable[..., Any]:
        hook, original = function.hook, function.function

        @functools.wraps(original)
        def plain(*args: Any, **kwargs: Any) -> Any:
            call = self._begin(hook, plugin, _named(original, args, kwargs))
            started = perf_counter()
            try:
                call.answer = original(*args, **kwargs)
            except BaseException as error:
                call.error = error
                raise
            finally:
                call.seconds = perf_counter() - started
            return call.answer

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Generator[None, Any, Any]:
            call = self._begin(hook, plugin, _named(original, args, kwargs))
            started = perf_counter()
            try:
                call.answer = yield from original(*args, **kwargs)
            except BaseException as error:
                call.error = error
                raise
            finally:
                call.seconds = perf_counter() - started
            return call.answer

        return wrapper if function.options.get('wrapper') else plain


def watched(plugins: Sequence[object]) -> tuple[object, ...]:
    """The same plugins, watched by the recorders that are in use."""
    for recorder in _ACTIVE.get():
        for plugin in plugins:
            recorder.watch(plugin)
    return tuple(plugins)


_ACTIVE: ContextVar[tuple[HookRecorder, ...]] = ContextVar('recorders', default=())
_ABSENT: Final = object()


def replace_attribute(plugin: object, name: str, function: Any) -> Callable[[], None]:
    """Set an attribute; returns what restores it."""
    before = vars(plugin).get(name, _ABSENT)
    setattr(plugin, name, function)
    return partial(delattr, plugin, name) if before is _ABSENT else partial(setattr, plugin, name, before)


def _named(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    return dict(signature(function).bind(*args, **kwargs).arguments)


def _times(count: int) -> str:
    return {0: 'never', 1: 'once', 2: 'twice'}.get(count, f'{count} times')


def _listed(called: Sequence[str]) -> str:
    """The calls, with repetitions as a number."""
    groups = [(hook, len(list(group))) for hook, group in groupby(called)]
    text = ', '.join(hook if count == 1 else f'{hook} x {count}' for hook, count in groups)
    return f'\nthe calls: {text or "none"}'
