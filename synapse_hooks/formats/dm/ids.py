"""Ids as DM accepts them."""

from __future__ import annotations

import re

import msgspec

from synapse_hooks.data import AnyAnnotation, Other
from synapse_hooks.storage import FreeNames


def valid_ids(annotations: list[AnyAnnotation]) -> list[AnyAnnotation]:
    """The annotations with ids that DM accepts, each different; relations and groups follow.

    Example:
        >>> from synapse_hooks.data import Box
        >>> [box.id for box in valid_ids([Box(0, 0, 1, 1, id='a b'), Box(0, 0, 1, 1)])]
        ['a_b', 'box-2']
    """
    ids = [annotation.id for annotation in annotations if type(annotation) is not Other]
    if len(set(ids)) == len(ids) and all(re.fullmatch(r'[a-zA-Z0-9_-]+', id) for id in ids):
        return annotations
    names = FreeNames[str]()
    new: dict[str, str] = {}
    changed: list[AnyAnnotation] = []
    for number, annotation in enumerate(annotations, 1):
        if isinstance(annotation, Other):
            changed.append(annotation)
            continue
        plain = re.sub(r'[^a-zA-Z0-9_-]', '_', annotation.id) or f'{annotation.kind}-{number}'
        id = names.take(plain, lambda name, number: f'{name}-{number}')
        new.setdefault(annotation.id, id)
        changed.append(msgspec.structs.replace(annotation, id=id))
    for annotation in changed:
        annotation.follow(new)
    return changed
