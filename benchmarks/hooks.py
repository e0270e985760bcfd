"""One hook call through synapse_hooks against the same call through plain pluggy."""

from __future__ import annotations

import statistics
import sys
import timeit
from pathlib import Path
from typing import Any

import pluggy
from figures import Figure, main

from synapse_hooks import RuntimeContext, TrainContext, hookimpl
from synapse_hooks.hookspecs import HookSpecs
from synapse_hooks.plugins import HookFunction, Settings, build

CALLS, ROUNDS = 2000, 15


class Declines:
    """A plugin that is asked and has no answer, as four of five usually are."""

    @hookimpl
    def export(self, context: TrainContext) -> None:
        """No answer."""


class Answers:
    """A plugin with an answer."""

    @hookimpl
    def export(self, context: TrainContext) -> dict[str, Any]:
        """An answer."""
        return {'path': Path(), 'format': 'dm'}


def measure() -> list[Figure]:
    """Five plugins are asked, and the last of them answers; then an action's own method."""
    plugins: list[object] = [type(f'Declines{number}', (Declines,), {})() for number in range(4)]
    plugins.append(Answers())
    plain = pluggy.PluginManager('synapse_hooks')
    plain.add_hookspecs(HookSpecs)
    for plugin in reversed(plugins):
        plain.register(plugin)
    ours = build(Settings(), extra=plugins, installed=()).calls
    own = HookFunction('export', Answers().export, {'wrapper': False, 'tryfirst': True, 'trylast': False})
    with_action = build(Settings(), action=('Action', [own]), extra=plugins, installed=()).calls
    context = TrainContext({}, RuntimeContext(), ours)
    turns = [
        [timeit.timeit(lambda call=call: call(context=context), number=CALLS) / CALLS * 1e6 for call in calls]
        for calls in [(plain.hook.export, ours.export, with_action.export)] * ROUNDS
    ]
    theirs, guarded, action = (statistics.median(column) for column in zip(*turns, strict=True))
    return [
        Figure('a hook call / plain pluggy', guarded / theirs, 'x', None, '5 plugins; blame and trail included'),
        Figure('  synapse_hooks', guarded, 'us'),
        Figure('  pluggy', theirs, 'us'),
        Figure("  answered by the action's own method", action, 'us'),
    ]


if __name__ == '__main__':
    sys.exit(main(measure, __doc__))
