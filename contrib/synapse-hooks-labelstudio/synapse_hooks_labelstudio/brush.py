"""The masks of Label Studio's brush: runs in a stream of bits, of an image with four channels a pixel.

The stream is that of the package `rle-pack` of thi.ng/umbrella, which Label Studio uses:

    32 bits    how many words there are
     5 bits    bits of a word, less one: 7
    4 x 4 bits bits of a count, less one, for each of four classes of counts
    then runs  1 bit (0: the words are all different; 1: one word, repeated), 2 bits (the class of the count),
               the count less one, and one word or as many as there are

The words are the bytes of an RGBA image, row by row: a pixel belongs to the mask where its alpha is not 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np

Runs = list[tuple[int, int]]

_CHANNELS: Final = 4
_ALPHA: Final = 3
_COUNT_BITS: Final = 32
_WORD_BITS: Final = 8
_SIZES: Final = (3, 4, 8, 16)
"""Bits of the counts that are written."""


def decode(rle: Sequence[int], width: int, height: int) -> Runs:
    """The pixels of a mask, as runs `(start, length)`, ascending, row by row.

    Time and memory depend on the length of `rle`, not on the size that it claims.

    Args:
        rle: The bytes, as numbers.
        width: Of the image, in pixels.
        height: The same.

    Raises:
        ValueError: They are not such a stream, or one of an image of another size.
    """
    try:
        data = bytes(rle)
    except (TypeError, ValueError) as error:
        raise ValueError(f'the rle of a brush must be bytes: {error}') from error
    bits = _Bits(data)
    count, word_bits = bits.take(_COUNT_BITS), bits.take(5) + 1
    sizes = [bits.take(4) + 1 for _ in range(4)]
    if count != width * height * _CHANNELS:
        raise ValueError(f'its mask has {count:,} words, and {width} x {height} pixels have {width * height * 4:,}')
    if word_bits != _WORD_BITS:
        raise ValueError(f'its words have {word_bits} bits, expected {_WORD_BITS}')
    return _joined(_pixel_runs(bits, count, sizes))


def encode(runs: Sequence[tuple[int, int]], width: int, height: int) -> list[int]:
    """The bytes of a mask, as Label Studio has them.

    Args:
        runs: Its pixels, `(start, length)`, ascending, row by row.
        width: Of the image, in pixels.
        height: The same.
    """
    pieces = [f'{width * height * _CHANNELS:032b}{_WORD_BITS - 1:05b}', *(f'{size - 1:04b}' for size in _SIZES)]
    end = 0
    for start, length in runs:
        pieces += _repeated(0, start - end)
        pieces += _repeated(255, length)
        end = start + length
    pieces += _repeated(0, width * height - end)
    bits = ''.join(pieces)
    bits += '0' * (-len(bits) % 8)
    return list(int(bits, 2).to_bytes(len(bits) // 8))


def _repeated(value: int, pixels: int) -> Iterator[str]:
    """Runs of one word for each of the channels of so many pixels."""
    left, most = pixels * _CHANNELS, 1 << _SIZES[-1]
    while left:
        count = min(left, most)
        kind = next(kind for kind, size in enumerate(_SIZES) if count <= 1 << size)
        yield f'1{kind:02b}{count - 1:0{_SIZES[kind]}b}{value:08b}'
        left -= count


def _pixel_runs(bits: _Bits, count: int, sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First pixel and length of parts of the mask, ascending; neighbours may touch."""
    at = 0
    while at < count:
        repeated, kind = bits.take(1), bits.take(2)
        end = min(at + bits.take(sizes[kind]) + 1, count)
        # The alpha of pixel n is word 4 n + 3.
        first, last = (at + _CHANNELS - 1 - _ALPHA) // _CHANNELS, (end + _CHANNELS - 1 - _ALPHA) // _CHANNELS
        if repeated:
            if bits.take(_WORD_BITS) and last > first:
                yield first, last - first
        else:
            # Few strokes need it, and it is imported in every run of an environment.
            import numpy as np

            words = bits.take_bytes(end - at)
            alpha = words[first * _CHANNELS + _ALPHA - at :: _CHANNELS] != 0
            edges = np.flatnonzero(np.diff(np.concatenate([[False], alpha, [False]]).astype(np.int8)))
            yield from ((first + int(start), int(stop - start)) for start, stop in edges.reshape(-1, 2))
        at = end


def _joined(parts: Iterator[tuple[int, int]]) -> Runs:
    runs: Runs = []
    for start, length in parts:
        if runs and sum(runs[-1]) == start:
            runs[-1] = runs[-1][0], runs[-1][1] + length
        else:
            runs.append((start, length))
    return runs


class _Bits:
    """A stream of bits, the highest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> int:
        """The next bits, 32 at most, as a number."""
        start, end = self._at, self._at + count
        if end > 8 * len(self._data):
            raise ValueError('its rle ends too early')
        first, last = start // 8, (end + 7) // 8
        number = int.from_bytes(self._data[first:last]) >> (8 * last - end)
        self._at = end
        return number & ((1 << count) - 1)

    def take_bytes(self, count: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        """The next bytes."""
        import numpy as np

        start, end = self._at, self._at + 8 * count
        if end > 8 * len(self._data):
            raise ValueError('its rle ends too early')
        self._at = end
        bits = np.unpackbits(np.frombuffer(self._data[start // 8 : (end + 7) // 8], np.uint8))
        return np.packbits(bits[start % 8 : start % 8 + 8 * count])
