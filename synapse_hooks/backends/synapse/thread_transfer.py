"""Files by httpx, in threads: where libcurl is not installed. It takes several times as long for small files."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from synapse_hooks.backends.synapse.download import Download, Failure
from synapse_hooks.backends.synapse.http import httpx, new_client
from synapse_hooks.backends.synapse.retry import Timeouts
from synapse_hooks.backends.synapse.transfer import AddressPolicy, NextDownload, addresses, host_of

_AT_ONCE: Final = 8
_LOOK: Final = 0.1


class ThreadTransfer:
    """See `synapse_hooks.backends.synapse.transfer.Transfer`.

    The addresses of a name are looked up before it is connected to: what changes in between goes unnoticed.
    """

    name = f'httpx {httpx.__version__} in threads'

    def __init__(self, timeouts: Timeouts, policy: AddressPolicy) -> None:
        self.timeouts = timeouts
        self.policy = policy
        # h11 takes bytes that come after a body for the next answer, of another file. libcurl does not.
        self._client = new_client(connect=timeouts.connect, answer=timeouts.min_rate_for, reuse=False)
        self._waiting: queue.SimpleQueue[Download | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[tuple[Download, Exception | None]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._busy = 0

    def run(self, next_download: NextDownload, concurrency: Callable[[], int]) -> Iterator[Download | None]:
        """See `Transfer.run`."""
        while True:
            while self._busy < min(concurrency(), _AT_ONCE) and (download := next_download()) is not None:
                self._busy += 1
                if len(self._threads) < self._busy:
                    self._threads.append(threading.Thread(target=self._work, name='download', daemon=True))
                    self._threads[-1].start()
                self._waiting.put(download)
            if not self._busy:
                yield None
                continue
            try:
                ended, error = self._ended.get(timeout=_LOOK)
            except queue.Empty:
                yield None
                continue
            self._busy -= 1
            if error is not None:
                ended.close(keep=True)
                raise error
            yield ended

    def close(self) -> None:
        """See `Transfer.close`."""
        self._stopping.set()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(self.timeouts.min_rate_for)
        while not self._ended.empty():
            self._ended.get()[0].close(keep=True)
        self._client.close()

    def _work(self) -> None:
        while (download := self._waiting.get()) is not None:
            error: Exception | None = None
            try:
                self._receive(download)
            except Failure as failure:
                download.failure = failure
            except httpx.HTTPError as failure:
                download.failure = Failure('retry', f'the transfer broke off: {failure or type(failure).__name__}')
            except (httpx.InvalidURL, httpx.UnsupportedProtocol):
                download.failure = Failure('refused', 'its address is not one over http or https')
            except Exception as failure:  # the caller's thread raises it
                error = failure
            self._ended.put((download, error))

    def _receive(self, download: Download) -> None:
        url = download.request.url
        host = host_of(url)
        if not host:
            raise Failure('refused', 'its address is not one over http or https')
        for address in addresses(host):
            if refusal := self.policy.refusal(host, str(address)):
                raise Failure('refused', refusal)
        since, received = time.monotonic(), 0
        with self._client.stream('GET', url, headers=download.headers()) as response:
            fields = {name.lower(): value for name, value in response.headers.items()}
            download.begin(response.status_code, fields, framed=response.http_version == 'HTTP/2')
            for data in response.iter_raw():
                if self._stopping.is_set():
                    raise Failure('retry', 'it was cancelled')
                download.feed(data)
                received += len(data)
                passed = time.monotonic() - since
                if passed > self.timeouts.min_rate_for:
                    if received < self.timeouts.min_rate * passed:
                        raise Failure('retry', f'fewer than {self.timeouts.min_rate:,} bytes a second came')
                    since, received = time.monotonic(), 0
