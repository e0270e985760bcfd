"""`synapse-hooks check` of files that are damaged, hostile, or called other than usual: a message, and what to do."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from synapse_hooks.checking import check
from synapse_hooks.checking.building import Origin, install_wheel, project_name
from synapse_hooks.checking.environment import CheckEnvironment, Ended
from synapse_hooks.checking.report_card import ReportCard
from synapse_hooks.errors import ConfigError

PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "acme"\n'
SETUP = 'from setuptools import setup\nsetup(name="acme", version="1.0")\n'
WHEEL = 'acme-1.0-py3-none-any.whl'
BACKEND = """
import io, tarfile
def build_sdist(out, settings=None):
    with tarfile.open(out + '/made-1.0.tar.gz', 'w:gz') as archive:
        for name in {names}:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    return 'made-1.0.tar.gz'
"""
NO_TAR = """
def build_sdist(out, settings=None):
    open(out + '/made-1.0.tar.gz', 'w').write('no')
    return 'made-1.0.tar.gz'
"""


def tar(files: dict[str, str], **headers: str) -> bytes:
    """A tar archive; the headers are those of its last file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode='w', format=tarfile.PAX_FORMAT) as archive:
        for number, (name, text) in enumerate(files.items(), 1):
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            member.pax_headers = headers if number == len(files) else {}
            archive.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


def sdist(file: Path, files: dict[str, str]) -> Path:
    file.write_bytes(gzip.compress(tar(files)))
    return file


def wheel(file: Path) -> Path:
    file.parent.mkdir(exist_ok=True)
    info = 'acme-1.0.dist-info'
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('acme.py', '')
        archive.writestr(f'{info}/METADATA', 'Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n')
        archive.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
        archive.writestr(f'{info}/RECORD', f'acme.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n')
    return file


GOOD = {'acme-1.0/pyproject.toml': PROJECT, 'acme-1.0/a': 'x'}


@pytest.mark.parametrize(
    ('content', 'problem'),
    [
        pytest.param(gzip.compress(tar({})), 'does not have one folder', id='no files'),
        pytest.param(gzip.compress(tar(GOOD, path='acme-1.0/a\0b')), 'null byte', id='NUL in a name'),
        pytest.param(gzip.compress(tar(GOOD, mtime='1e30')), 'cannot be unpacked', id='late time'),
        pytest.param(gzip.compress(tar(GOOD, mtime='nan')), 'cannot be unpacked', id='no time'),
        pytest.param(gzip.compress(tar({**GOOD, f'acme-1.0/{"d/" * 1500}x': ''})), 'folders deep', id='deep'),
        pytest.param(gzip.compress(tar({**GOOD, '../x': ''})), 'outside the destination', id='outside'),
        pytest.param(gzip.compress(tar(GOOD))[:-8] + bytes(8), 'CRC check failed', id='checksum'),
        pytest.param(gzip.compress(tar(GOOD))[:-20], 'cannot be unpacked', id='cut'),
        pytest.param(lzma.compress(tar(GOOD)), 'Not a gzipped file', id='xz'),
        pytest.param(lzma.compress(tar(GOOD))[:-40], 'Not a gzipped file', id='cut xz'),
    ],
)
def test_a_damaged_sdist_is_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / 'acme-1.0.tar.gz'
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=problem) as caught:
        check(str(file))
    assert 'acme-1.0.tar.gz' in caught.value.problem
    assert 'expected an sdist (.tar.gz)' in caught.value.hint


def test_a_name_that_is_too_long_for_a_path_is_refused() -> None:
    with pytest.raises(ConfigError, match='cannot be read: File name too long'):
        check('a' * 300)


@pytest.mark.skipif(os.name == 'nt' or os.geteuid() == 0, reason='permissions do not hold for this user')
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    shut = tmp_path / 'shut'
    shut.mkdir(mode=0)
    with pytest.raises(ConfigError, match='cannot be read: Permission denied'):
        check(str(shut / 'acme'))


@pytest.mark.parametrize(
    ('project', 'backend', 'name', 'detail'),
    [
        (PROJECT.replace('[]', '5', 1), '', 'build requirements', 'is not a list of requirements: 5'),
        (PROJECT.replace('[]', '["a\\u0000"]', 1), '', 'build requirements', 'is not a list of requirements'),
        (PROJECT.replace('[]', '["-r x"]', 1), '', 'build requirements', "'-r x' is not a requirement"),
        (PROJECT, BACKEND.format(names=['a/x', 'b/x']), 'sdist unpacks', 'does not have one folder'),
        (PROJECT, BACKEND.format(names=[]), 'sdist unpacks', 'does not have one folder'),
        (PROJECT, BACKEND.format(names=['../x']), 'sdist unpacks', 'outside the destination'),
        (PROJECT, NO_TAR, 'sdist unpacks', 'Not a gzipped file'),
        (PROJECT, 'raise SystemExit("no")', 'sdist builds', 'no'),
    ],
)
def test_a_build_that_is_broken_is_a_failed_line(
    project: str, backend: str, name: str, detail: str, tmp_path: Path
) -> None:
    file = sdist(tmp_path / 'a-1.tar.gz', {'a-1/pyproject.toml': project, 'a-1/backend.py': backend})
    last = check(str(file)).checks[-1]
    assert (last.name, last.status, detail in last.detail) == (name, 'failed', True), last
    # The folder that it was unpacked into is gone.
    assert 'synapse-hooks-check-' not in last.hint
    if name != 'build requirements':
        assert f'tar xzf {file} && cd a-1 && python -m build --sdist .' in last.hint


def test_commands_are_for_what_was_given() -> None:
    assert Origin(Path('/a b')).command('pytest', 'tests') == "pytest '/a b/tests'"
    unpacked = Origin(Path('/tmp/gone/a-1'), Path('/a b.tar.gz'))
    assert unpacked.command('pytest', 'tests') == "tar xzf '/a b.tar.gz' && cd a-1 && pytest tests"


@pytest.mark.parametrize(
    ('files', 'name'),
    [
        ({'pyproject.toml': '[project]\nname = "acme"\n', 'PKG-INFO': 'Name: other\n'}, 'acme'),
        ({'setup.py': SETUP, 'PKG-INFO': 'Metadata-Version: 2.1\nName: acme-voc\n\nName: no\n'}, 'acme-voc'),
        ({'pyproject.toml': 'project = 5\n', 'PKG-INFO': 'Version: 1\n'}, ''),
        ({'pyproject.toml': f'a = {"[" * 5000}'}, ''),
        ({'setup.py': SETUP}, ''),
    ],
)
def test_the_name_of_a_project_is_read(files: dict[str, str], name: str, tmp_path: Path) -> None:
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    assert project_name(tmp_path) == name


@pytest.mark.skipif(find_spec('setuptools') is None, reason='it would be fetched')
@pytest.mark.parametrize('given', ['acme-1.0.tar.gz', 'download.tar.gz', 'folder'])
def test_a_name_that_only_setup_knows_is_found(given: str, tmp_path: Path) -> None:
    what = tmp_path / given
    if given == 'folder':
        what.mkdir()
        (what / 'setup.py').write_text(SETUP)
    else:
        sdist(what, {'acme-1.0/setup.py': SETUP, 'acme-1.0/PKG-INFO': 'Metadata-Version: 2.1\nName: acme\n'})
    card = check(str(what))
    assert (card.name, card.version) == ('acme', '1.0'), card


def test_a_wheel_is_known_by_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def install(self: CheckEnvironment, *words: str | Path) -> Ended:
        taken.append(str(words[-1]))
        return Ended(1, 'no')

    monkeypatch.setattr(CheckEnvironment, 'install', install)
    stored = wheel(tmp_path / 'store' / '9f86d081')
    linked = tmp_path / WHEEL
    linked.symlink_to(stored)
    capitals = wheel(tmp_path / 'capitals' / 'acme-1.0-py3-none-any.WHL')
    marked = wheel(tmp_path / 'a;b' / WHEEL)
    for file in (linked, capitals, marked):
        (last,) = check(str(file)).checks
        assert (last.name, last.hint) == ('wheel installs', f'try it: pip install {file.as_uri()}')
    assert all(word.startswith('file://') and word.endswith(f'/{WHEEL}') for word in taken)
    assert taken[-1].endswith(f'/a%3Bb/{WHEEL}')


@pytest.mark.parametrize('folder', ['a;b', 'a b', 'a#b', 'a%20b'])
def test_a_wheel_installs_from_any_folder(folder: str, tmp_path: Path) -> None:
    card = ReportCard('acme')
    environment = CheckEnvironment(tmp_path / 'venv', 60)
    assert install_wheel(wheel(tmp_path / folder / WHEEL), environment, card, 'try it'), card
