"""Annotations drawn over their image, as SVG."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Keypoint,
    Keypoints,
    Mask,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Sample,
)
from synapse_hooks.data.geometry import Bounds, corners
from synapse_hooks.data.masks import by_rows
from synapse_hooks.pages.html import Html, number, tag
from synapse_hooks.pages.pictures import SIDE

_BUDGET: Final = 24_000
"""Characters for the annotations of one picture: a page must open quickly."""
_BRIGHT: Final = 0.55
"""How bright a colour is at least, from 0 to 1."""
_NEAR: Final = 0.8
"""Points nearer than this to the one before are left out, in pixels of the picture."""

Points = Iterable[tuple[float, float]]


def colour(place: int) -> str:
    """The colour of a class: colours of adjacent numbers differ much, and each can be read on a dark background.

    Example:
        >>> colour(0), colour(0) == colour(1)
        ('#f5993d', False)
    """
    hue = (0.083 + place * 0.618034) % 1
    lightness = 0.6
    while True:
        red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.9)
        if 0.21 * red + 0.72 * green + 0.07 * blue >= _BRIGHT:
            break
        lightness += 0.04
    return f'#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}'


class Drawing:
    """One sample's picture, with its annotations over it.

    Args:
        sample: The sample. Its size must be known.
        colours: The colour of each label.
    """

    def __init__(self, sample: Sample, colours: dict[str, str]) -> None:
        self.sample = sample
        self.colours = colours
        self.scale = SIDE / max(sample.width, sample.height, 1)
        self.width, self.height = sample.width * self.scale, sample.height * self.scale
        self.skipped = 0
        """How many annotations are not drawn because there are too many."""
        self.not_drawn: list[str] = []
        """The kinds of annotations without a position."""

    def svg(self, picture: str | None, alt: str) -> Html:
        """The picture, with the annotations over it.

        Args:
            picture: A `data:` URI, or None for an empty background.
            alt: The text alternative.
        """
        box = {'width': self.width, 'height': self.height}
        ground = tag('rect', class_='ground', **box)
        image = tag('image', href=picture, preserveAspectRatio='none', **box) if picture else None
        # Large shapes first, so that small ones stay on top.
        shapes, labels = self._shapes()
        view = f'0 0 {number(self.width)} {number(self.height)}'
        over = tag('g', *shapes, tag('g', *labels, class_='names'), class_='shapes')
        return tag('svg', ground, image, over, viewBox=view, role='img', aria_label=alt, class_='picture')

    def _shapes(self) -> tuple[list[Html], list[Html]]:
        shapes: list[Html] = []
        labels: list[Html] = []
        spent = 0
        for annotation in sorted(self.sample.annotations, key=self._area, reverse=True):
            if spent > _BUDGET:
                self.skipped += 1
                continue
            drawn = self._draw(annotation)
            if drawn is None:
                self.not_drawn.append(annotation.kind)
                continue
            ink = self.colours.get(annotation.label, '#9aa4b2')
            shape = tag('g', tag('title', _tooltip(annotation)), *drawn, stroke=ink, fill=ink)
            name = self._name(annotation, ink)
            shapes.append(shape)
            labels += [name] if name is not None else []
            spent += len(shape) + len(name or '')
        return shapes, labels

    def _area(self, annotation: AnyAnnotation) -> float:
        around = self._extent(annotation)
        area = (around[2] - around[0]) * (around[3] - around[1]) if around is not None else 0.0
        return area if math.isfinite(area) else 0.0

    def _extent(self, annotation: AnyAnnotation) -> Bounds | None:
        return annotation.extent(self.sample.width, self.sample.height)

    def _draw(self, annotation: AnyAnnotation) -> list[Html] | None:
        """The elements of a shape; None if it has no position, or one that is not finite."""
        around = self._extent(annotation)
        if around is not None and not math.isfinite(sum(around)):
            return None
        draw = _DRAWERS.get(type(annotation))
        return draw(self, annotation, around) if draw is not None else None

    def _box(self, box: Box, around: Bounds | None) -> list[Html] | None:
        return [self._rectangle(*around)] if around is not None else None

    def _rotated_box(self, box: RotatedBox, around: Bounds | None) -> list[Html]:
        return [tag('path', d=self._path(corners(box), closed=True), class_='area')]

    def _polygon(self, polygon: Polygon, around: Bounds | None) -> list[Html]:
        path = ''.join(self._path(ring, closed=True) for ring in polygon.rings if ring)
        return [tag('path', d=path, class_='area', fill_rule='evenodd')]

    def _mask(self, mask: Mask, around: Bounds | None) -> list[Html] | None:
        return [tag('path', d=self._pixels(mask), class_='mask')] if around is not None else None

    def _polyline(self, line: Polyline, around: Bounds | None) -> list[Html]:
        return [tag('path', d=self._path(line.points, closed=False), class_='line')]

    def _skeleton(self, skeleton: Keypoint | Keypoints, around: Bounds | None) -> list[Html]:
        box = [self._rectangle(*around, dashed=True)] if around is not None else []
        return [*box, *self._joints(skeleton.joints())]

    def _rectangle(self, left: float, top: float, right: float, bottom: float, *, dashed: bool = False) -> Html:
        scale = self.scale
        return tag(
            'rect', x=left * scale, y=top * scale, width=(right - left) * scale, height=(bottom - top) * scale,
            class_='area dashed' if dashed else 'area',
        )  # fmt: skip

    def _path(self, points: Points, *, closed: bool) -> str:
        words: list[str] = []
        last = None
        for x, y in points:
            here = (x * self.scale, y * self.scale)
            if last is None or math.dist(here, last) >= _NEAR:
                words.append(f'{"L" if words else "M"}{here[0]:.1f} {here[1]:.1f}')
                last = here
        return ''.join(words) + ('Z' if closed else '')

    def _pixels(self, mask: Mask) -> str:
        """The runs of a mask as rectangles, row by row."""
        width, scale = self.sample.width, self.scale
        step = max(math.ceil(1 / scale), 1)
        words = []
        for start, length in by_rows(mask, width, self.sample.height):
            while length > 0:
                row, column = divmod(start, width)
                here = min(length, width - column)
                if row % step == 0:
                    wide = here * scale
                    place = f'M{column * scale:.1f} {row * scale:.1f}'
                    words.append(f'{place}h{wide:.1f}v{step * scale:.1f}h{-wide:.1f}z')
                start, length = start + here, length - here
        return ''.join(words)

    def _joints(self, joints: Sequence[tuple[float, float, int]]) -> list[Html]:
        """Visible joints are discs, occluded ones rings; missing ones are not drawn."""
        return [
            tag('circle', cx=x * self.scale, cy=y * self.scale, r=3.2, class_='joint' if visibility > 1 else 'ring')
            for x, y, visibility in joints
            if visibility and math.isfinite(x + y)
        ]

    def _relation(self, relation: Relation, around: Bounds | None) -> list[Html] | None:
        ends = [self._centre(id) for id in (relation.source, relation.target)]
        points = [point for point in ends if point is not None]
        return [tag('path', d=self._path(points, closed=False), class_='line dashed')] if len(points) == 2 else None

    def _centre(self, id: str) -> tuple[float, float] | None:
        for annotation in self.sample.annotations:
            if annotation.id == id and (around := self._extent(annotation)) and math.isfinite(sum(around)):
                return (around[0] + around[2]) / 2, (around[1] + around[3]) / 2
        return None

    def _name(self, annotation: AnyAnnotation, ink: str) -> Html | None:
        around = self._extent(annotation)
        if not annotation.label or around is None:
            return None
        x = min(max(around[0] * self.scale, 0) + 2, self.width - 12)
        y = min(max(around[1] * self.scale - 3, 10), self.height - 3)
        return tag('text', annotation.label[:40], x=x, y=y, fill=ink)


def _tooltip(annotation: AnyAnnotation) -> str:
    facts = [annotation.label or '(no class)', annotation.kind, annotation.id]
    facts += [f'{name}: {value}' for name, value in list(annotation.attributes.items())[:8]]
    return ' · '.join(str(fact)[:80] for fact in facts if fact)


_DRAWERS: Final[dict[type, Callable[[Drawing, Any, Bounds | None], list[Html] | None]]] = {
    Box: Drawing._box,
    RotatedBox: Drawing._rotated_box,
    Polygon: Drawing._polygon,
    Mask: Drawing._mask,
    Polyline: Drawing._polyline,
    Keypoint: Drawing._skeleton,
    Keypoints: Drawing._skeleton,
    Relation: Drawing._relation,
}
"""How the kinds that have a position are drawn."""
