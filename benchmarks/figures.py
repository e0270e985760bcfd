"""What all benchmarks share: figures with their aims, as a table or as JSON.

A benchmark is a script with `measure() -> list[Figure]`; `python benchmarks/NAME.py` prints a table, and with `--json`
one JSON object on the last line.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

ROOT = Path(__file__).parent.parent
K = TypeVar('K')
MEMORY = Path('/dev/shm')
"""A disk in memory, where there is one."""


@dataclass(frozen=True)
class Figure:
    """One number."""

    name: str
    value: float
    unit: str
    """`x` is a ratio to something else measured in the same run."""
    aim: float | None = None
    """The value shall be at most this; None is for information."""
    note: str = ''

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where there is none."""
        return None if self.aim is None else self.value <= self.aim


def main(measure: Callable[[], list[Figure]], description: str | None) -> int:
    """Run a benchmark as a script. Exit code 1 when an aim was missed."""
    options = parser(description).parse_args()
    return finish(measure(), as_json=options.json)


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    made = argparse.ArgumentParser(description=(description or '').splitlines()[0])
    made.add_argument('--json', action='store_true', help='the last line of stdout is one JSON object')
    return made


def finish(figures: Sequence[Figure], *, as_json: bool) -> int:
    """Print figures, and tell the exit code: 1 when an aim was missed."""
    show(figures, as_json=as_json)
    return 1 if any(figure.met is False for figure in figures) else 0


def show(figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print figures, as a table or as one line of JSON."""
    if as_json:
        machine = {'python': platform.python_version(), 'cores': os.cpu_count(), 'system': platform.system()}
        print(json.dumps({**machine, 'figures': [{**asdict(one), 'met': one.met} for one in figures]}))
        return
    width = max((len(figure.name) for figure in figures), default=0)
    for figure in figures:
        aim = '' if figure.aim is None else f'aim {figure.aim:g} {figure.unit}'
        verdict = {True: 'met', False: 'MISSED', None: ''}[figure.met]
        print(f'{figure.name:{width}}  {figure.value:9.3g} {figure.unit:4} {aim:12} {verdict:7} {figure.note}'.rstrip())


def our_command() -> list[str]:
    """The installed command where there is one, else the module."""
    script = Path(sys.executable).with_name('synapse-hooks')
    return [str(script)] if script.is_file() else [sys.executable, '-m', 'synapse_hooks.cli']


class Cost(NamedTuple):
    """Of a whole process and those that it started."""

    took: float
    """Seconds of wall time."""
    peak: float
    """MB that the largest of them had in memory."""
    busy: float
    """Seconds of processor time: others on the machine add less to it than to wall time."""


def seconds(command: Sequence[str]) -> float:
    """The wall time of a whole process."""
    return finished(command).took


def finished(command: Sequence[str]) -> Cost:
    """What a whole process cost.

    On Linux the peak of a process includes that of its parent at the start, so this process must stay small.
    """
    # Whoever installs a package has its bytecode.
    env = {name: value for name, value in os.environ.items() if name != 'PYTHONDONTWRITEBYTECODE'}
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, cwd=ROOT, env=env)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f'{" ".join(command)} failed:\n{errors.read().decode()}')
    peak = usage.ru_maxrss * (1 if sys.platform == 'darwin' else 1024) / 1e6
    return Cost(took, peak, usage.ru_utime + usage.ru_stime)


def interleaved(commands: Sequence[Sequence[str]], rounds: int) -> list[list[float]]:
    """The wall times of processes that take turns, so that what else the machine does falls on all alike.

    The first turn warms the disk's cache and is not counted.
    """
    for command in commands:
        seconds(command)
    turns = [[seconds(command) for command in commands] for _ in range(rounds)]
    return [list(column) for column in zip(*turns, strict=True)]


def in_turns(
    programs: Mapping[K, Callable[[], object]], rounds: int, before: Callable[[], object] = lambda: None
) -> dict[K, tuple[float, float]]:
    """Programs that take turns: the median seconds of wall time and of CPU time that each and its processes take.

    Args:
        programs: By name, of any kind; each starts processes and waits for them.
        rounds: How often.
        before: Called before each program; it is not measured.
    """
    times: dict[K, list[tuple[float, float]]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            before()
            usage, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            program()
            took, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
            busy = used.ru_utime + used.ru_stime - usage.ru_utime - usage.ru_stime
            times[name].append((took, busy))
    return {
        name: (statistics.median(took for took, _ in found), statistics.median(busy for _, busy in found))
        for name, found in times.items()
    }


def compared(
    names: Sequence[str], commands: Sequence[Sequence[str]], *, aim: float | None, rounds: int = 21
) -> list[Figure]:
    """The first process against the second: the ratio of medians, then each by itself, then an empty interpreter."""
    first, second, empty = interleaved([*commands, [sys.executable, '-c', 'pass']], rounds)
    ratio = statistics.median(first) / statistics.median(second)
    above = (statistics.median(first) - statistics.median(empty)) / (
        statistics.median(second) - statistics.median(empty)
    )
    times = [1000 * statistics.median(column) for column in (first, second, empty)]
    return [
        Figure(f'{names[0]} / {names[1]}', ratio, 'x', aim, f'medians of {rounds} interleaved processes'),
        Figure('  the same, less an empty interpreter', above, 'x'),
        *(Figure(f'  {name}', value, 'ms') for name, value in zip([*names, 'python -c pass'], times, strict=True)),
    ]
