"""The fields of the records of a workspace, by type. They may be edited by hand, so each is checked when read."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct


class _Stamp(Struct):
    files: int
    bytes: int
    digest: str


class _Files(Struct):
    digest: str
    stamp: _Stamp


class _Dataset(_Files):
    count: int
    splits: dict[str, int]
    format: str
    classes: list[str] | None = None


class _Job(Struct):
    status: str
    meta: dict[str, Any] | None = None


_CHECKS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    kind: msgspec.json.Decoder(body) for kind, body in {'dataset': _Dataset, 'model': _Files, 'job': _Job}.items()
}


def check_body(kind: str, body: bytes) -> None:
    """See that the encoded body of a record holds what its kind of record has.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, TypeError: It does not; the message names the field.

    Example:
        >>> check_body('job', b'{"status": 5}')
        Traceback (most recent call last):
            ...
        msgspec.ValidationError: Expected `str`, got `int` - at `$.status`
    """
    _CHECKS[kind].decode(body)
