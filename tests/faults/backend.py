"""A scripted backend: items with documents and images; a test may replace some of its answers."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable

from tests.formats.format_kit import box, png
from tests.support.raw_server import Asked, Reply

SIGNATURE = 'canary-signature-5550123'
"""In the address of every file. It is as good as a password."""
EVENTS = '/sdk/ground_truth_events/'
ReplyScript = Callable[[Asked, int], Reply | None]
"""Given a request and how often its path was asked for, this one included, what to answer; None as usual."""


def ranged(content: bytes, asked: Asked, *, etag: str = '') -> Reply:
    """What a good file server answers: all of it, or what a range asks for."""
    etag = etag or f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers: dict[str, str | None] = {'ETag': etag, 'Accept-Ranges': 'bytes', 'Content-Type': 'image/png'}
    start = asked.headers.get('range', '')[6:-1]
    if not start or asked.headers.get('if-range', etag) != etag:
        return Reply(200, content, headers)
    if int(start) >= len(content):
        page = b'<html>Requested Range Not Satisfiable</html>'
        return Reply(416, page, {'Content-Range': f'bytes */{len(content)}', 'Content-Type': 'text/html'})
    headers['Content-Range'] = f'bytes {start}-{len(content) - 1}/{len(content)}'
    return Reply(206, content[int(start) :], headers)


class Backend:
    """Dataset 7.

    Args:
        items: How many it has.
        large: Bytes that each image has more, so that parts of it are kept.
        page: Items of a page.
    """

    def __init__(self, items: int = 4, *, large: int = 0, page: int = 100) -> None:
        self.ids: list[int | str] = list(range(items))
        tail = bytes(range(251)) * (large // 251)
        self.contents = {f'/f/{n}.png': png(100, 80) + bytes([n]) + tail for n in range(items)}
        self.page = page
        self.meta: dict[str, object] = {}
        self.valid_from = 0
        """Addresses that were given out by an earlier listing than this one have expired."""
        self.listings = 0
        self.scripts: dict[str, ReplyScript] = {}
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def answer_with(self, path: str, *replies: Reply | None, forever: bool = False) -> None:
        """Answer a path with these, one after the other, and then as usual, or with the last of them."""

        def script(asked: Asked, count: int) -> Reply | None:
            if count <= len(replies):
                return replies[count - 1]
            return replies[-1] if forever else None

        self.scripts[path] = script

    def clear_faults(self) -> None:
        """Answer as usual from now on."""
        self.scripts.clear()
        self.valid_from = 0

    def fetched(self) -> int:
        """How many requests for files there were."""
        return sum(count for path, count in self.counts.items() if path.startswith('/f/'))

    def __call__(self, asked: Asked) -> Reply:
        """Answer."""
        with self._lock:
            self.counts[asked.path] += 1
            count = self.counts[asked.path]
        script = self.scripts.get(asked.path)
        reply = script(asked, count) if script else None
        return reply or self.normal_reply(asked)

    def normal_reply(self, asked: Asked) -> Reply:
        """The answer without faults."""
        if asked.path.startswith('/ground_truth_dataset_versions/'):
            return Reply.json({'id': 7, 'name': 'x'})
        if asked.path == EVENTS:
            return self.listed(asked)
        content = self.contents.get(asked.path)
        if content is None:
            return Reply(404)
        if int(asked.target.rpartition('=')[2]) < self.valid_from:
            return Reply(403)
        return ranged(content, asked)

    def listed(self, asked: Asked) -> Reply:
        """A page of items."""
        self.listings += 1
        host, start = f'http://{asked.headers["host"]}', int(asked.query.get('start', '0'))
        ids = self.ids[start : start + self.page]
        following = f'{host}{EVENTS}?start={start + self.page}' if start + self.page < len(self.ids) else None
        results = [self.item(id, place, host) for place, id in enumerate(ids, start)]
        return Reply.json({'count': len(self.ids), 'next': following, 'results': results})

    def item(self, id: int | str, place: int, host: str) -> dict[str, object]:
        """One item."""
        url = f'{host}/f/{place}.png?signature={SIGNATURE}&expires={self.listings}'
        data = {'images': [{'bounding_box': [box(1, 2, 30 + place, 40, id=f'b{place}')]}]}
        file = {'url': url, 'is_primary': True, 'meta': {**self.meta, **self.announced(place)}}
        return {'id': id, 'category': 'train', 'data': data, 'files': {'image_1': file}}

    def announced(self, place: int) -> dict[str, object]:
        """What is said beforehand of a file; nothing, as most backends do."""
        return {}


class Announcing(Backend):
    """Says size and SHA-256 of each file."""

    def announced(self, place: int) -> dict[str, object]:
        content = self.contents[f'/f/{place}.png']
        return {'size': len(content), 'sha256': hashlib.sha256(content).hexdigest()}
