"""The contract of sinks, offline: what is in the files of wandb."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip('wandb')
from synapse_hooks_wandb import WandbPlugin
from wandb_files import content

from synapse_hooks.testing import SinkConformance


class TestConformance(SinkConformance):
    """The contract of sinks."""

    @pytest.fixture(autouse=True)
    def _offline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv('WANDB_MODE', 'offline')

    def make_sink(self, folder: Path) -> object:
        """A new one."""
        return WandbPlugin()

    def received(self, folder: Path) -> Sequence[Sequence[tuple[str, int, float]]]:
        """The rows: all files of one id are one run."""
        found = content(folder)
        points = [
            (name, int(row['epoch']), float(value))
            for row in found['rows']
            for name, value in row.items()
            if not name.startswith('_') and name != 'epoch'
        ]
        return [points] if len(set(found['ids'])) == 1 else [[] for _ in found['ids']]
