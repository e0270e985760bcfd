"""Requests and responses of the development server: JSON bodies, JSON responses, pagination, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from synapse_hooks.portable import PortableException

MAX_PER_PAGE: Final = 1000
_MAX_DIGITS: Final = 18
_JSON: Final = 'application/json'


class RequestError(PortableException):
    """A request that cannot be served.

    Args:
        status: The HTTP status of the response.
        detail: The text of the response.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def page_of(request: Request, records: Any, shown: Callable[[Any], Any]) -> Response:
    """One page of records, as the query asks for it (`page`, `page_size`).

    Args:
        request: The request.
        records: All of them, in a stable order.
        shown: Returns the JSON value for a record.

    Raises:
        RequestError: There is no such page.
    """
    query = dict(request.query_params.multi_items())
    size = number_of(query.get('page_size', '100'), 'page_size', MAX_PER_PAGE)
    number = number_of(query.get('page', '1'), 'page')
    start, stop = (number - 1) * size, number * size
    if start >= len(records) > 0 or (not records and number > 1):
        raise RequestError(404, 'Invalid page.')

    def url(page: int) -> str:
        kept = [(name, value) for name, value in request.query_params.multi_items() if name != 'page']
        here = request.url
        return f'{here.scheme}://{here.netloc}{here.path}?{urlencode([*kept, ("page", page)])}'

    return json_response(
        {
            'count': len(records),
            'next': url(number + 1) if stop < len(records) else None,
            'previous': url(number - 1) if number > 1 else None,
            'results': [shown(record) for record in records[start:stop]],
        }
    )


def number_of(text: str, name: str, most: int = 1 << 31, *, least: int = 1) -> int:
    """The value of a parameter that is a number.

    Raises:
        RequestError: It is not a number from `least` to `most`.
    """
    if not text.isdecimal() or len(text) > _MAX_DIGITS or not least <= int(text) <= most:
        raise RequestError(400, f'{name} must be a number from {least} to {most}')
    return int(text)


async def json_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body of a request.

    Raises:
        RequestError: The body is something else.
    """
    body = await json_value(request)
    if not isinstance(body, dict):
        raise RequestError(400, 'expected a JSON object')
    return body


async def json_value(request: Request) -> Any:
    """The JSON value in the body of a request.

    Raises:
        RequestError: It is not JSON.
    """
    try:
        return msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(400, f'JSON parse error: {error}') from error


def json_response(value: Any, status: int = 200) -> Response:
    """A response with a JSON body."""
    return Response(msgspec.json.encode(value), status, media_type=_JSON)
