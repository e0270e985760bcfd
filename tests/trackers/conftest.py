"""Environments with the trackers themselves, which pip installs from the package index: once in a session.

They stay for later sessions in the folder that the variable TRACKER_ENVIRONMENTS names.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.environments import Environment, Environments

CONTRIB = Path(__file__).parents[2] / 'contrib'


@pytest.fixture(scope='session')
def with_tracker(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Environment]:
    """`with_tracker('mlflow', 'mlflow>=3')`: the contributed distribution, and what pip gets from the index.

    The test is skipped where pip cannot install it.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if 'PYTEST_XDIST_WORKER' in os.environ else base
    kept = Path(os.environ.get('TRACKER_ENVIRONMENTS', shared / 'trackers'))

    def with_tracker(name: str, *requirements: str) -> Environment:
        kept.mkdir(parents=True, exist_ok=True)
        environment, installed = Environment(kept / name), kept / f'{name}.installed'
        with FileLock(kept / f'{name}.lock'):
            environments = Environments(shared)
            if not installed.exists():
                environment = environments.fresh(kept / name)
                pip = (sys.executable, '-m', 'pip', '--disable-pip-version-check', '--python', str(environment.python))
                words = ('install', '--quiet', '--retries', '1', *requirements)
                done = subprocess.run([*pip, *words], capture_output=True, encoding='utf-8', stdin=subprocess.DEVNULL)
                if done.returncode:
                    reason = (done.stderr.strip() or 'no reason').splitlines()[-1]
                    pytest.skip(f'pip cannot install {" ".join(requirements)}: {reason}')
                installed.touch()
            done_now = shared / f'{name}.wheel-installed'
            if not done_now.exists():
                pip = (sys.executable, '-m', 'pip', '--python', str(environment.python), 'install', '--quiet')
                wheel = environments.wheel(CONTRIB / f'synapse-hooks-{name}')
                subprocess.run([*pip, '--no-index', '--no-deps', '--force-reinstall', str(wheel)], check=True)
                done_now.touch()
        return environment

    return with_tracker


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the action of these tests."""
    folder = tmp_path / 'project'
    folder.mkdir()
    (folder / 'pyproject.toml').write_text('[tool.synapse_hooks]\nsystem_seconds = 0.5\n', encoding='utf-8')
    (folder / 'train.py').write_text((Path(__file__).parent / 'action.py').read_text(encoding='utf-8'))
    return folder


@pytest.fixture
def own_tests_pass(tmp_path: Path) -> Callable[[Environment, str], None]:
    """Runs the tests of a contributed distribution where its tracker is installed: none is skipped."""

    def own_tests_pass(environment: Environment, name: str) -> None:
        tests = CONTRIB / f'synapse-hooks-{name}' / 'tests'
        command = [str(environment.python), '-m', 'pytest', '-q', '-p', 'no:cacheprovider', str(tests)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding='utf-8', stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout
        assert ' passed' in done.stdout
        assert 'skipped' not in done.stdout

    return own_tests_pass
