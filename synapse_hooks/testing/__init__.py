"""The test kit for plugin authors: check a plugin, run an action, test a format, an autologger, a sink, a launcher or
hooks.

    from synapse_hooks.testing import FormatConformance, check_plugin, run_action, small_dataset

    def test_it_is_a_valid_plugin():
        check_plugin('acme_voc:AcmeFormat')

    def test_it_trains(tmp_path):
        run = run_action(TrainAction, {'epochs': 1}, dataset=small_dataset(tmp_path / 'data'), folder=tmp_path)
        assert run.statuses['upload'] == 'succeeded'

    class TestAcme(FormatConformance):
        format = AcmeFormat()

Installed plugins, the settings of a project and backends are ignored: only the plugins that a test passes are used.
Failures are AssertionErrors whose messages say what to fix. pytest runs the classes, but only `pytest_plugin`, which
has its fixtures, imports it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.testing.autologgers import AutologConformance
    from synapse_hooks.testing.calls import HookCall, HookRecorder
    from synapse_hooks.testing.conversion import Converted, convert_dataset, open_dataset
    from synapse_hooks.testing.formats import FormatConformance
    from synapse_hooks.testing.fuzzing import Fuzzer, FuzzResult
    from synapse_hooks.testing.hooks import HookConformance
    from synapse_hooks.testing.hosting import FakeRun, PluginHost
    from synapse_hooks.testing.launchers import LauncherConformance
    from synapse_hooks.testing.plugins import check_distribution, check_plugin
    from synapse_hooks.testing.project import CommandOutput, PluginProject
    from synapse_hooks.testing.recording import Recording, recording_session
    from synapse_hooks.testing.running import FinishedRun, run_action
    from synapse_hooks.testing.samples import CLASSES, bmp, odd_samples, png, small_dataset, small_samples
    from synapse_hooks.testing.sinks import SinkConformance

_HOMES = {
    'CLASSES': 'samples',
    'AutologConformance': 'autologgers',
    'CommandOutput': 'project',
    'Converted': 'conversion',
    'FakeRun': 'hosting',
    'FinishedRun': 'running',
    'FormatConformance': 'formats',
    'FuzzResult': 'fuzzing',
    'Fuzzer': 'fuzzing',
    'HookCall': 'calls',
    'HookConformance': 'hooks',
    'HookRecorder': 'calls',
    'LauncherConformance': 'launchers',
    'PluginHost': 'hosting',
    'PluginProject': 'project',
    'Recording': 'recording',
    'SinkConformance': 'sinks',
    'bmp': 'samples',
    'check_distribution': 'plugins',
    'check_plugin': 'plugins',
    'convert_dataset': 'conversion',
    'odd_samples': 'samples',
    'open_dataset': 'conversion',
    'png': 'samples',
    'recording_session': 'recording',
    'run_action': 'running',
    'small_dataset': 'samples',
    'small_samples': 'samples',
}

__all__ = [
    'CLASSES',
    'AutologConformance',
    'CommandOutput',
    'Converted',
    'FakeRun',
    'FinishedRun',
    'FormatConformance',
    'FuzzResult',
    'Fuzzer',
    'HookCall',
    'HookConformance',
    'HookRecorder',
    'LauncherConformance',
    'PluginHost',
    'PluginProject',
    'Recording',
    'SinkConformance',
    'bmp',
    'check_distribution',
    'check_plugin',
    'convert_dataset',
    'odd_samples',
    'open_dataset',
    'png',
    'recording_session',
    'run_action',
    'small_dataset',
    'small_samples',
]

import_lazily(__name__, _HOMES)
