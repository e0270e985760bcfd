"""What is written: complete, valid in every language that is in it, and formatted, under any name."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from synapse_hooks.errors import ConfigError, StorageError
from synapse_hooks.plugins.discovery import GROUPS
from synapse_hooks.scaffold import KINDS, Author, NewProject, ProjectNames, write_project
from synapse_hooks.scaffold.project import TEMPLATES
from tests.support.environments import Environments

ROOT = Path(__file__).parents[2]
LONG = 'abcdefghij-abcdefghij-abcdefgh'
NAMES = {
    'short': ('x', None),
    'usual': ('Acme VOC', None),
    'long': (LONG, None),
    'other': ('voc', 'A.very_long-distribution.of-somebody-else_with-60-characters'),
}


def project(kind: str, name: str = 'acme', distribution: str | None = None, **texts: object) -> NewProject:
    return NewProject(KINDS[kind], ProjectNames.of(KINDS[kind], name, distribution), **texts)  # type: ignore[arg-type]


def run(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run([sys.executable, '-m', *map(str, words)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f'{" ".join(map(str, words))}\n{done.stdout}{done.stderr}'
    return done.stdout


@pytest.mark.parametrize('names', NAMES)
def test_code_is_clean_and_formatted_under_any_name(names: str, tmp_path: Path) -> None:
    for kind in KINDS:
        files = write_project(project(kind, *NAMES[names]), tmp_path / kind)
        for file in files:
            if file.endswith('.py'):
                compile((tmp_path / kind / file).read_text(encoding='utf-8'), file, 'exec')
        run('ruff', 'check', '--no-cache', '.', cwd=tmp_path / kind)
        run('ruff', 'format', '--no-cache', '--check', '.', cwd=tmp_path / kind)


@pytest.mark.parametrize('kind', KINDS)
def test_every_project_has_the_same_files(kind: str, tmp_path: Path) -> None:
    files = write_project(project(kind), tmp_path / 'made')
    assert files == sorted(
        file.relative_to(tmp_path / 'made').as_posix() for file in (tmp_path / 'made').rglob('*') if file.is_file()
    )
    package = 'acme' if kind == 'action' else 'synapse_hooks_acme'
    usual = ('.github/workflows/test.yml', '.gitignore', 'CHANGELOG.md', 'LICENSE', 'README.md', 'pyproject.toml')
    assert {*usual, f'{package}/__init__.py', f'{package}/py.typed'} <= {*files}
    assert [file for file in files if file.startswith('tests/test_')]
    assert (tmp_path / 'made' / 'LICENSE').read_text() == (ROOT / 'LICENSE').read_text()
    assert (tmp_path / 'made' / project(kind).main_file).is_file()
    texts = [(tmp_path / 'made' / file).read_text(encoding='utf-8') for file in files]
    assert not [text for text in texts if '{%' in text or 'PACKAGE' in text]


@pytest.mark.parametrize('kind', KINDS)
def test_the_metadata_say_what_the_plugin_is(kind: str, tmp_path: Path) -> None:
    author = Author('Ada "the first" \\ Lovelace', 'ada@example.org')
    write_project(project(kind, author=author, description='Says "hi" {{ to }} \\ all'), tmp_path / 'made')
    metadata = tomllib.loads((tmp_path / 'made' / 'pyproject.toml').read_text(encoding='utf-8'))
    about = metadata['project']
    assert about['authors'] == [{'name': author.name, 'email': author.email}]
    assert about['description'] == 'Says "hi" {{ to }} \\ all.'
    if kind == 'action':
        assert metadata['tool']['synapse_hooks'] == {'plugins': ['acme/hooks.py']}
    else:
        ((group, entries),) = about['entry-points'].items()
        assert group in GROUPS
        assert entries == {'acme': f'synapse_hooks_acme:Acme{KINDS[kind].suffix}'}


@pytest.mark.parametrize('author', [Author(), Author('Ada'), Author(email='ada@example.org')])
def test_an_author_may_be_unknown(author: Author, tmp_path: Path) -> None:
    write_project(project('sink', author=author), tmp_path / 'made')
    about = tomllib.loads((tmp_path / 'made' / 'pyproject.toml').read_text(encoding='utf-8'))['project']
    expected = {key: value for key, value in vars(author).items() if value}
    assert about.get('authors', [{}]) == [expected]


def test_continuous_integration_runs_on_every_python(tmp_path: Path) -> None:
    write_project(project('format'), tmp_path / 'made')
    flow = yaml.safe_load((tmp_path / 'made' / '.github' / 'workflows' / 'test.yml').read_text())
    job = flow['jobs']['test']
    assert job['strategy']['matrix']['python'] == ['3.11', '3.12', '3.13', '3.14']
    assert job['steps'][1]['with'] == {'python-version': '${{ matrix.python }}'}


@pytest.mark.parametrize('text', ['two\nlines', 'a\x1b[31m'])
def test_metadata_are_one_line(text: str, tmp_path: Path) -> None:
    for texts in ({'description': text}, {'author': Author(text)}, {'author': Author('Ada', text)}):
        with pytest.raises(ConfigError):
            write_project(project('format', **texts), tmp_path / 'made')
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / 'made').mkdir()
    (tmp_path / 'made' / 'mine.txt').touch()
    with pytest.raises(StorageError, match='not empty'):
        write_project(project('format'), tmp_path / 'made')
    assert [file.name for file in tmp_path.rglob('*')] == ['made', 'mine.txt']


def test_the_author_is_that_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / 'gitconfig'
    monkeypatch.setenv('GIT_CONFIG_GLOBAL', str(config))
    monkeypatch.setenv('GIT_CONFIG_NOSYSTEM', '1')
    assert Author.from_git(tmp_path) == Author()
    config.write_text('[user]\nname = Ada Lovelace\nemail = root@(none)\n')
    assert Author.from_git(tmp_path) == Author('Ada Lovelace')
    monkeypatch.setenv('PATH', str(tmp_path))
    assert Author.from_git(tmp_path) == Author()


def test_the_templates_are_in_the_wheel_and_in_the_sdist(tmp_path: Path) -> None:
    templates = {file.relative_to(ROOT).as_posix() for file in TEMPLATES.rglob('*') if file.is_file()}
    run('hatchling', 'build', '--directory', tmp_path, '--target', 'wheel', '--target', 'sdist', cwd=ROOT)
    (wheel,), (sdist,) = tmp_path.glob('*.whl'), tmp_path.glob('*.tar.gz')
    with zipfile.ZipFile(wheel) as archive:
        assert templates <= {*archive.namelist()}
    with tarfile.open(sdist) as archive:
        assert templates <= {name.partition('/')[2] for name in archive.getnames()}


@pytest.mark.e2e
@pytest.mark.parametrize('kind', KINDS)
def test_a_project_installs_is_listed_and_its_tests_pass(
    kind: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Untouched, from a wheel that is built of its sdist."""
    made, built = tmp_path / 'acme', tmp_path / 'built'
    new = project(kind)
    write_project(new, made)
    run('hatchling', 'build', '--directory', built, '--target', 'sdist', cwd=made)
    (sdist,) = built.glob('*.tar.gz')
    with tarfile.open(sdist) as archive:
        archive.extractall(built, filter='data')
    environments = Environments(tmp_path_factory.mktemp('environments'))
    source = built / new.names.distribution
    sdist.with_name(sdist.name.removesuffix('.tar.gz')).rename(source)
    # Another plugin that logs: what is installed beside it must not disturb the contract.
    other = tmp_path / 'synapse-hooks-timing'
    write_project(project('plugin', 'timing'), other)
    environment = environments.fresh(environments.root / 'venv', source, other).at(made)
    ended = environment.run(environment.python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider')
    assert ended.code == 0, ended
    listed = environment.at(tmp_path).hooks('plugins', '--json').json['plugins']
    plugins = [plugin for plugin in listed if plugin['distribution'] == new.names.distribution]
    assert [plugin['name'] for plugin in plugins] == ([] if kind == 'action' else ['acme'])
    assert not [plugin['reason'] for plugin in plugins if plugin['state'] not in ('active', 'available')]
    if new.kind.listing in ('formats', 'autologgers'):
        named = environment.at(tmp_path).hooks(new.kind.listing, '--json').json[new.kind.listing]
        assert 'acme' in [entry['name'] for entry in named]


@pytest.mark.e2e
def test_projects_pass_a_strict_type_check(tmp_path: Path) -> None:
    for kind in KINDS:
        write_project(project(kind, 'acme-tools'), tmp_path / kind)
        assert tomllib.loads((tmp_path / kind / 'pyproject.toml').read_text())['tool']['mypy']['strict'] is True
        run('mypy', '--cache-dir', tmp_path / 'cache', cwd=tmp_path / kind)
