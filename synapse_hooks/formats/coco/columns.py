"""The images of a COCO file in columns: what usual entries say goes there without an annotation for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain, pairwise
from operator import attrgetter
from typing import Any, TypeVar

from msgspec import Raw

from synapse_hooks.data import Sample
from synapse_hooks.data.batch import Columns, Gathering
from synapse_hooks.formats.coco.usual import Loose, decode_loosely

_NOTHING = (b'[]', b'null')
_OPEN = b'['[0]
_SHORTEST = len('[[0,0,0,0,0,0]]')
T = TypeVar('T')


class Plain:
    """The entries of some images, as far as they are upright boxes and polygons.

    Args:
        texts: The entries of each image.
        labels: The names of the file's categories by their ids.
    """

    def __init__(self, texts: Sequence[Sequence[Raw]], labels: Mapping[Any, str]) -> None:
        entries = decode_loosely(list(chain.from_iterable(texts)))
        self._ends = list(accumulate(map(len, texts), initial=0))
        self._images = [number for number, some in enumerate(texts) for _ in some]
        self._outlines = [
            b'' if len(text := bytes(one.segmentation)) < 5 and text in _NOTHING else text for one in entries
        ]
        self._boxes = [one.bbox for one in entries]
        self._ids = [one.id for one in entries]
        if str in set(map(type, self._ids)):
            # 7 and '7' are one id.
            self._ids = list(map(str, self._ids))
        self._labels = [labels.get(one.category_id, '') for one in entries]
        self._attributes = [one.attributes or None for one in entries]
        self.odd: set[int] = set()
        """The numbers of the images with an entry that is not plain."""
        if not self._all_polygons(entries):
            self.odd = {
                image
                for image, one, label, text in zip(self._images, entries, self._labels, self._outlines, strict=True)
                if one.iscrowd or not label or (text[0] != _OPEN or len(text) < _SHORTEST if text else one.bbox is None)
            }
        if len(set(self._ids)) < len(self._ids):
            images = enumerate(pairwise(self._ends))
            self.odd.update(number for number, (a, b) in images if len(set(self._ids[a:b])) < b - a)

    def _all_polygons(self, entries: Sequence[Loose]) -> bool:
        """Whether all are plain polygons: in several quick looks at all of them, not in a slow one at each."""
        texts = self._outlines
        return (
            '' not in self._labels
            and not any(map(attrgetter('iscrowd'), entries))
            and min(map(len, texts), default=0) >= _SHORTEST
            and {text[0] for text in texts} == {_OPEN}
        )

    def add(self, gathering: Gathering, samples: Sequence[Sample], first: int) -> None:
        """Add images that are plain, with their entries.

        Args:
            gathering: The batch in the making.
            samples: Consecutive images, without annotations.
            first: The number of the first of them.
        """
        begin, end = self._ends[first], self._ends[first + len(samples)]
        item, place = len(gathering.samples) - first, gathering.place - begin
        gathering.samples += samples
        gathering.place += end - begin
        polygons: Sequence[int] = [row for row in range(begin, end) if self._outlines[row]]
        if len(polygons) < end - begin:
            boxes = [row for row in range(begin, end) if not self._outlines[row]]
            self._fill(gathering.boxes, boxes, item, place)
            gathering.boxes.add_numbers([box for row in boxes if (box := self._boxes[row])])
        else:
            polygons = range(begin, end)
        self._fill(gathering.polygons, polygons, item, place)
        gathering.polygons.texts += _some(self._outlines, polygons)
        gathering.polygons.add_boxes(_some(self._boxes, polygons))

    def _fill(self, columns: Columns, rows: Sequence[int], item: int, place: int) -> None:
        columns.items += [item + image for image in _some(self._images, rows)]
        columns.places += [place + row for row in rows]
        columns.labels += _some(self._labels, rows)
        columns.ids += _some(self._ids, rows)
        columns.attributes += _some(self._attributes, rows)


def _some(values: Sequence[T], rows: Sequence[int]) -> Sequence[T]:
    return values[rows.start : rows.stop] if isinstance(rows, range) else [values[row] for row in rows]
