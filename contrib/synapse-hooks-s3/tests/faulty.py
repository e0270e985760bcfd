"""A real S3 server (moto), and a proxy before it that fails as told."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

_DROPPED = ('connection', 'transfer-encoding', 'keep-alive', 'server', 'date')


@dataclass
class Fault:
    """What happens to requests instead of their answer."""

    path: str
    """What their path has in it."""
    method: str = 'GET'
    times: int = 1
    """How many of them."""
    status: int = 0
    """The answer; 0 leaves it as it is."""
    code: str = 'SlowDown'
    keep: int | None = None
    """How many bytes of the body are sent before the connection ends; None sends all."""
    skip: int = 0
    """How many such requests pass before."""


@dataclass
class Log:
    """What went through a proxy."""

    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path."""
    bytes: int = 0
    """Of bodies, to the client."""
    headers: list[dict[str, str]] = field(default_factory=list)

    def count(self, method: str, path: str = '') -> int:
        """How many requests there were with a method, and a text in their paths."""
        return sum(one == method and path in other for one, other in self.requests)


class FaultyProxy:
    """Passes requests on to a server.

    Args:
        host: Of the server.
        port: The same.
    """

    def __init__(self, host: str, port: int) -> None:
        self.upstream = host, port
        self.faults: list[Fault] = []
        self.log = Log()
        self.bytes_per_second = 0
        """How fast bodies are sent; 0 is as fast as possible."""
        self.sent = threading.Event()
        """Set when a part of a body was sent slowly."""
        self.lock = threading.Lock()
        handler = type('Handler', (_Handler,), {'proxy': self})
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
        self._server.daemon_threads = True
        self.url = f'http://127.0.0.1:{self._server.server_address[1]}'
        threading.Thread(target=self._server.serve_forever, kwargs={'poll_interval': 0.01}, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def fault_of(self, method: str, path: str) -> Fault | None:
        """The fault of a request; it is used up."""
        with self.lock:
            for fault in self.faults:
                if fault.method == method and fault.path in path and fault.times:
                    if fault.skip:
                        fault.skip -= 1
                        return None
                    fault.times -= 1
                    return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultyProxy
    protocol_version = 'HTTP/1.1'

    def _pass(self) -> None:
        proxy, path = self.proxy, unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        with proxy.lock:
            proxy.log.requests.append((self.command, f'{path}?{urlsplit(self.path).query}'))
            proxy.log.headers.append(dict(self.headers))
        fault = proxy.fault_of(self.command, path)
        if fault is not None and fault.status:
            text = f'<?xml version="1.0"?><Error><Code>{fault.code}</Code><Message>as told</Message></Error>'
            self.send_response(fault.status)
            self.send_header('Content-Type', 'application/xml')
            self.send_header('Content-Length', str(len(text)))
            self.end_headers()
            if self.command != 'HEAD':
                self.wfile.write(text.encode())
            return
        upstream = HTTPConnection(*proxy.upstream, timeout=60)
        upstream.request(self.command, self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in (*_DROPPED, 'content-length'):
                self.send_header(name, value)
        length = answer.getheader('Content-Length') if self.command == 'HEAD' else str(len(content))
        self.send_header('Content-Length', length or '0')
        self.end_headers()
        self._send(content if fault is None or fault.keep is None else content[: fault.keep])
        upstream.close()
        if fault is not None and fault.keep is not None:
            self.close_connection = True
            self.connection.close()

    def _send(self, content: bytes) -> None:
        proxy = self.proxy
        step = max(1, proxy.bytes_per_second // 20) if proxy.bytes_per_second else len(content) or 1
        try:
            for start in range(0, len(content), step):
                self.wfile.write(content[start : start + step])
                with proxy.lock:
                    proxy.log.bytes += len(content[start : start + step])
                if proxy.bytes_per_second and len(content) > step:
                    proxy.sent.set()
                    time.sleep(0.05)
        except OSError:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""
