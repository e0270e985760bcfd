"""The images of a COCO file in columns: what usual entries say goes there without an annotation for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw

from synapse_hooks.data import Sample
from synapse_hooks.data.batch import Columns, Gathering
from synapse_hooks.formats.coco.usual import decode_loosely

_NOTHING = frozenset((b'[]', b'null'))
_OPEN = b'['[0]
_SHORTEST = len('[[0,0,0,0,0,0]]')


class Plain:
    """Some entries of a file, as far as they are upright boxes and polygons.

    Args:
        texts: The entries.
        labels: The names of the file's categories by their ids.
    """

    def __init__(self, texts: Sequence[Raw], labels: Mapping[Any, str]) -> None:
        entries = decode_loosely(texts)
        self._outlines = [b'' if (text := bytes(one.segmentation)) in _NOTHING else text for one in entries]
        self._boxes = [one.bbox for one in entries]
        self._ids = [str(one.id) for one in entries]
        self._labels = [labels.get(one.category_id, '') for one in entries]
        self._attributes = [one.attributes or None for one in entries]
        known = labels.keys()
        self._odd = [
            (
                one.iscrowd
                or one.category_id not in known
                or (text[0] != _OPEN or len(text) < _SHORTEST if text else one.bbox is None)
                or one.says_more()
            )
            for one, text in zip(entries, self._outlines, strict=True)
        ]
        self._unique = len(set(self._ids)) == len(entries)

    def add(self, gathering: Gathering, sample: Sample, begin: int, end: int) -> bool:
        """Add an image and the entries from number `begin` to before `end`; False, and nothing, if one is not plain.

        Args:
            gathering: The batch in the making.
            sample: The image, without annotations.
            begin: The first of its entries.
            end: The one after its last.
        """
        if any(self._odd[begin:end]) or not (self._unique or len(set(self._ids[begin:end])) == end - begin):
            return False
        item, before = len(gathering.samples), gathering.place - begin
        gathering.samples.append(sample)
        gathering.place += end - begin
        outlines = self._outlines
        if boxes := [row for row in range(begin, end) if not outlines[row]]:
            self._fill(gathering.boxes, boxes, item, before)
            gathering.boxes.add_numbers([box for row in boxes if (box := self._boxes[row])])
        if polygons := [row for row in range(begin, end) if outlines[row]]:
            self._fill(gathering.polygons, polygons, item, before)
            gathering.polygons.texts += [outlines[row] for row in polygons]
            gathering.polygons.boxes += [self._boxes[row] for row in polygons]
        return True

    def _fill(self, columns: Columns, rows: Sequence[int], item: int, before: int) -> None:
        columns.items += [item] * len(rows)
        columns.places += [before + row for row in rows]
        columns.labels += [self._labels[row] for row in rows]
        columns.ids += [self._ids[row] for row in rows]
        columns.attributes += [self._attributes[row] for row in rows]


def add_whole(gathering: Gathering, sample: Sample) -> None:
    """Add an image with annotations of any kind."""
    gathering.others += [
        (len(gathering.samples), place, annotation)
        for place, annotation in enumerate(sample.annotations, gathering.place)
    ]
    gathering.samples.append(sample)
    gathering.place += len(sample.annotations)
