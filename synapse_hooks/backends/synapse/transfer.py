"""Moving the bytes of many files at once, without any credential.

libcurl does it where pycurl is installed; httpx, in threads, where it is not. Both check the address that a name has
when they connect, so that a file server cannot redirect into the local network.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from synapse_hooks.backends.synapse.download import Download

NextDownload = Callable[[], Download | None]
"""The next file to begin with, or None where there is nothing to do now."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which addresses files may come from.

    Args:
        private: Whether addresses of this machine and of private networks are among them: where the API is at one.
        allowed: Names of hosts that may be anywhere.
    """

    private: bool = False
    allowed: frozenset[str] = frozenset()

    @classmethod
    def for_api(cls, host: str, *, internal: bool = False, allowed: frozenset[str] = frozenset()) -> AddressPolicy:
        """What follows from where the API is.

        Args:
            host: The name or address of the API's host.
            internal: Whether the platform's own network is meant.
            allowed: See the class.
        """
        return cls(internal or any(_is_private(address) for address in addresses(host)), allowed)

    def refusal(self, host: str, address: str) -> str:
        """Why an address may not be connected to, as part of a sentence; empty where it may.

        Example:
            >>> AddressPolicy().refusal('a.example.com', '93.184.215.14')
            ''
            >>> AddressPolicy(private=True).refusal('a.example.com', '169.254.169.254')
            'a.example.com is at 169.254.169.254, an address that no file server has'
        """
        if host in self.allowed:
            return ''
        try:
            ip = ipaddress.ip_address(address.partition('%')[0])
        except ValueError:
            return f'{host} is at {address!r}, which is not an IP address'
        mapped = getattr(ip, 'ipv4_mapped', None)
        ip = mapped or ip
        if ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved:
            return f'{host} is at {ip}, an address that no file server has'
        if not self.private and _is_private(ip):
            return f'{host} is at {ip}, in a private network, and the backend is not'
        return ''


class Transfer(Protocol):
    """Moves files, several at once."""

    name: str
    """What `doctor` calls it."""

    def run(self, next_download: NextDownload, concurrency: Callable[[], int]) -> Iterator[Download | None]:
        """Move files until the caller stops asking.

        Args:
            next_download: Called for the next file while there is room.
            concurrency: How many may be on their way at once.

        Yields:
            Each download when it has ended, with its `failure` set or ready for `finish`; None from time to time.
        """

    def close(self) -> None:
        """Close connections, and end what is on its way."""


def addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The addresses of a host; none where its name is not known."""
    try:
        entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [ipaddress.ip_address(str(entry[4][0]).partition('%')[0]) for entry in entries]


def host_of(url: str) -> str:
    """The host in an address, in lower case; empty where it is not one over http or https."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or '').lower() if parts.scheme in ('http', 'https') else ''
    except ValueError:
        return ''


def _is_private(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_private or address.is_loopback
