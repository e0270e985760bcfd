"""The page of the development server, in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.journal import Journal, RunDirectory
from tests.support.dev_server import TOKEN, DevServer

BROWSER = next((path for name in ('chromium', 'chromium-browser', 'google-chrome') if (path := shutil.which(name))), '')
QUIET = [
    *('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'),
    *('--disable-background-networking', '--disable-component-update', '--virtual-time-budget=4000', '--dump-dom'),
]
pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not BROWSER, reason='there is no Chromium here')]


def seen(server: DevServer, view: str, tmp_path: Path) -> str:
    """The text of a view, as the browser has it when its scripts have run."""
    return re.sub(r'<[^>]+>', ' ', drawn(server, view, tmp_path))


def drawn(server: DevServer, view: str, tmp_path: Path) -> str:
    """A view, as the browser has it when its scripts have run."""
    url = f'{server.host}/#token={TOKEN}&view={view}'
    words = [BROWSER, *QUIET, f'--user-data-dir={tmp_path / "profile"}', url]
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=True)
    return done.stdout.partition('<body>')[2].partition('<script>')[0]


def test_datasets_and_their_items(server: DevServer, tmp_path: Path) -> None:
    assert re.search(r'street\s+id 1, 5 items\s+train 3, valid 2', seen(server, 'datasets', tmp_path))
    items = seen(server, 'dataset/1/1', tmp_path)
    assert re.search(r'train\s+item 1\s+cat\s', items)
    assert re.search(r'validation\s+item 5\s+cat\s', items)


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


def metric(step: int, loss: float, second: int) -> dict[str, Any]:
    data = {'category': 'train', 'key': 'epoch', 'value': step, 'metrics': {'loss': loss}}
    return {'event': 'metric', 'data': data, 'datetime': f'2026-01-01T10:00:{second:02}+00:00'}


@pytest.mark.parametrize('step', [0, 1])
def test_a_curve_is_that_of_the_last_run_with_or_without_steps(server: DevServer, tmp_path: Path, step: int) -> None:
    workspace = server.workspace
    workspace.add_logs(1, [metric(step * (place + 1), 9.0, place) for place in range(4)])
    workspace.update_job(1, status='RUNNING', meta={'run_dir': '/runs/last', 'started': '2026-01-01T10:00:10+00:00'})
    workspace.add_logs(1, [metric(step * (place + 1), 1 / 16384 / (place + 1), 10 + place) for place in range(3)])
    page = drawn(server, 'job/1', tmp_path)
    assert 'run /runs/last' in page
    [path] = re.findall(r' d="([^"]+)"', page)
    assert [float(x) for x in re.findall(r'[ML]([\d.]+) ', path)] == [52.0, 202.0, 352.0]
    # What stands beside it fits there.
    assert all(len(text) <= 7 for text in re.findall(r'<text[^>]*>([^<]*)<', page))


def test_ids_and_sizes_are_exact_and_the_model_of_a_job_is_named(server: DevServer, tmp_path: Path) -> None:
    workspace = server.workspace
    (tmp_path / 'best.pt').write_bytes(bytes(123_456))
    model = workspace.create_model(tmp_path / 'best.pt', name='night')
    workspace.update_job(1, status='SUCCEEDED', result={'model': {'id': model['id'], 'name': 'night'}})
    assert '123,456' in seen(server, 'models', tmp_path)
    assert re.search(r'It created\s+model 1\s+\(night\)', seen(server, 'job/1', tmp_path))
    workspace.update_job(1, status='RUNNING')
    assert 'It created' not in seen(server, 'job/1', tmp_path)


def test_runs_and_the_report_of_one(server: DevServer, tmp_path: Path) -> None:
    run = RunDirectory.create(server.workspace.root / 'runs' / 'night', action='train', params={'lr': 0.5})
    journal = Journal(run.path, run='night')
    for step in (1, 2):
        journal.record('metrics', {'phase': 'train', 'axis': 'epoch', 'step': step, 'values': {'loss<b>': 1 / step}})
    journal.close()
    run.update(status='succeeded', note='<img src=x onerror=document.title=1>')
    assert re.search(r'night\s+succeeded\s+train', seen(server, 'runs', tmp_path))
    page = drawn(server, 'run/night', tmp_path)
    assert '<path' in page
    assert 'loss&lt;b&gt;' in page
    assert '<img' not in page


def test_without_the_token_it_says_what_to_open(server: DevServer, tmp_path: Path) -> None:
    words = [BROWSER, *QUIET, f'--user-data-dir={tmp_path / "profile"}', f'{server.host}/']
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=True)
    assert 'open the URL that the terminal printed' in done.stdout
