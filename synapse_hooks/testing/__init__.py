"""The test kit for plugin authors: check a plugin, run an action, hold a format or an autologger to its promises.

    from synapse_hooks.testing import FormatConformance, check_plugin, run_action, small_dataset

    def test_it_is_a_sound_plugin():
        check_plugin('acme_voc:AcmeFormat')

    def test_it_trains(tmp_path):
        run = run_action(TrainAction, {'epochs': 1}, dataset=small_dataset(tmp_path / 'data'), folder=tmp_path)
        assert run.statuses['upload'] == 'succeeded'

    class TestAcme(FormatConformance):
        format = AcmeFormat()

Nothing here looks at what else is installed, at the project around, or at a backend: only what a test hands over takes
part. Failures are AssertionErrors whose sentences say what to fix. pytest runs the classes, but is not imported.
"""

from synapse_hooks.testing.autologgers import AutologConformance
from synapse_hooks.testing.converting import Converted, convert_dataset, open_dataset
from synapse_hooks.testing.formats import FormatConformance
from synapse_hooks.testing.fuzzing import Fuzzer, Tried
from synapse_hooks.testing.plugins import check_distribution, check_plugin
from synapse_hooks.testing.recording import Recording, recording_session
from synapse_hooks.testing.running import FinishedRun, run_action
from synapse_hooks.testing.samples import CLASSES, bmp, odd_samples, png, small_dataset, small_samples

__all__ = [
    'CLASSES',
    'AutologConformance',
    'Converted',
    'FinishedRun',
    'FormatConformance',
    'Fuzzer',
    'Recording',
    'Tried',
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
