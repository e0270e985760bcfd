"""`synapse-hooks new`: what it says, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from synapse_hooks.cli import main
from synapse_hooks.scaffold import KINDS


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('GIT_CONFIG_GLOBAL', str(tmp_path / '.gitconfig'))


def new(*words: str, code: int = 0) -> None:
    assert main(['new', *words]) == code


@pytest.mark.parametrize('kind', KINDS)
def test_it_says_what_to_type_next(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    new(kind, 'acme')
    folder = 'acme' if kind == 'action' else 'synapse-hooks-acme'
    out = capsys.readouterr().out
    assert f' files into {folder}\n' in out
    assert f'  cd {folder}\n' in out
    assert f', class {"acme.train.AcmeAction" if kind == "action" else "synapse_hooks_acme.Acme"}' in out
    assert 'pip install --editable' in out
    assert f'synapse-hooks {KINDS[kind].listing or "train"}' in out
    assert Path(folder, 'pyproject.toml').is_file()


def test_everything_is_there_as_json(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    new('format', 'Acme VOC', '--json')
    data = json.loads(capfd.readouterr().out)
    assert data['folder'] == str(tmp_path / 'synapse-hooks-acme-voc')
    assert (data['name'], data['package'], data['class']) == ('acme-voc', 'synapse_hooks_acme_voc', 'AcmeVOCFormat')
    assert all((tmp_path / 'synapse-hooks-acme-voc' / file).is_file() for file in data['files'])
    assert data['next'][0] == 'cd synapse-hooks-acme-voc'


def test_a_distribution_that_exists_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    new('format', 'voc')
    assert 'warning: synapse-hooks-voc exists' in capsys.readouterr().err
    new('format', 'voc', '--distribution', 'acme-voc')
    assert capsys.readouterr().err == ''


def test_into_another_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / 'my projects' / 'voc').mkdir(parents=True)
    new('format', 'voc', '--into', 'my projects/voc', '--author', 'Ada', '--email', 'ada@example.org')
    assert (tmp_path / 'my projects' / 'voc' / 'pyproject.toml').is_file()
    assert "cd 'my projects/voc'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ('words', 'message', 'hint'),
    [
        (['formt', 'voc'], "did you mean 'format'?", 'the kinds are format, autologger'),
        (['voc', 'format'], "'voc' is not a kind of project: KIND comes first", 'synapse-hooks new format voc'),
        (['format', 'yolo'], "the format 'yolo' is built in", 'synapse-hooks new format my-yolo'),
        (['format', '../voc'], "'../voc' cannot be the name", 'synapse-hooks new format voc'),
        (['format', 'voc', '--into', '.'], 'the working directory cannot be', '--into DIR'),
        (['format', 'voc', '--into', 'full'], 'is not empty', 'choose another folder'),
        (['format', 'voc', '--email', 'me'], '--email must be an address', 'ada@example.org'),
        (['format'], 'the following arguments are required: NAME', 'synapse-hooks new'),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_type(
    words: list[str], message: str, hint: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'mine.txt').touch()
    new(*words, code=2)
    err = capsys.readouterr().err
    assert message in err
    assert hint in err.partition('→')[2]
    assert sorted(path.name for path in tmp_path.rglob('*')) == ['full', 'mine.txt']


def test_a_folder_that_cannot_be_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    new('format', 'voc', '--into', 'a' * 300, code=1)
    err = capsys.readouterr().err
    assert 'file name too long' in err
    assert 'choose a shorter name' in err
    assert 'Traceback' not in err


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, 'jinja2', None)
    new('format', 'voc', code=2)
    err = capsys.readouterr().err
    assert 'new needs more packages' in err
    assert "pip install 'synapse-hooks[new]'" in err
