"""What a report of 100,000 points costs: making the page, its size, and opening it in a browser."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from figures import MEMORY, Figure, main

from synapse_hooks.journal import Journal, RunDirectory
from synapse_hooks.report import RunContents, report_page

POINTS = 100_000
SHAPES = (2, 100)
"""How many metrics there are; each has as many steps."""
TURNS = 5
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
CLOCK = """<script>
addEventListener('load', () => {
  document.body.getBoundingClientRect();
  document.title = 'opened in ' + performance.now().toFixed(1);
});
</script>"""
"""Says when the page was loaded and laid out, counted from the beginning of the navigation."""


def measure() -> list[Figure]:
    """Synthetic runs; times are the least of some turns."""
    figures = []
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as root:
        for curves in SHAPES:
            folder = Path(root) / str(curves)
            run = _run(folder / 'run', curves)
            times = []
            for _ in range(TURNS):
                before = time.process_time()
                text = report_page([RunContents.of(run)])
                times.append(time.process_time() - before)
            ratio, what = min(times) / _parsed(run / 'events.jsonl'), f'{curves} curves, {POINTS:,} points'
            figures.append(
                Figure(f'report / parsing the journal once, {what}', ratio, 'x', None, f'{min(times):.2f} s')
            )
            figures.append(Figure(f'size of the page, {what}', len(text.encode()) / 1e6, 'MB', 5))
            if (opened := _opened(folder, text)) is not None:
                figures.append(Figure(f'opening the page, {what}', opened, 's', 0.5))
    return figures


def _run(path: Path, curves: int) -> Path:
    path.parent.mkdir()
    directory = RunDirectory.create(path, action='train')
    journal, chance, steps = Journal(path), random.Random(7), POINTS // curves
    for step in range(1, steps + 1):
        values = {f'loss{number}': 2 / step**0.3 + chance.random() / 5 for number in range(curves - 1)}
        values['lr'] = 0.01 * (1 - step / steps)
        journal.record('metrics', {'phase': 'train', 'axis': 'batch', 'step': step, 'values': values})
    journal.close()
    directory.update(status='succeeded')
    return path


def _parsed(journal: Path) -> float:
    before = time.process_time()
    for line in journal.read_bytes().splitlines():
        json.loads(line)
    return time.process_time() - before


def _opened(folder: Path, text: str) -> float | None:
    """Seconds from the navigation until the page is laid out, at its best; None without a browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return None
    page = folder / 'page.html'
    # Only for the clock: the page itself allows no scripts.
    page.write_text(re.sub('<meta http-equiv=[^>]*>', '', text).replace('</head>', f'{CLOCK}</head>'), encoding='utf-8')
    profile = f'--user-data-dir={folder / "profile"}'
    command = [browser, '--headless', '--no-sandbox', '--disable-gpu', profile]
    found = []
    for _ in range(TURNS):
        done = subprocess.run([*command, '--dump-dom', page.as_uri()], capture_output=True, text=True, timeout=60)
        match = re.search(r'<title>opened in ([\d.]+)', done.stdout)
        if match:
            found.append(float(match[1]) / 1000)
    return min(found, default=None)


if __name__ == '__main__':
    raise SystemExit(main(measure, __doc__))
