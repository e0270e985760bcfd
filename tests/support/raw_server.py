"""A server of raw sockets that does what a script says, byte by byte: what no well-behaved server can be made to do."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.support import canary


@dataclass
class Asked:
    """A request, as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b''

    @property
    def path(self) -> str:
        """Without the query."""
        return self.target.partition('?')[0]

    @property
    def query(self) -> dict[str, str]:
        """The parameters; of several of one name the last."""
        return dict(parse_qsl(self.target.partition('?')[2]))


@dataclass
class Reply:
    """What to answer, and what goes wrong with it.

    Args:
        status: The code.
        body: The content.
        headers: More of them; None takes one away that would be there.
        cut: Bytes of the body that are sent before the connection ends.
        reset: End it by RST, not by FIN.
        silent: Seconds of silence before the first byte.
        slow: Bytes a second of the body.
        fast: Bytes of the body that come at once, before it gets slow.
        sliced: Send the body in pieces of so many bytes.
        chunked: Send the body in chunks; one that is cut has no last chunk.
        sized: Say how long the body is.
    """

    status: int = 200
    body: bytes = b''
    headers: dict[str, str | None] = field(default_factory=dict)
    cut: int | None = None
    reset: bool = False
    silent: float = 0.0
    slow: float = 0.0
    fast: int = 0
    sliced: int = 0
    chunked: bool = False
    sized: bool = True

    @classmethod
    def json(cls, value: Any, status: int = 200, **options: Any) -> Reply:
        """A JSON answer."""
        return cls(status, json.dumps(value).encode(), {'Content-Type': 'application/json'}, **options)


DROP = Reply(status=0)
"""End the connection before any header."""

Script = Callable[[Asked], Reply]


class RawServer:
    """Answers by a script, on a port of its own.

    Args:
        script: Gives the reply to each request.
        tls: Speak TLS, with this certificate.
    """

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self._tls = tls
        self.asked: list[Asked] = []
        """Every request so far."""
        self._socket = socket.create_server(('127.0.0.1', 0), backlog=128)
        self.host = f'http{"s" if tls else ""}://127.0.0.1:{self._socket.getsockname()[1]}'
        self._stopping = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept nothing more."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(asked.path == path for asked in self.asked)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:
                connection.close()
                return
        with contextlib.suppress(OSError, ValueError), connection, connection.makefile('rb') as stream:
            while line := stream.readline():
                method, target, _ = line.decode('latin-1').split(' ', 2)
                headers: dict[str, str] = {}
                while (line := stream.readline()) not in (b'\r\n', b''):
                    name, _, value = line.decode('latin-1').partition(':')
                    headers[name.lower()] = value.strip()
                body = stream.read(int(headers.get('content-length', 0)))
                asked = Asked(method, target, headers, body)
                self.asked.append(asked)
                canary.sent.append(repr(asked).encode())
                if not self._answer(connection, self.script(asked)):
                    return

    def _answer(self, connection: socket.socket, reply: Reply) -> bool:
        if reply.silent:
            time.sleep(reply.silent)
        if reply.status:
            headers: dict[str, str | None] = {'Content-Type': 'image/jpeg'}
            if reply.chunked:
                headers['Transfer-Encoding'] = 'chunked'
            elif reply.sized:
                headers['Content-Length'] = str(len(reply.body))
            else:
                headers['Connection'] = 'close'
            headers |= reply.headers
            lines = [f'HTTP/1.1 {reply.status} X', *(f'{name}: {value}' for name, value in headers.items() if value)]
            connection.sendall('\r\n'.join([*lines, '', '']).encode('latin-1'))
            body = reply.body if reply.cut is None else reply.body[: reply.cut]
            for part in _parts(body, reply):
                connection.sendall(b'%x\r\n%b\r\n' % (len(part), part) if reply.chunked else part)
            if reply.chunked and reply.cut is None:
                connection.sendall(b'0\r\n\r\n')
        ends = not reply.status or reply.cut is not None or (not reply.sized and not reply.chunked)
        if reply.reset:
            # The other side loses what it has not read by then.
            time.sleep(0.2 if reply.status else 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            connection.close()
        return not (ends or reply.reset)


def _parts(body: bytes, reply: Reply) -> Iterator[bytes]:
    fast = reply.fast if reply.slow else len(body)
    size = reply.sliced or fast or 1
    for start in range(0, fast, size):
        yield body[start : min(start + size, fast)]
    # A byte at a time, or ten times a second, whichever is slower.
    step = max(1, int(reply.slow / 10))
    for start in range(fast, len(body), step):
        yield body[start : start + step]
        time.sleep(step / reply.slow)


@contextlib.contextmanager
def raw_server(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """A running server; it is closed when the block ends."""
    server = RawServer(script, tls)
    try:
        yield server
    finally:
        server.close()
