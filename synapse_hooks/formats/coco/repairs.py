"""Repairs of entries of a COCO file that break the rules, but whose meaning is certain."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

import msgspec

FLAT = 'its segmentation is one list of numbers, not a list of rings: read as one ring'
BYTES = "the counts of its mask are Python's text for bytes, b'...': read without that"
IMAGE_ID = 'its image_id is text where the id of the image is a number, or the reverse: matched'
CATEGORY_ID = 'its category_id is text where the id of the category is a number, or the reverse: matched'

_FLAT = re.compile(rb'\[\s*[-\d]')
_BYTES = re.compile(rb'"counts"\s*:\s*"b(\'|\\")')
_QUOTED = re.compile(r"b(?P<quote>['\"])(?P<text>.*)(?P=quote)", re.DOTALL)


def repair_segmentation(segmentation: Any) -> tuple[Any, str]:
    """A segmentation as the rules have it, and what was wrong with it; empty where nothing was.

    Example:
        >>> repair_segmentation([1, 1, 9, 1, 9, 9])[0]
        [[1, 1, 9, 1, 9, 9]]
        >>> repair_segmentation({'size': [80, 100], 'counts': "b'Zi0d0'"})[0]['counts']
        'Zi0d0'
    """
    if isinstance(segmentation, list) and segmentation and all(type(value) in (int, float) for value in segmentation):
        return [segmentation], FLAT
    counts = segmentation.get('counts') if isinstance(segmentation, dict) else None
    # The alphabet of counts has a backslash, and no quotes.
    if isinstance(counts, str) and (match := _QUOTED.fullmatch(counts)):
        return {**segmentation, 'counts': match['text'].replace('\\\\', '\\')}, BYTES
    return segmentation, ''


def repair_segmentation_text(segmentation: bytes) -> tuple[bytes, str]:
    """The same of a segmentation that is still text."""
    if not (_FLAT.match(segmentation) or _BYTES.search(segmentation)):
        return segmentation, ''
    repaired, wrong = repair_segmentation(msgspec.json.decode(segmentation))
    return (msgspec.json.encode(repaired), wrong) if wrong else (segmentation, '')


def matching_id(id: Any, known: Container[Any]) -> Any:
    """The id that is meant where text stands for a number, or the reverse; None if there is none.

    Example:
        >>> matching_id('7', {7: 'car'}), matching_id(7, {'7': 'car'}), matching_id('07', {7: 'car'})
        (7, '7', None)
    """
    other: Any = None
    if isinstance(id, str):
        if id.isascii() and id.removeprefix('-').isdigit() and len(id) <= _DIGITS and str(int(id)) == id:
            other = int(id)
    elif isinstance(id, int) or (isinstance(id, float) and id.is_integer()):
        other = str(int(id))
    return other if other is not None and other in known else None


def undeclared(id: Any, labels: Mapping[Any, str]) -> str:
    """Why an entry has no class: what its category_id is, and which there are.

    Example:
        >>> undeclared(1, {0: 'cat'})
        "its category_id 1 is not in the file, which declares 0 ('cat')"
    """
    shown = ', '.join(f'{known} ({label[:_LONGEST]!r})' for known, label in list(labels.items())[:_SHOWN])
    more = f' and {len(labels) - _SHOWN:,} more' if len(labels) > _SHOWN else ''
    # Each id is a reason of its own in the report, so that those of a broken file are not all named.
    shown_id = f' {id}' if type(id) is int and abs(id) < _NAMED else ''
    return f'its category_id{shown_id} is not in the file, which declares {shown or "none"}{more}'


_DIGITS = 20
_SHOWN = 5
_LONGEST = 40
_NAMED = 1000
