"""Running tests in a process of their own: those of the distribution, and those that are generated for its plugins."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from synapse_hooks.checking.environment import Ended
from synapse_hooks.checking.report_card import ReportCard, Status
from synapse_hooks.hookspecs import SINK_HOOKS
from synapse_hooks.plugins.records import Kind

CONTRACTS: Final[dict[Kind, tuple[str, str]]] = {
    'format': ('FormatConformance', 'class TestIt(FormatConformance): format = {name}()'),
    'autologger': ('AutologConformance', 'class TestIt(AutologConformance): autologger, framework, train(folder)'),
    'launcher': ('LauncherConformance', 'class TestIt(LauncherConformance): make_launcher(folder)'),
    'plugin': ('HookConformance', "class TestIt(HookConformance): plugin = '{target}'"),
}
"""The class of each kind of plugin, and what an author writes. Of a sink, see `SINK`."""
_MOST: Final = 2
"""How many tests a line names."""
SINK: Final = 'SinkConformance', 'class TestIt(SinkConformance): make_sink(folder), received(folder)'


@dataclass(frozen=True)
class Entry:
    """An entry point of the distribution that can be loaded."""

    name: str
    kind: Kind
    target: str
    hooks: Sequence[str]

    @property
    def contract(self) -> tuple[str, str]:
        """The class of the test kit for it, and what its author writes."""
        if self.kind == 'plugin' and set(self.hooks) & set(SINK_HOOKS):
            return SINK
        return CONTRACTS.get(self.kind, ('', ''))


@dataclass(frozen=True)
class Outcome:
    """The tests of one class, or of a module."""

    passed: int
    skipped: int
    failures: Sequence[tuple[str, str]]
    """Name and message of each test that failed."""
    reason: str = ''
    """Why the first of the skipped tests was skipped."""


def generated_tests(entries: Sequence[Entry]) -> str:
    """A module with a class for each plugin; the names of the classes are `Test0`, `Test1`, ..."""
    lines = ['from synapse_hooks.checking import generated', 'from synapse_hooks.checking.generated import loaded', '']
    for number, entry in enumerate(entries):
        base, fields = 'GeneratedPlugin', [f'target = {entry.target!r}', f'kind = {entry.kind!r}']
        if entry.kind == 'format':
            base, fields = 'GeneratedFormat', [f'format = loaded({entry.target!r})']
        elif entry.kind == 'autologger':
            base, fields = 'GeneratedAutologger', [f'autologger = loaded({entry.target!r})']
        elif entry.kind == 'plugin':
            base = 'GeneratedSink' if entry.contract is SINK else 'GeneratedHooks'
            fields = [f'plugin = {entry.target!r}']
        lines += ['', f'class Test{number}(generated.{base}):', *(f'    {field}' for field in fields)]
    return '\n'.join(lines) + '\n'


def own_contracts(tests: Path) -> dict[str, set[str]]:
    """The classes of the test kit that the tests of a distribution subclass, each with the names of the subclasses."""
    found: dict[str, set[str]] = {}
    for file in sorted(tests.rglob('*.py')):
        try:
            module = ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        classes = [node for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
        for node in classes:
            for name in (ast.unparse(base).rpartition('.')[2] for base in node.bases):
                if name.endswith('Conformance'):
                    found.setdefault(name, set()).add(node.name)
    return found


def read_results(report: Path) -> dict[str, Outcome]:
    """The outcomes of a report in JUnit's XML, by the name of the class.

    Raises:
        OSError, ElementTree.ParseError: There is no report.
    """
    classes: dict[str, list[ElementTree.Element]] = {}
    for case in ElementTree.parse(report).iter('testcase'):
        # A module that is skipped as a whole has no class.
        name = case.get('classname') or case.get('name') or ''
        classes.setdefault(name.rpartition('.')[2], []).append(case)
    return {name: _outcome(cases) for name, cases in classes.items()}


def _outcome(cases: Sequence[ElementTree.Element]) -> Outcome:
    failures = []
    reasons: list[str] = []
    for case in cases:
        failed = next((child for child in case if child.tag in ('failure', 'error')), None)
        if failed is not None:
            failures.append((case.get('name', ''), failed.get('message') or failed.text or ''))
        elif (skip := case.find('skipped')) is not None:
            # Of a module, the reason is only in the text, behind the place.
            found = (skip.text or '').rpartition('Skipped: ')[2].removesuffix(')').strip('"')
            reasons.append(found if skip.get('message') == 'collection skipped' else skip.get('message', ''))
    return Outcome(len(cases) - len(failures) - len(reasons), len(reasons), failures, next(iter(reasons), ''))


def add_outcome(card: ReportCard, section: str, name: str, outcome: Outcome, hint: str) -> None:
    """Add the lines of one class to a report card: a line for each cause of failures, and one for the rest.

    Args:
        card: The report card.
        section: `tests` or `kit`.
        name: What was tested.
        outcome: Its outcome.
        hint: How to see a failure.
    """
    causes: dict[str, list[tuple[str, str]]] = {}
    for test, message in outcome.failures:
        causes.setdefault(_cause(message), []).append((test, message))
    for same in causes.values():
        # One fault may fail every test: it is one line.
        tests = '; '.join(readable(test) for test, _ in same[:_MOST])
        more = f'; and {len(same) - _MOST} more tests' if len(same) > _MOST else ''
        card.add(section, f'{name}: {tests}{more}', 'failed', _first_line(same[0][1]), hint, same[0][1])
    skipped = f', {outcome.skipped} skipped' if outcome.skipped else ''
    if outcome.passed or not outcome.failures:
        status: Status = 'ok' if outcome.passed else 'not run'
        why = f': {outcome.reason}' if outcome.reason and not outcome.passed else ''
        advice = '' if outcome.passed else 'install what they need, and check again'
        card.add(section, name, status, f'{outcome.passed} passed{skipped}{why}', advice)


def readable(test: str) -> str:
    """The name of a test as a sentence: what it promises.

    Example:
        >>> readable('test_splits_are_kept')
        'splits are kept'
    """
    return test.removeprefix('test_').replace('_', ' ')


def _cause(message: str) -> str:
    """The first line of a message without what differs from test to test: paths of temporary files."""
    return re.sub(r"/[^\s'\"]+", '', _first_line(message))


def _first_line(message: str) -> str:
    """The first line of a message; with the next one, where it introduces what follows.

    Example:
        >>> _first_line('AssertionError: a.txt, change 1:\\n  ValueError: expected 4\\nTraceback')
        'a.txt, change 1: ValueError: expected 4'
    """
    first, _, rest = message.removeprefix('AssertionError: ').partition('\n')
    if first.endswith(':'):
        first += f' {rest.splitlines()[0].strip()}' if rest else ''
    return first[:300]


def last_words(ended: Ended) -> str:
    """Why tests did not run: the last line of what pytest wrote that is not decoration."""
    lines = [line.strip() for line in ended.output.splitlines() if line.strip() and not line.startswith('=')]
    errors = [line for line in lines if line.startswith(('E ', 'ERROR', 'ModuleNotFoundError', 'ImportError'))]
    return (errors or lines or [f'exit code {ended.code}'])[-1]
