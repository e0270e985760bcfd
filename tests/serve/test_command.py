"""The command `serve`."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from synapse_hooks.backends import Workspace


def started(shelf: Path, *words: str) -> tuple[subprocess.Popen[str], str]:
    """A server and what it printed."""
    command = [sys.executable, '-m', 'synapse_hooks.cli', 'serve', '--workspace', str(shelf), '--port', '0', *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = []
    while not lines or 'no dataset yet' not in lines[-1]:
        lines.append(process.stderr.readline())
        assert lines[-1], lines
    return process, ''.join(lines)


def ended(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def test_what_is_printed_is_enough_to_run_an_action(tmp_path: Path) -> None:
    process, said = started(tmp_path / 'shelf', '--token', 'kept-token')
    try:
        [(host, token)] = re.findall(r'SYNAPSE_HOST=(\S+) SYNAPSE_ACCESS_TOKEN=(\S+)', said)
        [job] = re.findall(r'--job (\d+)', said)
        assert token == 'kept-token'
        answer = httpx.get(f'{host}/jobs/{job}/', headers={'Synapse-Access-Token': f'Token {token}'})
        assert answer.json()['status'] == 'PENDING'
    finally:
        ended(process)


def test_a_job_that_nothing_has_run_is_offered_again(tmp_path: Path) -> None:
    workspace, offered = Workspace(tmp_path / 'shelf'), []
    for status in (None, 'SUCCEEDED', None):
        process, said = started(workspace.root)
        ended(process)
        offered += re.findall(r'--job (\d+)', said)
        if status:
            workspace.update_job(int(offered[-1]), status=status)
    assert offered == ['1', '1', '2']
