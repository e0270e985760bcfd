"""Calling hooks: each by its own semantics, through one object that is typed by the specifications.

`context.hooks` is a `HookCalls`. It has an attribute for every hook; arguments go by keyword.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.errors import ConfigError, NoAnswer, SelectionError, SynapseHooksError, suggest
from synapse_hooks.hookspecs import HookSpecs, arguments, hook_names, semantics
from synapse_hooks.plugins.dispatcher import DISPATCHED
from synapse_hooks.plugins.records import PluginWarning
from synapse_hooks.safe_text import summary

if TYPE_CHECKING:
    import pluggy

    from synapse_hooks.plugins.adapter import HookAdapter
    from synapse_hooks.plugins.blame import Trail

NONE_IS_AN_ANSWER: Final = ('resolve_checkpoint', 'retry_step', 'upload')
"""Firstresult hooks for which it is not an error that no plugin has an answer."""


class HookCalls(HookSpecs):
    """The hooks of one run.

    Args:
        manager: pluggy's manager, complete: nothing is registered after this.
        action: The adapter of the action's own methods, or None.
        trail: Where the run notes who answered.
        explain: Builds the error for a name that no plugin answered for: `(kind, name, hook) -> error`.
    """

    def __init__(
        self,
        manager: pluggy.PluginManager,
        action: HookAdapter | None,
        trail: Trail,
        explain: Callable[[Any, str, str], SelectionError],
    ) -> None:
        self._manager = manager
        self._action = action
        self._trail = trail
        self._explain = explain
        kinds = {
            'first': self._first,
            'merged': self._merged,
            'isolated': self._isolated,
            'sink': self._isolated,
            'always': self._always,
        }
        for hook in hook_names():
            # Instance attributes take precedence over the specifications' own (empty) methods.
            setattr(self, hook, functools.partial(_called, kinds[semantics(hook)], hook))

    def __getattr__(self, name: str) -> Any:
        # Only for names that are neither hooks nor methods.
        if name.startswith('__'):
            raise AttributeError(name)
        known = f'the hooks are {", ".join(hook_names())}'
        raise AttributeError(f'there is no hook {name!r}; {suggest(name, hook_names()) or known}')

    def next(self, hook: str, call: Mapping[str, Any]) -> Any:
        """What the action's `super()` reaches: the next plain answer, without the action and without wrappers.

        Hooks that call all plugins call the others anyway, so for them this does nothing.
        """
        if semantics(hook) != 'first':
            return None
        wrapping = {impl.plugin for impl in self._impls(hook) if impl.wrapper}
        return self._answer(hook, self._manager.subset_hook_caller(hook, {self._action, *wrapping}), call)

    def implementers(self, hook: str) -> list[str]:
        """The plugins that are called for `hook`, nearest first, as phrases for a sentence."""
        plugins = []
        for impl in reversed(self._impls(hook)):
            if not impl.wrapper:
                plugins.append(getattr(impl.plugin, 'plugin', None))
        return [plugin.who for plugin in plugins if plugin is not None]

    def _impls(self, hook: str) -> list[Any]:
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        return caller.get_hookimpls()

    def _action_answers(self, hook: str) -> bool:
        return any(impl.plugin is self._action and not impl.wrapper for impl in self._impls(hook))

    def _first(self, hook: str, **call: Any) -> Any:
        if self._action is not None and self._action_answers(hook):
            # The action never declines: the other plain answers are out of the call, so its None is final.
            others = {impl.plugin for impl in self._impls(hook) if not impl.wrapper} - {self._action}
            answer = self._manager.subset_hook_caller(hook, others)(**call)
            if answer is None:
                self._trail.answered(hook, self._action.plugin, answer)
            return answer
        return self._answer(hook, getattr(self._manager.hook, hook), call)

    def _answer(self, hook: str, caller: Callable[..., Any], call: Mapping[str, Any]) -> Any:
        answer = caller(**call)
        if answer is None and hook not in NONE_IS_AN_ANSWER:
            raise self.no_answer(hook, call)
        return answer

    def no_answer(self, hook: str, call: Mapping[str, Any]) -> SynapseHooksError:
        """The error for a call that no plugin answered, with the plugins that were called, or the names that exist."""
        if hook in DISPATCHED:
            kind, argument = DISPATCHED[hook]
            name = call[argument]['format'] if hook == 'open_dataset' else call[argument]
            return self._explain(kind, name, hook)
        asked = self.implementers(hook)
        hint = f'{", ".join(asked)} declined' if asked else 'no plugin implements it'
        if hook == 'execute':
            hint = f'write an `execute(self, data_path, checkpoint)` in the action; {hint}'
        return NoAnswer(f'no plugin answered the hook {hook!r}', hint=hint, hook=hook, asked=asked)

    def _merged(self, hook: str, **call: Any) -> dict[str, Any]:
        self._trail.merged.clear()
        answers = getattr(self._manager.hook, hook)(**call)
        owners = {id(answer): plugin.who for plugin, answer in self._trail.merged}
        merged: dict[str, Any] = {}
        giver: dict[str, str] = {}
        for answer in answers:
            who = owners.get(id(answer), 'a wrapper')
            if not isinstance(answer, Mapping):
                raise ConfigError(
                    f'{who} answered {hook!r} with {type(answer).__name__} {answer!r}',
                    hint='return None or a dict with `data_path` and/or `checkpoint`',
                )
            for key, value in answer.items():
                if key in merged:
                    raise ConfigError(
                        f'{giver[key]} and {who} both return {key!r} from {hook!r}',
                        hint='change one of them, or block one with `--block`',
                        field=key,
                    )
                merged[key], giver[key] = value, who
        return merged

    def _isolated(self, hook: str, **call: Any) -> None:
        for error, who in self._each(hook, call):
            text = f'{who} failed in hook {hook!r}: {summary(error)}; the run continues'
            if 'context' in call and semantics(hook) == 'isolated':
                call['context'].log_message(text, level='warning', code='observer-failed')
            # Not even where warnings are made errors may an observer fail a run.
            with suppress(PluginWarning):
                warnings.warn(text, PluginWarning, stacklevel=5)

    def _always(self, hook: str, **call: Any) -> None:
        errors = [error for error, _ in self._each(hook, call)]
        if errors:
            raise ExceptionGroup(f'{hook} failed in {len(errors)} of the plugins', errors)

    def _each(self, hook: str, call: Mapping[str, Any]) -> list[tuple[Exception, str]]:
        # pluggy would stop at the first that raises. Only a signal ends the run, and arrives as KeyboardInterrupt.
        failed = []
        for impl in reversed(self._impls(hook)):
            names = [name for name in (*impl.argnames, *impl.kwargnames) if name in call]
            try:
                impl.function(**{name: call[name] for name in names})
            except Exception as error:
                failed.append((error, impl.plugin.plugin.who))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                called = (
                    f'called sys.exit({error.code!r})'
                    if isinstance(error, SystemExit) and not isinstance(error.code, str)
                    else f'raised {summary(error)}'
                )
                left = RuntimeError(f'it {called}')
                left.__cause__ = error
                failed.append((left, impl.plugin.plugin.who))
        return failed


def _called(answer: Callable[..., Any], hook: str, /, *args: Any, **call: Any) -> Any:
    """Call a hook through `answer`, if it is called with the arguments that it has, by keyword."""
    names = arguments(hook)
    if args or len(call) != len(names) or any(name not in call for name in names):
        raise TypeError(_misfit(hook, args, call))
    return answer(hook, **call)


def _misfit(hook: str, args: tuple[Any, ...], call: Mapping[str, Any]) -> str:
    """What is wrong with the arguments of a call, with the call as it must be written."""
    names = arguments(hook)
    faults = []
    if args:
        faults.append(f'{len(args)} given by position')
    for name in call:
        if name not in names:
            near = suggest(name, names)
            faults.append(f'there is no argument {name!r}{f", {near}" if near else ""}')
    missing = [name for name in names[len(args) :] if name not in call]
    if missing:
        faults.append(f'missing: {", ".join(missing)}')
    written = ', '.join(f'{name}=...' for name in names)
    return f'the hook {hook!r} must be called with all of its arguments by keyword, hooks.{hook}({written}); ' + (
        '; '.join(faults)
    )


def bind(hook: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """The keyword arguments of a hook call made by position or name; a missing `context` is the run's own.

    Raises:
        TypeError: Too many, unknown or missing arguments.
    """
    names = arguments(hook)
    if len(args) > len(names):
        raise TypeError(f'{hook}() takes {", ".join(names)}; {len(args)} positional arguments were given')
    call = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in names or name in call:
            raise TypeError(f'{hook}() takes {", ".join(names)}; {name!r} is unknown or given twice')
        call[name] = value
    if 'context' in names:
        call.setdefault('context', context)
    missing = [name for name in names if name not in call]
    if missing:
        raise TypeError(f'{hook}() needs {", ".join(names)}; {", ".join(missing)} missing')
    return call
