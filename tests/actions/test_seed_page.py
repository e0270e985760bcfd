"""The public page that the facade honours: each of its Python blocks runs, with the prefix of this package."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from synapse_hooks import RuntimeContext
from synapse_hooks.backends import Workspace
from synapse_hooks.steps import BaseStep, StepRegistry, StepResult

PAGE = Path(__file__).parents[3] / 'shared' / 'seed' / 'train-actions.md'
pytestmark = [
    pytest.mark.skipif(not PAGE.is_file(), reason='the public page is not beside this checkout; its text is not ours'),
    pytest.mark.usefixtures('elsewhere'),
]


def blocks() -> list[str]:
    text = PAGE.read_text(encoding='utf-8').replace('synapse_sdk.plugins', 'synapse_hooks')
    return re.findall(r'```python\n(.*?)```', text, flags=re.DOTALL)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A namespace with what the page takes for granted; a module, so that its classes have one."""
    module = ModuleType('seed_page')
    monkeypatch.setitem(sys.modules, 'seed_page', module)
    vars(module).update(registry=StepRegistry(), preprocess=lambda path: path)
    return vars(module)


def block(page: dict[str, Any], mark: str) -> None:
    found = [text for text in blocks() if mark in text]
    assert len(found) == 1, mark
    exec(compile(found[0], 'seed page', 'exec'), page)


def test_every_block_runs_in_the_order_of_the_page(page: dict[str, Any]) -> None:
    texts = blocks()
    assert len(texts) == 10
    for text in texts:
        exec(compile(text, 'seed page', 'exec'), page)
    assert page['registry'].names == ['export', 'convert']


def test_the_custom_pipeline_runs(page: dict[str, Any], tmp_path: Path) -> None:
    from tests.formats.format_kit import add_item, box

    for split in ('train', 'valid'):
        add_item(tmp_path / 'source' / split, split, {'bounding_box': [box(1, 2, 30, 40)]})
    workspace = Workspace(tmp_path / 'workspace')
    dataset = workspace.add_dataset(tmp_path / 'source', name='small')['id']

    block(page, "Synapse dataset ID')\n    splits: dict | None")
    block(page, 'class MyPreprocessStep')

    class MyTrainStep(BaseStep[Any]):
        name = 'train'

        def execute(self, context: Any) -> StepResult:
            config = Path(context.dataset['config_path'])
            weights = context.output_dir / 'best.pt'
            weights.write_text(config.name)
            context.model_path = str(weights)
            return StepResult(success=True)

    page['BaseTrainAction'] = __import__('synapse_hooks').BaseTrainAction
    page['MyCustomPreprocessStep'], page['MyTrainStep'] = page['MyPreprocessStep'], MyTrainStep
    block(page, 'class CustomTrainAction')
    ctx = RuntimeContext(client=workspace, run_dir=tmp_path / 'run')
    action = page['CustomTrainAction'](page['TrainParams'](dataset=dataset), ctx)
    action.run()
    published = tmp_path / 'run' / 'stages' / 'train' / 'best.pt'
    assert published.read_text() == 'dataset.yaml'


@pytest.fixture
def scenes(tmp_path: Path) -> tuple[Workspace, int, int]:
    """A workspace with a small dataset and an untrained model."""
    from synapse_hooks.demo import write_base_model, write_scenes

    workspace = Workspace(tmp_path / 'workspace')
    write_scenes(tmp_path / 'scenes', count=16, size=64)
    dataset = workspace.add_dataset(tmp_path / 'scenes', name='scenes')['id']
    model = workspace.create_model(write_base_model(tmp_path / 'base'), name='base', category='base')
    return workspace, dataset, int(model['id'])


@pytest.mark.e2e
def test_the_quick_start_trains(
    page: dict[str, Any], scenes: tuple[Workspace, int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ultralytics import YOLO

    workspace, dataset, model = scenes
    block(page, "return {'weights_path': './weights'}")
    # The page leaves two things to its reader: the import of YOLO, and that the weights are where it says.
    page['YOLO'] = YOLO
    page['__builtins__'] = __builtins__
    Path('weights').mkdir()
    Path('weights/best.pt').write_bytes(b'supplied')
    ctx = RuntimeContext(client=workspace, run_dir=tmp_path / 'run')
    params = {'dataset': dataset, 'checkpoint': model, 'epochs': 1}
    assert page['TrainAction'](params, ctx).run() == {'weights_path': './weights'}
    assert len(workspace.list_models()) == 2


@pytest.mark.e2e
def test_the_complete_example_trains_and_uploads(
    page: dict[str, Any], scenes: tuple[Workspace, int, int], tmp_path: Path
) -> None:
    from synapse_hooks.journal import metrics_table

    workspace, dataset, model = scenes
    block(page, 'class YOLOTrainAction')
    ctx = RuntimeContext(client=workspace, run_dir=tmp_path / 'run')
    params = {
        'dataset': dataset, 'checkpoint': model, 'hyperparameters': [{'epochs': 2, 'batch_size': 4, 'image_size': 64}],
    }  # fmt: skip
    result = page['YOLOTrainAction'](params, ctx).run()
    assert isinstance(result, page['TrainResult'])
    assert Path(result.weights_path).is_relative_to(tmp_path / 'run')
    uploaded = Path(workspace.list_models()[-1]['path'])
    assert (uploaded / 'best.pt').stat().st_size > 1_000_000
    steps = {key.step for key in metrics_table(tmp_path / 'run') if key.phase == 'train' and key.axis == 'epoch'}
    assert steps == {1, 2}
