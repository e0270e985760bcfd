"""The contract of sinks, over MLflow's own database store: no server is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip('mlflow')
pytest.importorskip('sqlalchemy')
from mlflow import MlflowClient
from synapse_hooks_mlflow import MlflowPlugin

from synapse_hooks.testing import SinkConformance


class TestConformance(SinkConformance):
    """The contract of sinks."""

    @pytest.fixture(autouse=True)
    def _store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv('MLFLOW_TRACKING_URI', f'sqlite:///{tmp_path}/mlflow.db')
        monkeypatch.setenv('MLFLOW_DISABLE_TELEMETRY', 'true')
        monkeypatch.chdir(tmp_path)

    def make_sink(self, folder: Path) -> object:
        """A new one."""
        return MlflowPlugin()

    def received(self, folder: Path) -> Sequence[Sequence[tuple[str, int, float]]]:
        """What the client reads back."""
        client = MlflowClient()
        runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
        return [
            [
                (key, point.step, point.value)
                for key in run.data.metrics
                for point in client.get_metric_history(run.info.run_id, key)
            ]
            for run in runs
        ]
