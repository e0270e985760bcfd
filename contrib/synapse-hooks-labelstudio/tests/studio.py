"""A server that answers as Label Studio 1.23 did: tokens, an export, images without a length, signed addresses."""

from __future__ import annotations

import base64
import json
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PERSONAL = 'eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJl'
LEGACY = '0123456789abcdef0123456789abcdef01234567'


class Studio:
    """The server, and a bucket on another port, which must never be sent a token.

    Args:
        tasks: What a project exports.
        files: The content of files, by path.
    """

    def __init__(self, tasks: Any, files: dict[str, bytes]) -> None:
        self.tasks = json.dumps(tasks).encode()
        self.files = files
        self.requests = Counter[str]()
        """Requests to the server, by path."""
        self.access = 0
        """How many short-lived tokens were made; only the last is valid."""
        self.faults: list[tuple[str, int, int]] = []
        """For requests whose path begins with a text: the status, and how many bytes of the answer are sent."""
        self.legacy_allowed = False
        self.leaked: list[str] = []
        """Tokens that the bucket was sent."""
        self.redirect_export = False
        self.has_length = False
        """Whether answers say how long they are; the server of Label Studio does not."""
        self._servers = [self._serve(_Api), self._serve(_Bucket)]
        self.url, self.bucket = (f'http://127.0.0.1:{server.server_address[1]}' for server in self._servers)

    def close(self) -> None:
        """End it."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _serve(self, handler: type[_Handler]) -> ThreadingHTTPServer:
        own = type(handler.__name__, (handler,), {'studio': self})
        server = ThreadingHTTPServer(('127.0.0.1', 0), own)
        Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01}, daemon=True).start()
        return server


class _Handler(BaseHTTPRequestHandler):
    studio: Studio

    def answer(self, status: int, body: bytes = b'', **headers: str) -> None:
        sent = len(body)
        for place, (path, fault, count) in enumerate(self.studio.faults):
            if self.path.startswith(path):
                del self.studio.faults[place]
                status, sent = (status, count) if fault == 200 else (fault, 0)
                break
        self.send_response(status)
        if self.studio.has_length:
            self.send_header('Content-Length', str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:sent])

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""


class _Api(_Handler):
    def do_POST(self) -> None:
        studio = self.studio
        studio.requests[self.path] += 1
        content = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        if self.path != '/api/token/refresh' or content != {'refresh': PERSONAL}:
            return self.answer(401)
        studio.access += 1
        return self.answer(200, json.dumps({'access': f'access-{studio.access}'}).encode())

    def do_GET(self) -> None:
        studio, parts = self.studio, urlsplit(self.path)
        studio.requests[unquote(parts.path)] += 1
        valid = [f'Bearer access-{studio.access}'] + [f'Token {LEGACY}'] * studio.legacy_allowed
        if self.headers.get('Authorization') not in valid:
            return self.answer(401)
        if parts.path == '/api/projects/1/export':
            if studio.redirect_export:
                return self.answer(302, Location=f'{studio.bucket}/export')
            return self.answer(200, studio.tasks)
        if parts.path.endswith('/resolve/'):
            address = base64.b64decode(parse_qs(parts.query)['fileuri'][0]).decode()
            return self.answer(303, Location=f'{studio.bucket}/{address.removeprefix("s3://")}?X-Amz-Signature=abc')
        name = parse_qs(parts.query).get('d', [unquote(parts.path)])[0]
        return self.answer(200, studio.files[name]) if name in studio.files else self.answer(404)


class _Bucket(_Handler):
    def do_GET(self) -> None:
        if 'Authorization' in self.headers:
            self.studio.leaked.append(self.headers['Authorization'])
        name = unquote(urlsplit(self.path).path)
        self.answer(200, self.studio.files[name]) if name in self.studio.files else self.answer(404)
