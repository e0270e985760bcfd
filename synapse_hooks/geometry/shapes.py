"""Fits annotations into a target that holds one kind of shape: boxes, polygons, rectangles or skeletons.

One rule for all such targets. What reaches out of the image is cut at its edge; up to one pixel that is rounding
noise and not worth a word. What has no area, or lies wholly outside, is dropped, and so is what is not finite or too
large.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Literal

from synapse_hooks.data import (
    AnyAnnotation,
    Area,
    Box,
    Keypoints,
    LossReport,
    Mask,
    Ring,
    RotatedBox,
    Sample,
    Shape,
)
from synapse_hooks.data.geometry import Bounds, bounds, clip_bounds, join
from synapse_hooks.data.losses import EXAMPLES
from synapse_hooks.data.masks import Runs, beyond, tidy
from synapse_hooks.data.outline import Outline
from synapse_hooks.data.skeletons import made_of
from synapse_hooks.geometry.extents import (
    CUT,
    EXACT,
    TOLERANCE,
    Fit,
    NotExpressible,
    T,
    cut,
    enclosing_box,
    inside,
    parts_of,
)
from synapse_hooks.geometry.poses import fit_object, fit_skeleton, has_shape
from synapse_hooks.geometry.rectangles import fit_rectangle

if TYPE_CHECKING:
    from synapse_hooks.data.batch import Batch
    from synapse_hooks.data.columns import Columns

__all__ = ['TOLERANCE', 'Fitter', 'enclosing_box']

MOST_RINGS = 2000
"""Of an annotation whose parts and holes are joined: to join them takes time by the square of their number."""
SEAMS = '{} holds simple rings: parts and holes are joined by seams'
"""The reason that is reported when a polygon of several rings becomes one ring."""
_SEAMS_OF_HOLES = '{} holds simple rings: holes are joined by seams'


class Fitter:
    """Converts annotations to what a target can express, and reports what is lost.

    Args:
        report: Where it is reported.
        target: What the target is called in the reasons: `yolo detect`.
        join: Which rings of a polygon become one ring by seams without width: `all`, or only `holes` with the ring
            around them.
        crowds: Whether the target can say that a region holds a crowd; if not, they are dropped.
        keeps: The attributes that the target can hold; None means all.
        whole: Whether the target counts whole pixels: boxes are rounded to them, and are at least one wide and high.
    """

    def __init__(
        self,
        report: LossReport,
        target: str,
        *,
        join: Literal['all', 'holes'] = 'all',
        crowds: bool = False,
        keeps: Collection[str] | None = (),
        whole: bool = False,
    ) -> None:
        self.report = report
        self.target = target
        self.join = join
        self.crowds = crowds
        self.keeps = keeps
        self.whole = whole

    def opened(self, annotation: AnyAnnotation | Outline, sample: Sample) -> AnyAnnotation | None:
        """An annotation that can be fitted: its numbers are read, and it has a class. None when it was dropped.

        Args:
            annotation: One of the sample's.
            sample: Named in the report.
        """
        if isinstance(annotation, Outline):
            try:
                annotation = annotation.polygon()
            except ValueError as error:
                self.report.dropped('polygon', f'it is malformed: {error}', sample.id, annotation.id)
                return None
        if not annotation.label and isinstance(annotation, Shape):
            self.report.dropped(annotation.kind, 'it has no class', sample.id, annotation.id)
            return None
        return annotation

    def box(self, annotation: AnyAnnotation, sample: Sample) -> Bounds | None:
        """The annotation as an upright rectangle inside the image.

        Args:
            annotation: One of the sample's, of any kind.
            sample: With its width and height.

        Returns:
            `(left, top, right, bottom)` in pixels; None when the annotation was dropped, which is reported.
        """
        return self._reported(self._box, annotation, sample)

    def rings(self, annotation: AnyAnnotation, sample: Sample) -> list[Ring] | None:
        """The annotation as polygons inside the image. A mask is traced along the edges of its pixels.

        Args:
            annotation: One of the sample's, of any kind.
            sample: With its width and height.

        Returns:
            One ring `[(x, y), ...]` in pixels for each polygon; None when it was dropped, which is reported.
        """
        return self._reported(self._rings, annotation, sample)

    def pixels(self, mask: Mask, sample: Sample) -> Runs | None:
        """The pixels of a mask that the image has.

        Unlike a coordinate, a pixel is in the image or it is not: every cut is reported.

        Args:
            mask: One of the sample's.
            sample: With its width and height.

        Returns:
            Runs `(start, length)`, ascending and without overlaps, counted as the mask counts them; None when it was
            dropped, which is reported.
        """
        return self._reported(self._pixels, mask, sample)

    def rectangle(self, annotation: AnyAnnotation, sample: Sample) -> Ring | None:
        """The annotation as a rectangle that is turned as it is.

        A polygon or mask becomes the smallest rectangle around it, and corners may lie outside of the image:
        `synapse_hooks.geometry.rectangles` says how far.

        Args:
            annotation: One of the sample's, of any kind.
            sample: With its width and height.

        Returns:
            Four corners `(x, y)` in pixels, in order; None when the annotation was dropped, which is reported.
        """
        return self._reported(self._rectangle, annotation, sample)

    def skeleton(self, annotation: AnyAnnotation, sample: Sample) -> Keypoints | None:
        """The annotation as a skeleton with its box, both inside the image.

        Its box is its own, else that of its object's shapes, else drawn around its visible joints. A joint outside of
        the image is missing. The shape of an object that has a skeleton is not written either, but is not lost: the
        skeleton's box stands for it.

        Args:
            annotation: One of the sample's.
            sample: With its single joints assembled (`synapse_hooks.data.skeletons`).

        Returns:
            The skeleton, in pixels; None if there is nothing to write.
        """
        return self._reported(self._skeleton, annotation, sample)

    def report_columns(
        self, batch: Batch, columns: Columns, rows: Sequence[int], cost: str = '', concerned: Sequence[int] = ()
    ) -> None:
        """Report what is written from columns, without an annotation of each.

        Args:
            batch: Whose.
            columns: Its boxes or polygons.
            rows: Which of them are written.
            cost: What some of them lose.
            concerned: Which of them do.
        """
        for row in concerned[:EXAMPLES]:
            self.report.converted(columns.kind, cost, batch.samples[columns.items[row]].id, str(columns.ids[row]))
        if len(concerned) > EXAMPLES:
            self.report.converted(columns.kind, cost, count=len(concerned) - EXAMPLES)
        if self.keeps is None:
            return
        those = [columns.attributes[row] for row in rows] if len(rows) < len(columns) else columns.attributes
        for name, count in Counter(chain.from_iterable(filter(None, those))).items():
            if name not in self.keeps:
                self.report.left_out([name], count)

    def _reported(
        self, fit: Callable[[AnyAnnotation, Sample], Fit[T]], annotation: AnyAnnotation, sample: Sample
    ) -> T | None:
        try:
            fitted = fit(annotation, sample)
        except NotExpressible as reason:
            for kind, count in made_of(annotation).items():
                self.report.dropped(kind, str(reason), sample.id, annotation.id, count)
            return None
        if fitted.cost or fitted.outside:
            self._report_cost(fitted, annotation, sample)
        if self.keeps is not None and annotation.attributes:
            self.report.left_out(
                annotation.attributes.keys() - _IN_SHAPE.get(type(annotation), set()).union(self.keeps)
            )
        return fitted.value

    def _report_cost(self, fitted: Fit[T], annotation: AnyAnnotation, sample: Sample) -> None:
        for kind, count in made_of(annotation).items():
            outside = fitted.outside if kind == 'keypoint' else 0
            if outside:
                self.report.dropped(kind, 'it lies outside the image', sample.id, annotation.id, outside)
            if fitted.cost and count > outside:
                self.report.converted(kind, fitted.cost, sample.id, annotation.id, count - outside)

    def _shape(self, annotation: AnyAnnotation) -> Shape:
        if fault := annotation.malformed():
            raise NotExpressible(f'it is malformed: {fault}')
        if not isinstance(annotation, Shape):
            raise NotExpressible(f'{self.target} has no place for it')
        if not self.crowds and annotation.attributes.get('iscrowd'):
            raise NotExpressible(f'{self.target} has no crowd regions')
        if reason := annotation.number_fault():
            raise NotExpressible(reason)
        return annotation

    def _box(self, annotation: AnyAnnotation, sample: Sample) -> Fit[Bounds]:
        if isinstance(annotation, Keypoints) and has_shape(annotation, sample):
            raise NotExpressible(f'{self.target} has no place for it; its object is there')
        shape = self._shape(annotation)
        around = enclosing_box(shape, sample)
        if around is None and isinstance(shape, Area) and not shape.is_empty():
            raise NotExpressible('it lies outside the image')
        if around is None or around[2] <= around[0] or around[3] <= around[1]:
            raise NotExpressible('it has no area')
        clipped = clip_bounds(around, sample.width, sample.height)
        if clipped is None:
            raise NotExpressible('it lies outside the image')
        fitted = _rounded(clipped) if self.whole else clipped
        if not isinstance(annotation, Box):
            return Fit(fitted, f'{self.target} holds boxes: its enclosing box')
        if cost := cut(around, sample):
            return Fit(fitted, cost)
        moved = max(abs(before - after) for before, after in zip(clipped, fitted, strict=True)) > EXACT
        return Fit(fitted, f'{self.target} counts whole pixels: rounded' if moved else '')

    def _rings(self, annotation: AnyAnnotation, sample: Sample) -> Fit[list[Ring]]:
        shape = self._drawn(annotation, sample)
        parts = inside(parts_of(shape, sample), sample)
        if sum(map(len, parts)) > MOST_RINGS:
            raise NotExpressible(f'it has more than {MOST_RINGS:,} parts and holes, and {self.target} would join them')
        joined = [join(parts)] if self.join == 'all' else [join([part]) for part in parts]
        if how := 'the corners of its box' if shape is not annotation else _AS_POLYGON.get(type(shape)):
            return Fit(joined, f'{self.target} holds polygons: {how}')
        if len(joined) < sum(map(len, parts)):
            return Fit(joined, (SEAMS if self.join == 'all' else _SEAMS_OF_HOLES).format(self.target))
        return Fit(joined, cut(bounds(shape.positions()), sample))

    def _pixels(self, annotation: AnyAnnotation, sample: Sample) -> Fit[Runs]:
        shape, pixels = self._shape(annotation), sample.width * sample.height
        assert isinstance(shape, Mask)
        runs, outside = tidy(shape.runs, pixels), beyond(shape.runs, pixels)
        if not any(length for _, length in runs):
            raise NotExpressible('it lies outside the image' if outside else 'it has no area')
        return Fit(runs, CUT if outside else '')

    def _rectangle(self, annotation: AnyAnnotation, sample: Sample) -> Fit[Ring]:
        fitted = fit_rectangle(self._drawn(annotation, sample), sample, self.target)
        if not isinstance(annotation, Area):
            return Fit(fitted.value, f'{self.target} holds rotated boxes: the box of its object')
        return fitted

    def _drawn(self, annotation: AnyAnnotation, sample: Sample) -> Area:
        """The shape of an annotation; a skeleton's is the box of its object, unless that is there too."""
        shape = self._shape(annotation)
        if isinstance(shape, Area):
            return shape
        if isinstance(shape, Keypoints) and has_shape(shape, sample):
            raise NotExpressible(f'{self.target} has no place for it; its object is there')
        if not isinstance(shape, Keypoints) or shape.box is None:
            raise NotExpressible(f'{self.target} has no place for it')
        return Box(*shape.box)

    def _skeleton(self, annotation: AnyAnnotation, sample: Sample) -> Fit[Keypoints | None]:
        shape = self._shape(annotation)
        if isinstance(shape, Keypoints):
            return fit_skeleton(shape, sample, self.target)
        return fit_object(shape, sample, self.target)


_AS_POLYGON: dict[type[Area], str] = {
    Box: 'its four corners',
    RotatedBox: 'its four corners',
    Mask: 'its pixels are traced',
}
"""How areas that are not polygons become such."""
_IN_SHAPE: dict[type, set[str]] = {RotatedBox: {'rotation'}}
"""The attributes that repeat what a shape says."""


def _rounded(box: Bounds) -> Bounds:
    left, top, right, bottom = map(round, box)
    # Half a pixel at the far edge may round up to the edge itself.
    left, top = min(left, math.ceil(box[2]) - 1), min(top, math.ceil(box[3]) - 1)
    return left, top, max(right, left + 1), max(bottom, top + 1)
