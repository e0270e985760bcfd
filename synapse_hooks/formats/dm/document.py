"""A DM document, whole: bytes to a sample, and a sample to a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from synapse_hooks.data import (
    AnyAnnotation,
    Area,
    Box,
    Classification,
    Group,
    Keypoint,
    Keypoints,
    LossReport,
    Mask,
    Medium,
    Other,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Sample,
)
from synapse_hooks.data.annotation import NOT_FINITE
from synapse_hooks.data.masks import beyond, by_rows
from synapse_hooks.formats.dm.ids import valid_ids
from synapse_hooks.formats.dm.rows import READERS, Row, mask_row, named, read_other, read_row, write_row
from synapse_hooks.formats.dm.v1 import is_v1, media_name, read_v1
from synapse_hooks.geometry.extents import CUT
from synapse_hooks.safe_text import summary

MEDIA: dict[str, Medium] = {
    'images': 'image',
    'pcds': 'point_cloud',
    'videos': 'video',
    'audios': 'audio',
    'texts': 'text',
    'prompts': 'prompt',
    'datas': 'data',
}
_NAMES = {medium: name for name, medium in MEDIA.items()}
"""What a document calls each medium."""

Tree = dict[str, list[Any]]
"""Media, then entries, then rows by tool."""


def decode(data: bytes) -> dict[str, Any]:
    """The JSON object in a file's bytes.

    Raises:
        ValueError: It is empty, not JSON, or not an object; the message says which.
    """
    if not data.strip():
        raise ValueError('is empty (0 bytes)' if not data else 'is blank')
    try:
        content = msgspec.json.decode(data.removeprefix(b'\xef\xbb\xbf'))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f'is not JSON: {error}') from error
    if not isinstance(content, dict):
        raise ValueError(f'holds a JSON {type(content).__name__}, not an object')
    return content


def read_document(document: dict[str, Any], sample: Sample) -> None:
    """Fill a sample from a document of either version.

    Its medium is an image if the document speaks of one, or of nothing; else the first that it speaks of.

    Raises:
        ValueError: It is not a DM document; the message says why.
    """
    try:
        if is_v1(document):
            sample.annotations, (sample.width, sample.height) = read_v1(document)
            sample.extra = {'dm': {'version': 1}}
            about = [media_name(media_id) for media_id in document.get('annotations') or ()]
        else:
            about = _read_v2(document, sample)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'is not a DM document: {summary(error)}') from error
    sample.medium = 'image' if 'images' in about or not about else MEDIA.get(about[0], 'data')


def _read_v2(document: dict[str, Any], sample: Sample) -> list[str]:
    shape: dict[str, Any] = {}
    top: dict[str, Any] = {}
    own: list[AnyAnnotation] = []
    for media, entries in document.items():
        if media not in MEDIA or not isinstance(entries, list):
            top[media] = entries
            if media in MEDIA and entries is not None:
                own.append(_read_part(media, entries))
            continue
        shape[media] = []
        for place, entry in enumerate(entries):
            if not isinstance(entry, dict):
                raise TypeError(f'{media}[{place}] is not an object')
            shape[media].append({})
            for tool, rows in entry.items():
                is_rows = isinstance(rows, list)
                shape[media][-1][tool] = [] if is_rows else rows
                if not is_rows and rows is not None and tool in READERS:
                    own.append(_read_part(f'{media}.{tool}', rows, place))
                for row in rows if is_rows else ():
                    known = media == 'images'
                    own.append(read_row(tool, row, place) if known else read_other(media, tool, row, place))
    sample.annotations = own
    sample.extra = {'dm': {'version': 2, 'shape': shape, 'top': top}}
    return [media for media, entries in shape.items() if entries]


def _read_part(name: str, part: Any, entry: int = 0) -> Other:
    """Something else in place of a list: of unknown length. The document's shape has it, too."""
    return Other(name, document=part, entry=entry, fault=f'it is {named(part)} instead of a list', extra={'dm': _PART})


_PART = {'part': True}


def write_document(sample: Sample, report: LossReport) -> dict[str, Any]:
    """The DM v2 document that says what a sample says."""
    kept = sample.extra.get('dm') or {}
    shape: dict[str, Any] = kept.get('shape') or ({_NAMES[sample.medium]: [{}]} if sample.file else {})
    tree: Tree = {
        media: [
            {tool: list(rows) if isinstance(rows, list) else rows for tool, rows in entry.items()} for entry in entries
        ]
        for media, entries in shape.items()
    }
    annotations = sample.annotations if kept.get('version') == 2 else valid_ids(sample.annotations)
    for annotation in annotations:
        for spoken_of, tool, row in _rows(annotation, sample, report):
            # An entry under `images` would make it an image when it is read again.
            media = _NAMES[sample.medium] if spoken_of == 'images' else spoken_of
            entries = tree.setdefault(media, [])
            entries += [{} for _ in range(annotation.entry + 1 - len(entries))]
            rows = entries[annotation.entry].get(tool)
            if not isinstance(rows, list):
                rows = entries[annotation.entry][tool] = []
            rows.append(row)
    top: dict[str, Any] = dict(kept.get('top', {}))
    if kept.get('version') != 2:
        top['classification'] = _classes(tree)
    elif isinstance(declared := top.get('classification'), dict):
        top['classification'] = _completed(declared, _classes(tree))
    return {**top, **tree}


def _classes(tree: Tree) -> dict[str, list[str]]:
    """The names in use by tool, sorted."""
    used: dict[str, set[str]] = {}
    for entries in tree.values():
        for entry in entries:
            for tool, rows in entry.items():
                for row in rows or ():
                    if isinstance(row, dict) and isinstance(row.get('classification'), str) and row['classification']:
                        used.setdefault(tool, set()).add(row['classification'])
    return {tool: sorted(names) for tool, names in sorted(used.items())}


def _completed(declared: dict[str, Any], used: dict[str, list[str]]) -> dict[str, Any]:
    """A document's own list of names, with those that it lacks after them."""
    lacking = {tool: [name for name in names if name not in (declared.get(tool) or ())] for tool, names in used.items()}
    return declared | {tool: [*(declared.get(tool) or ()), *names] for tool, names in lacking.items() if names}


Rows = Iterator[tuple[str, Row]]
"""Rows, each with the name of its tool."""


def _rows(annotation: AnyAnnotation, sample: Sample, report: LossReport) -> Iterator[tuple[str, str, Row]]:
    """The rows of an annotation, each with the names of its medium and its tool."""
    if isinstance(annotation, Other):
        media, _, tool = annotation.tool.partition('.')
        if annotation.extra.get('dm') == _PART:
            return
        if media in MEDIA and tool:
            yield media, tool, annotation.document
        else:
            report.dropped(annotation.kind, 'DM has no such tool', sample.id, annotation.id)
        return
    if annotation.number_fault() == NOT_FINITE and not isinstance(annotation, Mask):
        # JSON has no such number. Of a mask, only pixels are written.
        report.dropped(annotation.kind, NOT_FINITE, sample.id, annotation.id)
        return
    for tool, row in _WRITERS[type(annotation)](annotation, sample, report):
        yield _NAMES[sample.medium], tool, row


def _box(box: Box, sample: Sample, report: LossReport) -> Rows:
    yield 'bounding_box', write_row(box, [box.x, box.y, box.w, box.h])


def _rotated_box(box: RotatedBox, sample: Sample, report: LossReport) -> Rows:
    attributes = box.attributes if 'rotation' in box.attributes else {**box.attributes, 'rotation': box.angle}
    yield 'bounding_box', write_row(msgspec.structs.replace(box, attributes=attributes), [box.x, box.y, box.w, box.h])


def _polyline(line: Polyline, sample: Sample, report: LossReport) -> Rows:
    yield 'polyline', write_row(line, [list(point) for point in line.points])


def _keypoint(joint: Keypoint, sample: Sample, report: LossReport) -> Rows:
    yield 'keypoint', write_row(joint, [joint.x, joint.y], visibility=joint.visibility)


def _mask(mask: Mask, sample: Sample, report: LossReport) -> Rows:
    if mask.columns and beyond(mask.runs, sample.width * sample.height):
        report.converted('mask', CUT, sample.id, mask.id)
    yield 'segmentation', mask_row(mask, by_rows(mask, sample.width, sample.height))


def _classification(annotation: Classification, sample: Sample, report: LossReport) -> Rows:
    yield 'classification', write_row(annotation, {})


def _relation(relation: Relation, sample: Sample, report: LossReport) -> Rows:
    yield 'relation', write_row(relation, [relation.source, relation.target])


def _group(group: Group, sample: Sample, report: LossReport) -> Rows:
    yield 'group', write_row(group, list(group.members))


def _polygon(polygon: Polygon, sample: Sample, report: LossReport) -> Rows:
    rings = [[list(point) for point in part[0]] for part in polygon.parts if part]
    if any(len(part) > 1 for part in polygon.parts):
        report.converted('polygon', 'DM polygons have no holes: filled', sample.id, polygon.id)
    elif len(rings) != 1:
        report.converted('polygon', 'DM polygons have one part: one polygon each', sample.id, polygon.id)
    if len(rings) == 1:
        yield 'polygon', write_row(polygon, rings[0])
        return
    group = polygon.group or f'{polygon.id}-parts'
    ids = [f'{polygon.id}-{number}' for number in range(1, len(rings) + 1)]
    for id, ring in zip(ids, rings, strict=True):
        yield 'polygon', write_row(msgspec.structs.replace(polygon, id=id, group=group), ring)
    if polygon.group is None:
        yield 'group', write_row(Group(ids, id=group, label=polygon.label), ids)


def _skeleton(skeleton: Keypoints, sample: Sample, report: LossReport) -> Rows:
    """DM keeps joints one by one, held together by a group that is called after the object."""
    group = skeleton.group or f'{skeleton.id}-group'
    others = [one for one in sample.annotations if one.group == group and one is not skeleton]
    members = [one.id for one in others]
    if skeleton.box is not None and not any(isinstance(one, Area) for one in others):
        box = Box(*skeleton.box, id=f'{skeleton.id}-box', label=skeleton.label, group=group)
        members.append(box.id)
        yield 'bounding_box', write_row(box, list(skeleton.box))
    for number, (x, y, visibility) in enumerate(skeleton.points):
        name = skeleton.names[number] if number < len(skeleton.names) else f'{skeleton.label}_{number}'
        joint = Keypoint(x, y, visibility, id=f'{skeleton.id}-{number}', label=name, group=group)
        members.append(joint.id)
        yield 'keypoint', write_row(joint, [x, y], visibility=visibility)
    if not any(isinstance(one, Group) and one.id == group for one in sample.annotations):
        made = Group(members, id=group, label=skeleton.label, attributes=skeleton.attributes)
        yield 'group', write_row(made, members)


_WRITERS: dict[type, Callable[[Any, Sample, LossReport], Rows]] = {
    Box: _box,
    RotatedBox: _rotated_box,
    Polygon: _polygon,
    Polyline: _polyline,
    Keypoint: _keypoint,
    Keypoints: _skeleton,
    Mask: _mask,
    Classification: _classification,
    Relation: _relation,
    Group: _group,
}
"""How each kind is written."""
