"""From annotations to entries of a COCO file.

Rules: cocodataset.org, "Data format". Masks are written as pycocotools packs them, crowds as plain lists of counts:
pycocotools reads both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from synapse_hooks.data import AnyAnnotation, Area, Box, Keypoints, Mask, Polygon, Ring, Sample
from synapse_hooks.data.annotation import Rectangle
from synapse_hooks.data.geometry import Bounds, bounds, clip_bounds
from synapse_hooks.data.masks import by_columns, compress, to_counts
from synapse_hooks.formats.coco.entries import Entry
from synapse_hooks.formats.coco.schemas import Schemas
from synapse_hooks.geometry.shapes import Fitter

SCALE = 1_000_000
"""Numbers that are computed are rounded to so many parts of a pixel: 18.6, not 18.600000000000023."""


def write_sample(sample: Sample, fitter: Fitter, schemas: Schemas) -> Iterator[tuple[int, str, Entry]]:
    """The rank, the class and the entry of each object in a sample. A skeleton and its object's first shape are one.

    Args:
        sample: With its single joints assembled (`synapse_hooks.data.skeletons`).
        fitter: Which cuts shapes at the edges of the image.
        schemas: The joints of classes.
    """
    annotations = sample.annotations
    skeletons = {
        (annotation.group or '', annotation.label): annotation
        for annotation in reversed(annotations)
        if isinstance(annotation, Keypoints) and annotation.group is not None
    }
    joined: dict[int, Keypoints] = {}
    for annotation in annotations:
        if isinstance(annotation, Area):
            skeleton = skeletons.pop((annotation.group or '', annotation.label), None)
            if skeleton is not None:
                joined[id(annotation)] = skeleton
    written = {id(skeleton) for skeleton in joined.values()}
    for rank, annotation in enumerate(annotations):
        if id(annotation) not in written:
            entry = write_entry(annotation, sample, fitter, schemas, joined.get(id(annotation)))
            if entry is not None:
                yield rank, annotation.label, entry


def write_entry(
    annotation: AnyAnnotation, sample: Sample, fitter: Fitter, schemas: Schemas, skeleton: Keypoints | None = None
) -> Entry | None:
    """What is written of one object, apart from its numbers; None when it was dropped.

    Args:
        annotation: Its shape, or its skeleton if it has no shape.
        sample: Where it is.
        fitter: Which cuts it at the edges of the image.
        schemas: The joints of its class.
        skeleton: Which goes with the shape.
    """
    if isinstance(annotation, Keypoints):
        skeleton = annotation
    fitted = fitter.skeleton(skeleton, sample) if skeleton is not None else None
    # Joints outlive a shape that cannot be written.
    write = _SHAPES.get(type(annotation), _rings)
    entry = (None if annotation is skeleton else write(annotation, sample, fitter)) or _object(fitted)
    if entry is None:
        return None
    if fitted is not None:
        flat = schemas.arranged(fitted, sample.id)
        entry['keypoints'] = [tidy(number) for number in flat]
        entry['num_keypoints'] = sum(visibility > 0 for visibility in flat[2::3])
    given = annotation.attributes if skeleton is None else {**skeleton.attributes, **annotation.attributes}
    attributes = {name: value for name, value in given.items() if name != 'iscrowd'}
    return {
        **annotation.extra.get('coco', {}),
        **entry,
        'iscrowd': int(bool(annotation.attributes.get('iscrowd'))),
        **({'attributes': attributes} if attributes else {}),
    }


def _box(box: Box, sample: Sample, fitter: Fitter) -> Entry | None:
    fitted = fitter.box(box, sample)
    return None if fitted is None else _entry(fitted, (fitted[2] - fitted[0]) * (fitted[3] - fitted[1]), [])


def _mask(mask: Mask, sample: Sample, fitter: Fitter) -> Entry | None:
    width, height = sample.width, sample.height
    runs = fitter.pixels(mask, sample)
    if runs is None:
        return None
    counts = to_counts(by_columns(Mask(runs, mask.columns), width, height), width * height)
    packed = counts if mask.attributes.get('iscrowd') else compress(counts)
    box = _given(mask, sample) or mask.extent(width, height) or (0, 0, 0, 0)
    return _entry(box, sum(counts[1::2]), {'counts': packed, 'size': [height, width]})


def _polygon(polygon: Polygon, sample: Sample, fitter: Fitter) -> Entry | None:
    # What was not cut keeps its numbers.
    return _rings(polygon, sample, fitter, {id(ring) for ring in polygon.rings})


def _rings(annotation: AnyAnnotation, sample: Sample, fitter: Fitter, own: Collection[int] = ()) -> Entry | None:
    rings = fitter.rings(annotation, sample)
    if rings is None:
        return None
    flat = [[(_whole if id(ring) in own else tidy)(number) for point in ring for number in point] for ring in rings]
    box = _given(annotation, sample) or bounds(point for ring in rings for point in ring)
    return _entry(box, _area(rings), flat)


_SHAPES: dict[type, Callable[[Any, Sample, Fitter], Entry | None]] = {Box: _box, Mask: _mask, Polygon: _polygon}
"""How kinds of shapes are written; others become polygons."""


def _area(rings: list[Ring]) -> float:
    """The areas of rings together, computed as those of a whole batch are."""
    from synapse_hooks.data.rings import Points

    points = Points()
    points.add([0] * len(rings), rings)
    areas: list[float] = abs(points.rings().areas()).tolist()
    return sum(areas)


def _object(skeleton: Keypoints | None) -> Entry | None:
    """An object of which only its joints and its box are known."""
    if skeleton is None or skeleton.box is None:
        return None
    x, y, w, h = skeleton.box
    return _entry((x, y, x + w, y + h), w * h, [])


def _given(annotation: AnyAnnotation, sample: Sample) -> Bounds | None:
    """The box that the source gives for a shape, cut at the edge of the image."""
    box: Rectangle | None = getattr(annotation, 'box', None)
    if box is None:
        return None
    x, y, w, h = box
    return clip_bounds((x, y, x + w, y + h), sample.width, sample.height)


def _entry(box: Bounds, size: float, segmentation: Any) -> Entry:
    left, top, right, bottom = box
    return {
        'bbox': [tidy(left), tidy(top), tidy(right - left), tidy(bottom - top)],
        'area': tidy(size),
        'segmentation': segmentation,
    }


def tidy(number: float) -> float:
    """A number without the noise of a computation, and without a point where it is whole.

    Example:
        >>> tidy(18.600000000000023), tidy(4.0)
        (18.6, 4)
    """
    return _whole(round(number * SCALE) / SCALE)


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number
