"""DataFrames of runs and metrics, with whichever library is installed."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from synapse_hooks.errors import ConfigError
from synapse_hooks.runs import Run, Runs
from synapse_hooks.runs.dataframes import LIBRARIES, dataframe
from tests.runs.runs_kit import make_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs whose parameters have different types."""
    events = [{'phase': 'val', 'axis': 'epoch', 'step': step, 'values': {'loss': 1 / step}} for step in (1, 2)]
    make_run(tmp_path / 'a', params={'lr': 0.1, 'size': 3, 'names': ['x']}, status='succeeded', logged=events)
    make_run(tmp_path / 'b', params={'lr': 1, 'size': 'big', 'nested': {'deep': True}}, status='failed')
    return tmp_path


@pytest.mark.parametrize('library', LIBRARIES)
def test_runs_and_metrics_become_dataframes(library: str, folder: Path) -> None:
    if find_spec(library) is None:
        pytest.skip(f'{library} is not installed')
    frame = Runs(folder).to_dataframe(library)
    rows = {name: dict(zip(frame['name'], frame[name], strict=True)) for name in frame.columns}
    assert rows['status'] == {'a': 'succeeded', 'b': 'failed'}
    assert rows['params.lr'] == {'a': 0.1, 'b': 1.0}
    # A column holds one type: numbers beside text are text.
    assert rows['params.size'] == {'a': '3', 'b': 'big'}
    assert rows['params.names']['a'] == "['x']"
    assert rows['params.nested.deep']['b']
    metrics = Run(folder / 'a').metrics().to_dataframe(library)
    assert list(metrics['step']) == [1, 2]
    assert list(metrics['value']) == [1.0, 0.5]
    assert list(Run(folder / 'b').metrics().to_dataframe(library).columns) == list(metrics.columns)


def test_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'meta_path', [])
    monkeypatch.setattr(sys, 'path', [])
    for name in LIBRARIES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    sys.path_importer_cache.clear()
    with pytest.raises(ConfigError, match='needs pandas or polars, and neither is installed') as caught:
        dataframe({'a': [1]})
    assert caught.value.hint == 'pip install pandas'
    with pytest.raises(ConfigError, match='needs polars, which') as caught:
        dataframe({'a': [1]}, 'polars')
    assert caught.value.hint == 'pip install polars'
    with pytest.raises(ConfigError, match="library must be pandas or polars, got 'excel'"):
        dataframe({'a': [1]}, 'excel')
