"""Where a run took place."""

import subprocess
import sys

import pytest

from synapse_hooks.journal import environment, git_revision


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    for name in ('GIT_CONFIG_GLOBAL', 'GIT_CONFIG_SYSTEM'):
        monkeypatch.setenv(name, '/dev/null')
    for name in ('AUTHOR', 'COMMITTER'):
        monkeypatch.setenv(f'GIT_{name}_NAME', 'somebody')
        monkeypatch.setenv(f'GIT_{name}_EMAIL', 'somebody@example.com')
    monkeypatch.setenv('GIT_CEILING_DIRECTORIES', str(tmp_path.parent))
    return tmp_path


def git(folder, *words):
    return subprocess.run(['git', *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_the_revision_of_a_checkout(checkout):
    assert git_revision(checkout) is None
    git(checkout, 'init', '-q')
    assert git_revision(checkout) is None, 'no commit yet'
    (checkout / 'file').write_text('one')
    git(checkout, 'add', '.')
    git(checkout, 'commit', '-q', '-m', 'first')
    sha = git(checkout, 'rev-parse', 'HEAD')
    (checkout / 'new').write_text('unknown to git')
    assert git_revision(checkout) == {'sha': sha, 'dirty': False}
    (checkout / 'file').write_text('two!')
    (checkout / 'deep').mkdir()
    assert git_revision(checkout / 'deep') == {'sha': sha, 'dirty': True}


def test_no_git_or_no_answer_is_none(checkout, monkeypatch):
    assert git_revision(checkout / 'missing') is None
    assert git_revision(checkout, timeout=0) is None
    monkeypatch.setenv('PATH', str(checkout))
    assert git_revision(checkout) is None


def test_the_environment_names_the_interpreter():
    found = environment()
    assert found['python'] == '.'.join(map(str, sys.version_info[:3]))
    assert found['executable'] == sys.executable
    assert len(found['platform'].split('-')) >= 3
