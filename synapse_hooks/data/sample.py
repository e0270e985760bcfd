"""One item and its annotations: the canonical form between formats. Most items are images.

A reader makes samples, a writer takes them; neither knows the other. Coordinates are pixels, float or int as they came,
origin top left, y down, of the image as it is displayed (EXIF orientation applied).

    Sample('street/0001', image=Path('street/0001.jpg'), annotations=[Box(10, 20, 80, 40, label='car')])
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from synapse_hooks.data.annotations import AnyAnnotation
from synapse_hooks.data.media import MEDIA, Medium


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
