"""A polygon whose numbers nobody has needed yet."""

from __future__ import annotations

import msgspec

from synapse_hooks.data.sample import Annotation, Polygon


class Outline(Annotation, tag='polygon'):
    """A polygon as the text of its source: a list of flat rings, `[[x, y, x, y, ...], ...]`, in JSON.

    To a detect label its `box` says enough, and a batch of texts is parsed at once faster than each by itself. Only
    readers and writers that agreed on it see one; everybody else gets a `Polygon`.
    """

    text: bytes
    box: tuple[float, float, float, float] | None = None
    """`(x, y, w, h)` as the source says it, where it gives a box too."""

    def polygon(self) -> Polygon:
        """The polygon, each ring a part of its own.

        Raises:
            ValueError: The text is malformed; the message says how.

        Example:
            >>> Outline(b'[[0, 0, 4, 0, 4, 3]]', label='roof').polygon().parts
            [[[(0.0, 0.0), (4.0, 0.0), (4.0, 3.0)]]]
        """
        try:
            rings = _decode(self.text)
        except msgspec.DecodeError as error:
            raise ValueError(f'no lists of numbers: {error}') from error
        for flat in rings:
            if len(flat) < 6 or len(flat) % 2:
                raise ValueError(f'{len(flat)} numbers are no polygon')
        parts = [[list(zip(flat[::2], flat[1::2], strict=True))] for flat in rings]
        common = {name: getattr(self, name) for name in Annotation.__struct_fields__}
        return Polygon(parts, box=self.box, **common)


_decode = msgspec.json.Decoder(list[list[float]]).decode
