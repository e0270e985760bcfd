"""The name of a run is that of its model in a workspace, and a note is kept with the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext
from synapse_hooks.backends import Workspace
from synapse_hooks.errors import ConfigError, RunError


class Train(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> dict[str, Any]:
        weights = self.context.output_dir / 'best.pt'
        weights.write_bytes(b'weights')
        return {'weights_path': str(weights)}


def action(tmp_path: Path, **fields: Any) -> Train:
    (tmp_path / 'data').mkdir(exist_ok=True)
    ctx = RuntimeContext(client=Workspace(tmp_path / 'workspace'), discover=False, project=tmp_path, **fields)
    return Train({'data_path': tmp_path / 'data'}, ctx)


def test_a_model_has_the_name_of_its_run(tmp_path: Path) -> None:
    named = action(tmp_path, run_name='street-v2', note=' a first try ')
    named.run()
    assert named.last_run is not None
    assert (named.last_run.model or {})['name'] == 'street-v2'
    assert named.last_run.note == 'a first try'
    unnamed = action(tmp_path)
    unnamed.run()
    assert unnamed.last_run is not None
    assert (unnamed.last_run.model or {})['name'] == 'model-2'
    assert unnamed.last_run.note == ''


def test_the_name_of_another_model_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / 'w.pt').write_bytes(b'other')
    Workspace(tmp_path / 'workspace').create_model(tmp_path / 'w.pt', name='taken')
    with pytest.raises(RunError, match="there is a model 'taken' already: id 1"):
        action(tmp_path, run_name='taken').run()
    assert not (tmp_path / 'workspace' / 'runs').exists()


@pytest.mark.parametrize('name', ['7', 'last', '..'])
def test_what_stands_for_another_run_is_not_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"a run cannot be called '{name}'"):
        action(tmp_path, run_name=name).run()


def test_a_note_has_a_limit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='at most 10,000 characters'):
        action(tmp_path, note='x' * 10_001).run()
