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
from synapse_hooks.data.masks import from_indices, to_indices

Row = dict[str, Any]

_KEYS = ('id', 'classification', 'attrs', 'data')
_NUMBERS = (int, float)


def read_row(tool: str, row: Any, entry: int = 0) -> AnyAnnotation:
    """The annotation that a row of `images[entry][tool]` stands for.

    A row of an unknown tool, or whose data are not what its tool promises, becomes `Other`, whole.
    """
    reader = READERS.get(tool)
    if reader is not None and isinstance(row, dict) and (tool == 'classification' or isinstance(row.get('data'), list)):
        try:
            return reader(row, _common(row, entry, ('visibility',) if tool == 'keypoint' else ()))
        except (KeyError, TypeError, ValueError):
            pass
    return read_other('images', tool, row, entry)


def read_other(media: str, tool: str, row: Any, entry: int = 0) -> Other:
    """A row that is carried through as it is."""
    found = row if isinstance(row, dict) else {}
    label, id = found.get('classification'), found.get('id')
    return Other(
        tool=f'{media}.{tool}',
        document=row,
        id=id if isinstance(id, str) else '',
        label=label if isinstance(label, str) else '',
        entry=entry,
    )


def write_row(annotation: Annotation, data: Any, **more: Any) -> Row:
    """A row with what all rows have; what its own document said differently is put back."""
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
    attributes = {attr['name']: attr['value'] for attr in attrs} if attrs else {}
    rest = {key: row[key] for key in row if key not in _KEYS and key not in more and key != 'group_id'}
    if not isinstance(id, str):
        rest['id'], id = id, ''
    if not isinstance(label, str):
        rest['classification'], label = label, ''
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


def _number(value: Any) -> float:
    if type(value) not in _NUMBERS:
        raise TypeError(f'{value!r} is no number')
    found: float = value
    return found


def _ring(data: Any) -> Ring:
    ring = [(_number(x), _number(y)) for x, y in data]
    if not ring:
        raise ValueError('no points')
    return ring


def _box(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    x, y, w, h = map(_number, row['data'])
    angle = common['attributes'].get('rotation', 0)
    if type(angle) in _NUMBERS and angle != 0:
        return RotatedBox(x, y, w, h, angle, **common)
    return Box(x, y, w, h, **common)


def _polygon(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    return Polygon([[_ring(row['data'])]], **common)


def _polyline(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    return Polyline(_ring(row['data']), **common)


def _keypoint(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    x, y = map(_number, row['data'])
    visibility = row.get('visibility', 2)
    if visibility not in (0, 1, 2):
        raise ValueError(f'{visibility!r} is no visibility')
    return Keypoint(x, y, visibility, **common)


def _mask(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    data, encoding = row['data'], row.get('encoding')
    as_runs = encoding == 'dm_rle' or (encoding is None and bool(data) and isinstance(data[0], list))
    runs = [(start, length) for start, length in data] if as_runs else from_indices(data)
    if any(type(start) is not int or type(length) is not int or start < 0 or length <= 0 for start, length in runs):
        raise ValueError('no runs of pixels')
    if encoding is None:
        common['extra'].setdefault('dm', {})['indices'] = not as_runs
    return Mask(runs, **common)


def _classification(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    if row.get('data'):
        raise ValueError('a classification has no data')
    if 'data' in row and row['data'] != {}:
        common['extra'].setdefault('dm', {}).setdefault('rest', {})['data'] = row['data']
    return Classification(**common)


def _relation(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    source, target = row['data']
    return Relation(source=_text(source), target=_text(target), **common)


def _group(row: Row, common: dict[str, Any]) -> AnyAnnotation:
    return Group([_text(member) for member in row['data']], **common)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f'{value!r} is no id')
    return value


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
