"""One call to the API of a Synapse backend.

A call is tried again while that can help and cannot hurt. Credentials go to the origin of the API and nowhere else, so
a redirect or a `next` that leads elsewhere is an error. Errors quote the message of the server, bounded, and no token.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Final
from urllib.parse import urljoin

import msgspec

from synapse_hooks.backends.synapse.connection import Connection, Origin
from synapse_hooks.backends.synapse.http import httpx, new_client
from synapse_hooks.backends.synapse.retry import RETRY, TIMEOUTS, RetryPolicy, Timeouts
from synapse_hooks.backends.synapse.url import requestable, shown, without_secrets_of_urls
from synapse_hooks.errors import AccessDenied, BackendError, BackendUnavailable, RecordNotFound
from synapse_hooks.portable import PortableException
from synapse_hooks.safe_text import repr_of

QUOTED: Final = 300
"""Characters of a server's answer that an error quotes, at most."""
Query = Mapping[str, Any] | Sequence[tuple[str, Any]] | None
Id = int | Annotated[str, msgspec.Meta(pattern=r'^[A-Za-z0-9_-]{1,100}$')]
"""What identifies a record in replies; as a type for msgspec."""
REPORT: Final = 'report it to the operator of the backend'
"""What to do about a reply that makes no sense."""
_MAX_PAGES: Final = 10_000
_MAX_BYTES: Final = 256 << 20
_MAX_REDIRECTS: Final = 3
_MAX_READ: Final = 64 << 10
_RETRIED: Final = frozenset((408, 425, 429, 500, 502, 503, 504))


class _Records(msgspec.Struct):
    """A page of records."""

    results: list[dict[str, Any]]
    next: str | None = None


class ApiClient:
    """Calls of the API. It may be used by several threads, and after a fork.

    Args:
        connection: Where, and with which credentials.
        retry: How often a call is tried again.
        timeouts: How long an answer is waited for.
        cancelled: Set to end waiting.

    Every method raises `AccessDenied` (401, 403), `RecordNotFound` (404), `BackendUnavailable` (no answer, or none that
    is one, after all tries) and `BackendError` (the rest).
    """

    def __init__(
        self,
        connection: Connection,
        *,
        retry: RetryPolicy = RETRY,
        timeouts: Timeouts = TIMEOUTS,
        cancelled: threading.Event | None = None,
    ) -> None:
        self.connection = connection
        self.retry = retry
        self.timeouts = timeouts
        self.cancelled = cancelled or threading.Event()
        self._origin = connection.origin
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._pid = 0
        self.clock_offset: float | None = None
        """Seconds by which the server's clock is ahead of this machine's, as its last answer with a date had it."""

    def get(self, path: str, query: Query = None, **options: Any) -> Any:
        """The decoded body of a GET."""
        return self.call('GET', path, query=query, **options)

    def listed(self, path: str, query: Query = None) -> Iterator[dict[str, Any]]:
        """Every record of a list, page by page."""
        target = path
        for _ in range(_MAX_PAGES):
            page: _Records = self.get(target, query, type=_Records)
            yield from page.results
            if page.next is None or not page.results:
                return
            target, query = page.next, None
        raise BackendError(f'{shown(path)}: the pages of the backend do not end', hint=REPORT)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Query = None,
        body: Any = None,
        content: Callable[[], Iterator[bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = True,
        type: Any = Any,
    ) -> Any:
        """Make a call, and try again where that can help.

        Args:
            method: `GET`, `POST`, `PUT` or `PATCH`.
            path: Below the host, or an absolute URL on its origin.
            query: Parameters; in a list of pairs, a name may be there several times.
            body: JSON values to send.
            content: Makes a body of bytes instead, again for each try.
            headers: More headers.
            idempotent: Whether doing it twice is as good as once. Otherwise it is tried again only where the server
                certainly did nothing.
            type: What the answer must be, as msgspec understands types.

        Returns:
            The decoded JSON body, or None where there is none.
        """
        url = self._url(path)
        failure: BackendError | None = None
        for attempt in range(self.retry.attempts):
            if attempt:
                self._wait(self._pause(attempt, failure), failure)
            try:
                return self._attempt(method, url, query, body, content, headers, type)
            except _Retry as retry:
                failure = retry.error
                if not (idempotent or retry.unprocessed):
                    raise failure from retry.__cause__
                cause = retry.__cause__
        assert failure is not None
        failure.add_note(f'tried {self.retry.attempts} times')
        raise failure from cause

    def close(self) -> None:
        """Close connections."""
        with self._lock:
            if self._client is not None and self._pid == os.getpid():
                self._client.close()
            self._client = None

    # -- one try -----------------------------------------------------------------------------------------------------

    def _attempt(
        self,
        method: str,
        url: str,
        query: Query,
        body: Any,
        content: Callable[[], Iterator[bytes]] | None,
        headers: Mapping[str, str] | None,
        type: Any,
    ) -> Any:
        pairs = query.items() if isinstance(query, Mapping) else query or ()
        params = [*self.connection.query().items(), *pairs]
        sent = {**self.connection.headers(), **(headers or {})}
        data: Any = None
        if content is not None:
            data = content()
        elif body is not None:
            data = msgspec.json.encode(body)
            sent['Content-Type'] = 'application/json'
        for _ in range(_MAX_REDIRECTS + 1):
            try:
                with self._session().stream(method, url, params=params or None, content=data, headers=sent) as response:
                    self._note_clock(response)
                    if response.is_redirect:
                        url, params = self._redirected(method, url, response), []
                        continue
                    return self._answer(method, url, response, type)
            except httpx.HTTPError as error:
                raise self._no_answer(url, error) from error
            except httpx.InvalidURL as error:
                raise BackendError(f'{shown(url)}: this address cannot be used: {error}', hint=REPORT) from error
        raise BackendError(f'{shown(url)}: more than {_MAX_REDIRECTS} redirects', url=shown(url))

    def _answer(self, method: str, url: str, response: httpx.Response, type: Any) -> Any:
        content = bytearray()
        for part in response.iter_bytes():
            content += part
            if len(content) > _MAX_BYTES:
                raise BackendError(f'{shown(url)}: the answer has more than {_MAX_BYTES:,} bytes', url=shown(url))
        if response.is_success:
            if not content and type is Any:
                return None
            try:
                return msgspec.json.decode(content, type=type)
            except msgspec.ValidationError as error:
                raise BackendError(
                    f'{shown(url)}: the answer is not as expected: {error}',
                    hint='check the address of the host; if it is right, report it to the operator of the backend',
                    url=shown(url),
                ) from error
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                kind = response.headers.get('content-type', 'no content type')[:100]
                raise BackendError(
                    f'{shown(url)}: expected JSON, got {kind}: {self._quoted(bytes(content))}',
                    hint='check the address of the host: a proxy or a login page may answer in its place',
                    url=shown(url),
                ) from error
        raise self._refusal(method, url, response, bytes(content))

    def _refusal(self, method: str, url: str, response: httpx.Response, content: bytes) -> Exception:
        status, message = response.status_code, self._quoted(content)
        problem = f'{method} {shown(url)}: the backend answered {status}{f": {message}" if message else ""}'
        facts: dict[str, Any] = {'url': shown(url), 'status': status}
        if status in (401, 403):
            hint = (
                f'the token is wrong or has expired: replace the one from {self.connection.token_source}'
                if status == 401
                else 'this token has no permission: request it, or check the tenant (SYNAPSE_PLUGIN_RUN_TENANT)'
            )
            return AccessDenied(problem, hint=hint, **facts)
        if status == 404:
            return RecordNotFound(problem, hint='check the id, the tenant and the host', **facts)
        if status in _RETRIED:
            wait = _retry_after(response)
            hint = (
                'try again later'
                if status == 429
                else 'try again; if it stays, report it to the operator of the backend'
            )
            return _Retry(
                BackendUnavailable(problem, hint=hint, retry_after=wait, **facts), unprocessed=status in (425, 429)
            )
        return BackendError(problem, **facts)

    def _no_answer(self, url: str, error: httpx.HTTPError) -> Exception:
        origin = self._origin
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ssl.SSLError):
            cause = cause.__cause__ or cause.__context__
        if cause is not None:
            return BackendError(
                f'{origin}: the connection is not trusted: {cause}',
                hint='check the address: this port does not speak TLS'
                if getattr(cause, 'reason', '') == 'WRONG_VERSION_NUMBER'
                else 'check the address; for a private authority, set SSL_CERT_FILE to its certificates',
                host=str(origin),
            )
        unprocessed = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        what = 'cannot be reached' if unprocessed else 'did not answer'
        text = str(error) or type(error).__name__
        return _Retry(
            BackendUnavailable(
                f'{origin} {what}: {text}', hint='check the network and the address of the host', host=str(origin)
            ),
            unprocessed=unprocessed,
        )

    # -- where -------------------------------------------------------------------------------------------------------

    def _url(self, path: str) -> str:
        url = path if '://' in path else f'{self.connection.host}/{path.lstrip("/")}'
        return self._checked(url, 'the backend names an address')

    def _redirected(self, method: str, url: str, response: httpx.Response) -> str:
        location = str(response.headers.get('location', ''))
        with suppress(ValueError):
            # Otherwise it is named as it is by the error below.
            location = urljoin(url, location)
        target = self._checked(location, f'{shown(url)} redirects')
        if method != 'GET':
            raise BackendError(f'{method} {shown(url)}: it is redirected to {shown(target)}', url=shown(url))
        return target

    def _checked(self, url: str, what: str) -> str:
        try:
            url = requestable(url)
            same = Origin.of(url) == self._origin
        except ValueError as error:
            raise BackendError(f'{what} that cannot be used: {repr_of(shown(url))}: {error}', hint=REPORT) from error
        if not same:
            raise BackendError(
                f'{what} on another origin than {self._origin}: {shown(url)}; no credential was sent there',
                hint=REPORT,
                url=shown(url),
            )
        return url

    def _quoted(self, content: bytes) -> str:
        """The message of a server, for a sentence: bounded, and without secrets, which servers repeat."""
        text = without_secrets_of_urls(' '.join(content[:_MAX_READ].decode(errors='replace').split()))
        for secret in self.connection.secrets:
            text = text.replace(secret, '[hidden]')
        return text if len(text) <= QUOTED else f'{text[:QUOTED]}...'

    # -- waiting -----------------------------------------------------------------------------------------------------

    def _pause(self, attempt: int, failure: BackendError | None) -> float:
        asked = None if failure is None else failure.facts.get('retry_after')
        if asked is not None:
            if asked > self.retry.max_delay:
                assert failure is not None
                failure.hint = f'it requires a wait of {asked:,.0f} s: try again later'
                raise failure
            return float(asked)
        return self.retry.delay(attempt)

    def _wait(self, seconds: float, failure: BackendError | None) -> None:
        if self.cancelled.wait(seconds) and failure is not None:
            raise failure

    # -- the client --------------------------------------------------------------------------------------------------

    def _session(self) -> httpx.Client:
        with self._lock:
            # On a connection that two processes use, one gets the answers for the other.
            if self._client is None or self._pid != os.getpid():
                # A token that may go unencrypted to this machine must not go to a proxy.
                direct = (self._origin.url_host,) if self._origin.is_loopback else ()
                self._client = new_client(connect=self.timeouts.connect, answer=self.timeouts.answer, direct=direct)
                self._pid = os.getpid()
            return self._client

    def _note_clock(self, response: httpx.Response) -> None:
        try:
            there = parsedate_to_datetime(response.headers['date']).timestamp()
        except (KeyError, ValueError, TypeError, OverflowError):
            return
        self.clock_offset = there - time.time()


def checked_id(value: Any, of: str) -> int | str:
    """The id of a record, as a backend has sent it, after a check.

    Args:
        value: It.
        of: The record, for an error.

    Raises:
        BackendError: It is not an id.
    """
    try:
        id: int | str = msgspec.convert(value, Id)
        return id
    except msgspec.ValidationError as error:
        given = without_secrets_of_urls(repr_of(value))
        raise BackendError(f'{of}: the backend gave {given} as its id: {error}', hint=REPORT) from error


class _Retry(PortableException):
    """Something that may be different the next time.

    Args:
        error: What it is if it stays so.
        unprocessed: Whether the server certainly did nothing.
    """

    def __init__(self, error: BackendError, *, unprocessed: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.unprocessed = unprocessed


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get('retry-after', '')
    if value.strip().isdecimal():
        return float(value)
    try:
        # Relative to the server's own clock, which may differ from ours.
        now = parsedate_to_datetime(response.headers['date']).timestamp()
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
