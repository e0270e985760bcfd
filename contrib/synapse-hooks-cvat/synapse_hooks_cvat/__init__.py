"""Datasets in "CVAT for images 1.1", the format of CVAT's own, for synapse-hooks: one XML file for all images.

Rules: docs.cvat.ai, "XML annotation format", version 1.1, section "Annotation"; and "CVAT", for the folders.
Coordinates are pixels from the image's top left corner, of the image as it is displayed. A rotation is in degrees,
clockwise, around the centre of its box. The runs of a mask begin with pixels that are not in it, row by row of its own
rectangle.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import ClassVar
from xml.etree.ElementTree import Element, ParseError

from synapse_hooks.data import MEASURED, SPLITS, DatasetInfo, Sample, image_size, split_name
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats import Fitter, Format, ImageLookup, fit_to_image
from synapse_hooks.storage import TABLE_LIMIT, read_head
from synapse_hooks_cvat.documents import Labels, children, quoted_values
from synapse_hooks_cvat.reading import read_shapes
from synapse_hooks_cvat.writing import Writing

__all__ = ['CvatFormat']

DOCUMENT, IMAGES = 'annotations.xml', 'images'
_HEAD = 1 << 20
_MANY = 16


class CvatFormat(Format):
    """`annotations.xml` and `images/`, as a task or a project is exported; subsets are splits."""

    name: ClassVar[str] = 'cvat'
    version: ClassVar[str] = '1'

    def declare(self, path: Path) -> DatasetInfo:
        """The classes are the labels of the task, in their order, but for those of tags, points and lines."""
        labels, _ = self._opened(path)
        return DatasetInfo(classes=labels.classes or None, skeletons=labels.skeletons)

    def recognise(self, path: Path) -> bool:
        """A folder with such a file, or one such file."""
        return bool(_documents(path))

    def read(self, path: Path) -> Iterator[Sample]:
        """In the order of the file. Tracks belong to videos, and are counted as dropped."""
        file = _document(path)
        labels, content = self._opened(path)
        images = _Images(file.parent, content)
        try:
            for element in children(content):
                if element.tag == 'track':
                    self.report.dropped('track', 'tracks of videos are not read', file.name, element.get('id', ''))
                elif element.tag == 'image':
                    try:
                        sample = self._sample(element, images, labels)
                    except UnreadableItem as error:
                        self.skip(error)
                    else:
                        if sample is not None:
                            yield sample
        except (ParseError, ValueError) as error:
            raise _broken(file, error) from error

    def _opened(self, path: Path) -> tuple[Labels, bytes]:
        file = _document(path)
        content = self.read_file(file, limit=TABLE_LIMIT)
        try:
            for element in children(content):
                if element.tag == 'meta':
                    return Labels.of(element), content
                if element.tag == 'image':
                    break
        except (ParseError, ValueError) as error:
            raise _broken(file, error) from error
        return Labels(), content

    def _sample(self, element: Element, images: _Images, labels: Labels) -> Sample | None:
        name, subset = element.get('name', ''), element.get('subset', '')
        split = _split(subset) if images.divided else None
        if images.divided and split is None:
            self.report.dropped('image', f'its subset is none of {", ".join(SPLITS)}, while those of others are', name)
            return None
        file, reason = images.find(name, subset)
        if reason:
            self.report.repaired('image', reason, name)
        width, height = _size(element)
        sample = Sample(_id(name, file), image=file, width=width, height=height, split=split)
        size = image_size(Path(file)) if sample.suffix.lower() in MEASURED else (width, height)
        if not (width and height):
            sample.width, sample.height = size
        sample.annotations = read_shapes(element, sample, labels, self.report)
        fit_to_image(sample, size, self.report)
        return sample

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> None:
        """One file for all images, which are below a folder for each subset."""
        fitter = Fitter(self.report, 'cvat', crowds=True, keeps=None)
        with Writing(out / DOCUMENT, info.classes or ()) as writing:
            for sample in samples:
                if reason := sample.without_image:
                    self.report.dropped_item(sample, reason)
                    continue
                self.link_image(sample, out / IMAGES / (sample.split or '') / sample.file_name)
                writing.add(sample, fitter)


class _Images:
    """The images of a dataset, by the names that its file gives them.

    Args:
        root: The dataset's folder.
        content: The file.
    """

    def __init__(self, root: Path, content: bytes) -> None:
        self.root = root
        self.divided = any(_split(subset) for subset in {*quoted_values(content, 'subset')})
        """Whether the subsets are splits."""
        self._lookup = ImageLookup(root, _Names(content))

    def find(self, name: str, subset: str) -> tuple[str, str]:
        """The file of an image, and what was wrong with its name; the file is never outside of the dataset.

        Raises:
            UnreadableItem: There is none, or several could be meant.
        """
        inner = PurePosixPath(name.replace('\\', '/'))
        safe = [part for part in (subset,) if part and part not in ('.', '..') and '/' not in part and '\\' not in part]
        if inner.name and not inner.is_absolute() and '..' not in inner.parts:
            for above in (*((IMAGES, part) for part in safe), (IMAGES,), *((part,) for part in safe), ()):
                # A name may be longer than any disk allows, or have a NUL in it.
                with suppress(OSError, ValueError):
                    if (file := self.root.joinpath(*above, inner)).is_file():
                        return os.fspath(file), ''
        try:
            return self._lookup.find(name)
        except LookupError as error:
            raise UnreadableItem(
                f'the image {name!r} is missing or outside the dataset, and {error}',
                hint=f'export with images, or put them into {self.root / IMAGES}',
                path=name,
            ) from error


class _Names:
    """The names of all images, read again at each call."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[str]:
        return quoted_values(self._content, 'name')


def _id(name: str, file: str) -> str:
    """What an image is called: its name without the extension, or that of its file where the name leads outside."""
    inner = PurePosixPath(name.replace('\\', '/'))
    stays = not inner.is_absolute() and '..' not in inner.parts
    return str(inner.with_suffix('')) if stays and inner.name else Path(file).stem


def _split(subset: str) -> str | None:
    split = split_name(subset.lower())
    return split if split in SPLITS else None


def _size(element: Element) -> tuple[int, int]:
    try:
        width, height = int(element.get('width', '0')), int(element.get('height', '0'))
    except ValueError as error:
        raise UnreadableItem(f'the image {element.get("name")!r} has a size that is not a number: {error}') from error
    return (width, height) if width > 0 and height > 0 else (0, 0)


def _documents(path: Path) -> list[Path]:
    """The files of this format: `path` itself, or those in that folder."""
    if path.is_file():
        return [path] if path.suffix.lower() == '.xml' and _looks_like_cvat(path) else []
    if (path / DOCUMENT).is_file():
        return [path / DOCUMENT] if _looks_like_cvat(path / DOCUMENT) else []
    files = [*islice(path.glob('[!.]*.xml'), _MANY + 1)]
    return sorted(filter(_looks_like_cvat, files)) if len(files) <= _MANY else []


def _document(path: Path) -> Path:
    found = [path] if path.is_file() else _documents(path)
    if len(found) != 1:
        why = f'several: {", ".join(file.name for file in found)}' if found else 'none'
        raise DatasetInvalid(
            f'{path} must have one {DOCUMENT} of CVAT for images 1.1, and there are {why}',
            hint='name the file itself instead of its folder' if found else f'export it again, and look for {DOCUMENT}',
            path=str(path),
        )
    return found[0]


def _looks_like_cvat(file: Path) -> bool:
    head = read_head(file, _HEAD)
    return b'<annotations' in head and (b'<image ' in head or b'<meta>' in head) and b'<track ' not in head


def _broken(file: Path, error: Exception) -> DatasetInvalid:
    return DatasetInvalid(
        f'{file} cannot be read as CVAT for images 1.1: {error}', hint='export it again', path=str(file)
    )
