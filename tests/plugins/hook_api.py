"""The snapshot of the hooks, hook_api.json, and what may change in them.

`python -m tests.plugins.hook_api` writes it again. It refuses changes after which a plugin may have to change, unless
HOOK_API is higher.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from synapse_hooks import types
from synapse_hooks.deprecations import deprecation
from synapse_hooks.hookspecs import HOOK_API, HookSpecs, hook_names, semantics

SNAPSHOT = Path(__file__).with_name('hook_api.json')


def current(specs: type = HookSpecs) -> dict[str, Any]:
    """The hooks as they are: arguments in order with types, answers, how these are combined; and the dictionaries."""
    hooks = {}
    for name in hook_names():
        signature = inspect.signature(getattr(specs, name))
        hooks[name] = {
            'semantics': semantics(name),
            'arguments': {key: value.annotation for key, value in signature.parameters.items() if key != 'self'},
            'answer': signature.return_annotation,
        }
    dictionaries = {
        name: {key: text.__forward_arg__ for key, text in sorted(kind.__annotations__.items())}
        for name, kind in sorted(vars(types).items())
        if hasattr(kind, '__total__') and kind.__module__ == types.__name__
    }
    return {'hook_api': HOOK_API, 'hooks': hooks, 'dictionaries': dictionaries}


def incompatible(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What a plugin that was written for `old` may stumble upon in `new`: sentences."""
    for name, before in old['hooks'].items():
        after = new['hooks'].get(name)
        if after is None:
            yield f'the hook {name!r} was removed' + _undeclared(name)
            continue
        yield from (
            f'{name}: {what} was {before[what]!r} and is {after[what]!r}'
            for what in ('semantics', 'answer')
            if before[what] != after[what]
        )
        for argument, type in before['arguments'].items():
            if argument not in after['arguments']:
                yield f'{name}: the argument {argument!r} was removed' + _undeclared(name, argument)
            elif after['arguments'][argument] != type:
                yield f'{name}: the type of {argument!r} was {type!r} and is {after["arguments"][argument]!r}'
        remaining = [argument for argument in before['arguments'] if argument in after['arguments']]
        # `super().convert(context, dataset)` of an action passes arguments by position.
        if list(after['arguments'])[: len(remaining)] != remaining:
            yield f'{name}: an argument that is not the last one was added, or the order has changed'
    for name, keys in old['dictionaries'].items():
        missing = [key for key in keys if key not in new['dictionaries'].get(name, {})]
        yield from (f'{name}: the key {key!r} was removed' for key in missing)


def _undeclared(hook: str, argument: str | None = None) -> str:
    return '' if deprecation(hook, argument) else ', and is not in synapse_hooks/deprecations.py'


def main() -> int:
    """Write the snapshot; returns the exit code."""
    new = current()
    old = json.loads(SNAPSHOT.read_text(encoding='utf-8')) if SNAPSHOT.exists() else new
    problems = list(incompatible(old, new))
    if problems and new['hook_api'] <= old['hook_api']:
        print('\n'.join([*problems, 'a plugin may have to change: raise HOOK_API, or undo it']))
        return 1
    SNAPSHOT.write_text(json.dumps(new, indent=2) + '\n', encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
