"""Errors of the MLflow client: what passes with time, and what does not."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from synapse_hooks.errors import BackendError, BackendUnavailable, SinkUnavailable
from synapse_hooks.safe_text import text_of

_LONGEST: Final = 500
_LOGIN: Final = re.compile(r'(?<=//)[^/\s@]+@')
_LATER: Final = (401, 403, 408, 425, 429)
"""Besides all of 500 and above: a token may have expired, and is renewed before the next `sync`."""
_CONNECT_SECONDS: Final = 10


@contextmanager
def translated() -> Iterator[None]:
    """Let the block raise SinkUnavailable where MLflow cannot be reached, and BackendError where it refuses something.

    The texts have no user name or password, should a URL contain them.

    Raises:
        SinkUnavailable: The connection failed, or the server answered 401, 403, 408, 425, 429, or 500 and above.
        BackendError: The server has refused the request, and would refuse it again.
    """
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException

    try:
        yield
    except (MlflowException, RequestException) as error:
        text = _LOGIN.sub('', text_of(error, _LONGEST))
        # Without its cause, in which a URL may have a password.
        if _is_temporary(error):
            raise SinkUnavailable(f'MLflow: {text}') from None
        raise BackendError(f'MLflow refused a request: {text}') from None


@contextmanager
def required() -> Iterator[None]:
    """Let the block raise BackendUnavailable, an error of a step, in place of SinkUnavailable."""
    try:
        yield
    except SinkUnavailable as error:
        raise BackendUnavailable(
            text_of(error), hint='type `synapse-hooks resume RUN_DIR` when MLflow can be reached again'
        ) from error


def _is_temporary(error: BaseException) -> bool:
    from mlflow.exceptions import MlflowException, RestException
    from requests.exceptions import InvalidURL, MissingSchema, RequestException

    if isinstance(error, RequestException):
        if isinstance(error, InvalidURL | MissingSchema):
            return False
        return error.response is None or _is_later(error.response.status_code)
    assert isinstance(error, MlflowException)
    # The client raises its own exception while it handles one of requests.
    before = error.__cause__ or error.__context__
    if isinstance(before, RequestException):
        return _is_temporary(before)
    # An exception of the client itself has the status 500 too, if it names no other.
    answered = isinstance(error, RestException) or str(error).startswith('API request to ')
    return answered and _is_later(error.get_http_status_code())


def _is_later(status: int) -> bool:
    return status >= 500 or status in _LATER


def check_connection(uri: str) -> None:
    """Try to connect to a server, which takes a millisecond if it is there.

    The client of MLflow retries a refused connection for four minutes by default, and a run should end before that.

    Raises:
        SinkUnavailable: There is no connection. Not raised where a proxy is used.
    """
    from requests.utils import get_environ_proxies, select_proxy

    parts = urlsplit(uri)
    if parts.scheme not in ('http', 'https') or not parts.hostname or select_proxy(uri, get_environ_proxies(uri)):
        return
    port = parts.port or (443 if parts.scheme == 'https' else 80)
    try:
        socket.create_connection((parts.hostname, port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise SinkUnavailable(f'MLflow at {parts.hostname}:{port} cannot be reached: {error}') from error
