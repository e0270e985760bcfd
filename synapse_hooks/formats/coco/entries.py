"""From an entry of a COCO file to its annotation. Reads any entry; `typed_entries` reads most of them faster.

Rules: cocodataset.org, "Data format". `bbox` is `[x, y, width, height]` in pixels; `segmentation` is a list of polygons
(parts of one object, as flat lists of coordinates), or a mask whose `counts` run down the columns; `keypoints` are
`x, y, visibility` one after the other, named by the category.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from synapse_hooks.data import AnyAnnotation, Box, Joint, Keypoints, Mask, Other, Polygon
from synapse_hooks.data.geometry import TOO_LARGE, too_large
from synapse_hooks.data.masks import from_counts
from synapse_hooks.data.outline import parts_of

Entry = dict[str, Any]
Rectangle = tuple[float, float, float, float]

CAPTION = 'images.caption'
"""The tool under which captions are carried; what they say is a row of DM."""

_SHAPE = ('id', 'image_id', 'category_id', 'bbox', 'segmentation', 'iscrowd', 'area', 'attributes')
KNOWN = frozenset((*_SHAPE, 'keypoints', 'num_keypoints'))
"""The keys of objects that have a meaning here; others are kept in `Annotation.extra['coco']`."""
_TYPES = {int, float}
_NO_NUMBERS = ('NaN', 'Infinity', '-Infinity')


def read_entry(entry: Entry, category: Entry, width: int, height: int) -> Iterator[AnyAnnotation]:
    """The annotations that an entry stands for: its shape, and its skeleton if it has one.

    A skeleton of which no joint is marked says nothing, and is none. One with a box and nothing drawn holds that box.

    Raises:
        ValueError, TypeError: It is malformed.
    """
    id = text_of(entry.get('id'))
    attributes = dict(entry.get('attributes') or {})
    if entry.get('iscrowd'):
        attributes['iscrowd'] = True
    rest = {key: value for key, value in entry.items() if key not in KNOWN}
    common: dict[str, Any] = {
        'id': id,
        'label': str(category['name']),
        'attributes': attributes,
        'extra': {'coco': rest} if rest else {},
        'box': _box(entry.get('bbox')),
    }
    segmentation, points = entry.get('segmentation') or (), _points(entry.get('keypoints') or ())
    drawn = any(segmentation)
    if drawn and points:
        common['group'] = id
    if isinstance(segmentation, dict):
        yield Mask(mask_runs(segmentation, width, height), columns=True, **common)
    elif drawn:
        yield Polygon(parts_of([_numbers(ring) for ring in segmentation]), **common)
    if points:
        names = [str(name) for name in category.get('keypoints') or ()]
        apart = {'id': f'{id}-keypoints', 'extra': {}} if drawn else {}
        yield Keypoints(points, names=names, **(common | apart))
    elif not drawn:
        box = common.pop('box')
        if box is None:
            raise ValueError('neither bbox nor segmentation')
        yield Box(*box, **common)


def read_caption(entry: Entry) -> Other:
    """An entry of a captions file.

    Raises:
        TypeError: It is malformed.
    """
    caption, id = entry['caption'], f'caption-{text_of(entry.get("id"))}'
    if not isinstance(caption, str):
        raise TypeError(f'{caption!r} is not a caption')
    return Other(tool=CAPTION, id=id, document={'id': id, 'classification': '', 'attrs': [], 'data': caption})


def mask_runs(segmentation: Entry, width: int, height: int) -> list[tuple[int, int]]:
    """The runs of a mask, column by column.

    Raises:
        ValueError, TypeError: It is malformed, or was made for an image of another size.
    """
    if list(segmentation.get('size') or ()) != [height, width]:
        raise ValueError('a mask of another size than its image')
    runs = from_counts(segmentation.get('counts') or [])
    if runs and sum(runs[-1]) > width * height:
        raise ValueError('a mask of more pixels than its image')
    return runs


def text_of(id: Any) -> str:
    """An id as text; files without ids are read, too."""
    return '' if id is None else str(id)


def _points(flat: Any) -> list[Joint]:
    if len(flat) % 3:
        raise ValueError(f'expected x, y and visibility of each joint, got {len(flat)} numbers')
    numbers = iter(_numbers(flat))
    points = [Joint(x, y, int(v)) for x, y, v in zip(numbers, numbers, numbers, strict=True)]
    return points if any(point.visibility for point in points) else []


def _box(bbox: Any) -> Rectangle | None:
    if not bbox:
        return None
    if len(bbox) != 4:
        raise ValueError(f'expected 4 numbers of a box, got {len(bbox)}')
    x, y, w, h = _numbers(bbox)
    return x, y, w, h


def _numbers(values: Any) -> list[float]:
    if not set(map(type, values)) <= _TYPES:
        wrong = next(value for value in values if type(value) not in _TYPES)
        # Few different texts, as each is a reason of its own in the report.
        raise TypeError(f'{wrong if wrong in _NO_NUMBERS else type(wrong).__name__} is not a number')
    if too_large(values):
        raise TypeError(f'there is {TOO_LARGE}')
    return list(values)
