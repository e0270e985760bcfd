"""A polygon whose numbers are still text: for writers that parse those of many annotations at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from synapse_hooks.data.annotation import Annotation, sort_own_box
from synapse_hooks.data.areas import Polygon
from synapse_hooks.data.geometry import Part

Number = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)] | float
"""A coordinate in JSON, as a type for msgspec: what is larger is malformed, as no float may hold it."""
_decode = msgspec.json.Decoder(list[list[Number]]).decode


class Outline(Annotation, tag='polygon'):
    """A polygon as its source has it. It counts as a `Polygon`, and becomes one by `polygon`.

    Example:
        >>> Outline(b'[[0,0,4,0,4,3]]', label='roof').polygon().parts
        [[[(0, 0), (4, 0), (4, 3)]]]
    """

    text: bytes
    """JSON: a list of rings, each a flat list `[x1, y1, x2, y2, ...]` in pixels. Each ring is a part of its own."""
    box: tuple[float, float, float, float] | None = None
    """`(x, y, w, h)` of the object, where the source gives it."""

    def polygon(self) -> Polygon:
        """The same with its numbers.

        Raises:
            ValueError: The text is not a list of rings; the message says what is wrong.
        """
        try:
            rings = _decode(self.text)
        except msgspec.DecodeError as error:
            raise ValueError(f'not a list of rings: {str(error).partition(" - at ")[0]}') from error
        return self._with(parts_of(rings))

    def sort_corners(self) -> bool:
        return sort_own_box(self)

    def boxed(self) -> Polygon:
        """The same for code that needs its box only: its rings are not parsed, and are left out."""
        return self._with([])

    def _with(self, parts: list[Part]) -> Polygon:
        return Polygon(
            parts,
            id=self.id,
            label=self.label,
            attributes=self.attributes,
            group=self.group,
            entry=self.entry,
            extra=self.extra,
            box=self.box,
        )


def parts_of(rings: Sequence[Sequence[float]]) -> list[Part]:
    """Flat rings as the parts of a polygon. One of less than three points has no area, and is left out beside others.

    Raises:
        ValueError: A ring ends in the middle of a point, or none has three points.

    Example:
        >>> parts_of([[0, 0, 4, 0, 4, 3], [7, 7]])
        [[[(0, 0), (4, 0), (4, 3)]]]
    """
    parts: list[Part] = []
    for ring in rings:
        if len(ring) % 2:
            raise ValueError(f'expected pairs of numbers, got a ring of {len(ring)} numbers')
        if len(ring) >= 6:
            numbers = iter(ring)
            parts.append([list(zip(numbers, numbers, strict=True))])
    if not parts:
        raise ValueError(f'expected a ring of at least 3 points, got {max(map(len, rings), default=0)} numbers')
    return parts
