"""Rows that count pixels although the rules want shares of the image's size: recognised, and read where that is proven.

A row proves it when it makes no sense as shares and lies in its image as pixels. A dataset is read in pixels when each
of its rows does; among shares, such a row is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

IN_PIXELS = 'the numbers are pixels, not shares of the width and height of the image'
HINT = (
    "divide x and width by the image's width, y and height by its height; rows in pixels are read only if all rows are"
)
READ_IN_PIXELS = 'all rows of the dataset count pixels, not shares of the size of the image: read as pixels'

TOO_LARGE = 1.5
"""No centre of an object has a larger share, and no polygon on average, even if it reaches out of its image."""
_EDGE = 1.0
"""By how many pixels a row may reach out of its image."""


class RowInPixels(ValueError):
    """A row counts pixels, in a dataset that counts shares."""


def counts_pixels(row: Sequence[float], width: int, height: int, joints: tuple[int, int] | None) -> bool:
    """Whether a row makes no sense as shares, while each of its numbers is one of a pixel in the image.

    Args:
        row: The numbers after the class.
        width: Of the image in pixels.
        height: Of the image in pixels.
        joints: How many joints the rows of skeletons have, and how many numbers each.

    Example:
        >>> counts_pixels([50, 40, 20, 20], 100, 80, None), counts_pixels([0.5, 0.4, 0.2, 0.2], 100, 80, None)
        (True, False)
    """
    xs, ys = _coordinates(row, joints)
    if max(xs[0], ys[0]) <= TOO_LARGE if _has_box(row, joints) else sum(xs) + sum(ys) <= TOO_LARGE * 2 * len(xs):
        return False
    return min(xs) >= -_EDGE and max(xs) <= width + _EDGE and min(ys) >= -_EDGE and max(ys) <= height + _EDGE


def proves_pixels(row: Sequence[float], width: int, height: int, joints: tuple[int, int] | None) -> bool:
    """The same of a row whose box, if it has one, lies in the image too: its first numbers are its centre."""
    if not counts_pixels(row, width, height, joints):
        return False
    if not _has_box(row, joints):
        return True
    x, y, w, h = row[:4]
    inside = x - w / 2 >= -_EDGE and x + w / 2 <= width + _EDGE and y - h / 2 >= -_EDGE and y + h / 2 <= height + _EDGE
    return w > 0 and h > 0 and inside


def may_count_pixels(rows: Iterable[Sequence[float]], joints: tuple[int, int] | None) -> bool | None:
    """Whether rows make no sense as shares, with any image; None if there are no rows."""
    verdicts = [counts_pixels(row[1:], _ANY, _ANY, joints) for row in rows if len(row) > _BOX]
    return all(verdicts) if verdicts else None


def _has_box(row: Sequence[float], joints: tuple[int, int] | None) -> bool:
    return len(row) in (_BOX, _BOX + 1) or (joints is not None and len(row) == _BOX + joints[0] * joints[1])


def _coordinates(row: Sequence[float], joints: tuple[int, int] | None) -> tuple[Sequence[float], Sequence[float]]:
    """The numbers that go across, and those that go down."""
    if not _has_box(row, joints):
        return row[::2], row[1::2]
    step = joints[1] if joints else 2
    more = row[_BOX:] if joints and len(row) > _BOX + 1 else ()
    return [row[0], row[2], *more[::step]], [row[1], row[3], *more[1::step]]


_BOX = 4
_ANY = 1_000_000
