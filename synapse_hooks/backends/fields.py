"""Validation of the fields of records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from synapse_hooks.errors import BackendError, RecordNotFound, suggest
from synapse_hooks.safe_text import repr_of

OWN_FIELDS = frozenset(
    {'id', 'name', 'created', 'path', 'format', 'digest', 'count', 'splits', 'classes', 'files', 'bytes', 'stamp'}
)
"""Reserved fields of a record."""
_SHOWN = 10
_WEIGHTS = ('.pt', '.pth')


def stored_name(name: str) -> str:
    """The name under which a model's only file is stored: weights are `best.pt`, whatever their name was.

    Example:
        >>> stored_name('epoch9.PT'), stored_name('model.onnx')
        ('best.pt', 'model.onnx')
    """
    return 'best.pt' if name.lower().endswith(_WEIGHTS) else name


_LARGEST = (1 << 63) - 1
_DIGITS = 19
NO_ID = 0
"""An id that no record has."""


def checked_name(kind: str, name: str) -> str:
    """`name`, if it can be one.

    Raises:
        BackendError: It is empty, does not fit on a line, or is a number, which would be taken for an id.

    Example:
        >>> checked_name('model', 'street-v2')
        'street-v2'
    """
    for wrong, why in (
        (not name.strip() or name != name.strip(), 'is empty or has space around it'),
        (not name.isprintable() or len(name) > 200, 'is not one line of at most 200 characters'),
        (name.isdecimal(), 'is a number, which would be taken for an id'),
    ):
        if wrong:
            raise BackendError(
                f'{name!r} cannot be the name of a {kind}: it {why}', hint=f'for example {kind}-a', kind=kind, name=name
            )
    return name


def id_or_name(wanted: int | str) -> int | str:
    """What a caller gives to name a record: an id, its digits, or a name. What cannot be an id is `NO_ID`.

    Example:
        >>> id_or_name('7'), id_or_name('street-v2'), id_or_name(10**20), id_or_name(True)
        (7, 'street-v2', 0, 0)
    """
    if isinstance(wanted, str):
        digits = wanted.strip()
        if not digits.isdecimal():
            return wanted
        # Python refuses to read some thousand digits, and a database to keep more than it can count to.
        wanted = int(digits) if len(digits) <= _DIGITS else NO_ID
    return wanted if isinstance(wanted, int) and wanted is not True and 0 < wanted <= _LARGEST else NO_ID


def json_fields(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as JSON keeps them, without those that are None. What is not a JSON value is kept as its text.

    Raises:
        BackendError: A field has a reserved name, or a value cannot be stored.

    Example:
        >>> from pathlib import Path
        >>> json_fields('model', {'weights': Path('best.pt'), 'dataset': None})
        {'weights': 'best.pt'}
    """
    kept = {}
    for name, value in fields.items():
        if name in OWN_FIELDS:
            raise BackendError(f'{kind}: the field {name!r} is set by the workspace itself', field=name)
        if value is None:
            continue
        try:
            kept[name] = msgspec.json.decode(msgspec.json.encode(value, enc_hook=str))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise BackendError(f'{kind}: the field {name!r} cannot be kept as JSON: {error}', field=name) from error
    return kept


def idempotency_key(*parts: object) -> str:
    """A key by which a repeated call is recognised: of the caller's key (or name) together with the content."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def not_found(kind: str, wanted: object, records: Iterable[Mapping[str, Any]], where: object) -> RecordNotFound:
    """The error for an id or name that no record has: it lists what there is, and names what is near."""
    known = {int(record['id']): record.get('name') for record in records}
    shown = ', '.join(f'{number} ({name})' if name else str(number) for number, name in list(known.items())[:_SHOWN])
    more = f' and {len(known) - _SHOWN} more' if len(known) > _SHOWN else ''
    there = f'it has {shown}{more}' if known else f'it has no {kind}s at all'
    shown_id = repr_of(wanted) if not isinstance(wanted, int) or abs(wanted) <= _LARGEST else 'of so large an id'
    near = suggest(shown_id.strip("'"), [name for name in known.values() if name])
    return RecordNotFound(
        f'there is no {kind} {shown_id} in the workspace {where}: {there}',
        hint=f'{near} ' * bool(near) + 'see `synapse-hooks workspace list`',
        kind=kind,
        id=wanted,
        known=list(known),
    )
