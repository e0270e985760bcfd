"""A CSV file that is about images: where the rows of each image are. The rows themselves stay on the disk."""

from __future__ import annotations

import os
import re
import weakref
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats import ReadContext

RUN: Final = re.compile(rb'^("(?:[^"\n]|"")*"|[^,\n]*)(?:,.*)?\n(?:\1(?:,.*)?\n)*+', re.MULTILINE)
"""Lines that follow one another and begin with the same field."""
_CHUNK: Final = 4 << 20
_HEADER_LIMIT: Final = 1 << 16
_LINE_LIMIT: Final = 64 << 20


class Table:
    """The rows of a CSV file, by the image that they are about. Usually the rows of an image follow one another.

    Args:
        file: The CSV file.
        header: What its first line begins with.
        context: Opens the file.

    Raises:
        UnreadableItem: It cannot be opened, or must not be.
        DatasetInvalid: It begins otherwise.
    """

    def __init__(self, file: Path, header: Sequence[str], context: ReadContext) -> None:
        self.file = file
        self._handle = context.open_file(file)
        weakref.finalize(self, os.close, self._handle)
        self._end = os.fstat(self._handle).st_size
        first = os.pread(self._handle, _HEADER_LIMIT, 0).partition(b'\n')[0]
        names = first.removeprefix(b'\xef\xbb\xbf').decode(errors='replace').strip().split(',')
        if tuple(names[: len(header)]) != tuple(header):
            raise DatasetInvalid(f'{file} does not begin with {",".join(header)}', path=str(file))
        self._begin = min(len(first) + 1, self._end)
        self._known = self._begin, 2
        self._starts = array('q')
        self._stops = array('q')
        self._more: dict[int, list[tuple[int, int]]] = {}

    def find_rows(self, images: Mapping[str, int], count: int) -> Iterator[tuple[str, int]]:
        """Find the rows of some images. Yields the images that are not among them, and the line of each.

        Args:
            images: Their numbers, by their ids.
            count: How many numbers there are.
        """
        self._starts = array('q', bytes(8 * count))
        self._stops = array('q', bytes(8 * count))
        unknown: dict[str, None] = {}
        for image, start, stop in self._runs():
            number = images.get(image)
            if number is None:
                if image and image not in unknown:
                    unknown[image] = None
                    yield image, self.line(start)
            elif not self._stops[number]:
                self._starts[number], self._stops[number] = start, stop
            elif self._stops[number] == start:
                self._stops[number] = stop
            else:
                self._more.setdefault(number, []).append((start, stop))

    def rows(self, number: int) -> Iterator[tuple[int, bytes]]:
        """The rows of an image: where they begin, and their text; each line with its end.

        Args:
            number: That of the image.
        """
        if not self._stops[number]:
            return
        places = [(self._starts[number], self._stops[number])]
        for start, stop in (*places, *self._more.get(number, ())):
            text = os.pread(self._handle, stop - start, start)
            yield start, text if text.endswith(b'\n') else text + b'\n'

    def line(self, place: int) -> int:
        """The number of the line at a place. It is found fast for places in ascending order."""
        at, line = self._known if self._known[0] <= place else (self._begin, 2)
        while at < place:
            chunk = os.pread(self._handle, min(_CHUNK, place - at), at)
            if not chunk:
                break
            line += chunk.count(b'\n')
            at += len(chunk)
        self._known = at, line
        return line

    def _runs(self) -> Iterator[tuple[str, int, int]]:
        """Image, begin and end of rows that follow one another; those of an image may be in several of these."""
        place, size = self._begin, _CHUNK
        while place < self._end:
            chunk = os.pread(self._handle, size, place)
            if not chunk:
                return
            whole = chunk.rfind(b'\n') + 1
            if place + len(chunk) >= self._end:
                chunk += b'' if whole == len(chunk) else b'\n'
                whole = len(chunk)
            elif not whole:
                # A line that is longer than a chunk.
                size *= 2
                if size > _LINE_LIMIT:
                    problem = f'{self.file}, line {self.line(place)} has more than {_LINE_LIMIT >> 1:,} bytes'
                    raise DatasetInvalid(problem, path=str(self.file))
                continue
            for found in RUN.finditer(chunk, 0, whole):
                yield _field(found[1]), place + found.start(), min(place + found.end(), self._end)
            place, size = place + whole, _CHUNK


def _field(text: bytes) -> str:
    text = text.rstrip(b'\r')
    if len(text) > 1 and text[:1] == text[-1:] == b'"':
        text = text[1:-1].replace(b'""', b'"')
    return text.decode(errors='surrogateescape')
