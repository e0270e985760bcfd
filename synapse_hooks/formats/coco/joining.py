"""One object that is told in two files: its shape among the instances, its joints among the keypoints."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from synapse_hooks.formats.coco.entries import Entry
from synapse_hooks.formats.coco.sorting import File


def told_apart(files: Sequence[File], place: int) -> bool:
    """Whether joints of the objects in an image are in another file than the objects."""
    return place in files[0].entries and any(file.skeletons and place in file.entries for file in files[1:])


def join_skeletons(files: Sequence[File], place: int) -> list[list[Entry]]:
    """What each file says about an image, with the joints moved to the first file's entries for the same objects.

    Objects are the same where id, category and box are. The others stay where they are.

    Raises:
        ValueError: An entry is no JSON.
    """
    groups = [[_opened(text) for text in file.entries.get(place, ())] for file in files]
    objects = {_key(entry): entry for entry in groups[0]}
    for group in groups[1:]:
        for entry in [entry for entry in group if 'keypoints' in entry and _key(entry) in objects]:
            objects[_key(entry)]['keypoints'] = entry['keypoints']
            group.remove(entry)
    return groups


def _key(entry: Entry) -> str:
    return repr([entry.get(name) for name in ('id', 'category_id', 'bbox')])


def _opened(text: msgspec.Raw) -> Entry:
    opened: Entry = msgspec.json.decode(text)
    return opened
