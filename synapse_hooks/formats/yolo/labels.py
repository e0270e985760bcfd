"""The rows of a label file: a class, then a box, polygon, skeleton or four corners, as shares of the image's size."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from synapse_hooks.data import AnyAnnotation, Box, Joint, Keypoints, Polygon, Ring, RotatedBox
from synapse_hooks.data.geometry import corners
from synapse_hooks.errors import UnreadableItem, cannot_read
from synapse_hooks.formats.yolo.config import Config
from synapse_hooks.formats.yolo.pixels import HINT, IN_PIXELS, RowInPixels, counts_pixels
from synapse_hooks.storage.safe_open import read_file

_UNIT = 1e6
"""Coordinates are rounded to a millionth of a pixel, so that 0.3 of 100 pixels is 30."""
_NOISE = 1.0
"""By how many pixels four corners may miss those of a rectangle: they were rounded to whole pixels somewhere."""

_decode = msgspec.json.Decoder(list[list[float]]).decode


class LabelReader:
    """Reads the label files of one dataset. Each row says by its length what it is.

    | numbers after the class | what it is |
    | --- | --- |
    | 4 + joints x (2 or 3), if there is a `kpt_shape` | a skeleton with its box |
    | 4 or 5 | a box: centre, width, height, and its confidence |
    | 8, in a dataset of rotated boxes, and the corners of a rectangle | a rotated box |
    | 6, 8, 10, ... | a polygon |

    Args:
        config: What the dataset says of itself.
        turned: Whether it is a dataset of rotated boxes.
        open: Reads a file: `Format.files.read`, or `read_file`.
    """

    def __init__(self, config: Config, *, turned: bool, open: Callable[[str], bytes] = read_file) -> None:
        self.open = open
        self.classes = {float(number): name for number, name in enumerate(config.names)}
        self.skeletons = config.skeletons
        self.step = config.joints[1] if config.joints else 0
        self.pose = 4 + config.joints[0] * config.joints[1] if config.joints else None
        self.turned = turned
        self.joints = config.joints
        self.pixels = False
        """Whether rows count pixels: see `synapse_hooks.formats.yolo.pixels`."""
        self.note: Callable[[bytes], None] | None = None
        """Called with what is in each file that is read."""

    def read(self, file: str, width: int, height: int) -> list[AnyAnnotation]:
        """The annotations in a label file; none if the file does not exist. Their ids are the numbers of the lines.

        Args:
            file: The label file.
            width: Of the image, as displayed.
            height: Of the image, as displayed.

        Raises:
            UnreadableItem: A row is malformed, or names a class that there is not; file and line are named.
        """
        labels = []
        if self.pixels:
            width = height = 1
        for number, row in enumerate(self.rows(file), 1):
            if row:
                try:
                    annotation = self._annotation(row, width, height)
                except (ValueError, OverflowError) as error:
                    raise _bad_line(file, number, error) from error
                annotation.id = str(number)
                labels.append(annotation)
        return labels

    def rows(self, file: str) -> list[list[float]]:
        """The numbers in each line of a label file; none in an empty one, no lines if the file does not exist.

        Raises:
            UnreadableItem: The file cannot be read, or something in it is not a number.
        """
        try:
            data = self.open(file)
            text = data.decode()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise cannot_read(UnreadableItem, error, file) from error
        except UnicodeDecodeError as error:
            raise UnreadableItem(f'{file} cannot be read: {error}', hint='repair the file', path=file) from error
        if self.note is not None:
            self.note(data)
        return _rows(text.removeprefix('\ufeff'), file)

    def _annotation(self, row: list[float], width: int, height: int) -> AnyAnnotation:
        place, *numbers = row
        label = self.classes.get(place)
        if label is None:
            raise ValueError(f'there is no class {place:g}, only 0 to {len(self.classes) - 1}')
        total, length = sum(numbers), len(numbers)
        if not math.isfinite(total):
            raise ValueError('a coordinate is not finite')
        # Of shares, the mean is seldom above 1.
        if total > length and not self.pixels and self._in_pixels(numbers, width, height):
            raise RowInPixels(IN_PIXELS)
        if length == self.pose:
            return self._skeleton(numbers, label, width, height)
        if length == 4:
            return Box(*_box(numbers, width, height), label=label)
        if length == 5:
            return Box(*_box(numbers, width, height), label=label, attributes={'confidence': numbers[4]})
        if length < 6 or length % 2:
            raise ValueError(f'{len(row)} numbers are neither a box (5) nor a polygon (7, 9, 11, ...)')
        if self.turned and length == 8:
            points = [(x * width, y * height) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
            box = turned_box(points)
            if _deviation(points, box) <= _NOISE:
                box.label = label
                return box
        return Polygon([[_points(numbers, width, height)]], label=label)

    def _in_pixels(self, numbers: list[float], width: int, height: int) -> bool:
        length = len(numbers)
        known = length in (4, 5, self.pose) or (length >= 6 and not length % 2)
        return known and counts_pixels(numbers, width, height, self.joints)

    def _skeleton(self, numbers: list[float], label: str, width: int, height: int) -> Keypoints:
        step = self.step
        xs, ys = numbers[4::step], numbers[5::step]
        if step == 3:
            seen = [2 if value > 0 and value != 1 else max(0, int(value)) for value in numbers[6::step]]
        else:
            seen = [0 if x < 0 or y < 0 else 2 for x, y in zip(xs, ys, strict=True)]
        across, down = width * _UNIT, height * _UNIT
        joints = [
            Joint(round(x * across) / _UNIT, round(y * down) / _UNIT, visibility)
            for x, y, visibility in zip(xs, ys, seen, strict=True)
        ]
        names = list(self.skeletons.get(label, ()))
        if names:
            # Rows are as long as the longest skeleton: what is missing and has no name is filling.
            while len(joints) > len(names) and not joints[-1].visibility:
                joints.pop()
            names += [''] * (len(joints) - len(names))
        return Keypoints(joints, names=names, box=_box(numbers, width, height), label=label)


def _rows(text: str, file: str) -> list[list[float]]:
    """The numbers in each line; none in an empty one."""
    words = [line.split() for line in text.splitlines()]
    if ',' not in text:
        try:
            # As JSON they are read in a quarter of the time that `float` takes.
            return _decode(f'[[{"],[".join(map(",".join, words))}]]')
        except msgspec.DecodeError:
            pass  # What JSON has no numbers for: `.5`, `nan`, and mistakes.
    rows = []
    for number, line in enumerate(words, 1):
        try:
            rows.append(list(map(float, line)))
        except ValueError as error:
            raise _bad_line(file, number, _not_a_number(line[0]) or error) from error
    return rows


class ClassByName(ValueError):
    """A row begins with the name of its class."""


def _not_a_number(word: str) -> ClassByName | None:
    try:
        float(word)
    except ValueError:
        if ',' in word:
            return None
        return ClassByName(f'a row must begin with the number of its class, not with {word[:_SHOWN]!r}')
    return None


_SHOWN = 40


def _bad_line(file: str, number: int, error: Exception) -> UnreadableItem:
    hint = 'correct the line'
    if isinstance(error, RowInPixels):
        hint = HINT
    elif isinstance(error, ClassByName):
        hint = 'write the place of the class in `names`, counted from 0'
    return UnreadableItem(f'{file}, line {number}: {error}', hint=hint, path=file, line=number)


def _points(numbers: list[float], width: int, height: int) -> Ring:
    across, down = width * _UNIT, height * _UNIT
    return [
        (round(x * across) / _UNIT, round(y * down) / _UNIT) for x, y in zip(numbers[::2], numbers[1::2], strict=True)
    ]


def _box(numbers: list[float], width: int, height: int) -> tuple[float, float, float, float]:
    x, y, w, h = numbers[:4]
    across, down = width * _UNIT, height * _UNIT
    return (
        round((x - w / 2) * across) / _UNIT,
        round((y - h / 2) * down) / _UNIT,
        round(w * across) / _UNIT,
        round(h * down) / _UNIT,
    )


def turned_box(points: Ring) -> RotatedBox:
    """The rotated box whose corners are nearest to four points, which go round it in either direction, in pixels.

    The first point is its top-left corner before the turn. Of a rectangle, clockwise, `corners` gives the points back.

    Example:
        >>> box = turned_box([(4, 0), (4, 6), (2, 6), (2, 0)])
        >>> box.x, box.y, box.w, box.h, round(box.angle, 4)
        (0.0, 2.0, 6.0, 2.0, 1.5708)
    """
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
    right, down = ((bx - ax + cx - dx) / 2, (by - ay + cy - dy) / 2), ((dx - ax + cx - bx) / 2, (dy - ay + cy - by) / 2)
    if right[0] * down[1] < right[1] * down[0]:
        right, down = down, right
    # Both sides have the angle, the longer one more exactly.
    angle = math.atan2(right[1] - down[0], right[0] + down[1])
    cos, sin = math.cos(angle), math.sin(angle)
    w, h = right[0] * cos + right[1] * sin, down[1] * cos - down[0] * sin
    return RotatedBox((ax + bx + cx + dx) / 4 - w / 2, (ay + by + cy + dy) / 4 - h / 2, w, h, angle)


def _deviation(points: Ring, box: RotatedBox) -> float:
    """How far the points are from the corners of the box, at most. Counter-clockwise, the second is the fourth."""
    there = corners(box)
    return min(
        max(math.dist(*pair) for pair in zip(points, around, strict=True))
        for around in (there, [there[0], *there[:0:-1]])
    )
