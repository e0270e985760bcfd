"""One driver that follows many launched runs: a simulation with stubs in the place of the workers.

Each run has a thread in the driver, as launched runs have. It asks a stub every half a second, which answers after that
time with pickled lines of a journal, as an actor would; the driver appends them to the run's journal. Nothing goes
through a network: what a cluster adds to a call is measured apart (`--ray ADDRESS`), with a real actor.
"""

from __future__ import annotations

import json
import pickle
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from figures import MEMORY, Figure, finish, parser

from synapse_hooks.journal import Journal
from synapse_hooks.journal.follow import Follower

ACTORS = (100, 300, 1_000)
POLL = 0.5
"""Seconds that a worker waits before it answers that there is nothing new."""
LINES = (1, 10, 100)
"""Lines in an answer."""
SECONDS = 6.0
CALLS = 1_000


@dataclass(frozen=True)
class Report:
    """An answer of a worker."""

    lines: tuple[str, ...]
    journal: Mapping[str, bytes]


class Stub:
    """A worker whose run records so many events in every answer."""

    def __init__(self, lines: list[bytes], stop: threading.Event) -> None:
        self._answer = pickle.dumps(Report((), {'events.jsonl': b''.join(lines)}))
        self._stop = stop

    def report(self) -> Report | None:
        """What is new, after a while; None at the end."""
        if self._stop.wait(POLL):
            return None
        report: Report = pickle.loads(self._answer)
        return report


def driver(actors: int, per_answer: int, seconds: float) -> dict[str, float]:
    """Follow so many runs for so many seconds: the share of a core, answers a second, and bytes of memory."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        lines, stop, answers = journal_lines(Path(folder) / 'sample', per_answer), threading.Event(), count()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        def follow(run_dir: Path) -> None:
            stub = Stub(lines, stop)
            while (report := stub.report()) is not None:
                for name, data in report.journal.items():
                    with (run_dir / name).open('ab') as file:
                        file.write(data)
                next(answers)

        threads = []
        for number in range(actors):
            run_dir = Path(folder, f'{number}')
            run_dir.mkdir()
            threads.append(threading.Thread(target=follow, args=(run_dir,), daemon=True))
        for thread in threads:
            thread.start()
            # They would all ask at the same moment.
            time.sleep(POLL / actors)
        done, busy, began = next(answers), time.process_time(), time.perf_counter()
        time.sleep(seconds)
        done, busy, took = next(answers) - done - 1, time.process_time() - busy, time.perf_counter() - began
        stop.set()
        for thread in threads:
            thread.join()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {'busy': busy / took, 'answers': done / took, 'memory': grown * 1024.0}


def journal_lines(folder: Path, number: int) -> list[bytes]:
    """Events of an epoch."""
    journal = Journal(folder)
    values = {f'metrics/value{place}': 1 / (place + 3) for place in range(8)}
    for step in range(number):
        journal.record('metrics', {'phase': 'train', 'axis': 'epoch', 'step': step, 'values': values})
    journal.close()
    return journal.path.read_bytes().splitlines(keepends=True)


def looking() -> float:
    """Seconds of a look at the journal of a run on a shared disk in which there is nothing new."""
    with tempfile.TemporaryDirectory() as folder:
        journal_lines(Path(folder), 100)
        follower = Follower(Path(folder), ['metrics'])
        follower.read()
        began = time.process_time()
        for _ in range(CALLS):
            follower.read()
        return (time.process_time() - began) / CALLS


def calls_of_ray(address: str) -> float:
    """Processor seconds of the driver for a call of an actor that answers at once."""
    import ray

    ray.init(address=address, include_dashboard=False, object_store_memory=100 << 20, num_cpus=1, log_to_driver=False)
    try:

        @ray.remote(num_cpus=1)
        class Actor:
            def report(self) -> Report:
                return Report((), {'events.jsonl': b'x' * 300})

        actor = Actor.remote()
        for _ in range(100):
            ray.get(actor.report.remote())
        usage = resource.getrusage(resource.RUSAGE_SELF)
        began = usage.ru_utime + usage.ru_stime
        for _ in range(CALLS):
            ray.get(actor.report.remote())
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return (usage.ru_utime + usage.ru_stime - began) / CALLS
    finally:
        ray.shutdown()


def measure(address: str | None) -> list[Figure]:
    """Every number of actors with one line in an answer, and the most of them with more lines."""
    figures = []
    for actors, lines in (*((actors, LINES[0]) for actors in ACTORS), *((ACTORS[-1], lines) for lines in LINES[1:])):
        command = [sys.executable, __file__, '--one', f'{actors}', f'{lines}']
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        answers, memory = found['answers'], found['memory'] / actors / 1e3
        note = f'{answers:,.0f} of {actors / POLL:,.0f} answers a second, {memory:.0f} kB a run'
        figures.append(
            Figure(f'a driver of {actors:,} runs, {lines} lines an answer', 100 * found['busy'], '%', None, note)
        )
        figures.append(Figure('  an answer', 1e6 * found['busy'] / answers, 'us'))
    figures.append(Figure('a look at a run on a shared disk, nothing new', 1e6 * looking(), 'us'))
    if address:
        figures.append(Figure('a call of an actor of Ray, in the driver', 1e6 * calls_of_ray(address), 'us'))
    return figures


def main() -> int:
    """Print the figures."""
    made = parser(__doc__)
    made.add_argument('--ray', metavar='ADDRESS', help='`local`, or that of a cluster: measure a call of its actors')
    made.add_argument('--one', nargs=2, type=int, metavar=('ACTORS', 'LINES'), help='one driver, as JSON')
    made.add_argument('--seconds', type=float, default=SECONDS, help='how long, with --one')
    options = made.parse_args()
    if options.one:
        actors, lines = options.one
        print(json.dumps(driver(actors, lines, options.seconds)))
        return 0
    return finish(measure(options.ray), as_json=options.json)


if __name__ == '__main__':
    sys.exit(main())
