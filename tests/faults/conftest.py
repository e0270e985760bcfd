"""Marks of cells, and the table of their results.

The run writes `cells.md` into pytest's cache (`.pytest_cache/d/faults`), with the result of every cell that a test of
this folder holds.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.backends.synapse.thread_transfer import ThreadTransfer
from tests.faults.backend import Backend
from tests.faults.matrix import BY_NUMBER, ROOT
from tests.faults.world import World, world

_results: dict[str, dict[str, str]] = {}

Worlds = Callable[..., World]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how a test of a cell ended."""
    for name, number in report.user_properties:
        if name == 'cell' and (report.when == 'call' or not report.passed):
            _results.setdefault(str(number), {})[report.nodeid] = report.outcome


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let the report know the cells."""
    for mark in item.iter_markers('cell'):
        item.user_properties += [('cell', number) for number in mark.args]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table; the processes of pytest-xdist write it together."""
    cache = getattr(session.config, 'cache', None)
    if not _results or cache is None:
        return
    folder = cache.mkdir('faults')
    with (folder / 'cells.json').open('a+') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        known = json.loads(file.read() or '{}')
        for number, tests in _results.items():
            known[number] = {**known.get(number, {}), **tests}
        file.truncate(0)
        file.write(json.dumps(known))
        rows = [
            f'| {number} | {BY_NUMBER[int(number)].fault} | {_outcome(tests)} | {len(tests)} |'
            for number, tests in sorted(known.items(), key=lambda one: int(one[0]))
        ]
        head = ['| cell | fault | result | tests |', '| --- | --- | --- | --- |']
        (folder / 'cells.md').write_text('\n'.join([*head, *rows]) + '\n')


def _outcome(tests: dict[str, str]) -> str:
    return next((outcome for outcome in ('failed', 'skipped') if outcome in tests.values()), 'passed')


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    """Makes worlds: `worlds(backend, transfer)`."""
    with ExitStack() as stack:

        def make(backend: Backend | None = None, transfer: Any = None, folder: str = 'world') -> World:
            return stack.enter_context(world(tmp_path / folder, backend or Backend(), transfer))

        yield make


@pytest.fixture(params=['libcurl', 'httpx'])
def transfer(request: pytest.FixtureRequest) -> Any:
    """What moves files: each cell is tried with both."""
    return None if request.param == 'libcurl' else ThreadTransfer


class Children:
    """Work in forked children; see `tests.faults.child`."""

    def __init__(self, *before: str) -> None:
        self._process = subprocess.Popen(
            [*before, sys.executable, '-m', 'tests.faults.child'],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding='utf-8',
        )

    def __call__(self, do: str, *, times: int = 1, **options: Any) -> list[dict[str, Any]]:
        """Do something `times` at once. What is no option of `tests.faults.child` is an argument."""
        own = {name: options.pop(name) for name in ('kill_at', 'unlocked', 'clock') if name in options}
        command = {'do': do, 'times': times, 'args': {k: _plain(v) for k, v in options.items()}, **own}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + '\n')
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, 'the process that forks has ended'
        answers: list[dict[str, Any]] = json.loads(line)
        return answers

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


@pytest.fixture(scope='session')
def work() -> Iterator[Children]:
    """Work in children that may be killed."""
    children = Children()
    yield children
    children.close()
