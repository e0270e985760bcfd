"""Requests to a server of Label Studio: the token goes to its origin only."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx
import msgspec

from synapse_hooks.errors import AccessDenied, BackendError, BackendUnavailable
from synapse_hooks.safe_text import text_of
from synapse_hooks_labelstudio.settings import TOKEN_VARIABLE, Settings

T = TypeVar('T')

TRIES: Final = 5
_FIRST_DELAY: Final = 0.1
_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
_MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_LATER: Final = (408, 425, 429)
_PERSONAL: Final = re.compile(r'[\w-]+\.[\w-]+\.[\w-]+')
"""A personal access token: a JSON web token, with which a short-lived one is requested."""
_LONGEST: Final = 300


class Server:
    """A server of Label Studio.

    Args:
        settings: Its address and the token.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._origin = httpx.URL(settings.url)
        self._client = httpx.Client(
            timeout=_TIMEOUT,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=settings.connections + 1),
        )
        self._lock = threading.Lock()
        self._access = '' if _PERSONAL.fullmatch(settings.token) else f'Token {settings.token}'

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def export(self, project: int) -> Iterator[bytes]:
        """The tasks of a project with their annotations: the bytes of a JSON document.

        Raises:
            AccessDenied: The token is not accepted.
            BackendError: There is no such project.
            BackendUnavailable: The server does not answer.
        """
        every = '&download_all_tasks=true' if self.settings.unannotated else ''
        with self.stream(f'/api/projects/{project}/export?exportType=JSON{every}') as answer:
            if answer.is_redirect:
                # An export has no business elsewhere, and what is there is not of this project.
                raise BackendError(f'{self.settings.url} redirects its export', hint='check the address of the server')
            yield from answer.iter_bytes()

    @contextmanager
    def stream(self, address: str, headers: dict[str, str] | None = None) -> Iterator[httpx.Response]:
        """An answer, whose body is read in the block. Redirects are followed; the token is not sent to other hosts.

        Args:
            address: Absolute, or of this server.
            headers: More of the request.

        Raises:
            AccessDenied, BackendError, BackendUnavailable: As `export`.
        """
        url = self._absolute(address)
        renewed = False
        for _ in range(_MOST_REDIRECTS):
            own = self._is_own(url)
            sent = {**(headers or {}), **({'Authorization': self._authorization()} if own else {})}
            with _translated(_shown(url)), self._client.stream('GET', url, headers=sent) as answer:
                if answer.status_code == 401 and own and not renewed and self._is_personal:
                    # A short-lived token has ended.
                    renewed = True
                    with self._lock:
                        if self._access == sent['Authorization']:
                            self._access = ''
                    continue
                if answer.status_code in _REDIRECTS and 'location' in answer.headers:
                    url = url.join(answer.headers['location'])
                    if url.scheme not in ('http', 'https'):
                        raise BackendError(f'{_shown(url)} is not an address that can be downloaded')
                    continue
                self._check(answer, url, own=own)
                yield answer
                return
        raise BackendError(f'{_shown(url)}: too many redirects', hint='check the address')

    def _absolute(self, address: str) -> httpx.URL:
        path = self._origin.path.rstrip('/')
        if address.startswith('/') and not address.startswith(('//', f'{path}/')):
            # A server below a path of its host leaves that out in the data of tasks.
            address = f'{path}{address}'
        try:
            return self._origin.join(address)
        except (httpx.InvalidURL, ValueError) as error:
            raise BackendError(f'{address[:_LONGEST]!r} is not an address: {error}', hint='correct the task') from error

    @property
    def _is_personal(self) -> bool:
        return _PERSONAL.fullmatch(self.settings.token) is not None

    def _is_own(self, url: httpx.URL) -> bool:
        own = self._origin
        return (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port)

    def _authorization(self) -> str:
        """The header; with a personal access token, a short-lived token is requested first."""
        with self._lock:
            if not self._access:
                self._access = f'Bearer {self._refreshed()}'
            return self._access

    def _refreshed(self) -> str:
        url = f'{self.settings.url}/api/token/refresh'

        def request() -> str:
            with _translated(url):
                answer = self._client.post(url, json={'refresh': self.settings.token})
                if answer.is_redirect:
                    raise BackendError(
                        f'{url} redirects, and the token is not sent elsewhere', hint='check the address'
                    )
                self._check(answer, httpx.URL(url), own=True)
                return msgspec.json.decode(answer.content, type=dict[str, str])['access']

        return repeated(request)

    def _check(self, answer: httpx.Response, url: httpx.URL, *, own: bool) -> None:
        status, shown = answer.status_code, _shown(url)
        if status in (200, 206, 416):
            return
        if status in (401, 403):
            whose = f'check {TOKEN_VARIABLE}, and what its user may see' if own else 'check the storage of the project'
            raise AccessDenied(f'{shown}: the answer is {status}', hint=whose, status=status, url=shown)
        if status >= 500 or status in _LATER:
            raise BackendUnavailable(f'{shown}: the answer is {status}', hint='try again later', url=shown)
        raise BackendError(f'{shown}: the answer is {status}', hint='check the project and its storage', url=shown)


def repeated(request: Callable[[], T]) -> T:
    """What a request answers, which is made again where a failure may pass.

    Raises:
        BackendUnavailable: It did not pass.
    """
    for attempt in range(1, TRIES):
        try:
            return request()
        except BackendUnavailable:
            time.sleep(_FIRST_DELAY * 2**attempt)
    return request()


@contextmanager
def _translated(shown: str) -> Iterator[None]:
    try:
        yield
    except (httpx.TransportError, httpx.DecodingError) as error:
        text = text_of(error, _LONGEST) or type(error).__name__
        # Without its cause, which has the request with the token.
        raise BackendUnavailable(f'{shown}: {text}', hint='check the address, and try again', url=shown) from None
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError, KeyError) as error:
        raise BackendError(f'{shown}: {text_of(error, _LONGEST)}', hint='is it a server of Label Studio?') from None


def _shown(url: httpx.URL) -> str:
    """An address for a message: without what signs it."""
    return str(url.copy_with(query=None, fragment=None, username=None, password=None))
