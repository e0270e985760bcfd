"""Runs a command, and ends it with all that it has started when the process that wanted it is gone.

    python -m synapse_hooks_ray.guard COMMAND...

Standard input begins with the length of a text in a line of its own, and the text, which the command gets on its own
standard input. It stays open: the line `terminate` sends SIGTERM to the command, and its end, which comes also when the
process at the other end is killed, kills the command and every process that descends from it, such as the workers of
torchrun, which have sessions of their own. They are killed as well when the command ends by itself.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import BinaryIO, Final, NoReturn

from synapse_hooks.steps.processes import descendants
from synapse_hooks.storage import read_file

_PDEATHSIG: Final = 1
_CHILD_SUBREAPER: Final = 36


def main() -> NoReturn:
    """Run the command. The exit code is that of the command, or 128 and the number of the signal that ended it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _prctl(_CHILD_SUBREAPER, 1)
    control = sys.stdin.buffer
    text = control.read(int(control.readline()))
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, preexec_fn=_with_parent)
    threading.Thread(target=_obey, args=(control, child), daemon=True).start()
    assert child.stdin is not None
    with suppress(OSError), child.stdin as stdin:
        stdin.write(text)
    code = child.wait()
    _kill_descendants()
    # At the usual exit the interpreter would wait for the thread that reads standard input.
    os._exit(code if code >= 0 else 128 - code)


def _with_parent() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    _prctl(_PDEATHSIG, signal.SIGKILL)


def _obey(control: BinaryIO, child: subprocess.Popen[bytes]) -> None:
    for line in control:
        if line.strip() == b'terminate':
            with suppress(ProcessLookupError):
                child.terminate()
    _kill_descendants()
    os._exit(128 + signal.SIGKILL)


def _kill_descendants() -> None:
    """Children of killed processes become children of this one, so none is missed."""
    while pids := [pid for pid, _ in descendants() if not _is_dead(pid)]:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)


def _is_dead(pid: int) -> bool:
    """Whether it has ended, though its parent has not read its exit code."""
    try:
        return read_file(f'/proc/{pid}/stat').rpartition(b')')[2].split()[0] in b'ZX'
    except (OSError, IndexError):
        return True


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith('linux'):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == '__main__':
    main()
