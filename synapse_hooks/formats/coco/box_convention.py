"""What the four numbers of `bbox` are in a file: `[x, y, width, height]` in pixels, as specified, or something else.

Some tools write the corners `[x1, y1, x2, y2]`, and some shares of the image's size. One box alone may be either; all
boxes of a file together, with `area`, `segmentation` and the sizes of their images, usually prove which it is. Files
are sampled first: most follow the specification.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw, Struct

from synapse_hooks.data import LossReport
from synapse_hooks.data.areas import Mask
from synapse_hooks.data.geometry import bounds
from synapse_hooks.data.losses import EXAMPLES
from synapse_hooks.data.masks import mask_bounds
from synapse_hooks.formats.coco.document import Fields, Listed
from synapse_hooks.formats.coco.entries import Rectangle, mask_runs, text_of

CORNERS = 'bbox holds corners [x1, y1, x2, y2], not [x, y, width, height], as area or segmentation prove: read so'
SHARES = "bbox holds shares of the image's size, not pixels, as all boxes of the file are less than a pixel: read so"
MAYBE_CORNERS = 'many boxes of its file leave their images, and would not if bbox held corners: [x1, y1, x2, y2]?'
MAYBE_SHARES = "all boxes of its file lie within the first pixel: are they shares of the image's size?"
MIXED = 'area or segmentation prove corners [x1, y1, x2, y2], while other boxes of the file are [x, y, width, height]'

_SAMPLED = 400
_MANY = 5
"""Many means: at least one box in this number."""
_NEAR = 1.5
_POINTS = 10_000
"""Bytes of a segmentation; a longer one is not measured."""

Locate = Callable[[Any], Listed | None]
"""The image that an id stands for."""
Measure = Callable[[Listed], tuple[int, int] | None]
"""Width and height of an image."""


class _BoxFields(Struct, gc=False):
    """What of an entry is fields at."""

    id: Any = None
    image_id: int | str | float | None = None
    bbox: Raw = Raw(b'')
    segmentation: Raw = Raw(b'')
    area: Any = None


@dataclass(slots=True)
class _Votes:
    """What boxes speak for."""

    boxes: int = 0
    corners: int = 0
    """Prove that they are corners."""
    outlined: int = 0
    """Of these, those whose outline does; one area may be right by chance."""
    sizes: int = 0
    """Prove that they are not."""
    neither: int = 0
    """Have an area or outline that is that of neither: of a mask that was left out, or filled in without a look."""
    outside: int = 0
    """Leave their image, read by the rules."""
    impossible: int = 0
    """Cannot be corners in their image."""
    shares: int = 0
    """Lie within one pixel."""
    fractions: int = 0
    """Of these, those with a number that is not whole."""
    overlong: int = 0
    """Of these, those that reach beyond it as sizes."""

    @property
    def suspicious(self) -> bool:
        """Whether a sample with these is a reason to look at the whole file."""
        odd = max(self.corners, self.outside if not self.sizes else 0)
        return bool(self.boxes) and (odd * _MANY >= self.boxes or self.shares == self.boxes)

    @property
    def are_corners(self) -> bool:
        """Whether the boxes of a file are corners beyond doubt."""
        proven = self.outlined or self.corners > 1
        return bool(proven) and self.corners > self.neither * _MANY and not self.sizes and not self.impossible


def normalize_boxes(annotations: list[Fields | Raw], locate: Locate, measure: Measure, report: LossReport) -> None:
    """Rewrite the entries of a file whose boxes are not what the rules say, where that is proven; and report it.

    Args:
        annotations: The file's entries, which are changed in place.
        locate: Finds the image of an entry.
        measure: Answers the size of an image.
        report: Records what is repaired or doubtful.
    """
    step = max(1, len(annotations) // _SAMPLED)
    if not _votes(annotations[::step], locate).suspicious:
        return
    votes = _votes(annotations, locate)
    if votes.boxes and votes.shares == votes.boxes and votes.fractions:
        if votes.overlong:
            _report(report.doubtful, MAYBE_SHARES, annotations, locate)
        else:
            _rewrite(annotations, locate, report, SHARES, lambda fields, image: _in_pixels(fields, measure(image)))
    elif votes.are_corners:
        _rewrite(annotations, locate, report, CORNERS, lambda fields, image: _as_sizes(fields))
    elif votes.corners > votes.neither and votes.sizes + votes.impossible:
        _report(report.doubtful, MIXED, annotations, locate, lambda ballot: bool(ballot.corners))
    elif votes.outside * _MANY >= votes.boxes > 0 and not votes.sizes and not votes.impossible:
        _report(report.doubtful, MAYBE_CORNERS, annotations, locate, lambda ballot: bool(ballot.outside))


def _votes(annotations: Sequence[Fields | Raw], locate: Locate) -> _Votes:
    votes = _Votes()
    for entry in annotations:
        _vote(entry, locate, votes)
    return votes


def _vote(entry: Fields | Raw, locate: Locate, votes: _Votes) -> None:
    fields = _box_fields(entry)
    box = None if fields is None else _box(fields.bbox)
    if fields is None or box is None or not any(box[2:]):
        return
    x, y, a, b = box
    votes.boxes += 1
    if min(box) >= 0 and max(box) <= 1:
        votes.shares += 1
        votes.fractions += any(number % 1 for number in box)
        votes.overlong += x + a > 1.001 or y + b > 1.001
        return
    image = locate(fields.image_id)
    width, height = (image and image.size) or (math.inf, math.inf)
    votes.outside += x + a > width + 1 or y + b > height + 1
    if not (a >= x >= -1 and b >= y >= -1 and a <= width + 1 and b <= height + 1):
        votes.impossible += 1
        return
    around = _around(fields.segmentation, width, height)
    if around is not None:
        as_corners, as_sizes = _alike(around, (x, y, a, b)), _alike(around, (x, y, x + a, y + b))
    elif bytes(fields.segmentation) in _NOTHING and type(fields.area) in (int, float) and fields.area > 0:
        as_corners, as_sizes = _fills(fields.area, a - x, b - y), _fills(fields.area, a, b)
    else:
        return
    votes.corners += as_corners and not as_sizes
    votes.outlined += around is not None and as_corners and not as_sizes
    votes.neither += not as_corners and not as_sizes
    votes.sizes += as_sizes and not as_corners


_NOTHING = (b'', b'[]', b'null', b'[[]]', b'{}')


def _box_fields(entry: Fields | Raw) -> _BoxFields | Fields | None:
    if isinstance(entry, Fields):
        return entry
    try:
        return _decode(entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _box(text: Raw) -> Rectangle | None:
    try:
        box = _decode_box(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return box if math.isfinite(sum(box)) else None


def _around(text: Raw, width: float, height: float) -> Rectangle | None:
    """`left, top, right, bottom` of a segmentation."""
    data = bytes(text)
    if len(data) > _POINTS or data in _NOTHING:
        return None
    try:
        if data[:1] == b'{':
            runs = mask_runs(msgspec.json.decode(data), int(width), int(height))
            return mask_bounds(Mask(runs, columns=True), int(width), int(height))
        points = [point for ring in _decode_rings(data) for point in zip(ring[::2], ring[1::2], strict=False)]
    except (OverflowError, TypeError, ValueError, msgspec.DecodeError):
        return None
    return bounds(points) if points else None


def _alike(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(a - b) <= _NEAR for a, b in zip(one, other, strict=True))


def _fills(area: float, width: float, height: float) -> bool:
    """Whether a box of that size has an area; some tools include the last pixel."""
    return any(abs(area - size) <= 0.5 + size / 100 for size in (width * height, (width + 1) * (height + 1)))


# -- repairs -----------------------------------------------------------------------------------------------------------


def _rewrite(
    annotations: list[Fields | Raw],
    locate: Locate,
    report: LossReport,
    reason: str,
    change: Callable[[dict[str, Any], Listed], bool],
) -> None:
    count = 0
    for place, entry in enumerate(annotations):
        known = _box_fields(entry)
        image = None if known is None else locate(known.image_id)
        if known is None or image is None or _box(known.bbox) is None:
            continue
        fields: dict[str, Any] = msgspec.json.decode(_encode(entry) if isinstance(entry, Fields) else entry)
        if not change(fields, image):
            continue
        text = _encode(fields)
        annotations[place] = msgspec.json.decode(text, type=Fields) if isinstance(entry, Fields) else Raw(text)
        count += 1
        if count <= EXAMPLES:
            report.repaired('annotation', reason, str(image.file_name), text_of(known.id))
    if count > EXAMPLES:
        report.repaired('annotation', reason, count=count - EXAMPLES)


def _as_sizes(fields: dict[str, Any]) -> bool:
    x, y, a, b = fields['bbox']
    fields['bbox'] = [x, y, a - x, b - y]
    return True


def _in_pixels(fields: dict[str, Any], size: tuple[int, int] | None) -> bool:
    if size is None:
        return False
    fields['bbox'] = _scaled(fields['bbox'], size)
    rings = fields.get('segmentation')
    if isinstance(rings, list) and all(isinstance(ring, list) and _all_shares(ring) for ring in rings):
        fields['segmentation'] = [_scaled(ring, size) for ring in rings]
    joints = fields.get('keypoints')
    if isinstance(joints, list) and len(joints) % 3 == 0 and _all_shares(joints[::3] + joints[1::3]):
        joints[::3], joints[1::3] = _scaled(joints[::3], size[:1]), _scaled(joints[1::3], size[1:])
    return True


def _all_shares(numbers: list[Any]) -> bool:
    return all(type(number) in (int, float) and 0 <= number <= 1 for number in numbers)


def _scaled(numbers: list[float], size: Sequence[int]) -> list[float]:
    """To a millionth of a pixel, so that 0.3 of 100 pixels is 30."""
    return [round(number * size[place % len(size)], 6) for place, number in enumerate(numbers)]


def _report(
    record: Callable[..., None],
    reason: str,
    annotations: Sequence[Fields | Raw],
    locate: Locate,
    concerned: Callable[[_Votes], bool] = lambda ballot: bool(ballot.boxes),
) -> None:
    examples = list(_concerned(annotations, locate, concerned))
    for file, id in examples[:EXAMPLES]:
        record('annotation', reason, file, id)
    if len(examples) > EXAMPLES:
        record('annotation', reason, count=len(examples) - EXAMPLES)


def _concerned(
    annotations: Sequence[Fields | Raw], locate: Locate, concerned: Callable[[_Votes], bool]
) -> Iterator[tuple[str, str]]:
    for entry in annotations:
        ballot, fields = _Votes(), _box_fields(entry)
        _vote(entry, locate, ballot)
        if fields is not None and concerned(ballot):
            image = locate(fields.image_id)
            yield '' if image is None else str(image.file_name), text_of(fields.id)


_decode = msgspec.json.Decoder(_BoxFields).decode
_decode_box = msgspec.json.Decoder(tuple[float, float, float, float]).decode
_decode_rings = msgspec.json.Decoder(list[list[float]]).decode
_encode = msgspec.json.Encoder().encode
