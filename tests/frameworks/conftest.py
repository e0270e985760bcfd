"""One environment with the training frameworks that contributed autologgers log, installed by pip once in a session.

It stays for later sessions in the folder that the variable FRAMEWORK_ENVIRONMENT names. torch and scikit-learn are
those of the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.environments import Environment, Environments

CONTRIB = Path(__file__).parents[2] / 'contrib'
NAMES = ('lightning', 'transformers', 'sklearn')
REQUIREMENTS = ('lightning>=2.6,<3', 'transformers>=5.20,<6', 'accelerate>=1.10', 'scikit-learn>=1.5,<2')
OFFLINE = {'HF_HUB_OFFLINE': '1', 'NO_COLOR': '1', 'OMP_NUM_THREADS': '1'}


@pytest.fixture(scope='session')
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With the frameworks and the wheels of the autologgers. Tests are skipped where pip cannot install them."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if 'PYTEST_XDIST_WORKER' in os.environ else base
    root = Path(os.environ.get('FRAMEWORK_ENVIRONMENT', shared / 'frameworks'))
    root.parent.mkdir(parents=True, exist_ok=True)
    installed = root / 'installed'
    with FileLock(root.with_name(f'{root.name}.lock')):
        environments = Environments(shared)
        if not installed.exists() or installed.read_text() != str(REQUIREMENTS):
            shutil.rmtree(root, ignore_errors=True)
            environments.fresh(root)
            # What is there stays: a download of torch takes minutes.
            (root / 'constraints.txt').write_text('\n'.join(_present('torch', 'torchvision', 'numpy', 'scikit-learn')))
            _pip(root, '--retries', '1', '--constraint', str(root / 'constraints.txt'), *REQUIREMENTS)
            installed.write_text(str(REQUIREMENTS))
        installed_now = shared / 'autologgers.installed'
        if not installed_now.exists():
            wheels = [str(environments.wheel(CONTRIB / f'synapse-hooks-{name}')) for name in NAMES]
            _pip(root, '--no-index', '--no-deps', '--force-reinstall', *wheels)
            installed_now.touch()
    return Environment(root, env=OFFLINE)


def _present(*names: str) -> list[str]:
    found = []
    for name in names:
        try:
            found.append(f'{name}=={version(name)}')
        except PackageNotFoundError:
            if name == 'torch':
                pytest.skip('torch is not installed')
    return found


def _pip(root: Path, *words: str) -> None:
    pip = (sys.executable, '-m', 'pip', '--disable-pip-version-check', '--python', str(root / 'bin' / 'python'))
    done = subprocess.run(
        [*pip, 'install', '--quiet', *words], capture_output=True, encoding='utf-8', stdin=subprocess.DEVNULL
    )
    if done.returncode:
        pytest.skip(f'pip: {(done.stderr.strip() or "it gave no reason").splitlines()[-1]}')
