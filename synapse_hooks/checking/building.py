"""Building a source tree: the sdist, the wheel from the sdist, and its installation into a temporary environment.

Specifications: https://packaging.python.org/specifications/source-distribution-format/ and
https://packaging.python.org/specifications/binary-distribution-format/
"""

from __future__ import annotations

import gzip
import json
import shlex
import tarfile
import tomllib
import zlib
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Any, Final

from synapse_hooks.checking.environment import CheckEnvironment
from synapse_hooks.checking.report_card import ReportCard
from synapse_hooks.errors import ConfigError
from synapse_hooks.safe_text import repr_of, text_of

_SECTION: Final = 'packaging'
_FILES: Final = 'expected an sdist (.tar.gz), a wheel (.whl), or the folder of a project'
_MOST_FOLDERS: Final = 100
"""How deep the folders of an sdist may be: much deeper ones can neither be made nor removed."""
_UNREADABLE: Final = (OSError, EOFError, OverflowError, RecursionError, ValueError, tarfile.TarError, zlib.error)
"""What a damaged or hostile archive raises."""
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


@dataclass(frozen=True)
class Origin:
    """Where a source tree is for the user, whose commands must work when temporary folders are gone."""

    source: Path
    """The folder; where it was unpacked, for an sdist."""
    sdist: Path | None = None
    """The sdist that was given, if it was not a folder."""

    def command(self, words: str, name: str = '') -> str:
        """A command for a shell.

        Args:
            words: The command, without its last argument: the folder.
            name: A name in the folder, to be the argument instead.
        """
        if self.sdist is None:
            return f'{words} {shlex.quote(str(self.source / name))}'
        unpacked = f'tar xzf {shlex.quote(str(self.sdist))} && cd {shlex.quote(self.source.name)}'
        return f'{unpacked} && {words} {name or "."}'


def read_project(source: Path) -> dict[str, Any]:
    """The content of a pyproject.toml; empty if there is none, or it cannot be read."""
    try:
        with open(source / 'pyproject.toml', 'rb') as file:
            return tomllib.load(file)
    except (OSError, RecursionError, ValueError):
        return {}


def project_name(source: Path) -> str:
    """The name in a pyproject.toml, or else in the PKG-INFO of an sdist; empty if they have none."""
    project = read_project(source).get('project')
    if isinstance(project, dict) and project.get('name'):
        return str(project['name'])
    try:
        text = (source / 'PKG-INFO').read_text(encoding='utf-8', errors='replace')
    except OSError:
        return ''
    return str(HeaderParser().parsestr(text, headersonly=True)['Name'] or '').strip()


def unpack(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist.

    Args:
        sdist: The file.
        folder: Where to; it is made.

    Returns:
        The folder with pyproject.toml or setup.py.

    Raises:
        ConfigError: It is not an sdist.
    """
    try:
        folder.mkdir()
        with gzip.open(sdist) as stream:
            with tarfile.open(fileobj=stream, mode='r:') as archive:
                archive.extractall(folder, filter=_safe)
            # The checksum is at the end.
            while stream.read(1 << 20):
                pass
    except _UNREADABLE as error:
        raise ConfigError(f'{sdist.name} cannot be unpacked: {text_of(error)}', hint=_FILES) from error
    trees = [tree for tree in folder.iterdir() if (tree / 'pyproject.toml').is_file() or (tree / 'setup.py').is_file()]
    if len(trees) != 1:
        raise ConfigError(f'{sdist.name} does not have one folder with a pyproject.toml', hint=_FILES)
    return trees[0]


def _safe(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    if member.name.count('/') > _MOST_FOLDERS:
        raise ValueError(f'{member.name[:80]}... is more than {_MOST_FOLDERS} folders deep')
    return tarfile.data_filter(member, folder)


def build_and_install(origin: Origin, environment: CheckEnvironment, folder: Path, card: ReportCard) -> bool:
    """Build a source tree and install the wheel.

    Args:
        origin: The folder with pyproject.toml.
        environment: Where to build and to install.
        folder: An existing folder for what is built.
        card: Gets a line for each step, and the name in the sdist.

    Returns:
        Whether it is installed.
    """
    source = origin.source
    if not _install_requirements(source, environment, card):
        return False
    hint = f'see the error: {origin.command("python -m build --sdist")}'
    sdist = _build(source, 'sdist', environment, folder, card, hint)
    if sdist is None:
        return False
    try:
        tree = unpack(sdist, folder / 'unpacked')
    except ConfigError as error:
        hint = f'see what the build backend makes: {origin.command("python -m build --sdist")}'
        card.add(_SECTION, 'sdist unpacks', 'failed', error.problem, hint)
        return False
    card.name = project_name(source) or project_name(tree) or card.name
    missing = [
        name for name in ('README.md', 'LICENSE', 'tests') if (source / name).exists() and not (tree / name).exists()
    ]
    if missing:
        hint = 'add them to the files of the sdist: packagers and reviewers build and test from it'
        card.add(_SECTION, 'sdist is complete', 'warning', f'it lacks {", ".join(missing)}', hint)
    else:
        card.add(_SECTION, 'sdist is complete', 'ok')
    build = origin.command('python -m build')
    wheel = _build(tree, 'wheel', environment, folder, card, f'see the error: {build}')
    hint = f'try it: {build}, and pip install the wheel that it makes'
    return wheel is not None and install_wheel(wheel, environment, card, hint)


def install_wheel(wheel: Path, environment: CheckEnvironment, card: ReportCard, hint: str) -> bool:
    """Install a wheel, without what it requires.

    Args:
        wheel: The file.
        environment: Where to.
        card: Gets a line.
        hint: What to try if it fails.

    Returns:
        Whether it is installed.
    """
    # As a path, `;` in it would begin a marker.
    ended = environment.install('--no-index', '--no-deps', '--force-reinstall', wheel.as_uri())
    if ended.code:
        card.add(_SECTION, 'wheel installs', 'failed', ended.last_line, hint, ended.output)
        return False
    card.add(_SECTION, 'wheel installs', 'ok', wheel.name)
    return True


def _install_requirements(source: Path, environment: CheckEnvironment, card: ReportCard) -> bool:
    name, hint = 'build requirements', 'correct `requires` in [build-system]'
    wanted = _build_system(source).get('requires', ['setuptools>=61'])
    if not isinstance(wanted, list) or not all(isinstance(text, str) and '\0' not in text for text in wanted):
        detail = f'`requires` is not a list of requirements: {repr_of(wanted)}'
        card.add(_SECTION, name, 'failed', detail, hint)
        return False
    ended = environment.run('-c', _MISSING, *wanted, cwd=source)
    if ended.code:
        card.add(_SECTION, name, 'failed', ended.last_line, hint, ended.output)
        return False
    missing = [line.removeprefix('missing:') for line in ended.output.splitlines() if line.startswith('missing:')]
    if not missing:
        return True
    ended = environment.install(*missing)
    if ended.code:
        detail = f'{", ".join(missing)} cannot be installed: {ended.last_line}'
        card.add(_SECTION, name, 'failed', detail, hint, ended.output)
    return ended.code == 0


_MISSING: Final = """\
import sys
from importlib.metadata import PackageNotFoundError, version
from packaging.requirements import InvalidRequirement, Requirement
for text in sys.argv[1:]:
    try:
        one = Requirement(text)
    except InvalidRequirement:
        sys.exit(f'{text!r} is not a requirement')
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


def _build(
    source: Path, what: str, environment: CheckEnvironment, folder: Path, card: ReportCard, hint: str
) -> Path | None:
    system = _build_system(source)
    backend = str(system.get('build-backend', 'setuptools.build_meta:__legacy__'))
    out = folder / what
    out.mkdir()
    words = json.dumps([f'build_{what}', backend, str(out), system.get('backend-path', [])], default=str)
    ended = environment.run('-c', _HOOK, words, cwd=source)
    names = [line.removeprefix('built:') for line in ended.output.splitlines() if line.startswith('built:')]
    built = out / Path(names[-1]).name if names else None
    name = 'sdist builds' if what == 'sdist' else 'wheel builds from the sdist'
    if ended.code or built is None or not built.is_file():
        card.add(_SECTION, name, 'failed', ended.last_line, hint, ended.output)
        return None
    card.add(_SECTION, name, 'ok', f'{built.name}, {built.stat().st_size:,} bytes')
    return built
