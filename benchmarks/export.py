"""What fetching a dataset from a file server costs, beside programs that only fetch.

The files are served by nginx on this machine. Ours arrive hashed, in the store, under their content's name; those of
aria2c and curl arrive as they are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from figures import MEMORY, ROOT, Figure, finish, in_turns, parser

WORKS = {'20,000 x 20 kB': (20_000, 20_000), '2,000 x 1 MB': (2_000, 1_000_000)}
AIM = 0.5
"""Times aria2c's time."""
CURL_AIM = 1.6
"""Times curl's time, for small files."""
CONF = """
worker_processes 1; daemon on; pid {root}/nginx.pid; error_log {root}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; default_type image/jpeg;
  client_body_temp_path {root}/b; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u;
  scgi_temp_path {root}/s;
  server {{ listen 127.0.0.1:{port}; root {root}/www; }}
}}
"""
CHILD = """
import resource, sys
from pathlib import Path
from synapse_hooks.backends.synapse.cache import Cache
from synapse_hooks.backends.synapse.fetching import Fetcher
from synapse_hooks.backends.synapse.download import FileRequest
from synapse_hooks.backends.synapse.select_transfer import best_transfer
from synapse_hooks.backends.synapse.retry import TIMEOUTS
from synapse_hooks.backends.synapse.transfer import AddressPolicy

out, host, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
pages = iter(range(0, count, 100))

def more():
    start = next(pages, None)
    if start is None:
        return None
    return [FileRequest(str(n), f'{host}/{n}.jpg', image=True) for n in range(start, min(count, start + 100))]

transfer = best_transfer(TIMEOUTS, AddressPolicy(private=True))
fetcher = Fetcher(Cache(Path(out)), transfer)
assert sum(fetched is not None for fetched in fetcher.fetch(more, lambda request: None)) == count
transfer.close()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
BARE = """
import hashlib, os, sys
import pycurl

out, host, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
multi, idle, chunks, begun, ended = pycurl.CurlMulti(), [], {}, 0, 0
for _ in range(16):
    handle = pycurl.Curl()
    chunks[handle] = []
    handle.setopt(pycurl.BUFFERSIZE, 512 << 10)
    handle.setopt(pycurl.WRITEFUNCTION, chunks[handle].append)
    idle.append(handle)
while ended < count:
    while idle and begun < count:
        handle = idle.pop()
        handle.setopt(pycurl.URL, f'{host}/{begun}.jpg')
        multi.add_handle(handle)
        begun += 1
    multi.perform()
    _, done, failed = multi.info_read()
    assert not failed
    for handle in done:
        multi.remove_handle(handle)
        content = b''.join(chunks[handle])
        chunks[handle].clear()
        name = hashlib.sha256(content).hexdigest()
        file = os.open(f'{out}/.{name}', os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(file, content)
        os.close(file)
        os.rename(f'{out}/.{name}', f'{out}/{name}')
        idle.append(handle)
        ended += 1
    if not done:
        multi.select(0.1)
"""
"""The least that Python can do with libcurl: nothing is checked, tried again, or remembered."""


def measure(rounds: int, share: float = 1.0) -> list[Figure]:
    """Every work, each program in turn.

    Args:
        rounds: How often each.
        share: Of the number of files.
    """
    figures = []
    for work, (count, size) in WORKS.items():
        count = max(10, int(count * share))
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            root = Path(folder)
            # Of root's nginx, the workers are somebody else.
            root.chmod(0o755)
            make_files(root / 'www', count, size)
            with served(root) as host:
                figures += compared(root, host, work, count, rounds, aims=share == 1.0)
    return figures


def compared(root: Path, host: str, work: str, count: int, rounds: int, *, aims: bool) -> list[Figure]:
    """The figures of one work."""
    peak, out = 0, root / 'out'

    def ours() -> None:
        nonlocal peak
        env = {**os.environ, 'PYTHONPATH': str(ROOT)}
        words = [sys.executable, '-c', CHILD, str(out), host, str(count)]
        peak = int(subprocess.run(words, env=env, check=True, capture_output=True, text=True).stdout)

    def aria2c() -> None:
        lines = ''.join(f'{host}/{n}.jpg\n out={n}.jpg\n' for n in range(count))
        (root / 'list').write_text(lines)
        subprocess.run(['aria2c', '-q', '-j16', '-d', str(out), '-i', str(root / 'list')], check=True)

    def curl() -> None:
        url = f'{host}/[0-{count - 1}].jpg'
        words = ['curl', '-s', '--no-progress-meter', '--parallel', '--parallel-max', '16', '-o', f'{out}/#1.jpg', url]
        subprocess.run(words, check=True, stderr=subprocess.DEVNULL)

    def bare() -> None:
        subprocess.run([sys.executable, '-c', BARE, str(out), host, str(count)], check=True)

    def empty() -> None:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()

    programs = {'ours': ours, 'aria2c': aria2c, 'curl': curl, 'a bare loop': bare}
    found = in_turns(programs, rounds, empty)
    wall = {name: took for name, (took, _) in found.items()}
    small = count > 5_000
    return [
        Figure(f'export, {work} / aria2c', wall['ours'] / wall['aria2c'], 'x', AIM if aims else None),
        Figure(f'export, {work} / curl', wall['ours'] / wall['curl'], 'x', CURL_AIM if aims and small else None),
        Figure(f'  a bare loop of pycurl, {work} / aria2c', wall['a bare loop'] / wall['aria2c'], 'x'),
        *(
            Figure(f'  {name}', wall[name], 's', note=f'{busy:.2f} s of processor time')
            for name, (_, busy) in found.items()
        ),
        Figure(f'  peak memory, {work}', peak, 'MB', 80 if aims else None),
    ]


def make_files(folder: Path, count: int, size: int, head: bytes = b'') -> None:
    """Files of `size` bytes that begin alike and end differently."""
    folder.mkdir()
    start = head + os.urandom(size - 4 - len(head))
    for number in range(count):
        (folder / f'{number}.jpg').write_bytes(start + number.to_bytes(4, 'big'))


@contextmanager
def served(root: Path) -> Iterator[str]:
    """nginx on the folder `www`, while the block runs; yields the address."""
    port = 8000 + os.getpid() % 20_000
    (root / 'nginx.conf').write_text(CONF.format(root=root, port=port))
    words = ['nginx', '-c', str(root / 'nginx.conf'), '-p', str(root)]
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
    try:
        yield f'http://127.0.0.1:{port}'
    finally:
        subprocess.run([*words, '-s', 'quit'], check=True, stderr=subprocess.DEVNULL)


def run() -> int:
    """As a script: `--rounds N`, `--share X` of the files."""
    made = parser(__doc__)
    made.add_argument('--rounds', type=int, default=3)
    made.add_argument('--share', type=float, default=1.0)
    options = made.parse_args()
    if missing := [name for name in ('nginx', 'aria2c', 'curl') if shutil.which(name) is None]:
        print(f'export: left out, {", ".join(missing)} is not installed', file=sys.stderr)
        return finish([], as_json=options.json)
    return finish(measure(options.rounds, options.share), as_json=options.json)


if __name__ == '__main__':
    sys.exit(run())
