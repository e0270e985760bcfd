"""What exporting a whole dataset costs beside fetching its files, and what converting it adds.

The API answers from memory, and nginx serves the files, all on this machine and in memory where there is such a disk.
"""

from __future__ import annotations

import http.server
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from export import CHILD as FETCH
from export import make_files, served
from figures import MEMORY, ROOT, Figure, finish, parser

CONVERT_AIM = 1.15
"""The time of export and conversion together, divided by that of the export alone."""
PAGE = 100
BOX = {'classification': 'cat', 'attrs': [], 'data': [5, 5.25, 20, 20]}
SERVER = """
import sys
sys.path.insert(0, sys.argv[1])
from export_dataset import serve
serve(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
"""
EXPORT = """
import resource, sys
from pathlib import Path
from synapse_hooks.backends.synapse import Connection, SynapseClient

root = Path(sys.argv[1])
client = SynapseClient(Connection(sys.argv[2], access_token='token'), root, cache=root / 'cache')
(root / 'dm').mkdir()
client.export_dataset(1, root / 'dm')
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
CONVERT = """
import sys
from synapse_hooks.cli import main
sys.exit(main(['convert', sys.argv[1], sys.argv[2], '--to', 'yolo']))
"""
RUN = """
import sys
from pathlib import Path
from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext, hookimpl
from synapse_hooks.backends.synapse import Connection, SynapseClient

class Trains(BaseTrainAction[BaseTrainParams]):
    target_format = None if sys.argv[3] == 'not' else 'yolo'

    def execute(self, data_path, checkpoint):
        return {}

class Observer:
    @hookimpl
    def step_finished(self, step):
        pass

root = Path(sys.argv[1])
client = SynapseClient(Connection(sys.argv[2], access_token='token'), root, cache=root / 'cache')
# With another plugin, the dataset is converted after the export.
plugins = (Observer(),) if sys.argv[3] == 'after' else ()
ctx = RuntimeContext(client=client, run_dir=root / 'run', discover=False, keep_conversions=False, plugins=plugins)
Trains({'dataset': 1}, ctx).run()
"""
RATE = 2_000
"""Items a second that a slow API sends: what 40 MB a second are, of images of 20 kB."""


def measure(rounds: int, count: int) -> list[Figure]:
    """Fetching, exporting and converting, in turn.

    Args:
        rounds: How often.
        count: Items, each a file of 20 kB and five boxes.
    """
    names = ('fetch', 'export', 'convert', 'not', 'during', 'after')
    times: dict[str, list[float]] = {name: [] for name in names}
    peak = 0
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        root = Path(folder)
        root.chmod(0o755)
        make_files(root / 'www', count, 20_000, head=_an_image())
        with served(root) as files, api(count, files) as host:
            for _ in range(rounds):
                out = root / 'out'
                seconds, _ = timed(FETCH, out / 'only', files, count)
                times['fetch'].append(seconds)
                seconds, printed = timed(EXPORT, out, host)
                times['export'].append(seconds)
                peak = max(peak, int(printed))
                times['convert'].append(timed(CONVERT, out / 'dm', out / 'yolo')[0])
                shutil.rmtree(out)
        with served(root) as files, api(count, files, RATE) as host:
            for _ in range(rounds):
                for when in ('not', 'during', 'after'):
                    times[when].append(timed(RUN, root / 'out', host, when)[0])
                    shutil.rmtree(root / 'out')
    fetch, export, convert, alone, during, after = (statistics.median(times[name]) for name in names)
    return [
        Figure('export / fetching its files', export / fetch, 'x'),
        Figure('export and conversion / export', (export + convert) / export, 'x'),
        Figure(
            f'a run that converts / one that only exports, at {RATE:,} items a second', during / alone, 'x', CONVERT_AIM
        ),
        Figure('  the same with conversion after the export', after / alone, 'x'),
        Figure('  fetch', fetch, 's'),
        Figure('  export', export, 's', note=f'{count / export:,.0f} items a second'),
        Figure('  convert', convert, 's'),
        Figure('  peak memory of the export', peak, 'MB', 80),
    ]


def timed(code: str, out: Path, *words: object) -> tuple[float, str]:
    """Seconds of a process, and what it printed last."""
    (out.parent if code == CONVERT else out).mkdir(parents=True, exist_ok=True)
    env, start = {**os.environ, 'PYTHONPATH': str(ROOT)}, time.perf_counter()
    command = [sys.executable, '-c', code, str(out), *map(str, words)]
    output = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    return time.perf_counter() - start, output.split()[-1] if output else ''


@contextmanager
def api(count: int, files: str, rate: int = 0) -> Iterator[str]:
    """A process that answers as the API does, while the block runs; yields its address.

    Args:
        count: How many items there are.
        files: The address of the server of files.
        rate: Items a second; 0 is as many as it can.
    """
    words = [sys.executable, '-c', SERVER, str(Path(__file__).parent), str(count), files, str(rate)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def serve(count: int, files: str, rate: int) -> None:
    """Serve until the process is killed."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            response: dict[str, Any] = {'id': 1, 'is_archived': False}
            if 'events' in parts.path:
                time.sleep(PAGE / rate if rate else 0)
                query = {name: found[-1] for name, found in parse_qs(parts.query).items()}
                page = int(query.get('page', 1))
                more = urlencode({**query, 'page': page + 1})
                following = f'http://{self.headers["Host"]}{parts.path}?{more}' if page * PAGE < count else None
                rows = range((page - 1) * PAGE, min(count, page * PAGE))
                response = {'count': count, 'next': following, 'results': [event(number, files) for number in rows]}
            body = json.dumps(response).encode()
            self.send_response(200)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    print(f'http://127.0.0.1:{server.server_address[1]}', flush=True)
    server.serve_forever()


def event(number: int, files: str) -> dict[str, Any]:
    """An item as the API sends it."""
    return {
        'id': number,
        'category': 'train' if number % 10 else 'validation',
        'files': {'image_1': {'url': f'{files}/{number}.jpg', 'is_primary': True}},
        'data': {'images': [{'bounding_box': [{'id': f'b{n}', **BOX} for n in range(5)]}]},
    }


def _an_image() -> bytes:
    import io

    from PIL import Image

    made = io.BytesIO()
    Image.new('RGB', (320, 240)).save(made, 'JPEG')
    return made.getvalue()


def run() -> int:
    """As a script: `--rounds N`, `--count N` items."""
    made = parser(__doc__)
    made.add_argument('--rounds', type=int, default=3)
    made.add_argument('--count', type=int, default=20_000)
    options = made.parse_args()
    if shutil.which('nginx') is None:
        print('export_dataset: left out, nginx is not installed', file=sys.stderr)
        return finish([], as_json=options.json)
    return finish(measure(options.rounds, options.count), as_json=options.json)


if __name__ == '__main__':
    sys.exit(run())
