"""The images of a COCO file in columns: what usual entries say goes there without an annotation for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synapse_hooks.data import Sample
from synapse_hooks.data.batch import Gathering
from synapse_hooks.formats.coco.usual import Loose, Number

_NOTHING = frozenset((b'', b'[]', b'null'))
_OPEN = ord('[')


def add_plain(gathering: Gathering, sample: Sample, entries: Sequence[Loose | None], labels: Mapping[Any, str]) -> bool:
    """Add an image whose annotations are upright boxes and polygons; False, and nothing is added, where others are.

    Args:
        gathering: The batch in the making.
        sample: The image, without annotations.
        entries: What is said about it; None for what is no usual entry.
        labels: The names of categories by their ids.
    """
    boxes: list[Loose] = []
    numbers: list[Sequence[Number]] = []
    polygons: list[Loose] = []
    outlines: list[bytes] = []
    places: tuple[list[int], list[int]] = [], []
    for place, entry in enumerate(entries, gathering.place):
        if entry is None or entry.iscrowd or entry.unusual() or entry.category_id not in labels:
            return False
        text = bytes(entry.segmentation)
        if text in _NOTHING:
            if entry.bbox is None:
                return False
            boxes.append(entry)
            numbers.append(entry.bbox)
            places[0].append(place)
        elif text[0] == _OPEN and len(text) >= 8:
            polygons.append(entry)
            outlines.append(text)
            places[1].append(place)
        else:
            return False
    if len({str(entry.id) for entry in entries if entry is not None}) < len(entries):
        return False
    item = len(gathering.samples)
    gathering.samples.append(sample)
    gathering.place += len(entries)
    gathering.numbers += numbers
    gathering.polygons.outlines += outlines
    gathering.polygons.boxes += [entry.bbox for entry in polygons]
    for columns, kept, at in ((gathering.boxes, boxes, places[0]), (gathering.polygons, polygons, places[1])):
        if kept:
            columns.items += [item] * len(kept)
            columns.places += at
            columns.labels += [labels[entry.category_id] for entry in kept]
            columns.ids += [str(entry.id) for entry in kept]
            columns.attributes += [entry.attributes or None for entry in kept]
    return True


def add_whole(gathering: Gathering, sample: Sample) -> None:
    """Add an image with annotations of any kind."""
    gathering.others += [
        (len(gathering.samples), place, annotation)
        for place, annotation in enumerate(sample.annotations, gathering.place)
    ]
    gathering.samples.append(sample)
    gathering.place += len(sample.annotations)
