"""One item and its annotations: the canonical form between formats. Most items are images.

A reader makes samples, a writer takes them; neither knows the other. Coordinates are pixels, float or int as they came,
origin top left, y down, of the image as it is displayed (EXIF orientation applied).

    Sample('street/0001', image=Path('street/0001.jpg'), annotations=[Box(10, 20, 80, 40, label='car')])
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

from synapse_hooks.data.media import MEDIA, Medium

Ring = list[tuple[float, float]]
"""A closed line without its last point repeated: `[(x, y), ...]`."""
Part = list[Ring]
"""One connected area: its outer ring, then a ring for each hole."""


class Joint(NamedTuple):
    """A point of a skeleton.

    Example:
        >>> Joint(12.5, 30)
        Joint(x=12.5, y=30, visibility=2)
    """

    x: float
    """Pixels from the left edge of the image."""
    y: float
    """Pixels from its top edge."""
    visibility: int = 2
    """0 missing (x and y mean nothing), 1 occluded, 2 visible."""


class Annotation(Struct, kw_only=True, tag_field='kind', tag='annotation'):
    """What all annotations have in common. Use one of the classes below; `Other` is for everything they cannot hold."""

    id: str = ''
    """Unique within a sample, or empty: a writer that needs one makes one."""
    label: str = ''
    """The name of the class; of a `Keypoint`, the name of the joint."""
    attributes: dict[str, Any] = {}
    """Further values, by name, in the order of the source."""
    group: str | None = None
    """Annotations of one sample with equal `group` belong to one object."""
    entry: int = 0
    """Which of several entries for the same file it came from; 0 but for odd DM documents."""
    extra: dict[str, Any] = {}
    """What a format needs to give back its own document unchanged, under the format's name. Others leave it alone."""

    @property
    def kind(self) -> str:
        """The name under which it is counted: `box`, `polygon`, `videos.segmentation`, ..."""
        return str(self.__struct_config__.tag)


class Box(Annotation, tag='box'):
    """An upright rectangle: its top-left corner, width and height, in pixels.

    Example:
        >>> Box(10, 20, 80, 40, label='car').kind
        'box'
    """

    x: float
    """Its left edge: pixels from the left edge of the image."""
    y: float
    """Its top edge: pixels from the top edge of the image."""
    w: float
    """Its width; the right edge is at `x + w`."""
    h: float
    """Its height; the bottom edge is at `y + h`."""


class RotatedBox(Annotation, tag='rotated_box'):
    """A rectangle `x, y, w, h` as in `Box`, which is then turned around its centre.

    Example:
        >>> from math import pi
        >>> RotatedBox(0, 0, 40, 20, pi / 2).kind  # covers x from 10 to 30 and y from -10 to 30
        'rotated_box'
    """

    x: float
    """Left edge before it is turned, in pixels."""
    y: float
    """Top edge before it is turned, in pixels."""
    w: float
    """Width before it is turned, in pixels."""
    h: float
    """Height before it is turned, in pixels."""
    angle: float
    """In radians, clockwise as one sees it (y points down)."""


class Polygon(Annotation, tag='polygon'):
    """An area: one part or several, each an outer ring and its holes.

    Example:
        >>> Polygon.simple([(0, 0), (4, 0), (4, 3)], label='roof').parts
        [[[(0, 0), (4, 0), (4, 3)]]]
    """

    parts: list[Part]
    """Connected areas: `[[outer, hole, ...], ...]`, each ring a list of `(x, y)` in pixels."""
    box: tuple[float, float, float, float] | None = None
    """`(x, y, w, h)`: the box that the source gives for it, where it gives one."""

    @classmethod
    def simple(cls, ring: Ring, **fields: Any) -> Polygon:
        """A polygon of one ring, as most are.

        Args:
            ring: `[(x, y), ...]` in pixels, three points or more, the first not repeated at the end.
            **fields: Those of `Annotation`, and `box`.
        """
        return cls([[ring]], **fields)

    @property
    def rings(self) -> list[Ring]:
        """Every ring, outer ones and holes, in order."""
        return [ring for part in self.parts for ring in part]


class Polyline(Annotation, tag='polyline'):
    """An open line."""

    points: Ring
    """`[(x, y), ...]` in pixels, from one end to the other."""


class Keypoint(Annotation, tag='keypoint'):
    """One joint by itself; `label` names the joint, `group` says which object it belongs to."""

    x: float
    """Pixels from the left edge of the image."""
    y: float
    """Pixels from its top edge."""
    visibility: int = 2
    """0 missing, 1 occluded, 2 visible."""


class Keypoints(Annotation, tag='keypoints'):
    """A whole skeleton of one object; `label` is the object's class."""

    points: list[Joint]
    """The joints, in the order of the skeleton, missing ones included."""
    names: list[str] = []
    """The joints' names in the same order, where the source knows them; else empty."""
    box: tuple[float, float, float, float] | None = None
    """The object's box `(x, y, w, h)` in pixels, where the source gives one."""


class Mask(Annotation, tag='mask'):
    """An area of whole pixels, as runs.

    Example:
        >>> # The pixels (3, 2), (4, 2) and (5, 2) of an image that is 100 wide:
        >>> Mask([(203, 3)], label='scratch').kind
        'mask'
    """

    runs: list[tuple[int, int]]
    """`(start, length)` in pixels, ascending: `start` is `y * width + x`, counted row by row."""
    columns: bool = False
    """Whether runs are counted column by column, as COCO does: `start` is `x * height + y`."""
    box: tuple[float, float, float, float] | None = None
    """`(x, y, w, h)`: the box that the source gives for it, where it gives one."""


class Classification(Annotation, tag='classification'):
    """A class of the whole image."""


class Relation(Annotation, tag='relation'):
    """Says that one annotation relates to another in the way that `label` names."""

    source: str
    """The id of an annotation of the same sample."""
    target: str
    """The id of the other one."""


class Group(Annotation, tag='group'):
    """Says that annotations of the sample belong together."""

    members: list[str]
    """Their ids."""


class Other(Annotation, tag='other'):
    """Anything else, carried through untouched: other media (3D boxes, video sections, ...) and unknown tools."""

    tool: str
    """Where it belongs in a DM document: `pcds.3d_bounding_box`, `videos.segmentation`, `images.some_tool`."""
    document: Any = None
    """Its content, as the source has it."""
    fault: str = ''
    """What is wrong with it, if its kind is known but its content is malformed."""

    @property
    def kind(self) -> str:
        """The same as `tool`."""
        return self.tool


AnyAnnotation = (
    Box | RotatedBox | Polygon | Polyline | Keypoint | Keypoints | Mask | Classification | Relation | Group | Other
)
"""What a sample holds."""


class Sample:
    """One item of a dataset: a reference to its file, and its annotations. Readers yield one at a time.

    Args:
        id: Its identity: a relative posix path without extension, stable, unique within its split.
        image: The image file, or None for an item without one.
        width: In displayed pixels; 0 while unknown. Consumers of samples get it from the image's header.
        height: The same.
        split: `train`, `valid` or `test`; None in a dataset without splits.
        annotations: Its annotations, in the order of the source.
        extra: What a format needs to give back its own document unchanged, under the format's name.
        medium: What the item is. Only images are measured, and most targets hold nothing else.
        file: The file of an item of another medium; of an image it is `image`.

    Example:
        >>> sample = Sample('street/0001', image=Path('/data/street/0001.JPG'), split='train')
        >>> sample.file_name
        'street/0001.JPG'
        >>> clip = Sample('street/0002', medium='video', file='/data/street/0002.mp4')
        >>> clip.image is None, clip.file_name
        (True, 'street/0002.mp4')
    """

    __slots__ = ('annotations', 'extra', 'file', 'height', 'id', 'medium', 'split', 'width')

    def __init__(
        self,
        id: str,
        image: str | os.PathLike[str] | None = None,
        width: int = 0,
        height: int = 0,
        split: str | None = None,
        annotations: list[AnyAnnotation] | None = None,
        extra: dict[str, Any] | None = None,
        medium: Medium = 'image',
        file: str | os.PathLike[str] | None = None,
    ) -> None:
        self.id = id
        self.medium = medium
        if file is not None:
            image = file
        # A Path costs more to make than reading the image's header: code that needs one gets it from `image`.
        self.file = '' if image is None else os.fspath(image)
        self.width = width
        self.height = height
        self.split = split
        self.annotations: list[AnyAnnotation] = [] if annotations is None else annotations
        self.extra: dict[str, Any] = {} if extra is None else extra

    @property
    def image(self) -> Path | None:
        """The image file; None without one, and for another medium."""
        return Path(self.file) if self.file and self.medium == 'image' else None

    @image.setter
    def image(self, image: str | os.PathLike[str] | None) -> None:
        self.file = '' if image is None else os.fspath(image)
        self.medium = 'image'

    @property
    def without_image(self) -> str:
        """Why a target that holds images cannot hold the item, for the loss report; empty where it has an image.

        Example:
            >>> Sample('a', medium='video', file='a.mp4').without_image
            'the item is a video, not an image'
        """
        if self.medium != 'image':
            return f'the item is {MEDIA[self.medium]}, not an image'
        return '' if self.file else 'there is no image'

    @property
    def suffix(self) -> str:
        """The extension of the file as it is, with its dot; empty without one."""
        dot = self.file.rfind('.')
        return self.file[dot:] if dot > self.file.rfind('/') + 1 else ''

    @property
    def file_name(self) -> str:
        """What a target calls the file: a relative posix path, with its folders and extension."""
        return self.id + self.suffix

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sample) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'Sample({", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)})'
