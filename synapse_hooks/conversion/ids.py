"""Ids of samples: relative paths that are safe as names of files, and differ within their split."""

from __future__ import annotations

import re
from collections.abc import Sequence

from synapse_hooks.data import Sample
from synapse_hooks.storage import FreeNames

SampleId = tuple[str | None, str]
"""A split and an id: what no two samples of a dataset may have in common."""
_LONGEST = 200


def free_id(sample: Sample, names: FreeNames[SampleId]) -> str:
    """The sample's id, safe as a file name, and unique where two images share a stem.

    Args:
        sample: The sample.
        names: Gives out the ids of each split.
    """
    suffix = sample.suffix

    def numbered(wanted: SampleId, number: int) -> SampleId:
        split, id = wanted
        return split, f'{id}{suffix}' if number == 1 else f'{id}{suffix}~{number}'

    return names.take((sample.split, safe_id(sample.id)), numbered, first=1)[1]


def unique_ids(names: Sequence[str]) -> dict[int, str]:
    """Ids for names that cannot be ids as they are, because they are not safe or there twice, by their places.

    Args:
        names: What the items are called: paths without extension, with `/` between the parts.

    Example:
        >>> unique_ids(['a', 'b:1', 'b_1', 'a'])
        {1: 'b_1~2', 3: 'a~2'}
    """
    unsafe = {place: name for place, text in enumerate(names) if (name := safe_id(text)) != text}
    if not unsafe and len(set(names)) == len(names):
        return {}
    free = FreeNames(name for place, name in enumerate(names) if place not in unsafe)
    seen: set[str] = set()
    changed: dict[int, str] = {}
    for place, text in enumerate(names):
        name = unsafe.get(place, text)
        if place in unsafe or name in seen:
            changed[place] = name = free.take(name, lambda name, number: f'{name}~{number}')
        seen.add(name)
    return changed


_SAFE = re.compile(r'[\w-][\w -]*(\.[\w-][\w -]*)*', re.ASCII)


def safe_id(text: str) -> str:
    """A relative path that stays below any folder it is joined to, as like `text` as possible.

    Example:
        >>> safe_id('street/0001'), safe_id('../../etc/passwd'), safe_id('C:\\\\a'), safe_id('.hidden')
        ('street/0001', 'etc/passwd', 'C_/a', '_hidden')
    """
    if len(text) < _LONGEST and _SAFE.fullmatch(text):
        return text
    parts = []
    for part in text.replace('\\', '/').split('/'):
        clean = re.sub(r'[\x00-\x1f\x7f:*?"<>|]', '_', part)
        if clean.strip('. '):
            # What is hidden is found by few readers, ours of some formats included.
            clean = re.sub(r'^\.', '_', clean)
            parts.append(clean.encode(errors='replace')[:_LONGEST].decode(errors='ignore'))
    return '/'.join(parts) or 'item'
