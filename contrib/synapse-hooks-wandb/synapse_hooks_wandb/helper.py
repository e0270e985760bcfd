"""The process that imports wandb: `python -m synapse_hooks_wandb.helper`, one for each process that delivers a run.

wandb replaces `sys.excepthook`, starts threads, and registers functions that are called at the end of a process. None
of that belongs into a training. This process reads requests, a line of JSON each, and answers each with a line. It ends
after the request `close`, or when the process that started it is dead; what it has received until then is not lost.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from synapse_hooks.errors import SinkUnavailable
from synapse_hooks.safe_text import summary, text_of
from synapse_hooks_wandb.settings import Settings
from synapse_hooks_wandb.tracked_run import STATE, NotBegun, TrackedRun

_CHUNK: Final = 1 << 16
_POLL: Final = 1.0
"""Seconds between two looks at whether the parent is alive."""
_WAIT: Final = 5.0
"""Seconds to wait for the helper of a killed process, which may have something left to write."""


def main() -> None:
    """Answer requests until there are no more."""
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What wandb prints is not an answer.
    out = os.dup(1)
    os.dup2(2, 1)
    run: TrackedRun | None = None
    lock: FileLock | None = None
    for line in _lines(0, parent):
        request = json.loads(line)
        try:
            if run is None or lock is None:
                run_dir = Path(request['run_dir'])
                lock = lock or FileLock(run_dir / 'sinks' / f'{STATE}.lock')
                lock.acquire(timeout=_WAIT)
                run = TrackedRun(run_dir, Settings(**request['settings']))
            if request['hook'] == 'close':
                break
            answer: dict[str, Any] = {'warnings': run.take(request['hook'], request['events'])}
        except Timeout:
            answer = {'unavailable': 'another process still writes the wandb run'}
        except SinkUnavailable as error:
            # After an answer with `ended` the parent starts another helper.
            answer = {'unavailable': text_of(error), 'ended': isinstance(error, NotBegun)}
        except Exception as error:  # wandb raises anything
            answer = {'error': summary(error)}
        try:
            os.write(out, json.dumps(answer).encode() + b'\n')
        except BrokenPipeError:
            # What is in the pipe is taken all the same.
            continue
        if answer.get('ended'):
            break
    if run is not None:
        run.finish()
    if lock is not None:
        lock.release()


def _lines(source: int, parent: int) -> Iterator[bytes]:
    """The lines of a pipe, until it is closed, or is empty and the parent is dead.

    Processes that the training has forked hold the pipe open.
    """
    rest = b''
    while True:
        ready, _, _ = select.select([source], [], [], _POLL)
        if ready:
            data = os.read(source, _CHUNK)
            if not data:
                return
            *lines, rest = (rest + data).split(b'\n')
            yield from lines
        elif os.getppid() != parent:
            return


if __name__ == '__main__':
    main()
    sys.exit(0)
