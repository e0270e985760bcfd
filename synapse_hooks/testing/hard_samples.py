"""Samples for the edge cases of formats: odd names, every kind of annotation, extreme values, many classes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Final

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Classification,
    Group,
    Joint,
    Keypoint,
    Keypoints,
    Mask,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Sample,
)
from synapse_hooks.testing.samples import CLASSES, png

_ZEBRA, _ANT, _DUCK = CLASSES
_SKELETON: Final = ['head', 'left_foot', 'right_foot']

KINDS: Final[Mapping[str, Sequence[AnyAnnotation]]] = {
    'box': [Box(4, 6, 20, 16, label=_ANT), Box(10.25, 5.5, 20.125, 30.75, label=_DUCK)],
    'rotated_box': [
        RotatedBox(30, 30, 24, 10, 0.5, label=_ANT),
        RotatedBox(20, 40, 30, 12, 1.2, label=_ZEBRA),
    ],
    'polygon': [
        Polygon.simple([(10, 10), (50, 10), (50, 60)], label=_DUCK),
        Polygon.simple([(5, 5), (33.5, 12.25), (20, 60), (8, 40)], label=_ANT),
    ],
    'polygon with holes': [
        Polygon([[[(10, 10), (60, 10), (60, 60), (10, 60)], [(20, 20), (30, 20), (30, 30), (20, 30)]]], label=_ANT),
        Polygon([[[(2, 2), (20, 2), (20, 20)]], [[(40, 40), (60, 40), (60, 60)]]], label=_ZEBRA),
    ],
    'mask': [Mask([(805, 10), (885, 10)], label=_ANT)],
    'keypoints': [
        Keypoints([Joint(10, 10), Joint(20, 30, 1), Joint(0, 0, 0)], names=_SKELETON, box=(5, 5, 30, 40), label=_ZEBRA),
    ],
    'keypoint': [Keypoint(5, 5, label='head'), Keypoint(20.5, 30.25, label='left_foot')],
    'polyline': [Polyline([(1, 1), (5, 9), (20, 30)], label=_ANT)],
    'classification': [Classification(label=_ZEBRA)],
}
"""Annotations of every kind, for an image of 80 x 80 pixels."""


def sample_of(folder: Path, id: str, annotations: Sequence[AnyAnnotation], *, orientation: int = 1) -> Sample:
    """A sample of 80 x 80 pixels with copies of annotations, in the split `train`.

    Args:
        folder: The folder for its image.
        id: Its id; the image has a name of its own.
        annotations: What it holds.
        orientation: The EXIF orientation of its image. From 5 on the sample is displayed with 60 x 80 pixels.
    """
    number = zlib.crc32(id.encode(errors='surrogatepass'))
    image = folder / f'{number:08x}.png'
    folder.mkdir(parents=True, exist_ok=True)
    colour = (number & 255, number >> 8 & 255, number >> 16 & 255)
    # As stored, an image on its side is as wide as it is high when it is displayed.
    width, height = (60, 80) if orientation >= 5 else (80, 80)
    stored = png(80, 60, colour=colour) if orientation >= 5 else png(80, 80, colour=colour)
    image.write_bytes(_with_orientation(stored, orientation) if orientation != 1 else stored)
    own = deepcopy([*annotations])
    for place, annotation in enumerate(own, 1):
        annotation.id = annotation.id or str(place)
    return Sample(id, image=image, width=width, height=height, split='train', annotations=own)


def named_like(samples: Sequence[Sample], folder: Path, ids: Sequence[str]) -> list[Sample]:
    """Samples with the annotations of the first of `samples` that has some, under other ids.

    Args:
        samples: Where the annotations come from.
        folder: The folder for the images.
        ids: The ids.
    """
    first = next((sample for sample in samples if sample.annotations), samples[0])
    return [_like(first, folder, id) for id in ids]


def linked() -> list[AnyAnnotation]:
    """Annotations of one object, a relation between two, and a group."""
    return [
        Box(10, 10, 20, 20, id='a', label=_ANT, group='1'),
        Box(40, 40, 20, 20, id='b', label=_ZEBRA, group='1'),
        Relation(source='a', target='b', id='c', label='follows'),
        Group(members=['a', 'b'], id='d', label='herd'),
    ]


def _like(sample: Sample, folder: Path, id: str) -> Sample:
    number = zlib.crc32(id.encode(errors='surrogatepass'))
    folder.mkdir(parents=True, exist_ok=True)
    image = folder / f'{number:08x}.png'
    image.write_bytes(png(sample.width, sample.height, colour=(number & 255, number >> 8 & 255, number >> 16 & 255)))
    annotations = deepcopy(sample.annotations)
    return Sample(id, image=image, width=sample.width, height=sample.height, split='train', annotations=annotations)


def _with_orientation(image: bytes, orientation: int) -> bytes:
    """The PNG with a chunk of EXIF that says how it is displayed."""
    # A TIFF of one entry: tag 274, one short number.
    return _with_chunk(image, b'eXIf', b'MM\0*\0\0\0\x08' + struct.pack('>HHHIHHI', 1, 274, 3, 1, orientation, 0, 0))


def enlarged(image: bytes, size: int) -> bytes:
    """A PNG with a comment of so many bytes, as an image of more pixels has."""
    return _with_chunk(image, b'tEXt', b'Comment\0' + b' ' * size)


def _with_chunk(image: bytes, kind: bytes, content: bytes) -> bytes:
    chunk = struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))
    # After the signature and the header, which is 25 bytes long.
    return image[:33] + chunk + image[33:]
