"""`synapse-hooks install` and `uninstall`, with the real pip and the real uv, from wheels in a folder."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from filelock import FileLock

from synapse_hooks.cli import install, main
from synapse_hooks.cli.installer import distribution_name, find_installer, full_name, warn_of_tool_environment
from synapse_hooks.errors import ConfigError
from synapse_hooks.plugins.known import DISTRIBUTIONS, KNOWN
from tests.support.environments import Environment, Environments
from tests.support.waiting import until

CONTRIB = Path(__file__).parents[2] / 'contrib'

NOISY = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-noisy"
version = "1"

[project.entry-points."synapse_hooks"]
acme-noisy = "acme_noisy"

[tool.hatch.build.targets.wheel]
include = ["acme_noisy.py"]
"""


@pytest.fixture(scope='session')
def wheels(environments: Environments) -> Path:
    """A folder with wheels of two contributed formats, and of a plugin that cannot be imported."""
    folder = environments.root / 'to-install'
    sources = [CONTRIB / 'synapse-hooks-voc', CONTRIB / 'synapse-hooks-createml', 'acme-broken']
    # Tests that run in parallel share it.
    with FileLock(f'{folder}.lock'):
        if not folder.exists():
            built = [environments.wheel(source) for source in sources]
            unfinished = folder.with_name('to-install-unfinished')
            unfinished.mkdir()
            for wheel in built:
                shutil.copy(wheel, unfinished)
            unfinished.rename(folder)
    return folder


def from_folder(wheels: Path) -> list[str]:
    return ['--', '--no-index', '--find-links', str(wheels), '--no-deps']


def runs(pid: int) -> bool:
    """Whether there is such a process, and more of it than its exit code."""
    state = subprocess.run(['ps', '-o', 'stat=', '-p', str(pid)], capture_output=True, encoding='utf-8', check=False)
    return state.stdout.strip()[:1] not in ('', 'Z')


def without_pip(environment: Environment) -> None:
    """Hide pip, which it sees in the environment of the tests."""
    (pth,) = environment.root.glob('lib/python*/site-packages/outer.pth')
    places = []
    for number, place in enumerate(pth.read_text(encoding='utf-8').split()):
        seen = environment.root / 'seen' / str(number)
        seen.mkdir(parents=True)
        for entry in Path(place).iterdir():
            if not entry.name.startswith(('pip', 'uv')) and entry.suffix != '.pth':
                (seen / entry.name).symlink_to(entry)
        places.append(str(seen))
    pth.write_text('\n'.join(places) + '\n', encoding='utf-8')


@pytest.fixture(params=['pip', 'uv'])
def installer(request: pytest.FixtureRequest, tmp_path: Path, environments: Environments) -> tuple[str, Environment]:
    """An environment that has one of the two, and its name."""
    name = request.param
    environment = environments.fresh(tmp_path / 'venv').at(tmp_path)
    if name == 'uv':
        # Beside Python where it is not on the PATH.
        uv = shutil.which('uv') or shutil.which('uv', path=Path(sys.executable).parent)
        if uv is None:
            pytest.skip('uv is not installed: pip install -e .[test]')
        without_pip(environment)
        (tmp_path / 'tools').mkdir()
        (tmp_path / 'tools' / 'uv').symlink_to(uv)
        environment = environment.at(tmp_path, PATH=str(tmp_path / 'tools'))
    return name, environment


@pytest.mark.e2e
def test_a_known_plugin_comes_and_goes(installer: tuple[str, Environment], wheels: Path) -> None:
    name, environment = installer
    ended = environment.hooks('install', 'voc', '--json', *from_folder(wheels))
    assert ended.json['installer'] == name
    assert [(plugin['name'], plugin['kind']) for plugin in ended.json['plugins']] == [('voc', 'format')]
    assert ended.json['broken'] == []
    assert 'voc is synapse-hooks-voc' in ended.err
    assert 'synapse-hooks-voc' in ended.err.replace('_', '-').replace('voc is synapse-hooks-voc', '')
    assert 'voc' in environment.hooks('formats').out
    (wheel,) = wheels.glob('synapse_hooks_voc-*.whl')
    for again in ('voc', 'voc>=0.1', str(wheel)):
        said = environment.hooks('install', again, *from_folder(wheels)).out
        assert 'the same plugins as before: format voc from synapse-hooks-voc' in said
    assert 'no plugin' not in environment.hooks('install', 'createml', *from_folder(wheels)).out
    removed = environment.hooks('uninstall', 'voc', 'synapse-hooks-createml', '--json').json['removed']
    assert removed == [
        {'distribution': 'synapse-hooks-voc', 'plugins': ['format voc']},
        {'distribution': 'synapse-hooks-createml', 'plugins': ['format createml']},
    ]
    assert 'voc' not in environment.hooks('formats').out.replace('synapse_hooks.formats', '')


@pytest.mark.e2e
def test_failures_say_what_to_do(installer: tuple[str, Environment], wheels: Path) -> None:
    _, environment = installer
    unknown = environment.hooks('install', 'synapse-hooks-vok', *from_folder(wheels), code=1).err
    assert 'error: synapse-hooks-vok: there is no such distribution' in unknown
    assert "did you mean 'synapse-hooks-voc'?" in unknown
    known = environment.hooks('install', 'voc==99', *from_folder(wheels), code=1).err
    assert 'did you mean' not in known
    broken = environment.hooks('install', 'acme-broken', *from_folder(wheels), code=1)
    assert 'broken' in broken.out
    assert 'acme-broken' in broken.out
    assert 'uninstalled acme-broken' in environment.hooks('uninstall', 'acme-broken', '--yes').out


@pytest.mark.e2e
def test_without_an_installer(tmp_path: Path, environments: Environments) -> None:
    environment = environments.fresh(tmp_path / 'venv')
    without_pip(environment)
    said = environment.at(tmp_path, PATH=str(tmp_path)).hooks('install', 'voc', code=2, UV='').err
    assert 'neither pip nor uv can be found' in said
    assert 'ensurepip' in said


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 2
    return capsys.readouterr().err


def test_uninstall_removes_plugins_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert 'synapse-hooks is this program itself' in refused(capsys, 'uninstall', 'Synapse_Hooks')
    said = refused(capsys, 'uninstall', 'pluggy')
    assert 'pluggy is not a plugin of synapse-hooks' in said
    assert 'pip uninstall pluggy' in said
    assert "no distribution or plugin '../x' is installed" in refused(capsys, 'uninstall', '../x')


def test_install_needs_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert 'synapse-hooks install voc' in refused(capsys, 'install')
    assert 'synapse-hooks install voc' in refused(capsys, 'install', ' ')


@pytest.mark.e2e
def test_what_a_plugin_prints_does_not_hide_the_others(tmp_path: Path, environments: Environments) -> None:
    source = tmp_path / 'acme-noisy'
    source.mkdir()
    (source / 'pyproject.toml').write_text(NOISY, encoding='utf-8')
    (source / 'acme_noisy.py').write_text(
        'import atexit\nprint("[1]")\natexit.register(print, \'"bye"\')\nraise ValueError("no")\n', encoding='utf-8'
    )
    environment = environments.fresh(tmp_path / 'venv').at(tmp_path)
    alone = ('--', '--no-index', '--no-deps', '--no-build-isolation')
    ended = environment.hooks('install', str(source), *alone, code=1)
    assert 'acme-noisy is broken: ValueError: no' in ended.out
    assert 'does not start any more' not in ended.err


@pytest.mark.e2e
def test_an_import_that_does_not_end_is_an_error(tmp_path: Path, environments: Environments) -> None:
    source = tmp_path / 'acme-noisy'
    source.mkdir()
    (source / 'pyproject.toml').write_text(NOISY, encoding='utf-8')
    (source / 'acme_noisy.py').write_text('import time\ntime.sleep(600)\n', encoding='utf-8')
    environment = environments.fresh(tmp_path / 'venv').at(tmp_path)
    impatient = (
        'from synapse_hooks.cli import install, main\n'
        'install.PATIENCE = 3\n'
        f'main(["install", {str(source)!r}, "--", "--no-index", "--no-deps", "--no-build-isolation"])'
    )
    ended = environment.run(environment.python, '-c', impatient)
    assert 'importing all installed plugins took more than 3 seconds' in ended.err
    assert 'synapse-hooks uninstall acme-noisy' in ended.err


@pytest.mark.e2e
@pytest.mark.parametrize('ends', [True, False])
def test_what_a_plugin_starts_is_not_waited_for(tmp_path: Path, environments: Environments, ends: bool) -> None:
    source, started = tmp_path / 'acme-noisy', tmp_path / 'pid'
    source.mkdir()
    (source / 'pyproject.toml').write_text(NOISY, encoding='utf-8')
    (source / 'acme_noisy.py').write_text(
        'import pathlib, subprocess, time\n'
        f'pathlib.Path({str(started)!r}).write_text(str(subprocess.Popen(["sleep", "777"]).pid))\n'
        f'time.sleep({0 if ends else 600})\n',
        encoding='utf-8',
    )
    environment = environments.fresh(tmp_path / 'venv').at(tmp_path)
    impatient = (
        'from synapse_hooks.cli import install, main\n'
        f'install.PATIENCE = {60 if ends else 20}\n'
        f'main(["install", {str(source)!r}, "--", "--no-index", "--no-deps", "--no-build-isolation"])'
    )
    ended = environment.run(environment.python, '-c', impatient)
    pid = int(started.read_text(encoding='utf-8'))
    if ends:
        os.kill(pid, signal.SIGKILL)
        assert 'importing all installed plugins' not in ended.err
        assert 'acme-noisy' in ended.out
    else:
        assert 'took more than 20 seconds' in ended.err
        until(lambda: not runs(pid))


def test_ctrl_c_ends_what_a_plugin_has_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / 'pid'
    wait = subprocess.Popen.wait

    def interrupted(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        if timeout is None:
            return wait(process)
        until(lambda: started.read_text(encoding='utf-8').endswith('\n'))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(subprocess.Popen, 'wait', interrupted)
        with pytest.raises(KeyboardInterrupt):
            install._output(['sh', '-c', 'sleep 777 & echo $! > pid; wait'], tmp_path)
    until(lambda: not runs(int(started.read_text(encoding='utf-8'))))


@pytest.mark.e2e
def test_uninstall_warns_of_what_others_require(tmp_path: Path, wheels: Path, environments: Environments) -> None:
    environment = environments.fresh(tmp_path / 'venv').at(tmp_path)
    environment.hooks('install', 'voc', 'createml', *from_folder(wheels))
    (metadata,) = environment.root.rglob('synapse_hooks_createml-*.dist-info/METADATA')
    head, _, body = metadata.read_text(encoding='utf-8').partition('\n\n')
    metadata.write_text(f'{head}\nRequires-Dist: Synapse.Hooks_voc>=0.1\n\n{body}', encoding='utf-8')
    both = environment.hooks('uninstall', 'voc', '--yes').err
    assert 'warning: synapse-hooks-voc is required by synapse-hooks-createml' in both
    assert 'warning' not in environment.hooks('uninstall', 'createml', '--yes').err


def test_options_of_pip_follow_two_hyphens(capsys: pytest.CaptureFixture[str]) -> None:
    assert 'options for another program follow `--`' in refused(capsys, 'install', 'voc', '--upgrade')


@pytest.mark.parametrize(
    ('given', 'distribution'),
    [
        ('synapse_hooks.voc', 'synapse-hooks-voc'),
        ('acme[extra]>=2', 'acme'),
        ('acme @ https://example.org/acme.whl', 'acme'),
        ('dist/acme_voc-1.0-py3-none-any.whl', 'acme-voc'),
        (str(CONTRIB / 'synapse-hooks-voc'), 'synapse-hooks-voc'),
        ('./nowhere', ''),
        ('git+https://example.org/voc', ''),
    ],
)
def test_the_distribution_of_what_pip_takes(given: str, distribution: str) -> None:
    assert distribution_name(given) == distribution


@pytest.mark.parametrize(
    ('given', 'full'),
    [
        ('voc', 'synapse-hooks-voc'),
        ('VOC>=0.2', 'synapse-hooks-voc>=0.2'),
        ('voc==0.1 ; python_version > "3"', 'synapse-hooks-voc==0.1 ; python_version > "3"'),
        ('synapse_hooks_voc', 'synapse_hooks_voc'),
        ('acme[extra]', 'acme[extra]'),
        ('./voc', './voc'),
        ('voc-1.0-py3-none-any.whl', 'voc-1.0-py3-none-any.whl'),
        ('git+https://example.org/voc', 'git+https://example.org/voc'),
        ('voc @ https://example.org/voc.whl', 'voc @ https://example.org/voc.whl'),
    ],
)
def test_known_plugins_have_short_names(given: str, full: str) -> None:
    assert full_name(given) == full


@pytest.mark.parametrize('name', ['vocc', 'mlfow', 'tensor-board'])
def test_nearly_a_known_name_is_refused(name: str) -> None:
    # What has such a name on an index is not what was meant.
    with pytest.raises(ConfigError, match='did you mean'):
        full_name(name)


def test_known_plugins_are_those_in_contrib() -> None:
    assert [*DISTRIBUTIONS] == sorted(file.parent.name for file in CONTRIB.glob('*/pyproject.toml'))
    assert {name for plugins in KNOWN.values() for name in plugins.values()} <= {*DISTRIBUTIONS}
    assert full_name('ray') == 'synapse-hooks-ray'


def test_an_environment_of_the_system_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Such an interpreter cannot be had in a test: this one says that it is.
    (tmp_path / 'EXTERNALLY-MANAGED').touch()
    monkeypatch.setattr(sys, 'base_prefix', sys.prefix)
    monkeypatch.setattr(sysconfig, 'get_path', lambda *_: str(tmp_path))
    with pytest.raises(ConfigError, match='belong to the system') as caught:
        find_installer()
    assert '-m venv' in caught.value.hint
    if importlib.util.find_spec('pip') is not None:
        assert find_installer(['--break-system-packages']).name == 'pip'


@pytest.mark.parametrize(
    ('mark', 'command'),
    [
        ('uv-receipt.toml', 'uv tool install synapse-hooks --with synapse-hooks-voc'),
        ('pipx_metadata.json', 'pipx inject synapse-hooks synapse-hooks-voc'),
    ],
)
def test_tool_environments_are_told_apart(
    mark: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, 'prefix', str(tmp_path))
    warn_of_tool_environment(['synapse-hooks-voc'])
    assert capsys.readouterr().err == ''
    (tmp_path / mark).touch()
    warn_of_tool_environment(['synapse-hooks-voc'])
    assert command in capsys.readouterr().err
