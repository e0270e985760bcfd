"""The only module that imports httpx, so that another library can take its place.

Redirects are never followed by the client: who calls decides where it may go.
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import httpx

from synapse_hooks import __version__

__all__ = ['httpx', 'new_client', 'shown']


def new_client(*, connect: float, answer: float, reuse: bool = True) -> httpx.Client:
    """A client that holds no credentials and follows no redirect. Certificates are always verified.

    Args:
        connect: Seconds to wait for a connection.
        answer: Seconds to wait for the next byte.
        reuse: Use a connection for several requests.
    """
    return httpx.Client(
        timeout=httpx.Timeout(answer, connect=connect),
        headers={'User-Agent': f'synapse-hooks/{__version__}'},
        follow_redirects=False,
        limits=httpx.Limits(max_keepalive_connections=None if reuse else 0),
    )


def shown(url: str) -> str:
    """An address for a sentence: without its query and user, which may be secret.

    Example:
        >>> shown('https://me:pw@files.example.com/a.jpg?X-Amz-Signature=1f')
        'https://files.example.com/a.jpg'
    """
    parts = urlsplit(url)
    host = f'[{parts.hostname}]' if ':' in (parts.hostname or '') else parts.hostname or ''
    return f'{parts.scheme}://{host}{f":{parts.port}" if parts.port else ""}{parts.path}'


class _NoQueries(logging.Filter):
    """httpx logs whole addresses, and a presigned one is as good as a password."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(shown(str(arg)) if '://' in str(arg) else arg for arg in record.args)
        return True


logging.getLogger('httpx').addFilter(_NoQueries())
