"""Small test data with edge cases: real images, made without an imaging library, and annotations."""

from __future__ import annotations

import struct
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from synapse_hooks.context import Dataset
from synapse_hooks.conversion.options import Options
from synapse_hooks.conversion.write_context import WriteContext
from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Classification,
    DatasetInfo,
    Joint,
    Keypoint,
    Keypoints,
    Mask,
    Other,
    Part,
    Polygon,
    Polyline,
    RotatedBox,
    Sample,
    dataset,
    survey,
)
from synapse_hooks.formats.dm import DmFormat

CLASSES: Final = ('zebra', 'ant', 'grüne Ente')
"""The classes of the small data, as declared: neither sorted nor in the order of their first use."""

Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int, Colour]
"""`x, y, width, height` in pixels, and the fill colour."""


def png(width: int, height: int, rectangles: Iterable[Rectangle] = (), colour: Colour = (230, 230, 230)) -> bytes:
    """A PNG image (RGB, 8 bits): filled rectangles on a background of one colour.

    Args:
        width: In pixels.
        height: In pixels.
        rectangles: `(x, y, width, height, colour)` each, in pixels.
        colour: The background: red, green and blue from 0 to 255.

    Example:
        >>> from synapse_hooks.data import image_size
        >>> file = getfixture('tmp_path') / 'a.png'
        >>> file.write_bytes(png(30, 20, [(5, 5, 10, 10, (255, 0, 0))])) > 0
        True
        >>> image_size(file)
        (30, 20)
    """
    rows = b''.join(b'\0' + row for row in _rows(width, height, rectangles, colour))
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    chunks = ((b'IHDR', header), (b'IDAT', zlib.compress(rows)), (b'IEND', b''))
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data)) for kind, data in chunks
    )


def bmp(width: int, height: int, rectangles: Iterable[Rectangle] = (), colour: Colour = (230, 230, 230)) -> bytes:
    """A BMP image (24 bits).

    Args:
        width: In pixels.
        height: In pixels.
        rectangles: As in `png`.
        colour: As in `png`.
    """
    padding = bytes(-width * 3 % 4)
    rows = [bytes(row) for row in _rows(width, height, rectangles, colour)]
    # From the lowest row up; blue, green, red.
    data = b''.join(
        b''.join(row[at : at + 3][::-1] for at in range(0, len(row), 3)) + padding for row in reversed(rows)
    )
    header = struct.pack('<IiiHHIIiiII', 40, width, height, 1, 24, 0, len(data), 2835, 2835, 0, 0)
    return b'BM' + struct.pack('<IHHI', 54 + len(data), 0, 0, 54) + header + data


def _rows(width: int, height: int, rectangles: Iterable[Rectangle], colour: Colour) -> list[bytearray]:
    rows = [bytearray(bytes(colour) * width) for _ in range(height)]
    for x, y, w, h, fill in rectangles:
        for row in rows[y : y + h]:
            row[x * 3 : (x + w) * 3] = bytes(fill) * (min(x + w, width) - x)
    return rows


Instead = Literal['rotated_box', 'keypoints', 'classification']
"""Kinds of annotation that may replace boxes and polygons."""


def small_samples(folder: Path, kind: Instead | None = None) -> list[Sample]:
    """Eight images in three splits, with boxes and polygons of the classes `CLASSES`.

    Among them: an image without annotations, two images of one name in different splits, names with folders, spaces,
    dots and letters beyond ASCII, whole and fractional coordinates, a shape that touches the image's edge.

    Args:
        folder: The folder for the images; it is created.
        kind: For a format that holds neither boxes nor polygons: the kind of annotation that replaces each. An image
            has one `classification` at most.

    Example:
        >>> samples = small_samples(getfixture('tmp_path'), 'classification')
        >>> {annotation.kind for sample in samples for annotation in sample.annotations}
        {'classification'}
    """
    samples = _small_samples(folder)
    if kind is not None:
        for sample in samples:
            kept = sample.annotations[:1] if kind == 'classification' else sample.annotations
            sample.annotations = [_instead(kind, annotation) for annotation in kept]
    return samples


def _instead(kind: Instead, shape: AnyAnnotation) -> AnyAnnotation:
    if kind == 'classification':
        return Classification(id=shape.id, label=shape.label)
    left, top, w, h = (shape.x, shape.y, shape.w, shape.h) if isinstance(shape, Box) else (2, 2, 30, 20)
    if kind == 'rotated_box':
        # Half as large, around the same centre, so that no corner leaves the image.
        return RotatedBox(left + w / 4, top + h / 4, w / 2, h / 2, 0.5, id=shape.id, label=shape.label)
    names = ['head', 'left_foot', 'right_foot']
    joints = [Joint(left, top), Joint(left + w / 2, top + h, 1), Joint(0, 0, 0)]
    return Keypoints(joints, names=names, box=(left, top, w, h), id=shape.id, label=shape.label)


def _small_samples(folder: Path) -> list[Sample]:
    zebra, ant, duck = CLASSES
    hidden = Box(8, 8, 12, 30, label=ant, attributes={'occluded': True, 'note': 'half hidden'})
    return [
        _sample(folder, 'train', 'street/0001', 96, 64, _box(30, 20, 24, 16, duck), hidden),
        _sample(folder, 'train', 'with space', 96, 64, _box(10.25, 5.5, 20.125, 30.75, ant)),
        _sample(folder, 'train', 'größe/Straße 7', 64, 96, _polygon(duck, (10, 10), (50, 10), (50, 60), (30, 80))),
        _sample(folder, 'train', 'dots.in.name', 80, 80, _box(40, 40, 40, 40, zebra), _box(0, 0, 9, 9, zebra)),
        _sample(folder, 'train', 'nothing-here', 80, 80),
        _sample(folder, 'valid', 'street/0001', 64, 64, _polygon(zebra, (5, 5), (33.5, 12.25), (20, 60))),
        _sample(folder, 'valid', 'a-bitmap', 50, 40, _box(12, 10, 20, 20, ant), suffix='.bmp'),
        _sample(folder, 'test', 'last', 64, 48, _box(16, 12, 32, 24, zebra), _polygon(ant, (1, 1), (9, 1), (9, 9))),
    ]


def small_dataset(folder: Path) -> Dataset:
    """The small samples as a dataset in DM layout, which a workspace can import.

    Args:
        folder: A folder that does not exist or is empty.

    Example:
        >>> made = small_dataset(getfixture('tmp_path') / 'data')
        >>> made['format'], made['splits'], made['classes']
        ('dm', {'train': 5, 'valid': 2, 'test': 1}, ['zebra', 'ant', 'grüne Ente'])
    """
    # Not at the top: it needs numpy, which the kit does not.
    from synapse_hooks.data.batch import Batch

    folder = Path(folder)
    with tempfile.TemporaryDirectory() as images:
        samples = small_samples(Path(images))
        info = survey(DatasetInfo(classes=CLASSES), samples)
        sink = DmFormat().sink(WriteContext(folder, Options(images='copy')))
        sink.write(None, info, 0, iter([Batch.of_samples(samples)]))
    return dataset(folder, 'dm', info=info)


def odd_samples(folder: Path) -> list[Sample]:
    """Samples as in real datasets that few formats can hold: every kind of annotation, shapes beyond the edge of the
    image or without area, unexpected labels, and an item that is not an image.

    Args:
        folder: The folder for the images; it is created.
    """
    zebra, ant, _ = CLASSES
    hole: Part = [[(10, 10), (60, 10), (60, 60), (10, 60)], [(20, 20), (30, 20), (30, 30), (20, 30)]]
    island: Part = [[(70, 70), (79, 70), (79, 79)]]
    skeleton = Keypoints([Joint(10, 10), Joint(20, 20, 1), Joint(0, 0, 0)], names=['a', 'b', 'c'], label=zebra)
    kinds: list[AnyAnnotation] = [
        Polygon([hole, island], label=zebra),
        RotatedBox(20, 20, 30, 10, 0.5, label=ant),
        Polyline([(1, 1), (5, 9), (20, 30)], label='lane'),
        Keypoint(5, 5, label='nose'),
        skeleton,
        Mask([(805, 10), (885, 10)], label=ant),
        Classification(label='sunny'),
    ]
    shapes: list[AnyAnnotation] = [
        _box(70, 70, 30, 30, zebra),
        _box(200, 200, 5, 5, zebra),
        _box(10, 10, 0, 0, ant),
        _box(5, 5, 20, 20, 'a: "b", {c} # 1\\'),
        _polygon(ant, (5, 5), (9, 9)),
        Box(1, 1, 9, 9, label=ant, attributes={'colour': 'red', 'parts': [1, {'deep': None}]}),
    ]
    return [
        _sample(folder, 'train', 'kinds', 80, 80, *kinds),
        _sample(folder, 'train', 'shapes', 80, 80, *shapes),
        _sample(folder, 'valid', 'plain', 80, 80, _box(10, 10, 20, 20, zebra), _box(40, 40, 20, 20, ant)),
        Sample(
            'point-cloud',
            split='train',
            annotations=[Other('pcds.3d_bounding_box', {'psr': {}}, id='1')],
            medium='point_cloud',
        ),
    ]


def _sample(
    folder: Path, split: str, id: str, width: int, height: int, *annotations: AnyAnnotation, suffix: str = '.png'
) -> Sample:
    painted: list[Rectangle] = [
        (int(shape.x), int(shape.y), int(shape.w), int(shape.h), (200, 40, 40 * place))
        for place, shape in enumerate(annotations)
        if isinstance(shape, Box) and shape.x < width and shape.y < height
    ]
    # Each image has another background, so that its bytes identify it under any name.
    ground = zlib.crc32(f'{split}/{id}'.encode())
    image = Path(folder) / split / f'{id}{suffix}'
    image.parent.mkdir(parents=True, exist_ok=True)
    draw = bmp if suffix == '.bmp' else png
    image.write_bytes(draw(width, height, painted, (ground & 255, ground >> 8 & 255, ground >> 16 & 255)))
    for place, annotation in enumerate(annotations, 1):
        annotation.id = annotation.id or str(place)
    return Sample(id, image=image, width=width, height=height, split=split, annotations=[*annotations])


def _box(x: float, y: float, w: float, h: float, label: str) -> Box:
    return Box(x, y, w, h, label=label)


def _polygon(label: str, *ring: tuple[float, float]) -> Polygon:
    return Polygon.simple([*ring], label=label)
