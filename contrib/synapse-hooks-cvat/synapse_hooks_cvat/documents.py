"""The XML file, read piece by piece: an image's element is forgotten when its turn is over."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

CHUNK = 1 << 20
DEEPEST = 16
MOST = 200_000
"""Elements of one image, or of the file's head. An element takes many times the memory of its text."""

_NO_CLASSES = ('tag', 'points', 'polyline')
"""Types of labels that are none of objects."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels in the head of a file."""

    classes: tuple[str, ...] = ()
    """Of objects, in their order."""
    skeletons: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The joints of each label that has any."""
    inputs: dict[tuple[str, str], str] = field(default_factory=dict)
    """How an attribute is typed in (`checkbox`, `number`, ...), by label and name."""

    @classmethod
    def of(cls, meta: ET.Element) -> Labels:
        """The labels of an element `meta`, of a task, a project or a job."""
        classes: dict[str, None] = {}
        skeletons: dict[str, list[str]] = {}
        inputs: dict[tuple[str, str], str] = {}
        for label in meta.iter('label'):
            name, parent = label.findtext('name') or '', label.findtext('parent')
            for attribute in label.iter('attribute'):
                inputs[name, attribute.findtext('name') or ''] = attribute.findtext('input_type') or ''
            if parent:
                skeletons.setdefault(parent, []).append(name)
            elif name and (label.findtext('type') or '') not in _NO_CLASSES:
                classes[name] = None
        joints = {name: tuple(names) for name, names in skeletons.items() if len({*names}) == len(names)}
        return cls(tuple(classes), joints, inputs)


def children(content: bytes) -> Iterator[ET.Element]:
    """The elements right below the file's root, in order, each only as long as it is looked at.

    Raises:
        ValueError, xml.etree.ElementTree.ParseError: It is not such a file, or is damaged.
    """
    builder = _Builder()
    parser = ET.XMLParser(target=builder)
    view = memoryview(content)
    for start in range(0, len(content), CHUNK):
        try:
            parser.feed(view[start : start + CHUNK])
        except LookupError as error:
            # Its encoding is invalid, or Python does not support it.
            raise ValueError(str(error)) from error
        yield from builder.taken()
    parser.close()
    yield from builder.taken()


class _Builder(ET.TreeBuilder):
    """Yields each child of the root when it is complete. Such files need no entities, and entities are how a small
    file becomes a huge one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._root: ET.Element | None = None
        self._depth = 0
        self._count = 0
        self._whole: list[ET.Element] = []

    def taken(self) -> list[ET.Element]:
        """Those that were completed since the last call."""
        whole, self._whole = self._whole, []
        return whole

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError('it has a document type (<!DOCTYPE ...>), as no file of CVAT has')

    def start(self, tag: str, attrs: dict[str, str], /) -> ET.Element:
        self._depth += 1
        self._count += 1
        if self._depth > DEEPEST:
            raise ValueError(f'elements are nested deeper than {DEEPEST}')
        if self._count > MOST:
            raise ValueError(f'one element has more than {MOST:,} in it')
        element = super().start(tag, attrs)
        if self._root is None:
            if tag != 'annotations':
                raise ValueError(f'it holds <{tag}>, not <annotations>')
            self._root = element
        return element

    def end(self, tag: str, /) -> ET.Element:
        element = super().end(tag)
        self._depth -= 1
        if self._depth == 1 and self._root is not None:
            self._root.remove(element)
            self._whole.append(element)
            self._count = 0
        return element


def quoted_values(content: bytes, attribute: str) -> Iterator[str]:
    """The values of an attribute of images, without reading the file as XML."""
    pattern = rb'<image\s[^<>]*?\b%b="([^"<>]*)"' % attribute.encode()
    return (unescape(match[1].decode(errors='replace')) for match in re.finditer(pattern, content))
