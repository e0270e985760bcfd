"""URLs that a server sends: the part that may be shown, and the form in which one can be requested."""

from __future__ import annotations

import re
import string
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from synapse_hooks.safe_text import text_of

_LONGEST: Final = 16_384
_SHOWN: Final = 400
_PLAIN: Final = re.compile(r'https?://[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,8}(:[1-9][0-9]{0,3})?/[!"$-~]*')
"""What nearly all addresses are, which are sent unchanged: this check takes a tenth of the time."""
_CONTROL: Final = re.compile(r'[\x00-\x1f\x7f]')
_SECRET: Final = re.compile(r'(://)(?:[^\s/?#@"\'<>]*@)?([^\s?#"\'<>]*)(\?[^\s"\'<>]*)?')


def shown(url: str) -> str:
    """An address for a sentence: without its query and user, which may be secret. It never raises and is never long.

    Example:
        >>> shown('https://me:pw@files.example.com/a.jpg?X-Amz-Signature=1f')
        'https://files.example.com/a.jpg'
    """
    try:
        parts = urlsplit(url)
        host = f'[{parts.hostname}]' if ':' in (parts.hostname or '') else parts.hostname or ''
        port = f':{parts.port}' if parts.port else ''
    except ValueError:
        return text_of(url.partition('?')[0].rpartition('@')[2], _SHOWN)
    start = f'{parts.scheme}://' if parts.scheme else ''
    return text_of(f'{start}{host}{port}{parts.path}', _SHOWN)


def without_secrets_of_urls(text: str) -> str:
    """A text with `...` in place of the user and the query of each address in it: a presigned one is a password.

    Example:
        >>> without_secrets_of_urls('{"url": "https://me:pw@a.example.com/f?sig=1f", "n": 1}')
        '{"url": "https://a.example.com/f?...", "n": 1}'
    """
    return _SECRET.sub(lambda match: f'{match[1]}{match[2]}{"?..." if match[3] else ""}', text)


def requestable(url: str) -> str:
    """An address as it goes over the wire: spaces and what is not ASCII are percent-encoded as UTF-8.

    Raises:
        ValueError: It is not an absolute URL with http or https.

    Example:
        >>> requestable('https://files.example.com/길 1.jpg?v=2')
        'https://files.example.com/%EA%B8%B8%201.jpg?v=2'
    """
    if len(url) > _LONGEST:
        raise ValueError(f'it has {len(url):,} characters')
    if _PLAIN.fullmatch(url):
        return url
    if _CONTROL.search(url):
        raise ValueError('it has control characters')
    parts = urlsplit(url)
    # Reading the port raises its error.
    if parts.scheme not in ('http', 'https') or not parts.hostname or parts.port == 0:
        raise ValueError('it is not one over http or https')
    try:
        parts.hostname.encode('idna')
        host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode('idna').decode()
    except UnicodeError as error:
        raise ValueError('the host must be a host name') from error
    path, query = (quote(part, string.punctuation) for part in (parts.path, parts.query))
    return urlunsplit((parts.scheme, host, path, query, ''))
