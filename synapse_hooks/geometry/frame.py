"""The frame of reference of annotations: the image as it is stored, or as it is displayed.

Files of COCO and VOC declare the size of each image, and their annotations are in pixels of that size. Photos that were
taken on their side are stored turned, with an EXIF orientation. Tools differ: torchvision uses the pixels
as they are stored, ultralytics and OpenCV as they are displayed; pycocotools does not open images. The size shows how
the annotations were made, unless they prove that it is wrong; `Sample` counts displayed pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from synapse_hooks.data import Annotation, AnyAnnotation, LossReport, Mask, Polygon, Sample
from synapse_hooks.data.annotation import Move
from synapse_hooks.data.images import read_header
from synapse_hooks.data.masks import by_columns, from_indices, to_indices
from synapse_hooks.data.outline import Outline
from synapse_hooks.geometry.sizes import Size, declared_wrongly


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
    on_its_side = orientation >= 5 and declared == (height, width)
    if declared_wrongly(sample, declared, size, report, stored=on_its_side):
        sample.width, sample.height = size
        return
    if on_its_side:
        move = _Turn(declared, orientation)
        report.converted('image', 'annotated as it is stored, displayed on its side: turned', sample.id)
    else:
        move = _Scale(declared, (width / declared[0], height / declared[1]))
        report.converted('image', 'its annotations are for another size: scaled to its own', sample.id)
    sample.annotations = [*_all_moved(sample, move, report)]
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


@dataclass(frozen=True, slots=True)
class _Turn:
    """From the image as it is stored to the image as it is displayed."""

    size: Size
    """Width and height as stored."""
    orientation: int

    def point(self, x: float, y: float) -> tuple[float, float]:
        return turn(x, y, self.size, self.orientation)

    def mask(self, mask: Mask) -> Mask:
        pixels = to_indices(by_columns(mask, *self.size))
        runs = from_indices(sorted(_turned_pixels(pixels, self.size, self.orientation)))
        return msgspec.structs.replace(mask, runs=runs, columns=False)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From an image of the declared size to the image as it is."""

    size: Size
    """Width and height as declared."""
    by: tuple[float, float]

    def point(self, x: float, y: float) -> tuple[float, float]:
        return x * self.by[0], y * self.by[1]

    def mask(self, mask: Mask) -> Polygon:
        parts = mask.outlines(*self.size)
        common = {name: getattr(mask, name) for name in Annotation.__struct_fields__}
        return Polygon([[[self.point(x, y) for x, y in ring] for ring in part] for part in parts], **common)


def _all_moved(sample: Sample, move: Move, report: LossReport) -> Iterator[AnyAnnotation]:
    for annotation in sample.annotations:
        try:
            yield (annotation.polygon() if isinstance(annotation, Outline) else annotation).moved(move)
        except ValueError as error:
            report.dropped(annotation.kind, f'it is malformed: {error}', sample.id, annotation.id)


def _turned_pixels(indices: Iterable[int], size: Size, orientation: int) -> Iterator[int]:
    """Pixels counted by columns of the stored image, counted by rows of the displayed one, which are as long."""
    height = size[1]
    for index in indices:
        column, row = divmod(index, height)
        x, y = turn(column + 0.5, row + 0.5, size, orientation)
        yield int(y) * height + int(x)
