"""What runs on a node: a part of a conversion, and the counter of what all of them have written."""

from __future__ import annotations

import os
import pickle
import socket
import sys
import sysconfig
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from traceback import format_exception
from typing import Any, Final

from synapse_hooks.errors import LaunchError, SynapseHooksError
from synapse_hooks.portable import Carrier
from synapse_hooks.safe_text import summary

_INTERVAL: Final = 0.5
"""Seconds between two reports of progress."""


class Counts:
    """How many samples each part has written: an actor beside the driver. If it is lost, so is the progress bar."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def set(self, number: int, count: int) -> None:
        """Note the samples of a part. A part that is written again begins at 0."""
        self._counts[number] = count

    def all(self) -> dict[int, int]:
        """The samples of each part that has begun, by its number."""
        return self._counts


@dataclass(frozen=True)
class Surroundings:
    """Where the driver is, of which a task may have relative paths and modules."""

    folder: str
    """The working directory."""
    modules: tuple[str, ...]
    """Folders from which it imports modules, such as that of the project."""

    @classmethod
    def here(cls) -> Surroundings:
        """Those of this process."""
        installed = set(sysconfig.get_paths().values())
        folders = [str(Path(folder).absolute()) for folder in sys.path if Path(folder).is_dir()]
        return cls(str(Path.cwd()), tuple(folder for folder in folders if folder not in installed))

    def enter(self) -> None:
        """Make this process have the same, as far as the folders exist here."""
        with suppress(OSError):
            os.chdir(self.folder)
        sys.path += [folder for folder in self.modules if folder not in sys.path]


def run(content: bytes, surroundings: Surroundings, number: int, counts: Any) -> tuple[bytes, int]:
    """Run a task.

    Args:
        content: The task, pickled: to unpickle it opens the dataset, so an error of that is one of the task.
        surroundings: Those of the driver.
        number: Which part it is.
        counts: The actor `Counts`.

    Returns:
        What it returned, pickled, or a `Carrier` with what it raised; and how many samples it has written.
    """
    progress = _Progress(number, counts)
    progress.begin()
    surroundings.enter()
    try:
        return pickle.dumps(_opened(content)(progress)), progress.count
    except Exception as error:
        # That of a task is wrapped, so that it is distinct from one of the executor.
        own = getattr(error, 'error', error)
        lines = '' if isinstance(own, SynapseHooksError) else f':\n{"".join(format_exception(own))}'.rstrip()
        own.add_note(f'on the Ray node {_node()}{lines}')
        return pickle.dumps(Carrier(error)), progress.count


def _opened(content: bytes) -> Callable[[Any], Any]:
    try:
        task: Callable[[Any], Any] = pickle.loads(content)
    except ImportError as error:
        raise LaunchError(
            f'the Ray node {_node()} cannot import a format: {summary(error)}',
            hint='install it on every node, in the version that this machine has',
        ) from error
    except Exception as error:
        # The driver has opened it.
        raise LaunchError(
            f'the Ray node {_node()} cannot open the dataset: {summary(error)}',
            hint='keep it, and convert it, in folders that every node has under the same path',
        ) from error
    return task


def _node() -> str:
    import ray

    return f'{ray.util.get_node_ip_address()} ({socket.gethostname()})'


class _Progress:
    """What a task reports to: not every batch is worth a message."""

    def __init__(self, number: int, counts: Any) -> None:
        self._number = number
        self._counts = counts
        self.count = 0
        self._sent = 0.0

    def begin(self) -> None:
        """Report that there is room for the part."""
        with suppress(Exception):
            self._counts.set.remote(self._number, 0)

    def __call__(self, count: int) -> None:
        self.count += count
        now = time.monotonic()
        if now - self._sent >= _INTERVAL:
            self._sent = now
            with suppress(Exception):
                self._counts.set.remote(self._number, self.count)
