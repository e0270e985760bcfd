"""What a run uses of its machine is recorded beside its metrics, and never harms it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, hookimpl
from synapse_hooks.errors import ConfigError
from synapse_hooks.journal import last_metrics
from synapse_hooks.plugins import load_settings
from synapse_hooks.steps import system_figures
from synapse_hooks.steps.system_figures import SystemFigures, recorded_system_figures
from synapse_hooks.testing import run_action

linux = pytest.mark.skipif(not Path('/proc/stat').exists(), reason='/proc is of Linux')
BUSY = 'x = bytearray(64 << 20)\nprint(1, flush=True)\nwhile True: pass'


class Waits(BaseTrainAction[BaseTrainParams]):
    """Trains until the first figures are recorded, if there shall be some."""

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> dict[str, float]:
        self.log_metrics({'loss': 0.5}, phase='train', step=1)
        until = time.monotonic() + 20
        journal = self.context.run_dir / 'events.jsonl'
        while (data_path / 'wait').exists() and b'"system"' not in journal.read_bytes():
            assert time.monotonic() < until
            time.sleep(0.01)
        return {'loss': 0.5}


class Tracker:
    def __init__(self) -> None:
        self.figures: list[Any] = []
        self.metrics: list[Any] = []

    @hookimpl.log_system
    def log_system(self, figures):
        self.figures += figures

    @hookimpl.log_metrics
    def log_metrics(self, points):
        self.metrics += points


def test_figures_of_a_run_reach_trackers_and_are_no_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('SYNAPSE_HOOKS_SYSTEM_SECONDS', '0.05')
    (tmp_path / 'wait').touch()
    tracker = Tracker()
    run = run_action(Waits, {'data_path': tmp_path}, plugins=[tracker], folder=tmp_path / 'run')
    assert tracker.figures == run.of('system')
    assert tracker.figures[0]['seconds'] >= 0.05
    assert tracker.figures[0]['values']['disk_free'] > 0
    assert [point['values'] for point in tracker.metrics] == [{'loss': 0.5}]
    assert last_metrics(run.run_dir) == {'loss': 0.5}
    assert run.result == {'loss': 0.5}


def test_no_figures_are_recorded_where_the_setting_is_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('SYNAPSE_HOOKS_SYSTEM_SECONDS', '0')
    run = run_action(Waits, {'data_path': tmp_path}, folder=tmp_path / 'run')
    assert run.of('system') == []


@linux
def test_processes_that_a_training_started_are_included(tmp_path: Path) -> None:
    figures = SystemFigures(tmp_path)
    before = figures.read()
    with subprocess.Popen([sys.executable, '-c', BUSY], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        figures.read()
        until = time.monotonic() + 20
        while (after := figures.read())['process_cpu_percent'] < 5:
            assert time.monotonic() < until
            time.sleep(0.05)
        child.kill()
    assert after['process_memory'] - before['process_memory'] > 60 << 20
    assert 0 <= after['cpu_percent'] <= 100
    assert 0 < after['memory_percent'] < 100
    assert after['memory_used'] > after['process_memory'] / 10


def test_figures_that_cannot_be_read_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_figures, '_PROC', tmp_path / 'absent')
    values = SystemFigures(tmp_path).read()
    assert 'cpu_percent' not in values or values['cpu_percent'] == 0
    assert values['disk_free'] > 0
    assert SystemFigures(tmp_path / 'no folder').read().get('disk_free') is None


def test_a_gpu_is_asked_for_what_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no GPU here: a library in place of NVML, one of whose answers is an error."""

    def unsupported(gpu: Any) -> int:
        raise RuntimeError('Not Supported')

    nvml = ModuleType('pynvml')
    vars(nvml).update(
        NVML_TEMPERATURE_GPU=0,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetUtilizationRates=lambda gpu: SimpleNamespace(gpu=87),
        nvmlDeviceGetMemoryInfo=lambda gpu: SimpleNamespace(used=6 << 30, total=24 << 30),
        nvmlDeviceGetTemperature=lambda gpu, kind: 61,
        nvmlDeviceGetPowerUsage=unsupported,
    )
    monkeypatch.setitem(sys.modules, 'pynvml', nvml)
    monkeypatch.setattr(system_figures, '_DRIVER', tmp_path)
    values = SystemFigures(tmp_path).read()
    assert {name: value for name, value in values.items() if name.startswith('gpu')} == {
        'gpu0_percent': 87,
        'gpu0_memory_used': 6 << 30,
        'gpu0_memory_percent': 25,
        'gpu0_temperature': 61,
    }


def test_a_recorder_that_fails_harms_nothing(tmp_path: Path) -> None:
    class Broken:
        calls = 0

        def record(self, type: str, payload: Any) -> None:
            self.calls += 1
            raise OSError('full')

    broken = Broken()
    with recorded_system_figures(broken, tmp_path, 0.01):
        until = time.monotonic() + 20
        while broken.calls < 2:
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.mark.parametrize('value', ['-1', 'nan', 'often', 'inf'])
def test_an_interval_must_be_a_number(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match='SYSTEM_SECONDS must be a number of seconds of 0 or more'):
        load_settings(tmp_path, env={'SYNAPSE_HOOKS_SYSTEM_SECONDS': value})


def test_the_interval_is_a_setting_of_the_project(tmp_path: Path) -> None:
    file = tmp_path / 'pyproject.toml'
    file.write_text('[tool.synapse_hooks]\nsystem_seconds = 60')
    assert load_settings(tmp_path, env={}).system_seconds == 60
    assert load_settings(tmp_path, env={'SYNAPSE_HOOKS_SYSTEM_SECONDS': '0'}).system_seconds == 0
    file.write_text('[tool.synapse_hooks]\nsystem_seconds = true')
    with pytest.raises(ConfigError, match='system_seconds must be a number'):
        load_settings(tmp_path, env={})


@linux
def test_a_disk_without_blocks_keeps_the_other_figures() -> None:
    values = SystemFigures(Path('/proc')).read()
    assert 'disk_percent' not in values
    assert values['process_memory'] > 0
