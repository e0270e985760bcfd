"""The only module that imports httpx, so that another library can take its place.

Redirects are never followed by the client: who calls decides where it may go.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import httpx

from synapse_hooks.backends.synapse.proxies import LOOPBACK
from synapse_hooks.backends.synapse.url import shown
from synapse_hooks.errors import ConfigError
from synapse_hooks.version import __version__

__all__ = ['httpx', 'new_client']


def new_client(*, connect: float, answer: float, reuse: bool = True, direct: Sequence[str] = ()) -> httpx.Client:
    """A client that holds no credentials and follows no redirect. Certificates are always verified.

    Args:
        connect: Seconds to wait for a connection.
        answer: Seconds to wait for the next byte.
        reuse: Use a connection for several requests.
        direct: Hosts that are reached without a proxy, besides this machine.

    Raises:
        ConfigError: The proxy of the environment cannot be used.
    """
    try:
        return httpx.Client(
            timeout=httpx.Timeout(answer, connect=connect),
            headers={'User-Agent': f'synapse-hooks/{__version__}'},
            follow_redirects=False,
            limits=httpx.Limits(max_keepalive_connections=None if reuse else 0),
            mounts={f'all://{host}': None for host in (*LOOPBACK, *direct)},
        )
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        # Without its text, which may quote the proxy's password.
        raise ConfigError(
            'the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names cannot be used',
            hint='give its address as http://HOST:PORT; for a SOCKS proxy: pip install "httpx[socks]"',
        ) from (error if isinstance(error, ImportError) else None)


class _NoQueries(logging.Filter):
    """httpx logs complete URLs, and a presigned one is as sensitive as a password."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(shown(str(arg)) if '://' in str(arg) else arg for arg in record.args)
        return True


logging.getLogger('httpx').addFilter(_NoQueries())
