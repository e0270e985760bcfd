"""Builds every distribution of the repository into a folder, each wheel from its sdist, and checks what is in them.

python tools/dist.py [FOLDER]      the folder is dist/; wheels and sdists in it are replaced

It exits with 1, and says which file of which distribution is wrong, where one lacks its licence or py.typed, has tests
or caches in it, or where the wheel from the sdist is not that of the checkout.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from email.parser import Parser
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
CACHES = {'__pycache__', '.pytest_cache', '.mypy_cache', '.ruff_cache', '.hypothesis', '.venv'}


class Built(NamedTuple):
    """A distribution that was built."""

    project: Path
    """Its folder in the repository."""
    sdist: Path
    wheel: Path
    """From the sdist."""


def projects() -> list[Path]:
    """The folders of all distributions, the core first."""
    return [ROOT, *(file.parent for file in sorted(ROOT.glob('contrib/*/pyproject.toml')))]


def build(project: Path, folder: Path) -> Built:
    """Build the sdist of a project, and the wheel from that."""
    with tempfile.TemporaryDirectory() as aside:
        _build(project, Path(aside))
        (sdist,), (wheel,) = Path(aside).glob('*.tar.gz'), Path(aside).glob('*.whl')
        return Built(project, Path(shutil.copy(sdist, folder)), Path(shutil.copy(wheel, folder)))


def _build(project: Path, folder: Path, *options: str) -> None:
    """With the build backend that is installed: nothing is downloaded."""
    command = [sys.executable, '-P', '-m', 'build', '--no-isolation', '--outdir', str(folder), *options, str(project)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise SystemExit(f'{project.name} cannot be built:\n{done.stdout}')


def faults(built: Built) -> Iterator[str]:
    """What is wrong with a distribution."""
    file = tomllib.loads((built.project / 'pyproject.toml').read_text(encoding='utf-8'))
    package = file['project']['name'].replace('-', '_')
    beside = file['tool']['hatch']['build']['targets']['wheel'].get('force-include', {}).values()
    with tempfile.TemporaryDirectory() as aside:
        _build(built.project, Path(aside), '--wheel')
        (straight,) = Path(aside).glob('*.whl')
        names, expected = _names(built.wheel), _names(straight)
    for name in sorted(expected - names):
        yield f'the sdist lacks what {name} is made of'
    for name in sorted(names - expected):
        yield f'{name} is only in the wheel that is built from the sdist'
    about = next(name.partition('/')[0] for name in names if '.dist-info/' in name)
    for name in (f'{package}/__init__.py', f'{package}/py.typed', f'{about}/licenses/LICENSE'):
        if name not in names:
            yield f'the wheel lacks {name}'
    for name in sorted(names):
        path = PurePosixPath(name)
        if path.parts[0] not in (package, about, *beside):
            yield f'the wheel installs {name}, outside of {package}/'
        # Templates of projects have tests in them.
        if _is_cache(path) or ('tests' in path.parts and path.suffix != '.jinja'):
            yield f'the wheel must not have {name}'
    with tarfile.open(built.sdist) as archive:
        for path in map(PurePosixPath, archive.getnames()):
            if _is_cache(path):
                yield f'the sdist must not have {path}'
    metadata = _metadata(built.wheel)
    for field in ('Summary', 'License-Expression', 'Requires-Python', 'Description-Content-Type'):
        if not metadata[field]:
            yield f'its metadata lacks {field}'
    if not str(metadata.get_payload()).strip():
        yield 'its metadata lacks the README'


def _is_cache(path: PurePosixPath) -> bool:
    return path.suffix == '.pyc' or not CACHES.isdisjoint(path.parts)


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith('/')}


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith('.dist-info/METADATA'))
        return Parser().parsestr(archive.read(name).decode())


def main() -> int:
    """Build and check all; returns the exit code."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / 'dist').resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in [*folder.glob('*.whl'), *folder.glob('*.tar.gz')]:
        earlier.unlink()
    wrong = 0
    with ThreadPoolExecutor(2) as pool:
        for built in pool.map(lambda project: build(project, folder), projects()):
            found = list(faults(built))
            wrong += len(found)
            size = (built.wheel.stat().st_size + 1023) // 1024
            print(f'{"FAIL" if found else "ok  "}  {built.wheel.name} ({len(_names(built.wheel))} files, {size} KB)')
            for fault in found:
                print(f'      {fault}')
    checked = subprocess.run(
        [
            sys.executable,
            '-P',
            '-m',
            'twine',
            'check',
            '--strict',
            *sorted(map(str, [*folder.glob('*.whl'), *folder.glob('*.tar.gz')])),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if checked.returncode != 0:
        print(checked.stdout)
    print(f'{len(projects())} distributions in {folder}' if not wrong else f'wrong: {wrong}')
    return 1 if wrong or checked.returncode != 0 else 0


if __name__ == '__main__':
    sys.exit(main())
