"""A command in a process of its own: its output line by line, and its end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

_MOST_LINES: Final = 2000
"""Lines that are kept until they are read."""
_LONGEST: Final = 8192
"""Bytes of a line that are kept."""
_CONTROL: Final = re.compile(rb'\x1b\[[0-?]*[ -/]*[@-~]')
"""Control sequences of terminals: ECMA-48, section 5.4."""


class Output:
    """The last lines of an output, numbered from 0. Its memory is bounded: of what is not read in time, the oldest
    lines are lost.
    """

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)
        self._count = 0
        self._is_over = False
        self._changed = threading.Condition()

    def add(self, line: bytes) -> None:
        """A line, with its end or without. Of what a progress bar has written over, the last state is kept; colours and
        movements of the cursor are left out, as the driver may have no terminal.
        """
        shown = _CONTROL.sub(b'', line.rstrip(b'\r\n').rpartition(b'\r')[2])
        text = shown[:_LONGEST].decode(errors='replace')
        with self._changed:
            self._lines.append(text)
            self._count += 1
            self._changed.notify_all()

    def since(self, start: int, *, wait: float = 0.0) -> tuple[list[str], int]:
        """The lines from number `start` on that there still are, and the number of the next line.

        Args:
            start: The number of the first line that is wanted.
            wait: Seconds to wait for one.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._count > start or self._is_over, wait)
            kept = list(self._lines)
            return kept[max(0, start - (self._count - len(kept))) :], self._count

    def end(self) -> None:
        """End all waiting, as nothing comes any more."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()


class Child:
    """A command below a guard, which ends it and all its descendants when this process ends.

    Args:
        command: The command.
        text: What it gets on its standard input.
        env: Its environment.
        cwd: Where it starts.
        output: Gets the lines of its standard error.
    """

    def __init__(
        self, command: Sequence[str], text: str, env: Mapping[str, str], cwd: Path | None, output: Output
    ) -> None:
        self._killer: threading.Timer | None = None
        # A new session: Ctrl-C and a hang-up of some terminal are not for it.
        self._guard = subprocess.Popen(
            [sys.executable, '-P', '-m', 'synapse_hooks_ray.guard', *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
        self._tail = deque[bytes](maxlen=1)
        readers = [
            threading.Thread(target=self._read, args=(self._guard.stderr, output.add), daemon=True),
            threading.Thread(target=self._read, args=(self._guard.stdout, self._tail.append), daemon=True),
        ]
        for reader in readers:
            reader.start()
        data = text.encode()
        self._send(b'%d\n%b' % (len(data), data))
        self._ended = threading.Event()
        threading.Thread(target=self._wait, args=(readers,), daemon=True).start()

    @property
    def pid(self) -> int:
        """The guard's process."""
        return self._guard.pid

    @property
    def code(self) -> int | None:
        """The exit code, once the command has ended and its output was read; else None."""
        return self._guard.returncode if self._ended.is_set() else None

    @property
    def last_line(self) -> str:
        """The last line of its standard output, which is not in `output`."""
        return self._tail[0].decode(errors='replace').strip() if self._tail else ''

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end; whether it has come."""
        return self._ended.wait(seconds)

    def terminate(self, grace: float) -> None:
        """SIGTERM, and SIGKILL for it and its descendants if it has not ended after `grace` seconds."""
        self._send(b'terminate\n')
        if self._killer is None:
            self._killer = threading.Timer(grace, self.kill)
            self._killer.daemon = True
            self._killer.start()

    def kill(self) -> None:
        """SIGKILL for it and all its descendants."""
        assert self._guard.stdin is not None
        with suppress(OSError):
            self._guard.stdin.close()

    def _send(self, data: bytes) -> None:
        assert self._guard.stdin is not None
        with suppress(OSError, ValueError):
            self._guard.stdin.write(data)
            self._guard.stdin.flush()

    @staticmethod
    def _read(stream: IO[bytes], take: object) -> None:
        assert callable(take)
        # A line without an end must not fill the memory.
        while line := stream.readline(1 << 20):
            take(line)

    def _wait(self, readers: Sequence[threading.Thread]) -> None:
        self._guard.wait()
        if self._killer is not None:
            self._killer.cancel()
        # A process that escaped may hold the pipes open.
        deadline = time.monotonic() + 5
        for reader in readers:
            reader.join(max(0.0, deadline - time.monotonic()))
        self._ended.set()


def environment(*added: Mapping[str, str], but: Path | None = None) -> dict[str, str]:
    """The environment of a run: that of this process, its import path, and what is added; what comes last counts.

    Args:
        *added: Variables.
        but: A folder that is left out of the import path: a module in it must not hide one of the standard library.
    """
    entries = [entry for entry in sys.path if entry and Path(entry) != but]
    environ = {**os.environ, 'PYTHONPATH': os.pathsep.join(entries)}
    for variables in added:
        environ |= variables
    return environ
