"""Whether an object is a valid plugin. Every fault is found at registration, and all are reported at once.

pluggy accepts much that fails later or silently: a misspelt hook, a keyword-only argument, a wrapper that does
not yield. Here each is a sentence.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from synapse_hooks.deprecations import deprecated_uses, deprecation
from synapse_hooks.errors import suggest
from synapse_hooks.hookspecs import PROJECT, arguments, describe, hook_names, semantics
from synapse_hooks.plugins.records import Kind

MARKER: Final = f'{PROJECT}_impl'
_IN_PLACE_OF: Final = {'source': ('read', 'declare'), 'sink': ('write',)}
"""The methods that are not called of a format which has the attribute named first."""
LAZY_HOOKS: Final[dict[Kind, tuple[str, ...]]] = {
    'format': ('convert', 'open_dataset'),
    'autologger': ('autolog',),
    'executor': ('open_executor',),
    'launcher': ('launch', 'tune'),
}
"""The hooks that a plugin of the lazy groups may answer; it is imported when one of them is called with its name."""


@dataclass(frozen=True)
class HookFunction:
    """One function by which a plugin answers a hook."""

    hook: str
    function: Callable[..., Any]
    options: dict[str, Any]
    """pluggy's: `wrapper`, `tryfirst`, `trylast`, ..."""
    attribute: str = ''
    """The attribute of the plugin that has it; `@hookimpl.convert` leaves the name free."""


def hook_functions(plugin: object) -> list[HookFunction]:
    """Every function of `plugin` (a module or an instance) that is marked with `@hookimpl`."""
    functions = []
    for name, options in _marked(plugin):
        functions.append(HookFunction(options.get('specname') or name, getattr(plugin, name), options, name))
    return functions


def faults(plugin: object, kind: Kind = 'plugin') -> list[str]:
    """What is wrong with `plugin`: one sentence each, empty when it is valid."""
    functions = hook_functions(plugin)
    problems = [f'{name}() overrides a hook and is not marked: put @hookimpl on it' for name in _unmarked(plugin)]
    if not functions and not problems:
        problems.append(f'it answers no hook{_forgotten_marker(plugin)}')
    for function in functions:
        problems += function_faults(function, kind)
    if hasattr(plugin, 'recognise') and not getattr(plugin, 'name', ''):
        problems.append('a format needs a `name`: what `target_format` and `--to` call it')
    if all(hasattr(type(plugin), method) for method in _IN_PLACE_OF):
        problems += _unused_overrides(type(plugin))
    hooks = [function.hook for function in functions]
    problems += [f'two functions answer hook {hook!r}' for hook in sorted({h for h in hooks if hooks.count(h) > 1})]
    return problems


def _unused_overrides(format: type) -> Iterator[str]:
    """Methods that are never called, because a class that the format derives from answers in their place."""
    classes = format.__mro__
    for method, rows in _IN_PLACE_OF.items():
        owner = next(owner for owner in classes if method in vars(owner))
        # One that has both, such as `Format`, calls them.
        for name in (name for name in rows if name not in vars(owner)):
            nearest = next((other for other in classes if name in vars(other)), owner)
            if classes.index(nearest) < classes.index(owner):
                yield (
                    f'{nearest.__name__}.{name}() is never called, because {owner.__name__} answers {method}(): '
                    f'override {method}(), or derive from Format'
                )


def function_faults(answer: HookFunction, kind: Kind = 'plugin') -> list[str]:
    """What is wrong with one function as an answer to its hook."""
    hook, function, options = answer.hook, answer.function, answer.options
    if hook not in hook_names():
        removed = deprecation(hook)
        near = suggest(hook, hook_names()) if removed is None else removed.removal
        return [f'there is no hook {hook!r}{f"; {near}" if near else ""}']
    problems = []
    if kind in LAZY_HOOKS and hook not in LAZY_HOOKS[kind]:
        problems.append(
            f'{hook}: a plugin of the group synapse_hooks.{kind}s answers {" and ".join(LAZY_HOOKS[kind])} only; '
            'put the rest into a plugin of the group synapse_hooks'
        )
    plain = inspect.unwrap(getattr(function, '__func__', function))
    problems += _argument_faults(hook, function)
    wrapper = bool(options.get('wrapper'))
    if options.get('hookwrapper'):
        problems.append(f'{hook}: hookwrapper=True is the old style; write wrapper=True and `return (yield)`')
    elif inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain):
        problems.append(f'{hook}: hooks are not async; write a plain function')
    elif wrapper and not inspect.isgeneratorfunction(plain):
        problems.append(f'{hook}: a wrapper must yield once: `result = yield`, then `return result`')
    elif not wrapper and inspect.isgeneratorfunction(plain):
        problems.append(f'{hook}: it yields but is not a wrapper; mark it @hookimpl(wrapper=True) or return its answer')
    if wrapper and semantics(hook) not in ('first', 'merged'):
        problems.append(f'{hook} takes no wrappers: {describe(hook).split(";")[0]}')
    if wrapper and kind in LAZY_HOOKS:
        problems.append(f'{hook}: a {kind} cannot wrap, as it is imported only when it answers')
    return problems


def deprecated(functions: Iterable[HookFunction]) -> tuple[str, ...]:
    """What functions use that will be removed: a sentence for each hook and argument."""
    uses = (use for answer in functions for use in deprecated_uses(answer.hook, _arguments(answer.function)))
    return tuple(dict.fromkeys(map(str, uses)))


def _arguments(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def _argument_faults(hook: str, function: Callable[..., Any]) -> list[str]:
    offered = arguments(hook)
    problems = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            star = '*' if parameter.kind is parameter.VAR_POSITIONAL else '**'
            problems.append(f'{hook}: {star}{name} receives nothing; name the arguments: {", ".join(offered)}')
        elif parameter.kind is parameter.KEYWORD_ONLY:
            problems.append(f'{hook}: {name!r} is keyword-only and would be missing at the call; remove the `*`')
        elif name not in offered and parameter.default is parameter.empty:
            removed = deprecation(hook, name)
            near = suggest(name, offered) if removed is None else removed.removal
            offer = f'it has {", ".join(offered)}'
            problems.append(f'{hook}: the hook has no argument {name!r}; {f"{near} ({offer})" if near else offer}')
    return problems


def _attributes(plugin: object) -> dict[str, object]:
    """Attributes as they are stored, without running properties, and without those that every object has."""
    if isinstance(plugin, ModuleType):
        return vars(plugin)
    attributes: dict[str, object] = {}
    for kind in reversed(type(plugin).__mro__[:-1]):
        attributes.update(vars(kind))
    attributes.update(getattr(plugin, '__dict__', {}))
    return attributes


def _options(value: object) -> dict[str, Any] | None:
    for holder in (value, getattr(value, '__func__', None)):
        options = getattr(holder, '__dict__', {}).get(MARKER)
        if isinstance(options, dict):
            return options
    return None


def _marked(plugin: object) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in _attributes(plugin).items():
        options = _options(value)
        if options is not None:
            yield name, options


def _unmarked(plugin: object) -> Iterator[str]:
    """Methods that override a marked one without being marked themselves: pluggy would drop them in silence."""
    if isinstance(plugin, ModuleType):
        return
    for name, value in _attributes(plugin).items():
        if callable(value) and _options(value) is None:
            inherited = [_options(vars(kind)[name]) for kind in type(plugin).__mro__ if name in vars(kind)]
            if any(inherited):
                yield name


def _forgotten_marker(plugin: object) -> str:
    bare = [name for name, value in _attributes(plugin).items() if name in hook_names() and callable(value)]
    return f'; {bare[0]}() is not marked: put @hookimpl on it' if bare else '; mark its functions with @hookimpl'
