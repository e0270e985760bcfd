"""The images of a COCO file in columns: plain entries go there without an object for each annotation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate, chain, pairwise
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from synapse_hooks.data import Sample
from synapse_hooks.data.batch import BatchBuilder
from synapse_hooks.data.columns import Attributes, Columns
from synapse_hooks.formats.coco.document import Fields

_NOTHING = (b'', b'[]', b'null')
_nested = re.compile(rb'\[\s*\[').match
"""Whether a text begins like a list of rings."""
_SHORTEST = len('[[0,0,0,0,0,0]]')
_ODD = Fields(iscrowd=True)
"""Stands for every entry that is not plain."""
T = TypeVar('T')
_Box = tuple[float, float, float, float]
_decode_boxes = msgspec.json.Decoder(list[_Box | None]).decode
_decode_attributes = msgspec.json.Decoder(dict[str, Any] | None).decode


class PlainEntries:
    """The entries of some images, as far as they are upright boxes and polygons.

    Args:
        entries: Those of each image.
        labels: The names of the file's categories by their ids.
    """

    def __init__(self, entries: Sequence[Sequence[Fields | Raw]], labels: Mapping[Any, str]) -> None:
        self._ends = list(accumulate(map(len, entries), initial=0))
        self._images = [number for number, some in enumerate(entries) for _ in some]
        known = [one if isinstance(one, Fields) else _ODD for one in chain.from_iterable(entries)]
        fields, self._boxes, self._attributes = _decoded(known)
        self._outlines = [bytes(one.segmentation) for one in fields]
        self._ids = ['' if one.id is None else one.id for one in fields]
        if str in set(map(type, self._ids)):
            # 7 and '7' are one id.
            self._ids = list(map(str, self._ids))
        self._labels = [labels.get(one.category_id, '') for one in fields]
        self.odd: set[int] = set()
        """The numbers of the images with an entry that is not plain."""
        if not self._all_polygons(fields):
            self._outlines = [b'' if text in _NOTHING else text for text in self._outlines]
            self.odd = {image for row, image in enumerate(self._images) if not self._is_plain(row, fields[row])}
        if len(set(self._ids)) < len(self._ids):
            images = enumerate(pairwise(self._ends))
            self.odd.update(number for number, (a, b) in images if len(set(self._ids[a:b])) < b - a)

    def _all_polygons(self, fields: Sequence[Fields]) -> bool:
        """Whether all are plain polygons: in several quick looks at all of them, not in a slow one at each."""
        texts = self._outlines
        return (
            '' not in self._labels
            and not any('iscrowd' in attributes for attributes in self._attributes if attributes)
            and not any(map(any, map(attrgetter('iscrowd', 'keypoints', 'caption', 'segments_info'), fields)))
            and min(map(len, texts), default=0) >= _SHORTEST
            and ({text[:2] for text in texts} == {b'[['} or all(map(_nested, texts)))
        )

    def _is_plain(self, row: int, fields: Fields) -> bool:
        text = self._outlines[row]
        if fields.iscrowd or not self._labels[row] or 'iscrowd' in (self._attributes[row] or ()):
            return False
        if any(bytes(more) not in _NOTHING for more in (fields.keypoints, fields.caption, fields.segments_info)):
            return False
        return bool(_nested(text)) and len(text) >= _SHORTEST if text else self._boxes[row] is not None

    def add(self, builder: BatchBuilder, samples: Sequence[Sample], first: int) -> None:
        """Add images that are plain, with their entries.

        Args:
            builder: The batch that is built.
            samples: Consecutive images, without annotations.
            first: The number of the first of them.
        """
        begin, end = self._ends[first], self._ends[first + len(samples)]
        item, place = len(builder.samples) - first, builder.place - begin
        builder.samples += samples
        builder.place += end - begin
        polygons: Sequence[int] = [row for row in range(begin, end) if self._outlines[row]]
        if len(polygons) < end - begin:
            boxes = [row for row in range(begin, end) if not self._outlines[row]]
            self._fill(builder.boxes, boxes, item, place)
            builder.boxes.add_numbers([box for row in boxes if (box := self._boxes[row])])
        else:
            polygons = range(begin, end)
        self._fill(builder.polygons, polygons, item, place)
        builder.polygons.texts += _some(self._outlines, polygons)
        builder.polygons.add_boxes(_some(self._boxes, polygons))

    def _fill(self, columns: Columns, rows: Sequence[int], item: int, place: int) -> None:
        columns.items += [item + image for image in _some(self._images, rows)]
        columns.places += [place + row for row in rows]
        columns.labels += _some(self._labels, rows)
        columns.ids += _some(self._ids, rows)
        columns.attributes += _some(self._attributes, rows)


def _decoded(fields: list[Fields]) -> tuple[list[Fields], list[_Box | None], list[Attributes]]:
    """Entries with their boxes and their attributes; `_ODD` for those where something else is in their place."""
    try:
        boxes = _decode_boxes(b'[%b]' % b','.join([one.bbox for one in fields]))
        return fields, boxes, list(map(_attributes_of, fields))
    except (msgspec.DecodeError, UnicodeDecodeError):
        each = [_decoded_alone(one) for one in fields]
        return [one for one, _, _ in each], [box for _, box, _ in each], [attributes for _, _, attributes in each]


def _decoded_alone(fields: Fields) -> tuple[Fields, _Box | None, Attributes]:
    try:
        (box,) = _decode_boxes(b'[%b]' % fields.bbox)
        return fields, box, _attributes_of(fields)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _ODD, None, None


def _attributes_of(fields: Fields) -> Attributes:
    return _decode_attributes(fields.attributes) or None if fields.attributes else None


def _some(values: Sequence[T], rows: Sequence[int]) -> Sequence[T]:
    return values[rows.start : rows.stop] if isinstance(rows, range) else [values[row] for row in rows]
