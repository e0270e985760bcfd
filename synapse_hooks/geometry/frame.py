"""The frame of reference of annotations: the image as it is stored, or as it is displayed.

Files of COCO and VOC declare the size of each image, and their annotations are in pixels of that size. Photos that were
taken on their side are stored turned, with an EXIF orientation. Tools differ: torchvision uses the pixels
as they are stored, ultralytics and OpenCV as they are displayed; pycocotools does not open images. The size shows how
the annotations were made, unless they prove that it is wrong; `Sample` counts displayed pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from synapse_hooks.data import AnyAnnotation, Box, Joint, Keypoints, LossReport, Mask, Polygon, Sample
from synapse_hooks.data.geometry import bounds
from synapse_hooks.data.images import read_header
from synapse_hooks.data.masks import from_indices, to_indices
from synapse_hooks.data.outline import Outline
from synapse_hooks.geometry.sizes import Size, declared_wrongly

Rectangle = tuple[float, float, float, float]
Move = Callable[[float, float], tuple[float, float]]
"""Where a point of the one size is in the other."""


def fit_to_image(sample: Sample, size: Size, report: LossReport) -> None:
    """Compare the size that a file declares with the image's own, and move annotations to where they are in the image.

    They are turned where they count stored pixels, and stay where they prove that the size is wrong
    (`synapse_hooks.geometry.sizes`). Else shares of the declared size are right in an image of any size: they
    are scaled, and masks are traced for that.

    Args:
        sample: With the size that the file declares.
        size: Width and height of the image as it is displayed.
        report: Records where the sizes differ.
    """
    width, height = size
    if (sample.width, sample.height) == size:
        return
    declared = sample.width, sample.height
    orientation = read_header(Path(sample.file)).orientation
    move: Move
    mask: Callable[[Mask], Mask | Polygon]
    on_its_side = orientation >= 5 and declared == (height, width)
    if declared_wrongly(sample, declared, size, report, stored=on_its_side):
        sample.width, sample.height = size
        return
    if on_its_side:
        move = partial(turn, size=declared, orientation=orientation)
        mask = partial(_turned, size=declared, orientation=orientation)
        report.converted('image', 'annotated as it is stored, displayed on its side: turned', sample.id)
    else:
        move = partial(_scale, by=(width / declared[0], height / declared[1]))
        mask = partial(_traced, size=declared, move=move)
        report.converted('image', 'its annotations are for another size: scaled to its own', sample.id)
    sample.annotations = [*_all_moved(sample, move, mask, report)]
    sample.width, sample.height = size


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


def _scale(x: float, y: float, by: tuple[float, float]) -> tuple[float, float]:
    return x * by[0], y * by[1]


def _all_moved(
    sample: Sample, move: Move, mask: Callable[[Mask], Mask | Polygon], report: LossReport
) -> Iterator[AnyAnnotation]:
    for annotation in sample.annotations:
        try:
            yield _moved(annotation, move, mask)
        except ValueError as error:
            report.dropped(annotation.kind, f'it is malformed: {error}', sample.id, annotation.id)


def _moved(annotation: AnyAnnotation, move: Move, mask: Callable[[Mask], Mask | Polygon]) -> AnyAnnotation:
    match annotation:
        case Outline():
            return _moved(annotation.polygon(), move, mask)
        case Box(x, y, w, h):
            x, y, w, h = _moved_box((x, y, w, h), move) or (x, y, w, h)
            return msgspec.structs.replace(annotation, x=x, y=y, w=w, h=h)
        case Polygon(parts):
            parts = [[[move(x, y) for x, y in ring] for ring in part] for part in parts]
            return msgspec.structs.replace(annotation, parts=parts, box=_moved_box(annotation.box, move))
        case Keypoints(points):
            joints = [Joint(*move(x, y), v) if v else Joint(x, y, v) for x, y, v in points]
            return msgspec.structs.replace(annotation, points=joints, box=_moved_box(annotation.box, move))
        case Mask(_, True):
            moved = mask(annotation)
            return msgspec.structs.replace(moved, box=_moved_box(annotation.box, move))
        case _:
            return annotation


def _moved_box(box: Rectangle | None, move: Move) -> Rectangle | None:
    if box is None:
        return None
    x, y, w, h = box
    left, top, right, bottom = bounds(move(*corner) for corner in ((x, y), (x + w, y + h)))
    return left, top, right - left, bottom - top


def _turned(mask: Mask, size: Size, orientation: int) -> Mask:
    runs = from_indices(sorted(_turned_pixels(to_indices(mask.runs), size, orientation)))
    return msgspec.structs.replace(mask, runs=runs, columns=False)


def _traced(mask: Mask, size: Size, move: Move) -> Polygon:
    # Few datasets need it, and it needs numpy.
    from synapse_hooks.data.trace import trace

    return Polygon(
        [[[move(x, y) for x, y in ring] for ring in part] for part in trace(mask, *size)],
        id=mask.id,
        label=mask.label,
        attributes=mask.attributes,
        group=mask.group,
        extra=mask.extra,
    )


def _turned_pixels(indices: Iterable[int], size: Size, orientation: int) -> Iterator[int]:
    """Pixels counted by columns of the stored image, counted by rows of the displayed one, which are as long."""
    height = size[1]
    for index in indices:
        column, row = divmod(index, height)
        x, y = turn(column + 0.5, row + 0.5, size, orientation)
        yield int(y) * height + int(x)
