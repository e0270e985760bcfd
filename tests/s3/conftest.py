"""An environment with s3fs and moto, which pip installs from the package index: once in a session.

It stays for later sessions in the folder that the variable S3_ENVIRONMENT names.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.environments import Environment, Environments

CONTRIB = Path(__file__).parents[2] / 'contrib'
REQUIREMENTS = ('s3fs>=2024.6', 'moto[server]>=5')


@pytest.fixture(scope='session')
def s3_environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With s3fs, moto's server and the wheel of synapse-hooks-s3. The test is skipped where pip cannot install them."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if 'PYTEST_XDIST_WORKER' in os.environ else base
    root = Path(os.environ.get('S3_ENVIRONMENT', shared / 's3'))
    root.parent.mkdir(parents=True, exist_ok=True)
    environment, installed = Environment(root), root / 'installed'
    with FileLock(root.with_name(f'{root.name}.lock')):
        environments = Environments(shared)
        if not installed.exists() or installed.read_text() != str(REQUIREMENTS):
            shutil.rmtree(root, ignore_errors=True)
            environment = environments.fresh(root)
            _pip(environment, '--retries', '1', *REQUIREMENTS)
            installed.write_text(str(REQUIREMENTS))
        installed_now = shared / 'synapse-hooks-s3.installed'
        if not installed_now.exists():
            wheel = environments.wheel(CONTRIB / 'synapse-hooks-s3')
            _pip(environment, '--no-index', '--no-deps', '--force-reinstall', str(wheel))
            installed_now.touch()
    return environment


def _pip(environment: Environment, *words: str) -> None:
    pip = (sys.executable, '-m', 'pip', '--disable-pip-version-check', '--python', str(environment.python))
    command = [*pip, 'install', '--quiet', *words]
    done = subprocess.run(command, capture_output=True, encoding='utf-8', stdin=subprocess.DEVNULL)
    if done.returncode:
        pytest.skip(f'pip: {(done.stderr.strip() or "it gave no reason").splitlines()[-1]}')
