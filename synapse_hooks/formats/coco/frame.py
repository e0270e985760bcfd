"""Whose pixels an annotation counts: those that are stored, or those that are displayed.

A file tells the size of each image, and its annotations are in pixels of that size. Photos that were taken on their
side are stored lying, with an EXIF orientation that says so. Tools differ: torchvision uses the pixels as they are
stored, ultralytics and OpenCV as they are displayed; pycocotools looks at no image. The size tells which way the
annotations were made; `Sample` counts displayed pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from synapse_hooks.data import AnyAnnotation, Box, Joint, Keypoints, LossReport, Mask, Polygon, Sample
from synapse_hooks.data.geometry import bounds
from synapse_hooks.data.images import read_header
from synapse_hooks.data.masks import from_indices, to_indices
from synapse_hooks.data.outline import Outline

Size = tuple[int, int]
Rectangle = tuple[float, float, float, float]


def settle(sample: Sample, size: Size, report: LossReport) -> None:
    """Compare the size that a file tells with the image's own, and turn annotations that count stored pixels.

    Where the sizes differ in another way, that of the file counts: shares of it are right in an image of any size.

    Args:
        sample: Of the size that the file tells.
        size: Width and height of the image as it is displayed.
        report: Told where the sizes differ.
    """
    width, height = size
    if (sample.width, sample.height) == size:
        return
    orientation = read_header(Path(sample.file)).orientation
    if orientation >= 5 and (sample.width, sample.height) == (height, width):
        sample.annotations = [*_all_turned(sample, orientation, report)]
        sample.width, sample.height = size
        report.converted('image', 'annotated as it is stored, displayed on its side: turned', sample.id)
    else:
        report.converted('image', 'its annotations are for another size, which is kept', sample.id)


def turn(x: float, y: float, size: Size, orientation: int) -> tuple[float, float]:
    """Where a point of the stored image is in the displayed one.

    Args:
        x: In stored pixels, as `y`.
        size: Width and height as stored.
        orientation: EXIF's, from 5 to 8.

    Example:
        >>> turn(1, 2, (40, 30), 6)
        (28, 1)
    """
    width, height = size
    return height - y if orientation in (6, 7) else y, width - x if orientation in (7, 8) else x


def _all_turned(sample: Sample, orientation: int, report: LossReport) -> Iterator[AnyAnnotation]:
    for annotation in sample.annotations:
        try:
            yield _turned(annotation, (sample.width, sample.height), orientation)
        except ValueError as error:
            report.dropped(annotation.kind, f'it is malformed: {error}', sample.id, annotation.id)


def _turned(annotation: AnyAnnotation, size: Size, orientation: int) -> AnyAnnotation:
    def box(of: Rectangle | None) -> Rectangle | None:
        if of is None:
            return None
        x, y, w, h = of
        left, top, right, bottom = bounds(turn(*corner, size, orientation) for corner in ((x, y), (x + w, y + h)))
        return left, top, right - left, bottom - top

    match annotation:
        case Outline():
            return _turned(annotation.polygon(), size, orientation)
        case Box(x, y, w, h):
            x, y, w, h = box((x, y, w, h)) or (x, y, w, h)
            return msgspec.structs.replace(annotation, x=x, y=y, w=w, h=h)
        case Polygon(parts):
            parts = [[[turn(x, y, size, orientation) for x, y in ring] for ring in part] for part in parts]
            return msgspec.structs.replace(annotation, parts=parts, box=box(annotation.box))
        case Keypoints(points):
            joints = [Joint(*turn(x, y, size, orientation), v) if v else Joint(x, y, v) for x, y, v in points]
            return msgspec.structs.replace(annotation, points=joints, box=box(annotation.box))
        case Mask(runs, True):
            runs = from_indices(sorted(_turned_pixels(to_indices(runs), size, orientation)))
            return msgspec.structs.replace(annotation, runs=runs, columns=False, box=box(annotation.box))
        case _:
            return annotation


def _turned_pixels(indices: Iterable[int], size: Size, orientation: int) -> Iterator[int]:
    """Pixels counted by columns of the stored image, counted by rows of the displayed one, which are as long."""
    height = size[1]
    for index in indices:
        column, row = divmod(index, height)
        x, y = turn(column + 0.5, row + 0.5, size, orientation)
        yield int(y) * height + int(x)
