"""Declared sizes that differ from the size of the image: which one the annotations fit.

The usual mistakes are width and height that are swapped, and a size that was filled in without a look at the image.
Then annotations are right as they are. Otherwise they were made on an image of the declared size.
"""

from __future__ import annotations

from synapse_hooks.data import AnyAnnotation, LossReport, Mask, Sample
from synapse_hooks.data.geometry import Bounds, bounds
from synapse_hooks.data.outline import Outline
from synapse_hooks.geometry.extents import TOLERANCE

Size = tuple[int, int]
"""Width and height in pixels."""

SWAPPED = 'its declared width and height are swapped: the size is corrected, annotations stay where they are'
WRONG = 'annotations fit the image and not the size declared for it: the size is corrected, they stay where they are'
IMPOSSIBLE = 'no image has the size declared for it: the size is corrected, annotations stay where they are'
_EITHER = 'width and height seem to be swapped, but annotations fit both ways: was the image turned after that?'
_TURNED = 'annotations fit the declared size and not the image, whose sides are swapped: was it turned after that?'

_LARGEST = 2**31
"""Pixels: more than a side of any image has. To scale by such a size would make everything a point."""
_OVERHANG = 0.1
"""The share of a side by which annotations reach out of their image in practice."""


def declared_wrongly(sample: Sample, declared: Size, own: Size, report: LossReport, *, stored: bool = False) -> bool:
    """Whether a declared size is wrong, so that annotations are in pixels of the image as it is. It is reported.

    Args:
        sample: Its annotations are as the file has them.
        declared: What the file says of the image's size.
        own: The size of the image as it is displayed.
        report: Records what is repaired or doubtful.
        stored: Whether the declared size is that of the image as it is stored, and displayed on its side.

    Returns:
        True where the sizes are equal, where the annotations prove it, and where width and height are swapped for no
        reason and the annotations do not prove the contrary.
    """
    if declared == own:
        return True
    if max(declared) > _LARGEST:
        report.repaired('image', IMPOSSIBLE, sample.id)
        return True
    in_own, in_declared = _how_many_fit(sample, own, declared)
    if declared == own[::-1] and not stored:
        if in_declared > in_own:
            report.doubtful('image', _TURNED, sample.id)
            return False
        report.repaired('image', SWAPPED, sample.id)
        if in_declared == in_own and sample.annotations:
            report.doubtful('image', _EITHER, sample.id)
        return True
    if in_own > in_declared:
        report.repaired('image', SWAPPED if stored else WRONG, sample.id)
        return True
    return False


def _how_many_fit(sample: Sample, own: Size, declared: Size) -> tuple[int, int]:
    """How many annotations lie in an image of its own size, and of the declared one.

    People draw boxes that reach a little out of their image. That proves nothing where the image is a smaller or larger
    copy, or one on its side, of what was annotated; where the proportions differ, every pixel counts. A mask that
    counts its pixels by columns, as COCO does, was made for the declared size.
    """
    in_own = in_declared = 0
    slack = _OVERHANG if _is_copy(own, declared) or _is_copy(own[::-1], declared) else 0.0
    for annotation in sample.annotations:
        if isinstance(annotation, Mask):
            in_declared += annotation.columns
        elif (extent := _extent(annotation)) is not None:
            _, _, right, bottom = extent
            in_own += _fits(right, bottom, own, slack)
            in_declared += _fits(right, bottom, declared, slack)
    return in_own, in_declared


def _is_copy(size: Size, other: Size) -> bool:
    """Whether both have the same proportions, to a pixel."""
    return abs(size[0] * other[1] - size[1] * other[0]) <= max(*size, *other)


def _fits(right: float, bottom: float, size: Size, slack: float) -> bool:
    return right - TOLERANCE <= size[0] + size[0] * slack and bottom - TOLERANCE <= size[1] + size[1] * slack


def _extent(annotation: AnyAnnotation | Outline) -> Bounds | None:
    """How far an annotation reaches; None where it has no place, or none that can be computed with."""
    if isinstance(annotation, Outline):
        try:
            annotation = annotation.polygon()
        except ValueError:
            # It is reported where it is fitted.
            return None
    points = [] if annotation.number_fault() else annotation.positions()
    return bounds(points) if points else None
