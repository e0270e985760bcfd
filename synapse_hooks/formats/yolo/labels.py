"""The rows of a label file: `class x y w h` or `class x1 y1 x2 y2 ...`, as shares of the image's width and height."""

from __future__ import annotations

from pathlib import Path

from synapse_hooks.data import AnyAnnotation, Box, Joint, Keypoints, Polygon, Ring
from synapse_hooks.data.geometry import Bounds
from synapse_hooks.errors import UnreadableItem

_DIGITS = 6


def read_labels(
    file: Path, names: tuple[str, ...], width: int, height: int, joints: tuple[int, int] | None
) -> list[AnyAnnotation]:
    """The annotations in a label file; each row says by its length what it is.

    Args:
        file: The label file.
        names: The classes.
        width: Of the image, as displayed.
        height: Of the image, as displayed.
        joints: `kpt_shape` of a pose dataset, else None.

    Raises:
        UnreadableItem: A row is malformed, or names a class that there is not; file and line are named.
    """
    found = []
    try:
        text = file.read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableItem(f'{file} cannot be read: {error}', hint='repair the file', path=str(file)) from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                annotation = _read_row(line.split(), names, width, height, joints)
            except (ValueError, IndexError) as error:
                raise UnreadableItem(
                    f'{file}, line {number}: {error}', hint='correct the line', path=str(file), line=number
                ) from error
            annotation.id = str(number)
            found.append(annotation)
    return found


def _read_row(
    words: list[str], names: tuple[str, ...], width: int, height: int, joints: tuple[int, int] | None
) -> AnyAnnotation:
    place = float(words[0])
    if place != int(place) or not 0 <= place < len(names):
        raise ValueError(f'there is no class {words[0]}, only 0 to {len(names) - 1}')
    label, numbers = names[int(place)], [float(word) for word in words[1:]]
    if any(number - number != 0 for number in numbers):
        raise ValueError('a coordinate is not finite')
    if joints is not None and len(numbers) == 4 + joints[0] * joints[1]:
        step = joints[1]
        points = [numbers[at : at + step] for at in range(4, len(numbers), step)]
        return Keypoints(
            [Joint(_px(x, width), _px(y, height), int(rest[0]) if rest else 2) for x, y, *rest in points],
            box=_box(numbers, width, height),
            label=label,
        )
    if len(numbers) in (4, 5):
        attributes = {'confidence': numbers[4]} if len(numbers) == 5 else {}
        return Box(*_box(numbers, width, height), label=label, attributes=attributes)
    if len(numbers) < 6 or len(numbers) % 2:
        raise ValueError(f'{len(words)} numbers are neither a box (5) nor a polygon (7, 9, 11, ...)')
    ring = [(_px(x, width), _px(y, height)) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
    return Polygon.simple(ring, label=label)


def _px(share: float, size: int) -> float:
    return round(share * size, _DIGITS)


def _box(numbers: list[float], width: int, height: int) -> tuple[float, float, float, float]:
    x, y, w, h = numbers[:4]
    return _px(x - w / 2, width), _px(y - h / 2, height), _px(w, width), _px(h, height)


def box_row(place: int, box: Bounds, width: int, height: int) -> str:
    """A detect row.

    Example:
        >>> box_row(2, (0, 0, 50, 20), 100, 100)
        '2 0.250000 0.100000 0.500000 0.200000'
    """
    left, top, right, bottom = box
    x, y = (left + right) / 2 / width, (top + bottom) / 2 / height
    return f'{place} {x:.6f} {y:.6f} {(right - left) / width:.6f} {(bottom - top) / height:.6f}'


def polygon_row(place: int, ring: Ring, width: int, height: int) -> str:
    """A segment row.

    Example:
        >>> polygon_row(0, [(0, 0), (50, 0), (50, 25)], 100, 50)
        '0 0.000000 0.000000 0.500000 0.000000 0.500000 0.500000'
    """
    return f'{place} ' + ' '.join(f'{x / width:.6f} {y / height:.6f}' for x, y in ring)
