"""Signals while something is on its way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import ACTIONS
from tests.faults.backend import Backend
from tests.faults.conftest import Worlds
from tests.faults.matrix import ROOT
from tests.faults.world import CANARY
from tests.support.raw_server import Reply
from tests.support.waiting import until

cell = pytest.mark.cell


@cell(36)
@pytest.mark.parametrize(
    ('signals', 'code'),
    [([signal.SIGTERM], 143), ([signal.SIGHUP], 143), ([signal.SIGINT], 130), ([signal.SIGINT] * 2, 130)],
)
def test_an_export_that_is_interrupted_ends_at_once(
    worlds: Worlds, tmp_path: Path, signals: list[signal.Signals], code: int
) -> None:
    world = worlds(Backend(3))
    world.backend.answer_with('/f/1.png', Reply(silent=60), forever=True)
    project = tmp_path / 'project'
    project.mkdir()
    shutil.copy(ACTIONS, project / 'actions.py')
    words = ['train', 'actions.py:Count', '-p', 'dataset=7', '--host', world.api.host, '--run-dir', 'run']
    env = {**os.environ, 'PYTHONPATH': str(ROOT), 'SYNAPSE_ACCESS_TOKEN': CANARY}
    command = subprocess.Popen(
        [sys.executable, '-m', 'synapse_hooks.cli', *words],
        cwd=project,
        env={**env, 'SYNAPSE_HOOKS_CACHE': str(world.folder / 'cache')},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    until(lambda: world.backend.counts['/f/1.png'], command)
    for number in signals:
        command.send_signal(number)
        time.sleep(0.05)
    begun = time.monotonic()
    said = command.communicate(timeout=60)[0]
    # A second Ctrl-C ends it by the signal itself, for which shells say 130 too.
    assert command.returncode in ((code, -signal.SIGINT) if len(signals) > 1 else (code,)), said
    assert time.monotonic() - begun < 5
    assert CANARY not in said
    assert not (project / 'run' / 'stages' / 'export').exists()
    world.check_invariants(budget=20)
