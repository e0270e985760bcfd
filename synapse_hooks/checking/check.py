"""Checking a distribution: a folder with its source, an sdist, a wheel, or one that is installed."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from xml.etree import ElementTree

from synapse_hooks.checking.building import Origin, build_and_install, install_wheel, project_name, unpack
from synapse_hooks.checking.environment import CheckEnvironment, Ended, run
from synapse_hooks.checking.metadata import look
from synapse_hooks.checking.plugin_tests import (
    Entry,
    add_outcome,
    generated_tests,
    last_words,
    own_contracts,
    read_results,
)
from synapse_hooks.checking.report_card import ReportCard, Status
from synapse_hooks.errors import ConfigError, suggest
from synapse_hooks.plugins.discovery import installed_plugins
from synapse_hooks.plugins.records import normalize
from synapse_hooks.safe_text import repr_of

Run = Callable[..., Ended]
"""Runs the interpreter in which the distribution is installed, as `CheckEnvironment.run` does."""
_ENTRIES: Final = """\
import json, sys
from synapse_hooks.plugins.discovery import installed_plugins
from synapse_hooks.plugins.records import normalize
from synapse_hooks.testing.plugins import check_entry
result = []
for plugin in installed_plugins():
    if normalize(plugin.distribution or '') != normalize(sys.argv[1]):
        continue
    hooks, error = [], ''
    try:
        hooks = check_entry(plugin)
    except AssertionError as caught:
        error = str(caught)
    except BaseException as caught:
        error = f'{plugin.target} ends the process when it is imported: {type(caught).__name__}'
    result.append([plugin.name, plugin.kind, plugin.target, list(hooks), error])
print('entries:' + json.dumps(result), flush=True)
"""


def check(what: str, *, seconds: float = 900.0) -> ReportCard:
    """Check a distribution of plugins. Its code runs: its build, its plugins and its tests.

    Args:
        what: A folder with a pyproject.toml, an sdist or a wheel, or the name of an installed distribution.
        seconds: How long each process may take.

    Raises:
        ConfigError: There is no such folder, file or distribution, or the file is neither an sdist nor a wheel.
    """
    # The path of an empty text would be the working directory.
    source = Path(what or os.devnull)
    try:
        is_project = (source / 'pyproject.toml').is_file() or (source / 'setup.py').is_file()
        is_file, place = source.is_file(), source.resolve() if is_project else source.absolute()
    except OSError as error:
        hint = 'name a folder or a file that you can read, or an installed distribution'
        raise ConfigError(f'{repr_of(what)} cannot be read: {error.strerror or error}', hint=hint) from error
    if is_project:
        return _check_source(Origin(place), place.name, seconds)
    if is_file:
        # With its own name, also where it is a link to a file with another one.
        return _check_file(place, seconds)
    is_name = bool(what.strip()) and '/' not in what and what not in ('.', '..')
    found = next((one for one in distributions(name=what)), None) if is_name else None
    if found is None and source.is_dir():
        raise ConfigError(f'{what} has no pyproject.toml', hint='name the folder of the project, or write one')
    if found is None:
        names = sorted({plugin.distribution for plugin in installed_plugins() if plugin.distribution})
        hint = suggest(what, names) or f'installed distributions with plugins: {", ".join(names) or "none"}'
        raise ConfigError(
            f'there is no folder, file or installed distribution {what!r}',
            hint=f'{hint}; a folder must have a pyproject.toml',
        )
    return _check_installed(found, seconds)


def _check_installed(distribution: Distribution, seconds: float) -> ReportCard:
    card = ReportCard(distribution.name, distribution.version)
    for finding in look(distribution):
        card.add('packaging', *finding)

    def here(*words: str | Path, cwd: Path) -> Ended:
        path = {'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}
        return run([sys.executable, '-P', *words], cwd=cwd, seconds=seconds, env=path)

    with TemporaryDirectory(prefix='synapse-hooks-check-') as folder:
        _check_plugins(distribution.name, here, Path(folder), {}, card)
    return card


def _check_file(file: Path, seconds: float) -> ReportCard:
    with TemporaryDirectory(prefix='synapse-hooks-check-') as made:
        folder = Path(made)
        if file.suffix.lower() != '.whl':
            name = file.name.rpartition('-')[0] or file.name
            return _check_source(Origin(unpack(file, folder / 'source'), file), name, seconds)
        # By the specification of wheels: NAME-VERSION-...
        card = ReportCard(normalize(file.name.partition('-')[0]))
        environment = CheckEnvironment(folder / 'venv', seconds)
        if install_wheel(_with_suffix(file, folder), environment, card, f'try it: pip install {file.as_uri()}'):
            _check_environment(environment, None, folder, card)
    return card


def _with_suffix(wheel: Path, folder: Path) -> Path:
    """The wheel, or a copy in a folder: installers take a file for a wheel only if its suffix is in small letters."""
    if wheel.suffix == '.whl':
        return wheel
    try:
        return shutil.copyfile(wheel, folder / f'{wheel.stem}.whl')
    except OSError as error:
        raise ConfigError(f'{wheel} cannot be read: {error.strerror}', hint='name a file that you can read') from error


def _check_source(origin: Origin, name: str, seconds: float) -> ReportCard:
    """Check a source tree; `name` is what it is called if no file in it has its name."""
    card = ReportCard(project_name(origin.source) or name)
    with TemporaryDirectory(prefix='synapse-hooks-check-') as made:
        folder = Path(made)
        environment = CheckEnvironment(folder / 'venv', seconds)
        if build_and_install(origin, environment, folder, card):
            _check_environment(environment, origin, folder, card)
    return card


def _check_environment(environment: CheckEnvironment, origin: Origin | None, folder: Path, card: ReportCard) -> None:
    """Check what is installed in an environment; `origin`, which may have tests, is None for a wheel."""
    own = [*distributions(path=[str(environment.site)])]
    distribution = next((one for one in own if normalize(one.name or '') == normalize(card.name)), None)
    if distribution is None:
        found = ', '.join(str(one.name) for one in own if one.name not in ('pip', 'setuptools'))
        hint = 'write `name = "..."` in [project]'
        card.add('packaging', 'name', 'failed', f'the wheel has another name than {card.name}: {found}', hint)
        return
    card.name, card.version = distribution.name, distribution.version
    for finding in look(distribution, [*distributions()]):
        card.add('packaging', *finding)
    covered: dict[str, bool] = {}
    if origin is not None:
        tests = next((origin.source / name for name in ('tests', 'test') if (origin.source / name).is_dir()), None)
        contracts = {} if tests is None else own_contracts(tests)
        ran = _run_own_tests(origin, tests, environment.run, folder, card)
        covered = {contract: bool(classes & ran) for contract, classes in contracts.items()}
    _check_plugins(distribution.name, environment.run, folder, covered, card)


def _check_plugins(name: str, run_python: Run, folder: Path, contracts: Mapping[str, bool], card: ReportCard) -> None:
    """Load every entry point, and test the plugins with the classes that can be generated.

    Args:
        name: The distribution.
        run_python: Runs the interpreter that has it.
        folder: For the generated tests.
        contracts: The classes of the test kit that its own tests subclass, and whether such a test has passed.
        card: Gets the lines.
    """
    entries = _load_entries(name, run_python, folder, card)
    untested = [entry for entry in entries if entry.contract[0] not in contracts]
    for entry in entries:
        contract, example = entry.contract
        if not contract:
            continue
        what = f'{entry.kind} {entry.name!r}'
        if contracts.get(contract):
            card.add('kit', f'{what}: {contract}', 'ok', 'its own tests have it')
        elif contract in contracts:
            detail = 'its own tests have it, and did not run here'
            card.add('kit', f'{what}: {contract}', 'not run', detail, 'install what they need, and check again')
        elif contract != 'FormatConformance' and (contract, entry.kind) != ('HookConformance', 'plugin'):
            written = example.format(name=entry.target.rpartition(':')[2], target=entry.target)
            detail = 'it needs what only its author can write, so a part of the contract is tested'
            card.add('kit', f'{what}: {contract}', 'warning', detail, f'write a test: {written}')
    if not untested:
        return
    if find_spec('pytest') is None:
        card.add('kit', 'pytest', 'not run', 'it is not installed', 'pip install pytest')
        return
    module = folder / 'test_generated.py'
    module.write_text(generated_tests(untested), encoding='utf-8')
    report = folder / 'kit.xml'
    ended = _run_pytest(run_python, module, report, folder)
    try:
        results = read_results(report)
    except (OSError, ElementTree.ParseError):
        card.add(
            'kit', 'tests of the kit', 'failed', last_words(ended), 'see the whole output with --json', ended.output
        )
        return
    for number, entry in enumerate(untested):
        outcome = results.get(f'Test{number}')
        if outcome is not None:
            _, example = entry.contract
            written = example.format(name=entry.target.rpartition(':')[2], target=entry.target)
            hint = f'run it as a test of yours: {written}' if example else f'fix {entry.target}'
            add_outcome(card, 'kit', f'{entry.kind} {entry.name!r}', outcome, hint)


def _load_entries(name: str, run_python: Run, folder: Path, card: ReportCard) -> list[Entry]:
    ended = run_python('-c', _ENTRIES, name, cwd=folder)
    line = next((text for text in ended.output.splitlines() if text.startswith('entries:')), None)
    if line is None:
        hint = 'importing a plugin must not end the process: try `python -c "import ..."`'
        card.add('entry points', 'they load', 'failed', ended.last_line, hint, ended.output)
        return []
    entries = []
    loaded: list[list[Any]] = json.loads(line.removeprefix('entries:'))
    for entry_name, kind, target, hooks, error in loaded:
        what = f'{kind} {entry_name!r}'
        if error:
            faults = [text.strip() for text in error.splitlines()[1:]] or [error]
            card.add('entry points', what, 'failed', '; '.join(faults), f'fix {target}', error)
        else:
            card.add('entry points', what, 'ok', f'{target} answers {", ".join(hooks)}')
            entries.append(Entry(entry_name, kind, target, hooks))
    return entries


def _run_own_tests(origin: Origin, tests: Path | None, run_python: Run, folder: Path, card: ReportCard) -> set[str]:
    """Run the tests of a folder; returns the names of the classes and modules of which tests have passed."""
    if tests is None:
        hint = 'write tests/test_plugin.py; `synapse-hooks new` writes one'
        card.add('tests', 'tests', 'warning', 'there are none', hint)
        return set()
    if find_spec('pytest') is None:
        card.add('tests', 'pytest', 'not run', 'it is not installed', 'pip install pytest')
        return set()
    report = folder / 'tests.xml'
    ended = _run_pytest(run_python, tests, report, origin.source)
    try:
        results = read_results(report)
    except (OSError, ElementTree.ParseError):
        results = {}
    hint = origin.command('pytest', tests.name)
    # 5: nothing but tests that were skipped.
    if not results or ended.code not in (0, 1, 5):
        missing = 'No module named' in ended.output
        status: Status = 'not run' if missing else 'failed'
        advice = 'install what they need' if missing else hint
        card.add('tests', 'its own tests', status, last_words(ended), advice, ended.output)
        return set()
    for name, outcome in results.items():
        add_outcome(card, 'tests', name, outcome, hint)
    return {name for name, outcome in results.items() if outcome.passed or outcome.failures}


def _run_pytest(run_python: Run, tests: Path, report: Path, cwd: Path) -> Ended:
    words: Sequence[str | Path] = ('-m', 'pytest', '-q', '-p', 'no:cacheprovider', f'--junitxml={report}', tests)
    return run_python(*words, cwd=cwd)
