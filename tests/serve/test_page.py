"""The page of the development server, in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.dev_server import TOKEN, DevServer

BROWSER = next((path for name in ('chromium', 'chromium-browser', 'google-chrome') if (path := shutil.which(name))), '')
QUIET = [
    *('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'),
    *('--disable-background-networking', '--disable-component-update', '--virtual-time-budget=4000', '--dump-dom'),
]
pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not BROWSER, reason='there is no Chromium here')]


def seen(server: DevServer, view: str, tmp_path: Path) -> str:
    """The text of a view, as the browser has it when its scripts have run."""
    url = f'{server.host}/#token={TOKEN}&view={view}'
    words = [BROWSER, *QUIET, f'--user-data-dir={tmp_path / "profile"}', url]
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=True)
    body = done.stdout.partition('<body>')[2].partition('<script>')[0]
    return re.sub(r'<[^>]+>', ' ', body)


def test_datasets_and_their_items(server: DevServer, tmp_path: Path) -> None:
    assert re.search(r'street\s+id 1, 5 items\s+train 3, valid 2', seen(server, 'datasets', tmp_path))
    items = seen(server, 'dataset/1/1', tmp_path)
    assert re.search(r'train\s+item 1\s+cat 1', items)
    assert re.search(r'validation\s+item 5\s+cat 1', items)


def test_a_job_with_curves_and_its_log(server: DevServer, tmp_path: Path) -> None:
    workspace = server.workspace
    workspace.update_job(
        1, status='RUNNING', progress_record={'current_progress': {'overall': 42.5, 'step': 'execute'}}
    )
    workspace.add_logs(
        1,
        [
            {
                'event': 'metric',
                'data': {'category': 'train', 'key': 'epoch', 'value': step, 'metrics': {'loss': 1 / step}},
                'datetime': '2026-01-01T10:00:00+00:00',
            }
            for step in (1, 2)
        ]
        + [
            {
                'event': 'message',
                'data': {'content': '<img src=x onerror=document.title=1>'},
                'datetime': '2026-01-01T10:00:01+00:00',
            }
        ],
    )
    text = seen(server, 'job/1', tmp_path)
    assert re.search(r'Job 1\s+RUNNING', text)
    assert '42.5 % execute' in text
    assert re.search(r'Metrics\s+loss', text)
    assert '10:00:01  &lt;img src=x' in text


def test_without_the_token_it_says_what_to_open(server: DevServer, tmp_path: Path) -> None:
    words = [BROWSER, *QUIET, f'--user-data-dir={tmp_path / "profile"}', f'{server.host}/']
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=True)
    assert 'open the address that the terminal printed' in done.stdout
