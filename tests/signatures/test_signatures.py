"""`hookimpl.HOOK` and the packages, for type checkers: what they accept and report, as their users run them."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from synapse_hooks.plugins.validation import function_faults, hook_functions
from tests.signatures import good

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLES = (HERE / 'good.py', HERE / 'bad.py')
PYRIGHT = next((name for name in ('pyright', 'basedpyright') if importlib.util.find_spec(name)), None)

Places = set[tuple[str, int]]


def wrong_places() -> Places:
    """Files and lines that say that they are wrong."""
    return {
        (file.name, number)
        for file in EXAMPLES
        for number, line in enumerate(file.read_text(encoding='utf-8').splitlines(), 1)
        if line.endswith('# wrong')
    }


needs_mypy = pytest.mark.skipif(
    importlib.util.find_spec('mypy') is None, reason='mypy is not installed: pip install -e .[check]'
)


def mypy(*files: Path) -> list[tuple[str, int, str]]:
    """The errors of files: name, line, message."""
    # In the checkout, so that it finds the settings and what it has cached when it checked the package.
    run = subprocess.run(
        [sys.executable, '-m', 'mypy', '--hide-error-context', *map(str, files)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    errors = re.findall(r'([^/\n]+\.pyi?):(\d+): error: (.*)', run.stdout)
    return [(name, int(line), message) for name, line, message in errors]


@needs_mypy
def test_mypy_reports_wrong_signatures_and_nothing_else() -> None:
    found = mypy(*EXAMPLES)
    assert {(name, line) for name, line, _ in found} == wrong_places()
    assert any('"HookImpl" has no attribute "convrt"; maybe "convert"?' in message for _, _, message in found)


@needs_mypy
def test_mypy_reports_names_that_a_package_does_not_have(tmp_path: Path) -> None:
    packages = [
        '.'.join(file.parent.relative_to(ROOT).parts) for file in sorted((ROOT / 'synapse_hooks').rglob('__init__.py'))
    ]
    assert 'synapse_hooks.formats' in packages
    file = tmp_path / 'unknown_names.py'
    file.write_text(''.join(f'from {package} import Unknown\n' for package in packages), encoding='utf-8')
    accepted = set(range(1, len(packages) + 1)) - {line for _, line, _ in mypy(file)}
    assert [packages[line - 1] for line in sorted(accepted)] == []


@pytest.mark.skipif(PYRIGHT is None, reason='neither pyright nor basedpyright is installed: pip install -e .[check]')
def test_pyright_reports_wrong_signatures_and_nothing_else(tmp_path: Path) -> None:
    for file in EXAMPLES:
        shutil.copy(file, tmp_path)
    settings = {'typeCheckingMode': 'strict', 'extraPaths': [str(ROOT)]}
    (tmp_path / 'pyrightconfig.json').write_text(json.dumps(settings), encoding='utf-8')
    run = subprocess.run(
        [
            sys.executable,
            '-m',
            str(PYRIGHT),
            '--outputjson',
            '--pythonpath',
            sys.executable,
            '--project',
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    found = json.loads(run.stdout)['generalDiagnostics']
    places = {(Path(one['file']).name, one['range']['start']['line'] + 1) for one in found}
    assert places == wrong_places(), run.stdout + run.stderr
    assert any('Extra parameter "ctx"' in one['message'] for one in found)


def test_what_type_checkers_accept_is_registered() -> None:
    answers = [*hook_functions(good), *hook_functions(good.Plugin()), *hook_functions(good.Action({}))]
    assert len(answers) > 20
    faults = {answer.function.__name__: function_faults(answer) for answer in answers}
    # The one without the name of a hook is not checked by type checkers, but when it is registered.
    assert faults.pop('run_started')
    assert not any(faults.values())
