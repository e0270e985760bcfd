"""Fetching many files: what is here is taken from the cache, the rest comes over the network, each until it is whole.

One thread moves the bytes, so that Ctrl-C ends it at once; others hash and write what is large.
"""

from __future__ import annotations

import heapq
import itertools
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin

from synapse_hooks.backends.synapse.cache import Cache
from synapse_hooks.backends.synapse.receiving import Failure, Reception, Wanted
from synapse_hooks.backends.synapse.transfer import Transfer
from synapse_hooks.errors import AccessDenied, BackendError, BackendUnavailable, RecordNotFound
from synapse_hooks.storage.blobs import Blob
from synapse_hooks.storage.disk import disk_errors

MOST_MOVES: Final = 3


@dataclass(frozen=True, slots=True)
class Insistence:
    """How long a file is tried again.

    Args:
        tries: How often, at most, without getting further than ever before.
        restarts: How often from the first byte.
        first: Seconds to wait after the first failure; they double.
        longest: Seconds to wait at once, at most; a server that asks for more is not waited for.
        deadline: Seconds for one file in all.
        fresh: Seconds for which a new address must work; a file server that refuses it is not asked again.
    """

    tries: int = 6
    restarts: int = 2
    first: float = 0.5
    longest: float = 60.0
    deadline: float = 3600.0
    fresh: float = 30.0


INSISTENCE: Final = Insistence()
"""The usual one."""


class Width:
    """How many files may be on their way at once: more while all is well, half when the server is busy.

    Args:
        most: The most at once.
    """

    def __init__(self, most: int = 32) -> None:
        self.most = most
        self._now = min(16.0, float(most))

    def __call__(self) -> int:
        return max(1, int(self._now))

    def went_well(self) -> None:
        """A file came."""
        self._now = min(float(self.most), self._now + 1 / self._now)

    def is_busy(self) -> None:
        """The server has too much to do."""
        self._now = max(1.0, self._now / 2)


@dataclass
class Fetched:
    """A file that is here."""

    wanted: Wanted
    blob: Blob
    received: int
    """Bytes that came over the network for it; 0 where it was here."""


@dataclass
class _Job:
    wanted: Wanted
    until: float
    stalled: int = 0
    restarts: int = 0
    got: int = 0
    reached: int = 0
    failures: list[str] = field(default_factory=list)


class Fetcher:
    """Fetches files.

    Args:
        cache: Where they are kept.
        transfer: Moves the bytes.
        refresh: Asks the backend for a file's address anew; None where there is none.
        insistence: How long a file is tried again.
        width: How many may be on their way at once.
    """

    def __init__(
        self,
        cache: Cache,
        transfer: Transfer,
        refresh: Callable[[Wanted], str | None],
        *,
        insistence: Insistence = INSISTENCE,
        width: Width | None = None,
    ) -> None:
        self.cache = cache
        self.transfer = transfer
        self.refresh = refresh
        self.insistence = insistence
        self.width = width or Width()
        self._ready: deque[_Job] = deque()
        self._later: list[tuple[float, int, _Job]] = []
        self._order = itertools.count()
        self._jobs: dict[str, _Job] = {}
        self._fresh: dict[str, Blob] = {}
        self._finishing: deque[tuple[Reception, Future[Blob]]] = deque()
        self._pool: ThreadPoolExecutor
        self._flushed = time.monotonic()

    def fetch(self, more: Callable[[], list[Wanted] | None]) -> Iterator[Fetched | None]:
        """Fetch files.

        Args:
            more: Asked for files while there is room: some, none for now, or None when there are no more.

        Yields:
            Each file when it is here, in no particular order; None from time to time, while nothing is.

        Raises:
            BackendError: A file cannot be had; it is named by its key. `AccessDenied`, `RecordNotFound` and
                `BackendUnavailable` say why.
            DiskFull: No space.
        """
        with disk_errors(self.cache.root):
            yield from self._fetch(more)

    def _fetch(self, more: Callable[[], list[Wanted] | None]) -> Iterator[Fetched | None]:
        exhausted = False
        running = self.transfer.run(self._next, self.width)
        self._pool = ThreadPoolExecutor(_THREADS, 'write')
        try:
            while True:
                while not exhausted and len(self._ready) < 2 * self.width():
                    files = more()
                    if files is None:
                        exhausted = True
                    elif files:
                        yield from self._take(files)
                    else:
                        break
                if exhausted and not self._jobs:
                    return
                reception = next(running)
                if reception is not None:
                    yield self._end(reception)
                while self._finishing and (self._finishing[0][1].done() or len(self._finishing) > 2 * _THREADS):
                    written, future = self._finishing.popleft()
                    yield self._finished(written, future.result)
                if reception is None:
                    yield None
                    if len(self._jobs) == len(self._later) + len(self._finishing):
                        # Nothing is on its way, and nothing can begin now.
                        time.sleep(_IDLE)
        finally:
            self._pool.shutdown(cancel_futures=True)
            self._flush()

    # -- files -------------------------------------------------------------------------------------------------------

    def _take(self, files: list[Wanted]) -> Iterator[Fetched]:
        here = self.cache.find(wanted.key for wanted in files)
        for wanted in files:
            blob = here.get(wanted.key)
            if blob is not None and wanted.sha256 in (None, blob.sha256) and wanted.size in (None, blob.size):
                yield Fetched(wanted, blob, 0)
            else:
                job = _Job(wanted, time.monotonic() + self.insistence.deadline)
                self._jobs[wanted.key] = job
                self._ready.append(job)

    def _next(self) -> Reception | None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            self._ready.append(heapq.heappop(self._later)[2])
        if not self._ready:
            return None
        return Reception(self._ready.popleft().wanted, self.cache.blobs, self.cache.parts)

    def _end(self, reception: Reception) -> Fetched | None:
        self._jobs[reception.wanted.key].got += reception.received
        if reception.failure is not None:
            self._failed(reception, reception.failure)
            return None
        if reception.is_heavy:
            self._finishing.append((reception, self._pool.submit(reception.finish)))
            return None
        return self._finished(reception, reception.finish)

    def _finished(self, reception: Reception, finish: Callable[[], Blob]) -> Fetched | None:
        try:
            blob = finish()
        except Failure as failure:
            self._failed(reception, failure)
            return None
        job = self._jobs.pop(reception.wanted.key)
        self.width.went_well()
        self._fresh[job.wanted.key] = blob
        if len(self._fresh) >= _AT_ONCE or time.monotonic() > self._flushed + _OFTEN:
            self._flush()
        return Fetched(job.wanted, blob, job.got)

    def _failed(self, reception: Reception, failure: Failure) -> None:
        reached = reception.reached
        reception.close(keep=failure.kind in ('again', 'expired', 'moved'))
        self._fail(self._jobs[reception.wanted.key], failure, reached)

    def _flush(self) -> None:
        self.cache.keep(self._fresh)
        self._fresh = {}
        self._flushed = time.monotonic()

    # -- failures ----------------------------------------------------------------------------------------------------

    def _fail(self, job: _Job, failure: Failure, reached: int) -> None:
        insistence, wanted = self.insistence, job.wanted
        job.failures.append(failure.reason)
        if failure.busy:
            self.width.is_busy()
        if time.monotonic() > job.until:
            raise self._error(job, f'it took longer than {insistence.deadline:,.0f} s', failure)
        if failure.kind == 'refused':
            raise self._error(job, failure.reason, failure)
        if failure.kind == 'moved':
            wanted.moves += 1
            if wanted.moves > MOST_MOVES:
                raise self._error(job, f'more than {MOST_MOVES} redirects', failure)
            wanted.url = urljoin(wanted.url, failure.location)
            self._ready.append(job)
            return
        if failure.kind == 'expired':
            now = time.monotonic()
            if wanted.fresh_since is not None and now - wanted.fresh_since < insistence.fresh:
                raise self._error(job, f'{failure.reason}, also at a fresh address', failure)
            wanted.fresh_since = now
            url = self.refresh(wanted)
            if url is None:
                raise self._error(job, failure.reason, failure)
            wanted.url, wanted.moves = url, 0
            self._ready.append(job)
            return
        if failure.kind == 'restart':
            job.restarts += 1
            if job.restarts > insistence.restarts:
                raise self._error(job, failure.reason, failure)
        # What brought it further was no failure of the whole: a large file may break off often.
        job.stalled = 0 if reached > job.reached else job.stalled + 1
        job.reached = max(job.reached, reached)
        if job.stalled >= insistence.tries:
            raise self._error(job, f'{failure.reason} ({job.stalled} times)', failure)
        if failure.wait is not None and failure.wait > insistence.longest:
            raise self._error(job, f'{failure.reason}, and asks to wait {failure.wait:,.0f} s', failure)
        pause = min(insistence.longest, insistence.first * 2.0 ** max(0, job.stalled - 1)) * random.uniform(0.5, 1)
        when = time.monotonic() + (failure.wait if failure.wait is not None else pause)
        heapq.heappush(self._later, (when, next(self._order), job))

    def _error(self, job: _Job, reason: str, failure: Failure) -> BackendError:
        kind = _KINDS.get(failure.status, BackendUnavailable if failure.kind == 'again' else BackendError)
        hint = 'run the same command again: what is here is not fetched again'
        if failure.kind == 'expired':
            hint = 'report it to who runs the backend: its file server does not give out this file'
        error = kind(f'{job.wanted.key} cannot be fetched: {reason}', hint=hint, key=job.wanted.key)
        error.__cause__ = failure
        return error


_KINDS: Final = {401: AccessDenied, 403: AccessDenied, 404: RecordNotFound, 410: RecordNotFound}
_IDLE: Final = 0.01
"""Seconds between two looks while nothing is on its way."""
_THREADS: Final = 3
_AT_ONCE: Final = 512
"""Files whose keys are written into the index at once ..."""
_OFTEN: Final = 1.0
"""... or after so many seconds: what is not in the index is fetched again after a SIGKILL."""
