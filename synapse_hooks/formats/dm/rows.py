"""Rows of a DM v2 document, and the annotations they stand for; both ways, without loss.

A row is `{id, classification, attrs: [{name, value}], data, ...}` in a bucket named after a tool. Keys that are not
part of the canonical model, and what was missing, are kept in `Annotation.extra['dm']`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from synapse_hooks.data import (
    Annotation,
    AnyAnnotation,
    Box,
    Classification,
    Group,
    Keypoint,
    Mask,
    Other,
    Polygon,
    Polyline,
    Relation,
    Ring,
    RotatedBox,
)
from synapse_hooks.data.geometry import TOO_LARGE, too_large
from synapse_hooks.data.masks import from_indices, to_indices

Row = dict[str, Any]

_KEYS = ('id', 'classification', 'attrs', 'data')
_NUMBERS = (int, float)
_FORMS = {
    'bounding_box': '[x, y, width, height]',
    'polygon': 'points [x, y]',
    'polyline': 'points [x, y]',
    'keypoint': '[x, y]',
    'segmentation': 'pixel numbers, or runs [start, length]',
    'classification': 'empty',
    'relation': 'two ids',
    'group': 'ids',
}
"""What the data of each tool should be."""


def read_row(tool: str, row: Any, entry: int = 0) -> AnyAnnotation:
    """The annotation that a row of `images[entry][tool]` stands for.

    A row of an unknown tool becomes `Other`, whole, and so does one that is not what its tool promises, with its fault.
    """
    reader = READERS.get(tool)
    if reader is None:
        return read_other('images', tool, row, entry)
    try:
        if not isinstance(row, dict):
            raise _Malformed(f'it is {named(row)} instead of an object')
        if tool != 'classification' and not isinstance(row.get('data'), list):
            raise _Malformed(f'its data should be {_FORMS[tool]}, and are {named(row.get("data"))}')
        return reader(row, _common(row, entry, ('visibility',) if tool == 'keypoint' else ()))
    except _Malformed as error:
        return read_other('images', tool, row, entry, str(error))


def named(value: Any) -> str:
    """What a JSON value is, in words: a reason with the value itself would be another one for each of them.

    Example:
        >>> named('x'), named(None), named({})
        ('a text', 'null', 'an object')
    """
    return _WORDS.get(type(value), 'a number')


_WORDS = {str: 'a text', list: 'a list', dict: 'an object', bool: 'true or false', type(None): 'null'}


class _Malformed(Exception):
    """A row is not what its tool promises, for this reason."""


def read_other(media: str, tool: str, row: Any, entry: int = 0, fault: str = '') -> Other:
    """A row that is carried through as it is."""
    fields = row if isinstance(row, dict) else {}
    label, id = fields.get('classification'), fields.get('id')
    return Other(
        tool=f'{media}.{tool}',
        document=row,
        id=id if isinstance(id, str) else '',
        label=label if isinstance(label, str) else '',
        entry=entry,
        fault=fault,
    )


def write_row(annotation: Annotation, data: Any, **more: Any) -> Row:
    """A row with what all rows have; values that its own document had in another form are restored."""
    row: Row = {
        'id': annotation.id,
        'classification': annotation.label,
        'attrs': [{'name': name, 'value': value} for name, value in annotation.attributes.items()],
        'data': data,
        **more,
    }
    if annotation.group is not None:
        row['group_id'] = annotation.group
    kept = annotation.extra.get('dm')
    if kept:
        row.update(kept.get('rest', {}))
        for key in kept.get('absent', ()):
            row.pop(key, None)
    return row


def _common(row: Row, entry: int, more: tuple[str, ...]) -> dict[str, Any]:
    id, label, attrs, group = row.get('id'), row.get('classification'), row.get('attrs'), row.get('group_id')
    try:
        attributes = {attr['name']: attr['value'] for attr in attrs} if attrs else {}
    except (KeyError, TypeError) as error:
        raise _Malformed('its attrs should be objects with name and value') from error
    rest = {key: row[key] for key in row if key not in _KEYS and key not in more and key != 'group_id'}
    if not isinstance(id, str):
        rest['id'], id = id, ''
    if label is None:
        rest['classification'], label = label, ''
    elif not isinstance(label, str):
        raise _Malformed(f'its classification is {named(label)} instead of a text')
    if not isinstance(attrs, list) or len(attributes) < len(attrs) or any(len(attr) != 2 for attr in attrs):
        rest['attrs'] = attrs
    if 'group_id' in row and not isinstance(group, str):
        rest['group_id'], group = group, None
    absent = [key for key in (*_KEYS, *more) if key not in row]
    kept = {name: value for name, value in (('rest', rest), ('absent', absent)) if value}
    return {
        'id': id,
        'label': label,
        'attributes': attributes,
        'group': group,
        'entry': entry,
        'extra': {'dm': kept} if kept else {},
    }


def _numbers(values: list[Any], count: int, tool: str) -> list[float]:
    if len(values) != count:
        raise _Malformed(f'its data should be {_FORMS[tool]}, and there are {len(values)} values')
    for value in values:
        if type(value) not in _NUMBERS:
            raise _Malformed(f'its data should be {_FORMS[tool]}, and there is {named(value)}')
    if too_large(values):
        raise _Malformed(f'its data should be {_FORMS[tool]}, and there is {TOO_LARGE}')
    return values


def _ring(data: list[Any], tool: str) -> Ring:
    if not data:
        raise _Malformed('it has no points')
    ring = []
    for point in data:
        if not isinstance(point, list):
            raise _Malformed(f'its data should be {_FORMS[tool]}, and there is {named(point)}')
        x, y = _numbers(point, 2, tool)
        ring.append((x, y))
    return ring


def _box(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    x, y, w, h = _numbers(row['data'], 4, 'bounding_box')
    angle = common['attributes'].get('rotation', 0)
    if type(angle) in _NUMBERS and angle != 0:
        if too_large((angle,)):
            raise _Malformed(f'its rotation should be radians, and there is {TOO_LARGE}')
        return RotatedBox(x, y, w, h, angle, **common)
    return Box(x, y, w, h, **common)


def _polygon(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    return Polygon([[_ring(row['data'], 'polygon')]], **common)


def _polyline(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    return Polyline(_ring(row['data'], 'polyline'), **common)


def _keypoint(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    x, y = _numbers(row['data'], 2, 'keypoint')
    visibility = row.get('visibility', 2)
    if visibility not in (0, 1, 2):
        raise _Malformed('its visibility is none of 0, 1 and 2')
    return Keypoint(x, y, visibility, **common)


def _mask(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    data, encoding = row['data'], row.get('encoding')
    as_runs = encoding == 'dm_rle' or (encoding is None and bool(data) and isinstance(data[0], list))
    try:
        runs = [(start, length) for start, length in data] if as_runs else from_indices(data)
        fine = all(type(start) is type(length) is int and start >= 0 and length > 0 for start, length in runs)
    except (TypeError, ValueError):
        fine = False
    if not fine:
        wanted = 'runs [start, length]' if as_runs else 'pixel numbers'
        raise _Malformed(f'its data should be {wanted}, and not all are')
    if encoding is None:
        common['extra'].setdefault('dm', {})['indices'] = not as_runs
    return Mask(runs, **common)


def _classification(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    if row.get('data'):
        raise _Malformed(f'its data should be {_FORMS["classification"]}, and are {named(row["data"])}')
    if 'data' in row and row['data'] != {}:
        common['extra'].setdefault('dm', {}).setdefault('rest', {})['data'] = row['data']
    return Classification(**common)


def _relation(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    ids = _ids(row, 'relation')
    if len(ids) != 2:
        raise _Malformed(f'its data should be {_FORMS["relation"]}, and there are {len(ids)}')
    return Relation(source=ids[0], target=ids[1], **common)


def _group(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    return Group(_ids(row, 'group'), **common)


def _ids(row: Row, tool: str) -> list[str]:
    for value in row['data']:
        if not isinstance(value, str):
            raise _Malformed(f'its data should be {_FORMS[tool]}, and there is {named(value)}')
    return [*row['data']]


READERS: dict[str, Callable[[Row, dict[str, Any]], AnyAnnotation]] = {
    'bounding_box': _box,
    'polygon': _polygon,
    'polyline': _polyline,
    'keypoint': _keypoint,
    'segmentation': _mask,
    'classification': _classification,
    'relation': _relation,
    'group': _group,
}
"""The tools of images that the canonical model knows."""


def mask_row(mask: Mask, runs: list[tuple[int, int]]) -> Row:
    """A mask's row, in the encoding that its document had, else as runs."""
    kept = mask.extra.get('dm', {})
    encoding = kept.get('rest', {}).get('encoding')
    if encoding == 'raw_indices' or kept.get('indices'):
        return write_row(mask, to_indices(runs))
    row = write_row(mask, [list(run) for run in runs])
    if encoding is None and 'indices' not in kept:
        row.update(encoding='dm_rle', isCompressed=True, compressionFormat='rle')
    return row
