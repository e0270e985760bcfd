"""Checkpoints that torch and ultralytics really write pass, and one that hides code in its description does nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.autologgers.restricted import restricted_loading
from synapse_hooks.errors import PickleRefused
from synapse_hooks.storage import check_pickles

pytestmark = pytest.mark.e2e
torch: Any = pytest.importorskip('torch')
ultralytics: Any = pytest.importorskip('ultralytics')


@pytest.mark.parametrize('task', ['', '-seg', '-pose', '-obb', '-cls'])
@pytest.mark.parametrize('family', ['yolo11n', 'yolo26n'])
def test_what_ultralytics_saves_passes(family: str, task: str, tmp_path: Path) -> None:
    file = tmp_path / 'best.pt'
    ultralytics.YOLO(f'{family}{task}.yaml', verbose=False).save(file)
    assert check_pickles(file) == [file]
    with restricted_loading():
        assert ultralytics.YOLO(file, verbose=False).model is not None


@pytest.mark.parametrize('zipped', [True, False])
def test_what_torch_saves_passes(zipped: bool, tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.LSTM(2, 2))
    file = tmp_path / 'model.pt'
    for value in (
        model,
        model.state_dict(),
        {'optimizer': torch.optim.AdamW(model.parameters()), 'epoch': 3, 'half': torch.zeros(2).half()},
    ):
        torch.save(value, file, _use_new_zipfile_serialization=zipped)
        assert check_pickles(file) == [file]


def test_torch_save_of_what_runs_code_is_refused(tmp_path: Path) -> None:
    file = tmp_path / 'model.pt'
    for zipped in (True, False):
        torch.save({'model': torch.load}, file, _use_new_zipfile_serialization=zipped)
        with pytest.raises(PickleRefused, match=r'torch\.serialization\.load'):
            check_pickles(file)


def test_code_in_the_description_of_a_model_is_not_run(tmp_path: Path) -> None:
    from ultralytics.nn import tasks

    if not hasattr(tasks, 'SAFE_LOAD'):
        pytest.skip(f'ultralytics {ultralytics.__version__} does not know ULTRALYTICS_SAFE_LOAD')
    ran = tmp_path / 'ran'
    described = ultralytics.YOLO('yolo11n.yaml', verbose=False).model.yaml
    described['activation'] = f'__import__("pathlib").Path({str(ran)!r}).touch()'
    with restricted_loading(), pytest.raises(TypeError, match='activation'):
        tasks.DetectionModel(described, verbose=False)
    assert not ran.exists()
    with pytest.raises(TypeError):
        tasks.DetectionModel(described, verbose=False)
    assert ran.exists()
