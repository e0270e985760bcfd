"""The contract of launchers, over Ray."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ray.conftest import Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(200)]

CONTRACT = """
from synapse_hooks.testing import LauncherConformance
from synapse_hooks_ray.launcher import Ray

class TestRay(LauncherConformance):
    def make_launcher(self, folder):
        return Ray()
"""


def test_it_passes_the_contract_of_launchers(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / 'test_contract.py').write_text(CONTRACT)
    words = '-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'test_contract.py'
    ended = cluster.at(tmp_path).run(cluster.environment.python, *words)
    assert ended.code == 0, ended
    assert '6 passed' in ended.out
