"""A project in the working directory, with an action and a launcher that searches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, RuntimeContext
from synapse_hooks.actions import search_params
from synapse_hooks.actions.target import load_action
from synapse_hooks.searches import SearchRequest
from tests.tuning.project_kit import ACTION, EXPORTER, LAUNCHER, PROJECT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, which is the working directory."""
    folder = tmp_path / 'project'
    folder.mkdir()
    files = {'launchers.py': LAUNCHER, 'exporter.py': EXPORTER, 'pyproject.toml': PROJECT, 'train.py': ACTION}
    for name, text in files.items():
        (folder / name).write_text(text, encoding='utf-8')
    (tmp_path / 'workspace').mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv('SYNAPSE_WORKSPACE', str(tmp_path / 'workspace'))
    return folder


FORM = {
    'dataset': 7,
    'is_tune': True,
    'hyperparameters': [{'name': 'lr', 'type': 'choice', 'options': [0.1, 0.3, 0.2]}],
    'tune_config': {'metric': 'score', 'mode': 'max', 'num_samples': 3},
}

Searches = Callable[..., BaseTrainAction[Any]]


@pytest.fixture
def searching(project: Path, tmp_path: Path) -> Searches:
    """Makes an action that searches: `searching({'epochs': 3}, models='all')`."""

    def searching(values: dict[str, Any] | None = None, /, **options: Any) -> BaseTrainAction[Any]:
        kind, target, _ = load_action(f'{project}/train.py:Train')
        form = {**FORM, **options.pop('form', {})}
        search, params = search_params(
            kind.params_model, form, values, config=options.pop('config', None), models=options.pop('models', 'best')
        )
        request = SearchRequest(search, options.pop('launcher', 'serial'))
        context = {'target': target, 'project': project, 'run_dir': tmp_path / 'search', **options}
        return kind(params, RuntimeContext(search=request, **context))

    return searching


@pytest.fixture
def calls(project: Path) -> Callable[[], list[str]]:
    """What the action was called for, in all processes; the list begins again."""

    def calls() -> list[str]:
        file = project / 'calls'
        lines = file.read_text(encoding='utf-8').splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    return calls
