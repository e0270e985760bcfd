"""Work in forked children that may be killed: a process without threads that imports everything once.

    python -m tests.faults.child

Each line of stdin is a JSON object: `do` names a function below, `args` are its arguments, and `times` says how many
children do it at once. `kill_at` is an event of the file system; `unlocked` lets every lock succeed; `clock` moves the
time of day by seconds. For each of them a line of stdout is a list of `{status, events, answer, error, code}`.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from synapse_hooks.backends.synapse import Connection, SynapseClient
from synapse_hooks.backends.synapse.retry import RetryPolicy, Timeouts
from synapse_hooks.backends.synapse.select_transfer import best_transfer
from synapse_hooks.backends.synapse.upload import Upload
from synapse_hooks.cli.conversion import convert_into
from synapse_hooks.cli.error_report import exit_code
from synapse_hooks.plugins import build, load_settings
from synapse_hooks.storage import staging, sweep, tree_digest
from tests.faults.world import CANARY
from tests.support.killing import Killer


def client(host: str, folder: str, job: int | None = None) -> SynapseClient:
    """A client that gives up quickly."""
    return SynapseClient(
        Connection(host, access_token=CANARY),
        Path(folder, 'here'),
        cache=Path(folder, 'cache'),
        job=job,
        retry=RetryPolicy(attempts=3, first_delay=0.01),
        timeouts=Timeouts(connect=2.0, answer=5.0, min_rate_for=5.0),
    )


def export(host: str, folder: str, out: str, **options: Any) -> Any:
    """Export dataset 7 as a run does."""
    made = client(host, folder)
    sweep(Path(out).parent)
    with staging(Path(out)) as staged:
        return made.export_dataset(7, staged, **options)['digest']


def export_apart(host: str, folder: str) -> Any:
    """The same into a folder of its own, which several processes can do at once."""
    return export(host, folder, f'{folder}/out/{os.getpid()}')


def fetch(host: str, folder: str, out: str) -> Any:
    """Fetch model 1."""
    sweep(Path(out).parent)
    with staging(Path(out), replace=True) as staged:
        unpacked = staged / 'files'
        client(host, folder).fetch_model(1, unpacked)
    return tree_digest(Path(out))


def publish(host: str, folder: str, path: str) -> Any:
    """Upload a model."""
    return client(host, folder, job=1).create_model(Path(path), key='run-1:upload')['id']


def upload(host: str, folder: str, path: str, chunk: int) -> Any:
    """Upload a file in small chunks."""
    return Upload(client(host, folder).api, Path(path), 'key', Path(folder, 'journals'), chunk=chunk).send()


def converted(source: str, out: str) -> Any:
    """Convert a dataset to COCO."""
    plugins = build(load_settings())
    with staging(Path(out)) as staged:
        convert_into(staged, {'path': Path(source), 'format': 'dm'}, 'coco', plugins, Silent())  # type: ignore[arg-type]
    return tree_digest(Path(out))


class Silent:
    """A recorder that keeps nothing."""

    def record(self, type: str, payload: Any) -> None:
        """Keep nothing."""


def forked(host: str, folder: str, out: str) -> Any:
    """Fork with an open client, and let both use it."""
    made = client(host, folder)
    made.get_dataset(7)
    child = os.fork()
    if not child:
        with staging(Path(out, 'child')) as staged:
            made.export_dataset(7, staged)
        os._exit(0)
    with staging(Path(out, 'parent')) as staged:
        digest = made.export_dataset(7, staged)['digest']
    made.get_dataset(7)
    return [digest, os.waitpid(child, 0)[1]]


WORK = {work.__name__: work for work in (export, export_apart, fetch, publish, upload, converted, forked)}


def unlock() -> None:
    """Let every lock succeed, as some network file systems do."""
    fcntl.flock = fcntl.lockf = lambda *args: None  # type: ignore[assignment]
    connect = sqlite3.connect
    sqlite3.connect = lambda path, **options: connect(  # type: ignore[assignment]
        f'{Path(path).absolute().as_uri()}?vfs=unix-none', uri=True, **options
    )


def attempt(command: dict[str, Any], answer: int) -> None:
    """What a child does."""
    report: dict[str, Any] = {'answer': None, 'error': None, 'code': 0}
    warnings.simplefilter('ignore')
    if command.get('unlocked'):
        unlock()
    if skew := command.get('clock'):
        now = time.time
        time.time = lambda: now() + skew
    killer = Killer(command.get('kill_at'), torn='kill_at' in command)
    try:
        report['answer'] = WORK[command['do']](**command['args'])
    except BaseException as error:  # a forked child must never return into its parent's code
        report |= {'error': f'{type(error).__name__}: {error}', 'code': exit_code(error)}
    report['events'] = killer.count
    with open(answer, 'w') as file:
        file.write(json.dumps(report))


def begin(command: dict[str, Any]) -> tuple[int, int]:
    """Fork a child; returns its number and where its answer can be read."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        try:
            attempt(command, write)
        finally:
            os._exit(0)
    os.close(write)
    return child, read


def end(child: int, read: int) -> dict[str, Any]:
    """Wait for a child."""
    with open(read) as file:
        text = file.read()
    status = os.waitpid(child, 0)[1]
    return {
        'pid': child,
        'status': status,
        'answer': None,
        'error': None,
        'code': None,
        **(json.loads(text) if text else {}),
    }


def main() -> None:
    """Do what stdin says."""
    # What is imported on first use is imported now: a child would do it again and again.
    assert best_transfer
    import synapse_hooks.backends.synapse.curl_transfer
    import synapse_hooks.formats.coco  # noqa: F401

    for line in sys.stdin:
        command = json.loads(line)
        begun = [begin(command) for _ in range(command.get('times', 1))]
        print(json.dumps([end(*one) for one in begun]), flush=True)


if __name__ == '__main__':
    main()
