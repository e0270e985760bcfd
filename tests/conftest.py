"""What all tests share: no test sees the workspace, the project or the tokens of whoever runs it."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import canary

# A test fails because of a change, not by chance; `--hypothesis-profile explore` tries other examples each time.
settings.register_profile('explore', deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile('tests', settings.get_profile('explore'), derandomize=True)
settings.load_profile('tests')

# Trainings share the cores with the other test processes; more threads than cores only wait for each other.
os.environ.setdefault('OMP_NUM_THREADS', '1')
# `nohup` and `&` let what they start ignore signals, and so all processes that the tests start and send signals to.
for _number, _handler in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)
if find_spec('ultralytics') is not None:
    from synapse_hooks.autologgers.offline import go_offline

    # Before anybody imports ultralytics: it reads these only once.
    _config = tempfile.mkdtemp(prefix='synapse-hooks-tests-')
    atexit.register(shutil.rmtree, _config, ignore_errors=True)
    go_offline(_config)


@pytest.fixture(autouse=True)
def _canary(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A secret in the environment, which no run may keep and no server of others may be sent."""
    monkeypatch.setenv(canary.NAME, canary.SECRET)
    canary.sent.clear()
    yield
    folder = request.node.funcargs.get('tmp_path')
    found = [] if folder is None else list(canary.leaks(folder))
    assert not found, f'the canary secret is in {found}'
    assert not any(canary.SECRET.encode() in data for data in canary.sent), 'the canary secret is in a request'


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Fail a test whose output, log or traceback shows the secret."""
    report = yield
    texts = [report.longreprtext, *(text for _, text in report.sections)]
    if any(canary.SECRET in text for text in texts):
        report.outcome = 'failed'
        report.longrepr = (
            f'{item.nodeid}: the canary secret is in what the test wrote, logged or raised ({report.when})'
        )
        report.sections.clear()
    return report


@pytest.fixture(autouse=True)
def _own_world(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith('SYNAPSE_'):
            monkeypatch.delenv(name)
    monkeypatch.setenv('SYNAPSE_WORKSPACE', str(tmp_path_factory.mktemp('workspace')))
    monkeypatch.setenv('SYNAPSE_HOOKS_CACHE', str(tmp_path_factory.mktemp('cache')))


@pytest.fixture(autouse=True)
def _own_modules(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test writes and imports is forgotten: other tests write files of the same names."""
    monkeypatch.setattr(sys, 'path', list(sys.path))
    before = set(sys.modules)
    yield
    own = str(tmp_path_factory.getbasetemp())
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], '__file__', '')).startswith(own):
            del sys.modules[name]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    folder = tmp_path / 'elsewhere'
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A device without space. /dev/full may have become a file, by a program that renamed one over it."""
    usual = Path('/dev/full')
    if usual.is_char_device():
        return usual
    device = tmp_path / 'full'
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 7))
        device.open('wb').close()
    except OSError as error:
        pytest.skip(f'there is no /dev/full here, and none can be made: {error}')
    return device
