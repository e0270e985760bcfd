"""What goes into a stage, as JSON values in run.json: a stage that has run counts as long as all of it is the same.

`step` (its class), `options`, `params` (those that the stage used), `dataset` (what came in), `plugins` (who may
answer, by hook, with versions), `code` (of the project and the action: a digest for each file), `previous` (the stage
before).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgspec

from synapse_hooks.hookspecs import hook_names
from synapse_hooks.plugins import Plugin, Plugins
from synapse_hooks.plugins.source_digest import (
    Answer,
    Place,
    SourceDigests,
    is_own,
    places,
    plain_function,
    source_file,
)
from synapse_hooks.steps.base import BaseStep
from synapse_hooks.steps.state import plain

RUN_STEP: Final = 'run_step'
"""The hook that has a part in every stage."""
_SIMPLE: Final = (str, int, float, bool, type(None))


class StageInputs:
    """Collects what goes into the stages of a run.

    Args:
        steps: All steps of the run.
        plugins: Those that answer.
    """

    def __init__(self, steps: Iterable[BaseStep[Any]], plugins: Plugins) -> None:
        self.steps = list(steps)
        self.plugins = plugins
        self.code = SourceDigests(plugins.settings.root)
        self._known: dict[str, dict[str, str]] = {}

    def of(
        self, step: BaseStep[Any], *, previous: str, dataset: Mapping[str, Any] | None, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The inputs of a stage.

        Args:
            step: Its step.
            previous: The digest of the stage before.
            dataset: What the stage before left in the context.
            params: The parameters that the stage uses.
        """
        formats = self._formats(step, dataset)
        asked = {hook: [plugin.who for plugin, *_ in self.answering(hook, formats)] for hook in self.hooks(step)}
        options = {name: value for name, value in vars(step).items() if isinstance(value, _SIMPLE)}
        self.read_code(step, dataset)
        return {
            'step': f'{type(step).__module__}.{type(step).__qualname__}',
            'options': options,
            'params': canonical(params),
            'dataset': (dataset or {}).get('digest'),
            'plugins': {hook: who for hook, who in asked.items() if who},
            'code': self._known[step.name],
            'previous': previous,
        }

    def read_code(self, step: BaseStep[Any], dataset: Mapping[str, Any] | None) -> None:
        """Take the digests of the code of a stage now, unless that was done: it may be edited while the stage runs.

        Args:
            step: Its step.
            dataset: What the stage before left in the context.
        """
        if step.name not in self._known:
            self._known[step.name] = self._code(step, self._formats(step, dataset))

    @staticmethod
    def _formats(step: BaseStep[Any], dataset: Mapping[str, Any] | None) -> set[str | None]:
        # A plugin may have left anything in the context.
        read = dataset.get('format') if isinstance(dataset, Mapping) else None
        return {getattr(step, 'target_format', None), read if isinstance(read, str) else None}

    def hooks(self, step: BaseStep[Any]) -> list[str]:
        """The hooks whose answers have a part in a stage."""
        named = [step.name] if step.name in hook_names() else []
        return list(dict.fromkeys((*named, *step.hooks, RUN_STEP)))

    def answering(
        self, hook: str, formats: Collection[str | None] = ()
    ) -> Iterator[tuple[Plugin, str, Callable[..., Any] | None]]:
        """The plugins that have a part in a hook, in order, each with its role and function; see `Plugins.answers`.

        Args:
            hook: Which.
            formats: The formats of the stage: of the plugins that are called by name, those that have a part.
        """
        for plugin, role, function in self.plugins.answers(hook):
            if (role != 'by name' or plugin.name in formats) and not (hook == RUN_STEP and plugin.rank == 'built-in'):
                yield plugin, role, function

    def uses_all(self, step: BaseStep[Any]) -> bool:
        """Whether a stage may use any parameter without asking the context for it.

        The action has them, and so may a step that holds more than simple values.
        """
        if any(map(self._calls_action, self.hooks(step))):
            return True
        return not is_ours(type(step)) and not all(isinstance(value, _SIMPLE) for value in vars(step).values())

    def uses_all_for_checkpoint(self) -> bool:
        """The same for finding the checkpoint."""
        return self._calls_action('resolve_checkpoint')

    def checkpoint(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What goes into finding the checkpoint to start from."""
        hook = 'resolve_checkpoint'
        answers = list(self.answering(hook))
        code = self.code.digests([a for plugin, _, f in answers for a in _written(plugin, f)], self._others([hook]))
        return {'params': canonical(params), 'plugins': [plugin.who for plugin, *_ in answers], 'code': code}

    def same_checkpoint(self, of: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
        """Whether the same goes into finding the checkpoint as what run.json has as `checkpoint_of`."""
        return digest_of(self.checkpoint(chosen(of.get('params', {}), params))) == of.get('digest')

    def needs_checkpoint(self, step: BaseStep[Any]) -> bool:
        """Whether the checkpoint may have a part in a stage: of the built-in steps it is certain which need none."""
        return not (is_ours(type(step)) and step.name in ('export', 'convert'))

    def _calls_action(self, hook: str) -> bool:
        return any(plugin.rank == 'action' for plugin, *_ in self.answering(hook))

    def _code(self, step: BaseStep[Any], formats: Collection[Any]) -> dict[str, str]:
        hooks = self.hooks(step)
        answers: list[Answer] = [kind for kind in type(step).__mro__ if not is_ours(kind)]
        for hook in hooks:
            for plugin, _, function in self.answering(hook, formats):
                answers += _written(plugin, function)
        own = set(type(step).__mro__)
        steps = [place for kind, places in self._steps for place in places if kind not in own]
        return self.code.digests(answers, [*self._others(hooks), *steps])

    def _others(self, hooks: list[str]) -> list[Place]:
        """Where the project and the action answer other hooks."""
        return [place for hook, those in self._functions.items() if hook not in hooks for place in those]

    @cached_property
    def _steps(self) -> list[tuple[type, list[Place]]]:
        kinds = {kind: None for step in self.steps for kind in type(step).__mro__ if not is_ours(kind)}
        return [(kind, list(places(kind))) for kind in kinds]

    @cached_property
    def _functions(self) -> dict[str, list[Place]]:
        """By hook, where the functions begin by which the project and the action answer it, or would without others.

        Other actions in the files of the action have no part in a run, unless the action calls them.
        """
        functions: dict[str, list[Place]] = {}
        for hook in hook_names():
            for plugin, _, function in self.plugins.answers(hook):
                if function is None or not is_editable(plugin):
                    continue
                owner, name = type(_owner(function)), plain_function(function).__name__
                overridden = [vars(kind)[name] for kind in owner.__mro__ if name in vars(kind) and not is_ours(kind)]
                for each in (function, *filter(callable, overridden)):
                    functions.setdefault(hook, []).extend(places(each))
                if plugin.rank == 'action' and '' not in functions:
                    functions[''] = [place for kind in _siblings(owner) for place in places(kind)]
        return functions


def digest_of(inputs: Mapping[str, Any]) -> str:
    """What identifies the inputs of a stage."""
    return hashlib.sha256(msgspec.json.encode(inputs, order='deterministic')).hexdigest()


def chosen(names: Iterable[str], params: Mapping[str, Any]) -> dict[str, Any]:
    """The named parameters, with the values that `params` has; None for those that it does not have."""
    return {name: params.get(name) for name in names}


def canonical(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON values, in the form in which those that a stage used are kept and compared."""
    values: dict[str, Any] = _canonical(plain(dict(params)))
    return values


def is_editable(plugin: Plugin) -> bool:
    """Whether a plugin is the user's own source: of the action, of the project, or installed in editable form."""
    if plugin.rank in ('action', 'project'):
        return True
    return plugin.rank == 'installed' and plugin.path is not None and is_own(Path(plugin.path))


def _written(plugin: Plugin, function: Any) -> list[Answer]:
    """What of the user's own source answers: a function, and the classes that it belongs to."""
    if not is_editable(plugin):
        return []
    owner = plugin.loaded if function is None else _owner(function)
    if owner is None or isinstance(owner, ModuleType):
        return [] if function is None else [function]
    kinds = [kind for kind in type(owner).__mro__ if not is_ours(kind)]
    return [*kinds, *([] if function is None or is_ours(plain_function(function)) else [function])]


def _owner(function: Any) -> Any:
    """The object whose method a guarded function is; None for a function of a module."""
    while function is not None:
        owner = getattr(function, '__self__', None)
        if owner is not None:
            return owner
        function = getattr(function, '__wrapped__', None)
    return None


def _siblings(action: type) -> Iterator[type]:
    """Other actions in the files of an action: they have no part in its runs, unless it calls them."""
    base = next(kind for kind in action.__mro__ if is_ours(kind))
    for kind in action.__mro__:
        if not is_ours(kind):
            for other in vars(sys.modules.get(kind.__module__, kind)).values():
                if isinstance(other, type) and issubclass(other, base) and other not in action.__mro__:
                    yield other


def is_ours(thing: object) -> bool:
    """Whether a class or function belongs to this package, or to Python: its version is known otherwise."""
    module = str(getattr(thing, '__module__', ''))
    if module.partition('.')[0] in ('synapse_hooks', 'builtins', 'typing', 'abc'):
        return True
    return isinstance(thing, type) and module != '__main__' and source_file(thing) is None


def _canonical(value: Any) -> Any:
    """Equal numbers as one: a default of 150 comes back from run.json as 150.0 where the parameter is a float."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    return [_canonical(item) for item in value] if isinstance(value, list) else value
