"""Entries with the common keys only: decoded many at a time, without a dict for each, their polygons still as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from synapse_hooks.data import AnyAnnotation, Box, Mask
from synapse_hooks.data.outline import Number, Outline
from synapse_hooks.formats.coco.entries import mask_runs


class TypedEntry(Struct, gc=False, forbid_unknown_fields=True):
    """An entry with these keys only. Others are read as a dict, which loses no key."""

    id: int | str
    category_id: int | str
    image_id: int | str
    bbox: tuple[Number, Number, Number, Number] | None = None
    segmentation: Raw = Raw(b'')
    area: Number | None = None
    iscrowd: int | bool | None = 0
    attributes: dict[str, Any] | None = None


_many = msgspec.json.Decoder(list[TypedEntry]).decode
_one = msgspec.json.Decoder(TypedEntry).decode


def decode_entries(texts: Sequence[Raw]) -> Iterable[TypedEntry | Raw]:
    """Entries, in order: typed where they fit `TypedEntry`, else as text."""
    try:
        return _many(b'[%b]' % b','.join(texts))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return map(_typed_or_text, texts)


def _typed_or_text(text: Raw) -> TypedEntry | Raw:
    try:
        return _one(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return text


def read_typed_entry(entry: TypedEntry, label: str, width: int, height: int) -> AnyAnnotation | Outline:
    """The annotation that an entry stands for.

    Raises:
        ValueError, TypeError: It is malformed.
    """
    attributes = entry.attributes or {}
    if entry.iscrowd:
        attributes['iscrowd'] = True
    text = bytes(entry.segmentation)
    if text == b'null' or (len(text) < 8 and not text.strip(b'[]{} \t\r\n')):
        if entry.bbox is None:
            raise ValueError('neither bbox nor segmentation')
        return Box(*entry.bbox, id=str(entry.id), label=label, attributes=attributes)
    if text[0] == 0x7B:
        runs = mask_runs(msgspec.json.decode(text), width, height)
        return Mask(runs, columns=True, box=entry.bbox, id=str(entry.id), label=label, attributes=attributes)
    return Outline(text, entry.bbox, id=str(entry.id), label=label, attributes=attributes)
