"""Requests to S3, through s3fs, with errors of synapse-hooks."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from synapse_hooks.errors import AccessDenied, BackendError, BackendUnavailable
from synapse_hooks.safe_text import text_of
from synapse_hooks_s3.settings import Address, Settings

if TYPE_CHECKING:
    from s3fs import S3FileSystem

T = TypeVar('T')

TRIES: Final = 7
"""How often a request is made. s3fs and botocore, which would repeat each of these as well, do not."""
_FIRST_DELAY: Final = 0.2
_LONGEST: Final = 500
_LOGIN: Final = re.compile(r'(?<=//)[^/\s@]+@')
_KEY_ID: Final = re.compile(r'\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b')
_CREDENTIALS: Final = 'check the credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID, ~/.aws), and what they may do'
_SIGNED_OUT: Final = ('NoCredentialsError', 'PartialCredentialsError', 'ProfileNotFound', 'TokenRetrievalError',
                      'SSOTokenLoadError', 'UnauthorizedSSOTokenError', 'CredentialRetrievalError')  # fmt: skip


_TRANSIENT_STATUSES: Final = (408, 409, 425, 429)
"""Statuses 4xx with which a repeated request may succeed."""
_TRANSIENT_CODES: Final = (
    'RequestTimeout', 'RequestTimeoutException', 'IncompleteBody', 'BadDigest', 'InvalidDigest',
    'XAmzContentSHA256Mismatch', 'SlowDown', 'Throttling', 'ThrottlingException', 'ThrottledException',
    'RequestThrottled', 'RequestThrottledException', 'RequestLimitExceeded', 'TooManyRequestsException',
    'ProvisionedThroughputExceededException', 'TransactionInProgressException', 'BandwidthLimitExceeded',
    'LimitExceededException', 'PriorRequestNotComplete', 'EC2ThrottledException',
)  # fmt: skip
"""Codes that come with status 400 or 403 and that may pass: those of S3, and those that botocore tries again.
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""


class Object(NamedTuple):
    """An object in a bucket."""

    path: str
    """As s3fs has it: `bucket/key`."""
    size: int
    etag: str
    """Without its quotes; it changes with the content."""
    changed: float
    """When it was written, in seconds since 1970."""


class Incomplete(Exception):
    """An answer that is shorter than it should be."""


class Bucket:
    """The requests of one run to S3.

    Args:
        settings: Those of the run.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        with _translated('S3'):
            self._files = _file_system(settings)

    def list(self, place: Address) -> list[Object]:
        """Every object below a place, or the object there.

        Raises:
            BackendError: There is no such bucket, or nothing in it.
        """
        found = self._call(str(place), lambda: self._files.find(place.path, detail=True, refresh=True))
        objects = [_object(path, info) for path, info in found.items() if info.get('type') == 'file']
        # Consoles make an empty object for a folder.
        return sorted(one for one in objects if one.size or not one.path.endswith('/'))

    def find(self, path: str) -> Object | None:
        """An object; None where there is none."""
        try:
            info = self._call(f's3://{path}', lambda: self._files.info(path, refresh=True), missing=FileNotFoundError)
        except FileNotFoundError:
            return None
        return _object(path, info) if info.get('type') == 'file' else None

    def read(self, path: str, start: int, stop: int) -> bytes:
        """All bytes of an object from `start` to `stop`.

        Raises:
            BackendUnavailable: They did not arrive, however often it was tried.
            BackendError: The object is not there.
        """

        def read() -> bytes:
            data: bytes = self._files.cat_file(path, start=start, end=stop) if stop > start else b''
            if len(data) != stop - start:
                raise Incomplete(f'expected {stop - start:,} bytes from {start:,} on, got {len(data):,}')
            return data

        return self._call(f's3://{path}', read)

    def put(self, file: Path, path: str, part: int) -> None:
        """Upload a file, in parts where it has more than two.

        Args:
            file: Which.
            path: `bucket/key`.
            part: Bytes of a part.
        """
        self._call(f's3://{path}', lambda: self._files.put_file(str(file), path, chunksize=part))

    def put_text(self, text: str, path: str) -> None:
        """Write an object of a text."""
        self._call(f's3://{path}', lambda: self._files.pipe_file(path, text.encode()))

    def head(self, one: Object, **more: Any) -> dict[str, Any]:
        """What S3 says of an object; an empty dict where it does not answer, as some servers do to `PartNumber`."""
        bucket, _, key = one.path.partition('/')
        try:
            with _translated(f's3://{one.path}'):
                head: dict[str, Any] = self._files.call_s3('head_object', Bucket=bucket, Key=key, **more)
        except BackendError:
            return {}
        return head

    def _call(self, what: str, request: Callable[[], T], missing: type[Exception] | None = None) -> T:
        """The answer to a request, which is repeated where the failure may pass.

        Raises:
            BackendUnavailable: It did not pass.
            BackendError: S3 has refused the request.
        """
        for attempt in range(1, TRIES + 1):
            try:
                with _translated(what, missing):
                    return request()
            except BackendUnavailable:
                if attempt == TRIES:
                    raise
                time.sleep(_FIRST_DELAY * 2 ** (attempt - 1))
        raise AssertionError('unreachable')


def _file_system(settings: Settings) -> S3FileSystem:
    import s3fs

    files = s3fs.S3FileSystem(
        anon=settings.anonymous,
        endpoint_url=settings.endpoint_url,
        profile=settings.profile,
        client_kwargs={} if settings.region is None else {'region_name': settings.region},
        config_kwargs={
            'connect_timeout': 10,
            'read_timeout': 60,
            'max_pool_connections': settings.connections,
            'retries': {'total_max_attempts': 1, 'mode': 'standard'},
        },
        # A dataset may have changed since another run of this process has listed it.
        use_listings_cache=False,
        skip_instance_cache=True,
        max_concurrency=4,
    )
    files.retries = 1
    return files


def _object(path: str, info: dict[str, Any]) -> Object:
    changed = info.get('LastModified')
    time = changed.timestamp() if isinstance(changed, datetime) else 0.0
    return Object(path, int(info.get('size') or 0), str(info.get('ETag') or '').strip('"'), time)


@contextmanager
def _translated(what: str, missing: type[Exception] | None = None) -> Iterator[None]:
    """Errors of s3fs and botocore in the block as errors of synapse-hooks, without anything that identifies a user.

    Args:
        what: The address, for messages.
        missing: An error that passes as it is.
    """
    try:
        yield
    except BackendError:
        raise
    except Incomplete as error:
        raise BackendUnavailable(f'{what}: {error}', hint='try again', url=what) from error
    except Exception as error:
        if missing is not None and isinstance(error, missing):
            raise
        text = _KEY_ID.sub('[key id]', _LOGIN.sub('', text_of(error, _LONGEST)))
        name = type(error).__name__
        if isinstance(error, PermissionError) or name in _SIGNED_OUT:
            # Without its cause: of the exceptions of botocore some have the request, with its signature.
            raise AccessDenied(f'{what}: {text}', hint=_CREDENTIALS, url=what) from None
        if isinstance(error, FileNotFoundError):
            raise BackendError(
                f'{what}: there is no such bucket or object', hint='check the address', url=what
            ) from None
        if _is_refusal(error):
            raise BackendError(
                f'{what}: {text}', hint='check the address, `s3.region` and `s3.endpoint_url`', url=what
            ) from None
        if isinstance(error, ValueError | TypeError):
            raise BackendError(f'{what}: {text}', hint='check the address and the settings', url=what) from None
        raise BackendUnavailable(
            f'{what}: {name}: {text}', hint='check the endpoint, and try again', url=what
        ) from None


def _is_refusal(error: BaseException) -> bool:
    """Whether S3 has answered a request with what it will answer to the same request again."""
    answer = getattr(error.__cause__ if isinstance(error, OSError) else error, 'response', None)
    if not isinstance(answer, dict):
        return False
    status = (answer.get('ResponseMetadata') or {}).get('HTTPStatusCode')
    code = (answer.get('Error') or {}).get('Code')
    return (
        isinstance(status, int)
        and 300 <= status < 500
        and status not in _TRANSIENT_STATUSES
        and code not in _TRANSIENT_CODES
    )
