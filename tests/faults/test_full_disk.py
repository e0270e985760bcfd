"""A disk that is full."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.backend import Backend
from tests.faults.conftest import Worlds
from tests.faults.matrix import ROOT

cell = pytest.mark.cell


@pytest.fixture
def alone(tmp_path: Path) -> list[str]:
    """What to write before a command that mounts a disk of its own."""
    command = ['unshare', '-rm']
    folder = tmp_path / 'mounted'
    folder.mkdir()
    try:
        done = subprocess.run([*command, 'mount', '-t', 'tmpfs', 'none', folder], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip('there is no `unshare` here')
    if done.returncode:
        pytest.skip(f'no disk can be mounted here: {done.stderr.strip()}')
    return command


@cell(34, 39)
@pytest.mark.timeout(120)
def test_a_full_disk_stops_everything_and_harms_nothing(worlds: Worlds, alone: list[str], tmp_path: Path) -> None:
    world = worlds(Backend(4, large=17 << 16))
    command = [*alone, sys.executable, '-m', 'tests.faults.full_disk', str(world.folder), world.api.host]
    world.folder.mkdir()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report['clean'] == world.clean_digest()
    for kind, clean in (('export', report['clean']), ('convert', report['converted'])):
        assert len([one for one in report[kind] if one[1]]) > 3
        for size, error, left, digest in report[kind]:
            if error:
                assert error.startswith('DiskFull /'), f'I3: {kind} with {size} kB: {error}'
                assert left == [], f'I5: {kind} with {size} kB: {left}'
                assert digest == clean, f'I2: {kind} with {size} kB'
    world.check_secrets()
