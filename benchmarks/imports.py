"""`import synapse_hooks` against `import pluggy, pydantic`: whole processes."""

from __future__ import annotations

import sys

from figures import Figure, compared, main

OURS, THEIRS = 'import synapse_hooks', 'import pluggy, pydantic'
USED = 'from synapse_hooks import BaseTrainAction, BaseTrainParams, hookimpl'
NEEDED = 'import pluggy; from pydantic import BaseModel'
"""`import pydantic` alone defers nearly everything; actions with parameters import this."""


def measure() -> list[Figure]:
    """The package by itself, then what every action imports from it."""
    python = [sys.executable, '-c']
    figures = compared([OURS, THEIRS], [[*python, OURS], [*python, THEIRS]], aim=1.5)
    action = compared(['import BaseTrainAction', NEEDED], [[*python, USED], [*python, NEEDED]], aim=None)
    return [*figures, action[0], *action[2:4]]


if __name__ == '__main__':
    sys.exit(main(measure, __doc__))
