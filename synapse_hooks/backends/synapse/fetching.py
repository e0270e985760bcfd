"""Fetching many files: from the cache where they are there, else over the network, each until it is complete.

One thread moves the bytes, so that Ctrl-C ends it at once; others hash and write what is large.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

from synapse_hooks.backends.synapse.cache import Cache
from synapse_hooks.backends.synapse.download import Download, Failure, FileRequest
from synapse_hooks.backends.synapse.retry import RETRY, RetryPolicy
from synapse_hooks.backends.synapse.transfer import Transfer
from synapse_hooks.backends.synapse.url import requestable
from synapse_hooks.errors import AccessDenied, BackendError, BackendUnavailable, RecordNotFound
from synapse_hooks.safe_text import text_of
from synapse_hooks.storage.blobs import Blob
from synapse_hooks.storage.disk import disk_errors, need_space

MAX_REDIRECTS: Final = 3

NextRequests = Callable[[], list[FileRequest] | None]
"""The next files to fetch: some, none for now, or None when there are no more."""
Refresh = Callable[[FileRequest], str | None]
"""Gives a fresh address of a file; None where there is none."""


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """The limits of a file, besides those of the `RetryPolicy`.

    Args:
        restarts: How often it is restarted from the first byte.
        deadline: Seconds for one file in all.
        fresh_for: Seconds for which a new address must work; after a refusal of the file server it is not tried again.
    """

    restarts: int = 2
    deadline: float = 3600.0
    fresh_for: float = 30.0


LIMITS: Final = DownloadLimits()
"""The usual ones."""


class ConcurrencyLimit:
    """How many files may be on their way at once: more while all is well, half when the server is busy.

    Args:
        most: The most at once.
    """

    def __init__(self, most: int = 32) -> None:
        self.most = most
        self._now = min(16.0, float(most))

    def __call__(self) -> int:
        return max(1, int(self._now))

    def increase(self) -> None:
        """A file came."""
        self._now = min(float(self.most), self._now + 1 / self._now)

    def decrease(self) -> None:
        """The server has too much to do."""
        self._now = max(1.0, self._now / 2)


@dataclass
class Fetched:
    """A file that is here."""

    request: FileRequest
    blob: Blob
    received: int
    """Bytes that came over the network for it; 0 where it was here."""


@dataclass
class _Task:
    request: FileRequest
    deadline: float
    stalled: int = 0
    restarts: int = 0
    received: int = 0
    reached: int = 0


class Fetcher:
    """Fetches files.

    Args:
        cache: Where they are kept.
        transfer: Moves the bytes.
        retry: How often a file is tried again.
        limits: The limits of each file.
        concurrency: How many may be on their way at once.
    """

    def __init__(
        self,
        cache: Cache,
        transfer: Transfer,
        *,
        retry: RetryPolicy = RETRY,
        limits: DownloadLimits = LIMITS,
        concurrency: ConcurrencyLimit | None = None,
    ) -> None:
        self.cache = cache
        self.transfer = transfer
        self.retry = retry
        self.limits = limits
        self.concurrency = concurrency or ConcurrencyLimit()
        self._ready: deque[_Task] = deque()
        self._later: list[tuple[float, int, _Task]] = []
        self._order = itertools.count()
        self._tasks: dict[str, _Task] = {}
        self._unsaved: dict[str, Blob] = {}
        self._finishing: deque[tuple[Download, Future[Blob]]] = deque()
        self._active: dict[str, Download] = {}
        self._received = 0
        self._pool: ThreadPoolExecutor
        self._refresh: Refresh
        self._flushed = time.monotonic()

    def fetch(self, next_requests: NextRequests, refresh: Refresh) -> Iterator[Fetched | None]:
        """Fetch files.

        Args:
            next_requests: Called for files while there is room: some, none for now, or None when there are no more.
            refresh: Requests a new address of a file from the backend; None where there is none.

        Yields:
            Each file when it is here, in no particular order; None from time to time, while nothing is.

        Raises:
            BackendError: A file is not available; the message has its key. `AccessDenied`, `RecordNotFound` and
                `BackendUnavailable` as the reason.
            DiskFull: No space.
        """
        self._refresh = refresh
        with disk_errors(self.cache.root):
            yield from self._fetch(next_requests)

    def _fetch(self, next_requests: NextRequests) -> Iterator[Fetched | None]:
        exhausted = False
        running = self.transfer.run(self._next, self.concurrency)
        self._pool = ThreadPoolExecutor(_THREADS, 'write')
        try:
            while True:
                while not exhausted and len(self._ready) < 2 * self.concurrency():
                    files = next_requests()
                    if files is None:
                        exhausted = True
                    elif files:
                        yield from self._take(files)
                    else:
                        break
                if exhausted and not self._tasks:
                    return
                download = next(running)
                if download is not None:
                    yield self._end(download)
                while self._finishing and (self._finishing[0][1].done() or len(self._finishing) > 2 * _THREADS):
                    written, future = self._finishing.popleft()
                    yield self._finished(written, future.result)
                if download is None:
                    yield None
                    if len(self._tasks) == len(self._later) + len(self._finishing):
                        # Nothing is on its way, and nothing can begin now.
                        time.sleep(_IDLE_SECONDS)
        finally:
            self._pool.shutdown(cancel_futures=True)
            self._flush()

    @property
    def received(self) -> int:
        """Bytes that came over the network so far, those of unfinished files included."""
        return self._received + sum(download.received for download in self._active.values())

    # -- files -------------------------------------------------------------------------------------------------------

    def _take(self, files: list[FileRequest]) -> Iterator[Fetched]:
        here = self.cache.find(request.key for request in files)
        for request in files:
            blob = here.get(request.key)
            if blob is not None and request.sha256 in (None, blob.sha256) and request.size in (None, blob.size):
                yield Fetched(request, blob, 0)
            else:
                task = _Task(request, time.monotonic() + self.limits.deadline)
                self._tasks[request.key] = task
                self._ready.append(task)
        # What has not begun is certain to be written, but for the parts of it that are here.
        waiting = sum(task.request.size or 0 for task in self._ready)
        if waiting > _WORTH_A_LOOK:
            need_space(self.cache.root, waiting - self.cache.parts.size(), 'what is fetched next')

    def _next(self) -> Download | None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            self._ready.append(heapq.heappop(self._later)[2])
        if not self._ready:
            return None
        task = self._ready.popleft()
        request = task.request
        self._lead_to(task, request.url)
        download = self._active[request.key] = Download(request, self.cache.blobs, self.cache.parts)
        return download

    def _lead_to(self, task: _Task, url: str) -> None:
        """Set the address of a file to `url`, which a server has sent."""
        try:
            is_absolute = url.startswith(('http://', 'https://'))
            task.request.url = requestable(url if is_absolute else urljoin(task.request.url, url))
        except ValueError as error:
            raise self._error(task, f'its address cannot be used: {error}', Failure('refused', str(error))) from error

    def _end(self, download: Download) -> Fetched | None:
        self._tasks[download.request.key].received += download.received
        self._received += download.received
        self._active.pop(download.request.key, None)
        if download.failure is not None:
            self._failed(download, download.failure)
            return None
        if download.is_large:
            self._finishing.append((download, self._pool.submit(download.finish)))
            return None
        return self._finished(download, download.finish)

    def _finished(self, download: Download, finish: Callable[[], Blob]) -> Fetched | None:
        try:
            blob = finish()
        except Failure as failure:
            self._failed(download, failure)
            return None
        task = self._tasks.pop(download.request.key)
        self.concurrency.increase()
        self._unsaved[task.request.key] = blob
        if len(self._unsaved) >= _BATCH or time.monotonic() > self._flushed + _FLUSH_SECONDS:
            self._flush()
        return Fetched(task.request, blob, task.received)

    def _failed(self, download: Download, failure: Failure) -> None:
        reached = download.reached
        download.close(keep=failure.kind in ('retry', 'expired', 'redirect'))
        self._fail(self._tasks[download.request.key], failure, reached)

    def _flush(self) -> None:
        self.cache.keep(self._unsaved)
        self._unsaved = {}
        self._flushed = time.monotonic()

    # -- failures ----------------------------------------------------------------------------------------------------

    def _fail(self, task: _Task, failure: Failure, reached: int) -> None:
        retry, limits, request = self.retry, self.limits, task.request
        if failure.busy:
            self.concurrency.decrease()
        if time.monotonic() > task.deadline:
            raise self._error(task, f'it took longer than {limits.deadline:,.0f} s', failure)
        if failure.kind == 'refused':
            raise self._error(task, failure.reason, failure)
        if failure.kind == 'redirect':
            request.redirects += 1
            if request.redirects > MAX_REDIRECTS:
                raise self._error(task, f'more than {MAX_REDIRECTS} redirects', failure)
            self._lead_to(task, failure.location)
            self._ready.append(task)
            return
        if failure.kind == 'expired':
            now = time.monotonic()
            if request.refreshed_at is not None and now - request.refreshed_at < limits.fresh_for:
                raise self._error(task, f'{failure.reason}, also at a fresh address', failure)
            request.refreshed_at = now
            url = self._refresh(request)
            if url is None:
                raise self._error(task, failure.reason, failure)
            request.url, request.redirects = url, 0
            self._ready.append(task)
            return
        if failure.kind == 'restart':
            task.restarts += 1
            if task.restarts > limits.restarts:
                raise self._error(task, failure.reason, failure)
        # A try that made progress does not count as a failure: a large file may break off often.
        task.stalled = 0 if reached > task.reached else task.stalled + 1
        task.reached = max(task.reached, reached)
        if task.stalled >= retry.attempts:
            raise self._error(task, f'{failure.reason} ({task.stalled} times)', failure)
        if failure.wait is not None and failure.wait > retry.max_delay:
            raise self._error(task, f'{failure.reason}, and requires a wait of {failure.wait:,.0f} s', failure)
        when = time.monotonic() + (failure.wait if failure.wait is not None else retry.delay(task.stalled))
        heapq.heappush(self._later, (when, next(self._order), task))

    def _error(self, task: _Task, reason: str, failure: Failure) -> BackendError:
        kind = _KINDS.get(failure.status, BackendUnavailable if failure.kind == 'retry' else BackendError)
        hint = 'run the same command again: what is here is not fetched again'
        if failure.kind == 'expired':
            hint = 'report it to the operator of the backend: its file server does not give out this file'
        key = task.request.key
        error = kind(f'{text_of(key, _SHOWN)} cannot be fetched: {reason}', hint=hint, key=key)
        error.__cause__ = failure
        return error


_KINDS: Final = {401: AccessDenied, 403: AccessDenied, 404: RecordNotFound, 410: RecordNotFound}
_IDLE_SECONDS: Final = 0.01
"""Seconds between two looks while nothing is on its way."""
_SHOWN: Final = 600
_THREADS: Final = 3
_WORTH_A_LOOK: Final = 64 << 20
"""Bytes: for fewer, a full disk is noticed soon enough."""
_BATCH: Final = 512
"""Files whose keys are written into the index at once ..."""
_FLUSH_SECONDS: Final = 1.0
"""... or after so many seconds: what is not in the index is fetched again after a SIGKILL."""
