"""A scripted backend that takes models."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.support.raw_server import Asked, Reply


class ModelBackend:
    """Takes uploads and models; `fault` may answer in its place."""

    def __init__(self) -> None:
        self.content = b''
        self.uploads = 0
        self.models: list[dict[str, Any]] = []
        self.finished = False

    def fault(self, asked: Asked) -> Reply | None:
        """Nothing."""
        return None

    def serve(self, asked: Asked) -> Reply:
        """What a backend does, before its answer is lost."""
        if asked.path.startswith('/chunked_upload/'):
            return self.upload(asked)
        if asked.path == '/models/' and asked.method == 'POST':
            body = json.loads(asked.body)
            if any(model['name'] == body['name'] for model in self.models):
                return Reply.json({'name': ['must be unique']}, 400)
            self.models.append({'id': len(self.models) + 1, **body})
            return Reply.json(self.models[-1], 201)
        if asked.path == '/models/':
            return Reply.json({'count': len(self.models), 'next': None, 'results': self.models})
        return Reply.json({'id': 1, 'plugin_release': {'version': '1.0', 'plugin': {'code': 'p'}}})

    def upload(self, asked: Asked) -> Reply:
        """Chunks."""
        if asked.method == 'PUT':
            start, _, total = map(int, re.findall(r'\d+', asked.headers['content-range']))
            if asked.path == '/chunked_upload/':
                self.content, self.uploads = b'', self.uploads + 1
            if asked.path != '/chunked_upload/' and start != len(self.content):
                return Reply.json({'detail': f'expected the chunk at {len(self.content)}'}, 409)
            part = asked.body.split(b'\r\n\r\n', 2)[2].rpartition(b'\r\n--')[0]
            self.content = self.content[:start] + part
            self.total = total
        if asked.method == 'POST':
            self.finished = True
        url = f'http://{asked.headers["host"]}/chunked_upload/5/'
        return Reply.json({'id': 5, 'url': url, 'offset': len(self.content)})

    def __call__(self, asked: Asked) -> Reply:
        reply = self.serve(asked)
        return self.fault(asked) or reply
