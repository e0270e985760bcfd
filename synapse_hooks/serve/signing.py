"""Presigned URLs: valid for a limited time, without any other credential."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Signer:
    """Signs URLs, and checks signatures.

    Args:
        key: Secret; a new one for each start of the server.
        lifetime: Seconds for which a URL is valid.

    Example:
        >>> signer = Signer(b'key', 60)
        >>> path, _, query = signer.signed('/files/a b.jpg', now=1000).partition('?')
        >>> path, signer.is_valid('/files/a b.jpg', '1060', query.partition('signature=')[2], now=1059)
        ('/files/a%20b.jpg', True)
    """

    key: bytes
    lifetime: float = 3600.0

    def signed(self, path: str, *, now: float | None = None) -> str:
        """The quoted path with `expires` and `signature`."""
        expires = str(int((time.time() if now is None else now) + self.lifetime))
        return f'{quote(path)}?expires={expires}&signature={self._signature(path, expires)}'

    def is_valid(self, path: str, expires: str, signature: str, *, now: float | None = None) -> bool:
        """Whether a URL was signed with this key, and has not expired."""
        if not hmac.compare_digest(signature.encode(), self._signature(path, expires).encode()):
            return False
        return (time.time() if now is None else now) < int(expires)

    def _signature(self, path: str, expires: str) -> str:
        message = f'{path}\0{expires}'.encode(errors='surrogatepass')
        return hmac.new(self.key, message, hashlib.sha256).hexdigest()
