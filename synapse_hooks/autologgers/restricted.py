"""ultralytics with checkpoints of others: it builds models of known layers only.

A checkpoint holds a description of its model, and a training builds the model again from it. Left alone, ultralytics
evaluates a text of that description as Python: a checkpoint in which every pickle is harmless could still run code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

VARIABLE: Final = 'ULTRALYTICS_SAFE_LOAD'
"""The variable of ultralytics, in versions that support it; it also makes `torch.load` take weights only."""
_FLAG: Final = 'SAFE_LOAD'
_READERS: Final = ('ultralytics.utils', 'ultralytics.nn.tasks')


@contextmanager
def restricted_loading(wanted: bool = True) -> Iterator[None]:
    """Restrict ultralytics to loading its own classes, in this process and its children, while the block runs.

    Args:
        wanted: False does nothing. A value that is set already is kept in any case.
    """
    if not wanted or VARIABLE in os.environ:
        yield
        return
    # It reads the variable when it is imported, which may have happened.
    before = {name: getattr(sys.modules.get(name), _FLAG, False) for name in _READERS}
    os.environ[VARIABLE] = '1'
    _set(dict.fromkeys(_READERS, True))
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        _set(before)


def _set(flags: Mapping[str, bool]) -> None:
    for name, flag in flags.items():
        module = sys.modules.get(name)
        if hasattr(module, _FLAG):
            setattr(module, _FLAG, flag)
