"""The annotation files of one split, with their entries grouped by image.

Images are one where their file is one: in the files for instances, keypoints and captions of the same images, and where
a file lists an image twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from synapse_hooks.data import LossReport, image_size
from synapse_hooks.errors import UnreadableItem
from synapse_hooks.formats.coco.box_convention import normalize_boxes
from synapse_hooks.formats.coco.document import Category, Document, DocumentCache, Fields, Listed
from synapse_hooks.formats.coco.entries import text_of
from synapse_hooks.formats.coco.images import ImageFinder
from synapse_hooks.formats.coco.layout import Source
from synapse_hooks.formats.coco.repairs import IMAGE_ID, matching_id

NO_ANNOTATIONS = 'it has no list `annotations`, so its images have no objects: was it exported without them?'

Skip = Callable[[UnreadableItem], None]


class FileEntries(NamedTuple):
    """The entries of one file, grouped by the images of a split."""

    categories: dict[Any, Category]
    labels: dict[Any, str]
    """The names of the categories, by id."""
    entries: dict[int, list[Fields | Raw]]
    """Its annotations, by the place of their image."""
    skeletons: bool
    """Whether it is about the joints of objects."""
    digest: bytes

    def texts(self, place: int) -> Sequence[Raw]:
        """Its entries about an image, as text."""
        return [Raw(_encode(one)) if isinstance(one, Fields) else one for one in self.entries.get(place, ())]


class SplitEntries(NamedTuple):
    """The images of a split, and the files with entries about them, the most detailed first."""

    source: Source
    finder: ImageFinder
    images: list[Listed]
    files: list[FileEntries]
    ids: list[str]
    """What the images are called in the dataset."""


class _Owner(Struct, gc=False):
    image_id: int | str | float | None = None


class _Named(Struct, gc=False):
    id: Any = None


_owner = msgspec.json.Decoder(_Owner).decode
_named = msgspec.json.Decoder(_Named).decode
_encode = msgspec.json.Encoder().encode


def group_entries(source: Source, cache: DocumentCache, report: LossReport, skip: Skip, *, whole: bool) -> SplitEntries:
    """Open the files of a split. Faults of a file as a whole are reported.

    Args:
        source: The split.
        cache: Has the files that were opened already.
        report: Records annotations without an image.
        skip: Called with images that cannot be used.
        whole: See `open_document`.

    Raises:
        DatasetInvalid: A file is not a COCO file.
    """
    for file in source.beside:
        report.dropped('file', 'its name is not known beside the others: name it to read it alone', file.name)
    images: dict[str, Listed] = {}
    numbers: dict[str, int] = {}
    files = []
    finder = ImageFinder(source, images)
    for path in source.files:
        document = cache.take(path, whole=whole)
        places, lost = _places(document, images, numbers, report, skip)
        if document.annotations is None and path in source.naming:
            report.doubtful('file', NO_ANNOTATIONS, str(path.relative_to(path.parent.parent)))
        elif document.annotations:
            normalize_boxes(document.annotations, _locator(places, images), partial(_size, finder=finder), report)
        entries = _by_place(document, places, lost, report)
        skeletons = any('keypoints' in category for category in document.categories.values())
        labels = {id: str(category['name']) for id, category in document.categories.items()}
        for name, count in Counter(labels.values()).items():
            if count > 1:
                report.converted('category', 'another category has its name: they are one', path.name, name, count - 1)
        files.append(FileEntries(document.categories, labels, entries, skeletons, document.digest))
    _share_joints(files)
    return SplitEntries(source, finder, list(images.values()), files, [])


def _places(
    document: Document, images: dict[str, Listed], numbers: dict[str, int], report: LossReport, skip: Skip
) -> tuple[dict[Any, int], set[Any]]:
    """The places of a document's images by their ids; and the ids of images that cannot be used."""
    lost = _ambiguous(document)
    places: dict[Any, int] = {}
    here: set[str] = set()
    for image in document.images:
        name, id, path = image.file_name, image.id, document.file
        if not isinstance(name, str) or not name or not isinstance(id, int | float | str):
            skip(UnreadableItem(f'{path}: an image without id or file_name: {id!r}, {name!r}', path=str(path)))
            if isinstance(id, int | float | str):
                lost.add(id)
        elif id in lost:
            skip(UnreadableItem(f'{path}: {name} shares its id {id} with another image', path=name))
        else:
            if name in here:
                report.converted('image', 'its file is listed twice: joined', name, str(id))
            here.add(name)
            places[id] = numbers.setdefault(name, len(numbers))
            images.setdefault(name, image)
    return places, lost


def _locator(places: dict[Any, int], images: dict[str, Listed]) -> Callable[[Any], Listed | None]:
    listed = list(images.values())

    def image(id: Any) -> Listed | None:
        place = places.get(id, places.get(matching_id(id, places)))
        return None if place is None else listed[place]

    return image


def _size(image: Listed, finder: ImageFinder) -> tuple[int, int] | None:
    try:
        return image.size or image_size(Path(finder.find(image.file_name)))
    except (LookupError, UnreadableItem):
        return None


def _ambiguous(document: Document) -> set[Any]:
    """Ids of several images: which of them an annotation is about cannot be known."""
    names: dict[Any, Any] = {}
    return {
        image.id
        for image in document.images
        if isinstance(image.id, int | float | str) and names.setdefault(image.id, image.file_name) != image.file_name
    }


def _by_place(
    document: Document, places: dict[Any, int], lost: set[Any], report: LossReport
) -> dict[int, list[Fields | Raw]]:
    entries_of: dict[int, list[Fields | Raw]] = defaultdict(list)
    for entry in document.annotations or ():
        try:
            image_id = entry.image_id if isinstance(entry, Fields) else _owner(entry).image_id
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            report.dropped('annotation', f'it is malformed: {error}', document.file.name)
            continue
        place = places.get(image_id)
        if place is not None:
            entries_of[place].append(entry)
        elif (other := matching_id(image_id, places)) is not None:
            entries_of[places[other]].append(entry)
            report.repaired('annotation', IMAGE_ID, document.file.name, _id(entry))
        elif image_id not in lost:
            report.dropped('annotation', 'its image is not in the file', document.file.name, _id(entry))
    return entries_of


def _id(entry: Fields | Raw) -> str:
    try:
        return text_of(entry.id if isinstance(entry, Fields) else _named(entry).id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ''


def _share_joints(files: list[FileEntries]) -> None:
    """What a file for keypoints says of joints holds for the same categories of the first file."""
    known = {category['name']: category for file in files for category in file.categories.values() if file.skeletons}
    for category in files[0].categories.values():
        for key in ('keypoints', 'skeleton'):
            if key in known.get(category['name'], {}):
                category.setdefault(key, known[category['name']][key])
