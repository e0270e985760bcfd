"""Which proxy of the environment a request goes through: none to this machine, whatever the variables are.

A token may be sent unencrypted to this machine; through a proxy it would go elsewhere.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from synapse_hooks.backends.synapse.connection import Origin

LOOPBACK: Final = ('localhost', '127.0.0.1', '[::1]')
"""The usual names of this machine in addresses."""


def has_proxies() -> bool:
    """Whether the environment names a proxy (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`) at all."""
    return any(getproxies().get(name) for name in ('http', 'https', 'all'))


def proxy_of(url: str) -> str:
    """The proxy that a request for `url` goes through; empty where there is none.

    Example:
        >>> proxy_of('http://127.0.0.1:8765/x')
        ''
    """
    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get('all') or ''
    return '' if not proxy or Origin.of(url).is_loopback or proxy_bypass(parts.hostname or '') else proxy
