"""DM v1 documents, converted to DM v2 while they are read.

`annotations` and `annotationsData` hold two halves of every annotation, by media id (`image_1`, `video_1`, ...), joined
by `id`.
"""

from __future__ import annotations

import re
from typing import Any

from synapse_hooks.data import AnyAnnotation, Other
from synapse_hooks.formats.dm.rows import Row, read_other, read_row

_VISIBILITY = {'missing': 0, 'occluded': 1, 'visible': 2}
_UI = ('isLocked', 'isVisible', 'isValid', 'isDrawCompleted', 'label')


def is_v1(document: dict[str, Any]) -> bool:
    """Whether a document is DM v1; everything else is v2."""
    return 'annotations' in document or 'annotationsData' in document


def read_v1(document: dict[str, Any]) -> tuple[list[AnyAnnotation], tuple[int, int]]:
    """All annotations of a v1 document, and the size of its image (0, 0 if it has none).

    Raises:
        TypeError, AttributeError, KeyError: The document is not DM v1.
    """
    size = (0, 0)
    own: list[AnyAnnotation] = []
    data = document.get('annotationsData') or {}
    places: dict[str, int] = {}
    for media_id, rows in (document.get('annotations') or {}).items():
        media = media_name(media_id)
        entry = places[media] = places.get(media, -1) + 1
        details = {half['id']: half for half in data.get(media_id) or ()}
        groups = (document.get('annotationGroups') or {}).get(media_id) or ()
        member_of = {member: group['id'] for group in groups for member in group.get('annotationIds') or ()}
        for row in rows or ():
            tool = row['tool']
            as_v2 = _row(media, tool, row, details.get(row['id'], {}), member_of)
            annotation = read_row(tool, as_v2, entry) if media == 'images' else read_other(media, tool, as_v2, entry)
            if isinstance(annotation, Other) and annotation.fault and row['id'] not in details:
                annotation.fault = 'annotationsData has no entry for it'
            states = {key: row[key] for key in _UI if key in row}
            annotation.extra = {**annotation.extra, 'dm1': states} if states else annotation.extra
            own.append(annotation)
        known = {row['id'] for row in rows or ()}
        for id, half in details.items():
            if id not in known:
                own.append(read_other(media, 'annotationsData', half, entry, 'annotations has no entry for it'))
        for group in groups:
            own.append(_read_link(media, 'group', group, list(group.get('annotationIds') or ()), entry))
        for relation in (document.get('relations') or {}).get(media_id) or ():
            ends = [relation.get('annotationId'), relation.get('targetAnnotationId')]
            own.append(_read_link(media, 'relation', relation, ends, entry))
        size_of = (document.get('extra') or {}).get(media_id) or {}
        if media == 'images' and size == (0, 0):
            size = int(size_of.get('width') or 0), int(size_of.get('height') or 0)
    return own, size


def media_name(media_id: str) -> str:
    """The v2 name of what a v1 media id stands for.

    Example:
        >>> media_name('image_1'), media_name('pcd_2')
        ('images', 'pcds')
    """
    return re.sub(r'_?\d*$', '', media_id) + 's'


def _read_link(media: str, tool: str, row: dict[str, Any], data: list[Any], entry: int) -> AnyAnnotation:
    classification = row.get('classification')
    label, attrs = _class(classification if isinstance(classification, dict) else {'class': classification or ''})
    as_v2 = {'id': row.get('id', ''), 'classification': label, 'attrs': attrs, 'data': data}
    return read_row(tool, as_v2, entry) if media == 'images' else read_other(media, tool, as_v2, entry)


def _class(classification: dict[str, Any]) -> tuple[Any, list[dict[str, Any]]]:
    attrs = [{'name': name, 'value': value} for name, value in classification.items() if name != 'class']
    return classification.get('class', ''), attrs


def _row(media: str, tool: str, row: dict[str, Any], half: dict[str, Any], member_of: dict[str, str]) -> Row:
    classification = dict(row.get('classification') or {})
    made: Row = {'id': row['id']}
    if tool == 'keypoint':
        seen = classification.pop('visibility', 2)
        made['visibility'] = _VISIBILITY.get(seen, seen)
        if row['id'] in member_of:
            made['group_id'] = member_of[row['id']]
    made['classification'], made['attrs'] = _class(classification)
    made['data'] = _data(media, tool, half, made)
    return made


def _data(media: str, tool: str, half: dict[str, Any], made: Row) -> Any:
    place = half.get('coordinate')
    if tool == 'bounding_box' and isinstance(place, dict):
        if place.get('rotation'):
            made['attrs'] = [*made['attrs'], {'name': 'rotation', 'value': place['rotation']}]
        return [place.get(key) for key in ('x', 'y', 'width', 'height')]
    if tool in ('polygon', 'polyline') and isinstance(place, list):
        return [[point.get('x'), point.get('y')] for point in place]
    if tool == 'keypoint' and isinstance(place, dict):
        return [place.get('x'), place.get('y')]
    if tool == 'relation':
        return [half.get('annotationId'), half.get('targetAnnotationId')]
    if tool == 'classification':
        return {}
    if tool == 'segmentation' and 'pixel_indices' in half:
        packed = bool(half.get('isCompressed'))
        made.update(
            encoding='dm_rle' if packed else 'raw_indices',
            isCompressed=packed,
            compressionFormat=half.get('compressionFormat'),
        )
        return half['pixel_indices']
    for key in ('section', 'psr'):
        if isinstance(half.get(key), dict):
            return half[key]
    return {key: value for key, value in half.items() if key != 'id'}
