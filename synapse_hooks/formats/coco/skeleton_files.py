"""Objects in two files: their shapes in the file of instances, their joints in the file of keypoints."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from synapse_hooks.formats.coco.entries import Entry
from synapse_hooks.formats.coco.grouping import FileEntries


def is_in_several_files(files: Sequence[FileEntries], place: int) -> bool:
    """Whether joints of the objects in an image are in another file than the objects."""
    return place in files[0].entries and any(file.skeletons and place in file.entries for file in files[1:])


def join_skeletons(files: Sequence[FileEntries], place: int) -> list[list[Entry | Raw]]:
    """What each file says about an image, with the joints moved to the first file's entries for the same objects.

    Objects are the same where id, category and box are. The others stay where they are, those that are not text too.
    """
    groups = [[_opened(text) for text in file.texts(place)] for file in files]
    objects = {_key(entry): entry for entry in groups[0] if isinstance(entry, dict)}
    return [groups[0], *([entry for entry in group if not _joined(entry, objects)] for group in groups[1:])]


def _joined(entry: Entry | Raw, objects: dict[str, Entry]) -> bool:
    if not isinstance(entry, dict) or 'keypoints' not in entry or _key(entry) not in objects:
        return False
    objects[_key(entry)]['keypoints'] = entry['keypoints']
    return True


def _key(entry: Entry) -> str:
    return repr([entry.get(name) for name in ('id', 'category_id', 'bbox')])


def _opened(text: Raw) -> Entry | Raw:
    try:
        opened: Entry = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return text
    return opened
