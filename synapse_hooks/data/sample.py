"""One image and everything that was said about it: what flows between formats.

A reader makes samples, a writer takes them; neither knows the other. Coordinates are pixels, float or int as they came,
origin top left, y down, of the image as it is displayed (EXIF orientation applied).

    Sample('street/0001', image=Path('street/0001.jpg'), annotations=[Box(10, 20, 80, 40, label='car')])
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

Ring = list[tuple[float, float]]
"""A closed line without its last point repeated: `[(x, y), ...]`."""
Part = list[Ring]
"""One connected area: its outer ring, then a ring for each hole."""


class Joint(NamedTuple):
    """A point of a skeleton. `visibility` is 0 missing, 1 occluded, 2 visible."""

    x: float
    y: float
    visibility: int = 2


class Annotation(Struct, kw_only=True, tag_field='kind', tag='annotation'):
    """What all annotations have in common. Use one of the classes below; `Other` is for everything they cannot hold."""

    id: str = ''
    """Unique within a sample, or empty: a writer that needs one makes one."""
    label: str = ''
    """The name of the class; of a `Keypoint`, the name of the joint."""
    attributes: dict[str, Any] = {}
    """What else was said of it, by name, in order."""
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
    """An upright rectangle: its top-left corner, width and height."""

    x: float
    y: float
    w: float
    h: float


class RotatedBox(Annotation, tag='rotated_box'):
    """A rectangle `x, y, w, h` as in `Box`, then turned clockwise (y points down) around its centre.

    `angle` is in radians.
    """

    x: float
    y: float
    w: float
    h: float
    angle: float


class Polygon(Annotation, tag='polygon'):
    """An area: one part or several, each an outer ring and its holes.

    Example:
        >>> Polygon.simple([(0, 0), (4, 0), (4, 3)], label='roof').parts
        [[[(0, 0), (4, 0), (4, 3)]]]
    """

    parts: list[Part]
    box: tuple[float, float, float, float] | None = None
    """`(x, y, w, h)`: the box that the source gives for it, where it gives one."""

    @classmethod
    def simple(cls, ring: Ring, **fields: Any) -> Polygon:
        """A polygon of one ring, as most are."""
        return cls([[ring]], **fields)

    @property
    def rings(self) -> list[Ring]:
        """Every ring, outer ones and holes, in order."""
        return [ring for part in self.parts for ring in part]


class Polyline(Annotation, tag='polyline'):
    """An open line."""

    points: Ring


class Keypoint(Annotation, tag='keypoint'):
    """One joint by itself; `label` names the joint, `group` says which object it belongs to."""

    x: float
    y: float
    visibility: int = 2


class Keypoints(Annotation, tag='keypoints'):
    """A whole skeleton of one object; `label` is the object's class.

    `names` gives the joints' names where the source knows them, `box` is the object's `(x, y, w, h)`.
    """

    points: list[Joint]
    names: list[str] = []
    box: tuple[float, float, float, float] | None = None


class Mask(Annotation, tag='mask'):
    """An area of whole pixels, as runs `(start, length)`.

    A run counts pixels row by row (`start = y * width + x`), or column by column where `columns` is true
    (`start = x * height + y`), as COCO does.
    """

    runs: list[tuple[int, int]]
    columns: bool = False
    box: tuple[float, float, float, float] | None = None
    """`(x, y, w, h)`: the box that the source gives for it, where it gives one."""


class Classification(Annotation, tag='classification'):
    """A class of the whole image."""


class Relation(Annotation, tag='relation'):
    """Says that `source` (an annotation's id) relates to `target` in the way that `label` names."""

    source: str
    target: str


class Group(Annotation, tag='group'):
    """Says that the annotations with the ids `members` belong together."""

    members: list[str]


class Other(Annotation, tag='other'):
    """Anything else, carried through untouched: other media (3D boxes, video sections, ...) and unknown tools."""

    tool: str
    """Where it belongs in a DM document: `pcds.3d_bounding_box`, `videos.segmentation`, `images.some_tool`."""
    document: Any = None
    """What it says, as the source has it."""

    @property
    def kind(self) -> str:
        """The same as `tool`."""
        return self.tool


AnyAnnotation = (
    Box | RotatedBox | Polygon | Polyline | Keypoint | Keypoints | Mask | Classification | Relation | Group | Other
)
"""What a sample holds."""


class Sample(Struct):
    """One item of a dataset: an image reference and its annotations. Readers yield one at a time.

    Example:
        >>> sample = Sample('street/0001', image=Path('/data/street/0001.JPG'), split='train')
        >>> sample.file_name
        'street/0001.JPG'
    """

    id: str
    """Its identity: a relative posix path without extension, stable, unique within its split."""
    image: Path | None = None
    """The image file, or None for an item that has none (DM documents about other media)."""
    width: int = 0
    """In displayed pixels; 0 while unknown. Whoever consumes samples gets it filled in from the image's header."""
    height: int = 0
    split: str | None = None
    """`train`, `valid` or `test`; None in a dataset without splits."""
    annotations: list[AnyAnnotation] = []
    extra: dict[str, Any] = {}
    """What a format needs to give back its own document unchanged, under the format's name."""

    @property
    def file_name(self) -> str:
        """What a target calls the image: a relative posix path, folders preserved, the extension as it was."""
        return self.id + (self.image.suffix if self.image is not None else '')
