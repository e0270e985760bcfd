"""Building a source tree: the sdist, the wheel from the sdist, and its installation into a temporary environment.

Specifications: https://packaging.python.org/specifications/source-distribution-format/ and
https://packaging.python.org/specifications/binary-distribution-format/
"""

from __future__ import annotations

import json
import tarfile
import tomllib
import zlib
from pathlib import Path
from typing import Any, Final

from synapse_hooks.checking.environment import CheckEnvironment
from synapse_hooks.checking.report_card import ReportCard
from synapse_hooks.errors import ConfigError
from synapse_hooks.safe_text import text_of

_SECTION: Final = 'packaging'
_FILES: Final = 'expected an sdist (.tar.gz), a wheel (.whl), or the folder of a project'
_HOOK: Final = """\
import importlib, json, os, sys
call, backend, out, paths = json.loads(sys.argv[1])
sys.path[:0] = [os.path.abspath(path) for path in paths]
module, _, attribute = backend.partition(':')
loaded = importlib.import_module(module)
for part in filter(None, attribute.split('.')):
    loaded = getattr(loaded, part)
print('built:' + getattr(loaded, call)(out))
"""


def read_project(source: Path) -> dict[str, Any]:
    """The content of a pyproject.toml; empty if there is none, or it cannot be read."""
    try:
        with open(source / 'pyproject.toml', 'rb') as file:
            return tomllib.load(file)
    except (OSError, ValueError):
        return {}


def unpack(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist.

    Args:
        sdist: The file.
        folder: Where to; it is made.

    Returns:
        The folder with pyproject.toml.

    Raises:
        ConfigError: It is not an sdist.
    """
    try:
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter='data')
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise ConfigError(f'{sdist.name} cannot be unpacked: {text_of(error)}', hint=_FILES) from error
    trees = [tree for tree in folder.iterdir() if (tree / 'pyproject.toml').is_file() or (tree / 'setup.py').is_file()]
    if len(trees) != 1:
        raise ConfigError(f'{sdist.name} does not have one folder with a pyproject.toml', hint=_FILES)
    return trees[0]


def build_and_install(source: Path, environment: CheckEnvironment, folder: Path, card: ReportCard) -> bool:
    """Build a source tree and install the wheel.

    Args:
        source: The folder with pyproject.toml.
        environment: Where to build and to install.
        folder: An existing folder for what is built.
        card: Gets a line for each step.

    Returns:
        Whether it is installed.
    """
    if not _install_requirements(source, environment, card):
        return False
    sdist = _build(source, 'sdist', environment, folder, card)
    if sdist is None:
        return False
    unpacked = folder / 'unpacked'
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter='data')
    (tree,) = unpacked.iterdir()
    missing = [
        name for name in ('README.md', 'LICENSE', 'tests') if (source / name).exists() and not (tree / name).exists()
    ]
    if missing:
        hint = 'add them to the files of the sdist: packagers and reviewers build and test from it'
        card.add(_SECTION, 'sdist is complete', 'warning', f'it lacks {", ".join(missing)}', hint)
    else:
        card.add(_SECTION, 'sdist is complete', 'ok')
    wheel = _build(tree, 'wheel', environment, folder, card)
    return wheel is not None and install_wheel(wheel, environment, card)


def install_wheel(wheel: Path, environment: CheckEnvironment, card: ReportCard) -> bool:
    """Install a wheel, without what it requires.

    Args:
        wheel: The file.
        environment: Where to.
        card: Gets a line.

    Returns:
        Whether it is installed.
    """
    ended = environment.install('--no-index', '--no-deps', '--force-reinstall', wheel)
    if ended.code:
        card.add(
            _SECTION, 'wheel installs', 'failed', ended.last_line, f'try it: pip install {wheel.name}', ended.output
        )
        return False
    card.add(_SECTION, 'wheel installs', 'ok', wheel.name)
    return True


def _install_requirements(source: Path, environment: CheckEnvironment, card: ReportCard) -> bool:
    wanted = [str(text) for text in _build_system(source).get('requires', ['setuptools>=61'])]
    ended = environment.run('-c', _MISSING, *wanted, cwd=source)
    missing = [line.removeprefix('missing:') for line in ended.output.splitlines() if line.startswith('missing:')]
    if not missing:
        return True
    ended = environment.install(*missing)
    if ended.code:
        detail = f'{", ".join(missing)} cannot be installed: {ended.last_line}'
        card.add(_SECTION, 'build requirements', 'failed', detail, 'correct `requires` in [build-system]', ended.output)
    return ended.code == 0


_MISSING: Final = """\
import sys
from importlib.metadata import PackageNotFoundError, version
from packaging.requirements import Requirement
for text in sys.argv[1:]:
    one = Requirement(text)
    try:
        there = one.specifier.contains(version(one.name), prereleases=True)
    except PackageNotFoundError:
        there = False
    if not there and (one.marker is None or one.marker.evaluate()):
        print('missing:' + text)
"""


def _build_system(source: Path) -> dict[str, Any]:
    table = read_project(source).get('build-system')
    return table if isinstance(table, dict) else {}


def _build(source: Path, what: str, environment: CheckEnvironment, folder: Path, card: ReportCard) -> Path | None:
    system = _build_system(source)
    backend = str(system.get('build-backend', 'setuptools.build_meta:__legacy__'))
    out = folder / what
    out.mkdir()
    words = json.dumps([f'build_{what}', backend, str(out), system.get('backend-path', [])])
    ended = environment.run('-c', _HOOK, words, cwd=source)
    names = [line.removeprefix('built:') for line in ended.output.splitlines() if line.startswith('built:')]
    built = out / Path(names[-1]).name if names else None
    name = 'sdist builds' if what == 'sdist' else 'wheel builds from the sdist'
    if ended.code or built is None or not built.is_file():
        hint = f'see the error: python -m build {"--sdist " if what == "sdist" else ""}{source}'
        card.add(_SECTION, name, 'failed', ended.last_line, hint, ended.output)
        return None
    card.add(_SECTION, name, 'ok', f'{built.name}, {built.stat().st_size:,} bytes')
    return built
