from __future__ import annotations

import importlib.util
import os
import sys
from types import ModuleType, SimpleNamespace

import pytest

from synapse_hooks.autologgers import offline
from synapse_hooks.autologgers.offline import FONTS, go_offline, offline_environment
from synapse_hooks.errors import ConfigError


@pytest.fixture(autouse=True)
def matplotlib(monkeypatch, tmp_path):
    """A font as matplotlib keeps it, whether it is installed or not."""
    font = tmp_path / 'matplotlib/mpl-data/fonts/ttf/DejaVuSans.ttf'
    font.parent.mkdir(parents=True)
    font.write_bytes(b'font')
    spec = SimpleNamespace(origin=str(tmp_path / 'matplotlib/__init__.py'))
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: spec)
    return font


def test_the_environment_names_a_folder_with_fonts(tmp_path):
    env = offline_environment(tmp_path / 'config')
    assert env['YOLO_CONFIG_DIR'] == str(tmp_path / 'config')
    switches = ('YOLO_OFFLINE', 'YOLO_AUTOINSTALL', 'ULTRALYTICS_SKIP_REQUIREMENTS_CHECKS')
    assert [env[name] for name in switches] == ['true', 'false', '1']
    assert [(tmp_path / 'config/Ultralytics' / name).read_bytes() for name in FONTS] == [b'font', b'font']


def test_fonts_that_are_there_stay(tmp_path, matplotlib):
    offline_environment(tmp_path / 'config')
    (tmp_path / 'config/Ultralytics/Arial.ttf').write_bytes(b'mine')
    matplotlib.unlink()
    offline_environment(tmp_path / 'config')
    assert (tmp_path / 'config/Ultralytics/Arial.ttf').read_bytes() == b'mine'


def test_no_matplotlib_is_a_clear_error(tmp_path, matplotlib):
    matplotlib.unlink()
    with pytest.raises(ConfigError, match='no font'):
        offline_environment(tmp_path / 'config')


def test_too_late_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(offline.os, 'environ', dict(os.environ))
    monkeypatch.setitem(sys.modules, 'ultralytics', ModuleType('ultralytics'))
    with pytest.raises(ConfigError, match='imported already'):
        go_offline(tmp_path / 'config')
    monkeypatch.delitem(sys.modules, 'ultralytics')
    go_offline(tmp_path / 'config')
    assert offline.os.environ['YOLO_OFFLINE'] == 'true'
    monkeypatch.setitem(sys.modules, 'ultralytics', ModuleType('ultralytics'))
    go_offline(tmp_path / 'config')
