"""What uploading a large file in chunks costs, beside `curl -T` and beside hashing the file.

The server is on this machine, and throws away what it gets. The protocol wants the MD5 of the whole file, which curl
does not take. All of them read the file from a disk in memory, where there is one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from figures import MEMORY, ROOT, Figure, finish, in_turns, parser

CURL_AIM = 4.0
"""The time of the upload, divided by curl's."""
MD5_AIM = 1.0 / 0.9
"""The time of the upload, divided by that of the MD5 alone."""
HASH = """
import hashlib, sys, time
start = time.perf_counter()
with open(sys.argv[1], 'rb', buffering=0) as file:
    hashlib.file_digest(file, 'md5')
print(time.perf_counter() - start)
"""
CHILD = """
import resource, sys, time
from pathlib import Path
from synapse_hooks.backends.synapse import Connection, SynapseClient
from synapse_hooks.backends.synapse.upload import Upload

client = SynapseClient(Connection(sys.argv[2], access_token='token'), Path(sys.argv[3]), cache=Path(sys.argv[3]))
start = time.perf_counter()
Upload(client.api, Path(sys.argv[1]), 'model', Path(sys.argv[3])).send()
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
SINK = """
import sys
sys.path.insert(0, sys.argv[1])
from upload import drain
drain()
"""


def measure(rounds: int, size: int) -> list[Figure]:
    """Each program in turn.

    Args:
        rounds: How often.
        size: Bytes of the file.
    """
    peak = 0
    without_start: dict[str, list[float]] = {'ours': [], 'MD5 alone': []}
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder, sink() as host:
        file, journals = Path(folder, 'model.pt'), Path(folder, 'journals')
        write(file, size)

        def ours() -> None:
            nonlocal peak
            env = {**os.environ, 'PYTHONPATH': str(ROOT)}
            words = [sys.executable, '-c', CHILD, str(file), host, str(journals)]
            seconds, memory = subprocess.run(words, env=env, check=True, capture_output=True, text=True).stdout.split()
            without_start['ours'].append(float(seconds))
            peak = max(peak, int(memory))

        def curl() -> None:
            subprocess.run(['curl', '-s', '-T', str(file), '-o', os.devnull, f'{host}/file'], check=True)

        def md5() -> None:
            words = [sys.executable, '-c', HASH, str(file)]
            seconds = subprocess.run(words, check=True, capture_output=True, text=True).stdout
            without_start['MD5 alone'].append(float(seconds))

        programs = {'ours': ours, 'curl -T': curl, 'MD5 alone': md5}
        # A journal that is there would say that all is sent.
        found = in_turns(programs, rounds, lambda: shutil.rmtree(journals, ignore_errors=True))
    wall = {name: took for name, (took, _) in found.items()}
    sending, hashing = (statistics.median(seconds) for seconds in without_start.values())
    return [
        Figure('upload / curl -T', wall['ours'] / wall['curl -T'], 'x', CURL_AIM),
        Figure('upload / MD5 alone, both without start-up', sending / hashing, 'x', MD5_AIM),
        *(
            Figure(
                f'  {name}',
                took,
                's',
                note=f'{size / took / 1e6:,.0f} MB/s, {busy:.2f} s of processor time',
            )
            for name, (took, busy) in found.items()
        ),
        Figure('  peak memory', peak, 'MB', 80),
    ]


def write(file: Path, size: int) -> None:
    """A file of random bytes."""
    block = os.urandom(1 << 24)
    with file.open('wb') as opened:
        for start in range(0, size, len(block)):
            opened.write(block[: size - start])


@contextmanager
def sink() -> Iterator[str]:
    """A process that answers as the backend does and keeps nothing, while the block runs; yields its address."""
    words = [sys.executable, '-c', SINK, str(Path(__file__).parent)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def drain() -> None:
    """Serve until the process is killed."""
    server = socket.create_server(('127.0.0.1', 0))
    host = f'http://127.0.0.1:{server.getsockname()[1]}'
    print(host, flush=True)
    while True:
        threading.Thread(target=answer, args=(server.accept()[0], host), daemon=True).start()


def answer(connection: socket.socket, host: str) -> None:
    """Answer the requests of one connection."""
    buffer, ahead = memoryview(bytearray(1 << 20)), b''
    with connection:
        while True:
            while b'\r\n\r\n' not in ahead:
                if not (data := connection.recv(1 << 16)):
                    return
                ahead += data
            head, _, ahead = ahead.partition(b'\r\n\r\n')
            length = re.search(rb'content-length: *(\d+)', head, re.IGNORECASE)
            left = int(length[1]) if length else 0
            if b'100-continue' in head:
                connection.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
            ahead, left = ahead[left:], left - min(left, len(ahead))
            while left:
                left -= connection.recv_into(buffer[: min(left, len(buffer))])
            range_ = re.search(rb'content-range: bytes \d+-(\d+)', head, re.IGNORECASE)
            response = {'id': 1, 'url': f'{host}/chunked_upload/1/', 'offset': int(range_[1]) + 1 if range_ else 0}
            body = json.dumps(response).encode()
            fields = f'Content-Type: application/json\r\nContent-Length: {len(body)}'
            connection.sendall(f'HTTP/1.1 200 OK\r\n{fields}\r\n\r\n'.encode() + body)


def run() -> int:
    """As a script: `--rounds N`, `--size BYTES`."""
    made = parser(__doc__)
    made.add_argument('--rounds', type=int, default=3)
    made.add_argument('--size', type=int, default=1_000_000_000)
    options = made.parse_args()
    if shutil.which('curl') is None:
        print('upload: left out, curl is not installed', file=sys.stderr)
        return finish([], as_json=options.json)
    return finish(measure(options.rounds, options.size), as_json=options.json)


if __name__ == '__main__':
    sys.exit(run())
