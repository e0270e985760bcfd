"""Which items belong together when a dataset is divided: the frames of a video, the pictures of a patient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from synapse_hooks.data.annotations import Other
from synapse_hooks.data.sample import Sample
from synapse_hooks.errors import DatasetInvalid

BY_FOLDER = 'folder:'
"""Instead of an attribute's name: what lies in one folder belongs together. The colon keeps it apart from an attribute
that is called `folder`: falling back from the one to the other would group one dataset by two rules."""


def group_key(sample: Sample, attribute: str) -> str | None:
    """The group of an item, or None for an item that is in no group and stands for itself.

    It is the value of that attribute of any of the sample's annotations (other media and unknown tools included), else
    that of `sample.extra[attribute]`. A text and a number that looks the same are one value; an empty value is none.

    Args:
        sample: The item.
        attribute: An attribute's name, or `BY_FOLDER`.

    Raises:
        DatasetInvalid: The annotations of one item have different values, so it would belong to two groups.

    Example:
        >>> from synapse_hooks.data.annotations import Classification
        >>> sample = Sample('street/0001', annotations=[Classification(label='day', attributes={'video': 7})])
        >>> group_key(sample, 'video'), group_key(sample, 'folder:'), group_key(sample, 'patient')
        ('7', 'street', None)
    """
    if attribute == BY_FOLDER:
        return sample.id.rpartition('/')[0] or None
    texts = {text for value in _values(sample, attribute) if (text := _text(value))}
    if not texts:
        return _text(sample.extra.get(attribute)) or None
    if len(texts) > 1:
        values = sorted(texts)
        raise DatasetInvalid(
            f'{sample.id} is in several groups: {attribute!r} is {values[0]!r} and {values[1]!r} in its annotations',
            hint='group by an attribute that says one thing of each image, or correct this one',
            item=sample.id,
            attribute=attribute,
            values=values,
        )
    return texts.pop()


def _values(sample: Sample, attribute: str) -> Iterator[Any]:
    for annotation in sample.annotations:
        if attribute in annotation.attributes:
            yield annotation.attributes[attribute]
        elif isinstance(annotation, Other) and isinstance(annotation.document, dict):
            # Rows of other media keep what they say in their document, as DM writes it.
            attrs = annotation.document.get('attrs')
            for entry in attrs if isinstance(attrs, list) else ():
                if isinstance(entry, dict) and entry.get('name') == attribute:
                    yield entry.get('value')


def _text(value: Any) -> str:
    """A value as text; empty for what says nothing, and for what is made of several values."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return msgspec.json.encode(value).decode() if isinstance(value, bool | int | float) else ''
