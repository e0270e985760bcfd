"""Files by libcurl: one thread, many connections, which are used again."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import pycurl

from synapse_hooks.backends.synapse.download import Download, Failure
from synapse_hooks.backends.synapse.proxies import has_proxies, proxy_of
from synapse_hooks.backends.synapse.retry import Timeouts
from synapse_hooks.backends.synapse.transfer import AddressPolicy, NextDownload, addresses, host_of
from synapse_hooks.errors import SynapseHooksError
from synapse_hooks.version import __version__

_AT_ONCE: Final = 64
_LOOK: Final = 0.1
_TLS: Final = frozenset(
    (
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_CERTPROBLEM,
    )
)


class CurlTransfer:
    """See `synapse_hooks.backends.synapse.transfer.Transfer`."""

    name = f'libcurl {pycurl.version_info()[1]}'

    def __init__(self, timeouts: Timeouts, policy: AddressPolicy) -> None:
        self.timeouts = timeouts
        self.policy = policy
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, _AT_ONCE)
        self._idle: list[tuple[Any, _Handler]] = []
        self._busy: dict[Any, _Handler] = {}
        self._has_proxies = has_proxies()

    def run(self, next_download: NextDownload, concurrency: Callable[[], int]) -> Iterator[Download | None]:
        """See `Transfer.run`."""
        while True:
            while len(self._busy) < min(concurrency(), _AT_ONCE) and (download := next_download()) is not None:
                if not self._begin(download):
                    yield download
            if not self._busy:
                yield None
                continue
            self._multi.perform()
            ended = False
            while True:
                waiting, done, failed = self._multi.info_read()
                for handle in done:
                    ended = True
                    yield self._end(handle, 0, '')
                for handle, code, text in failed:
                    ended = True
                    yield self._end(handle, code, text)
                if not waiting:
                    break
            if not ended:
                self._multi.select(_LOOK)
                yield None

    def close(self) -> None:
        """See `Transfer.close`."""
        for handle, handler in self._busy.items():
            self._multi.remove_handle(handle)
            handler.download.close(keep=True)
            handle.close()
        self._busy.clear()
        for handle, _ in self._idle:
            handle.close()
        self._idle.clear()
        self._multi.close()

    def _begin(self, download: Download) -> bool:
        """Start a download; False where it was refused."""
        proxy = proxy_of(download.request.url) if self._has_proxies else ''
        if proxy and (refusal := self._refusal(host_of(download.request.url))):
            download.failure = Failure('refused', refusal)
            return False
        headers = [f'{name}: {value}' for name, value in download.headers().items()]
        handle, handler = self._idle.pop() if self._idle else self._handle()
        handler.take(download)
        handle.setopt(pycurl.URL, download.request.url)
        if headers != handler.headers:
            handle.setopt(pycurl.HTTPHEADER, headers)
            handler.headers = headers
        if self._has_proxies:
            handle.setopt(pycurl.PROXY, proxy)
            handler.proxied = bool(proxy)
        self._multi.add_handle(handle)
        self._busy[handle] = handler
        return True

    def _refusal(self, host: str) -> str:
        """Why a host must not be reached through a proxy, which resolves its name itself."""
        return next((why for address in addresses(host) if (why := self.policy.refusal(host, str(address)))), '')

    def _end(self, handle: Any, code: int, text: str) -> Download:
        self._multi.remove_handle(handle)
        handler = self._busy.pop(handle)
        download = handler.download
        handler.end()
        if handler.error is not None:
            if not isinstance(handler.error, Failure):
                handle.close()
                download.close(keep=True)
                raise handler.error
            download.failure = handler.error
        elif code:
            download.failure = _failure(code, text)
        elif not handler.begun:
            download.failure = Failure('retry', 'the file server sent no header')
        self._idle.append((handle, handler))
        return download

    def _handle(self) -> tuple[Any, _Handler]:
        handle = pycurl.Curl()
        handler = _Handler(self.policy)
        options = {
            pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
            pycurl.FOLLOWLOCATION: 0,
            pycurl.NOSIGNAL: 1,
            pycurl.NETRC: pycurl.NETRC_IGNORED,
            pycurl.CONNECTTIMEOUT_MS: int(self.timeouts.connect * 1000),
            pycurl.LOW_SPEED_LIMIT: self.timeouts.min_rate,
            pycurl.LOW_SPEED_TIME: max(1, int(self.timeouts.min_rate_for)),
            pycurl.BUFFERSIZE: 512 << 10,
            pycurl.TCP_NODELAY: 1,
            pycurl.USERAGENT: f'synapse-hooks/{__version__}',
            # Which proxy is used is decided for each file.
            pycurl.PROXY: '',
            pycurl.SSL_VERIFYPEER: 1,
            pycurl.SSL_VERIFYHOST: 2,
            # A call of Python for every line of every header would cost more than the rest of a small file.
            pycurl.HEADERFUNCTION: handler.lines.append,
            pycurl.WRITEFUNCTION: handler.body,
            pycurl.OPENSOCKETFUNCTION: handler.open_socket,
        }
        for option, value in options.items():
            handle.setopt(option, value)
        handle.setopt(pycurl.CAINFO, os.environ.get('SSL_CERT_FILE') or _authorities())
        return handle, handler


class _Handler:
    """What libcurl calls for one file after another. Nothing may be raised there: it is kept, and raised afterwards."""

    __slots__ = ('begun', 'download', 'error', 'headers', 'lines', 'policy', 'proxied')

    def __init__(self, policy: AddressPolicy) -> None:
        self.policy = policy
        self.download: Download
        self.lines: list[bytes] = []
        """Of the header, each with its end; those of interim responses before it."""
        self.headers: list[str] = []
        """The headers of the request."""
        self.begun = False
        self.proxied = False
        self.error: Exception | None = None

    def take(self, download: Download) -> None:
        self.download = download
        self.lines.clear()
        self.begun = False
        self.error = None

    def body(self, data: bytes) -> int | None:
        try:
            if not self.begun:
                self._begin()
            self.download.feed(data)
        except (Failure, OSError, SynapseHooksError) as error:
            self.error = error
            return -1
        return None

    def end(self) -> None:
        """Check a header that is not followed by a body."""
        if self.begun or self.error is not None or not self.lines or self.lines[-1].strip():
            return
        try:
            self._begin()
        except (Failure, OSError, SynapseHooksError) as error:
            self.error = error

    def _begin(self) -> None:
        text = b''.join(self.lines).decode('latin-1').replace('\r\n', '\n')
        version, *lines = text.rstrip('\n').rpartition('\n\n')[2].split('\n')
        version, _, status = version.partition(' ')
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(':') for line in lines)}
        code = int(status[:3]) if status[:3].isdecimal() else 0
        if 100 <= code < 200:
            # It broke off after an interim response.
            return
        self.begun = True
        self.download.begin(code, fields, framed=version not in ('HTTP/1.0', 'HTTP/1.1'))

    def open_socket(self, purpose: int, address: Any) -> Any:
        # Through a proxy, it is the proxy's address, which the operator has chosen.
        host = host_of(self.download.request.url)
        where = address.addr[0].decode() if isinstance(address.addr[0], bytes) else str(address.addr[0])
        if not self.proxied and (refusal := self.policy.refusal(host, where)):
            self.error = Failure('refused', refusal)
            return pycurl.SOCKET_BAD
        return socket.socket(address.family, address.socktype, address.protocol)


def _failure(code: int, text: str) -> Failure:
    if code in _TLS:
        return Failure('refused', f'the file server is not trusted: {text}')
    if code in (pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL):
        return Failure('refused', 'its address is not one over http or https')
    return Failure('retry', f'the transfer broke off: {text}')


def _authorities() -> str:
    import certifi

    return str(certifi.where())
