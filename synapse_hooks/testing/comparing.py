"""Samples before and after, and what differs, in sentences that name sample and annotation."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from synapse_hooks.data import Annotation, AnyAnnotation, Keypoints, Mask, Polygon, Sample
from synapse_hooks.safe_text import repr_of

SHOWN = 5
"""How many differences a failure tells."""


def name_of(sample: Sample, place: int) -> str:
    """What a failure calls an annotation of a sample.

    Args:
        sample: The sample.
        place: The number of the annotation, from 0.

    Example:
        >>> from synapse_hooks.data import Box
        >>> name_of(Sample('a', annotations=[Box(1, 2, 3, 4, id='b7', label='cat')]), 0)
        "sample 'a', annotation 1 (box 'b7')"
    """
    annotation = sample.annotations[place]
    return f'sample {sample.id!r}, annotation {place + 1} ({annotation.kind} {annotation.id!r})'


def differences(
    before: AnyAnnotation, after: AnyAnnotation, *, reach: float = 0.0, left_out: Collection[str] = ()
) -> list[str]:
    """What of an annotation came back otherwise; empty where it is the same. Ids, groups and `extra` do not count.

    Args:
        before: As it was.
        after: As it came back.
        reach: By how many pixels a coordinate may differ.
        left_out: Attributes that were reported as left out.

    Example:
        >>> from synapse_hooks.data import Box
        >>> differences(Box(1, 2, 3, 4, label='cat'), Box(1, 2, 3, 5, label='Cat'))
        ["label 'cat' came back as 'Cat'", 'h 4 came back as 5']
    """
    found = []
    if before.kind != after.kind:
        found.append(f'it came back as a {after.kind}')
    if before.label != after.label:
        found.append(_told('label', before.label, after.label))
    for name, said in before.attributes.items():
        if name not in left_out and (name not in after.attributes or after.attributes[name] != said):
            back = repr_of(after.attributes[name]) if name in after.attributes else 'nothing'
            found.append(f'attribute {name!r} {repr_of(said)} came back as {back}')
    if before.kind != after.kind:
        return found
    for name in type(before).__struct_fields__:
        if name in Annotation.__struct_fields__:
            continue
        one, other = getattr(before, name), getattr(after, name)
        # A target may need a box where the source gave none.
        own_box = name == 'box' and one is None and isinstance(before, Polygon | Mask | Keypoints)
        if not own_box and not _alike(one, other, reach):
            found.append(_told(name, one, other))
    return found


def missing(
    before: Sample, after: Sample | None, *, reach: float = 0.0, left_out: Collection[str] = ()
) -> Iterator[tuple[AnyAnnotation, str]]:
    """The annotations of a sample that did not come back as they were, and what became of each.

    Args:
        before: The sample.
        after: What was read back; None where it was not.
        reach: As in `differences`.
        left_out: As in `differences`.
    """
    left = [] if after is None else [*after.annotations]
    alone: list[int] = []
    for place, annotation in enumerate(before.annotations):
        for number, other in enumerate(left):
            if not differences(annotation, other, reach=reach, left_out=left_out):
                del left[number]
                break
        else:
            alone.append(place)
    for place in alone:
        annotation = before.annotations[place]
        told = [differences(annotation, other, reach=reach, left_out=left_out) for other in left]
        if after is None:
            what = 'its image did not come back'
        elif told:
            # The one that is most like it.
            nearest = min(range(len(left)), key=lambda n: len(told[n]))
            what = '; '.join(told[nearest])
            del left[nearest]
        else:
            what = 'it did not come back'
        yield annotation, f'{name_of(before, place)}: {what}'


def first_difference(one: Sequence[Sample], other: Sequence[Sample]) -> str:
    """Where two readings differ first; empty where they do not."""
    for before, after in zip(one, other, strict=False):
        if before.id != after.id:
            return f'sample {before.id!r} came back as {after.id!r}'
        for field in ('file', 'width', 'height', 'split'):
            if getattr(before, field) != getattr(after, field):
                return f'sample {before.id!r}: {_told(field, getattr(before, field), getattr(after, field))}'
        for place, (mark, again) in enumerate(zip(before.annotations, after.annotations, strict=False)):
            if mark != again:
                told = differences(mark, again) or [_told('the annotation', mark, again)]
                return f'{name_of(before, place)}: {"; ".join(told)}'
        if len(before.annotations) != len(after.annotations):
            count = _told('the number of annotations', len(before.annotations), len(after.annotations))
            return f'sample {before.id!r}: {count}'
        if before != after:
            return f'sample {before.id!r}: {_told("extra", before.extra, after.extra)}'
    return '' if len(one) == len(other) else _told('the number of samples', len(one), len(other))


def listed(sentences: Sequence[str]) -> str:
    """Some sentences, a line each, and how many more there are."""
    more = [f'and {len(sentences) - SHOWN} more'] if len(sentences) > SHOWN else []
    return ''.join(f'\n  {sentence}' for sentence in [*sentences[:SHOWN], *more])


def _told(name: str, before: Any, after: Any) -> str:
    return f'{name} {repr_of(before)} came back as {repr_of(after)}'


def _alike(one: Any, other: Any, reach: float) -> bool:
    flat, back = [*_flat(one)], [*_flat(other)]
    return len(flat) == len(back) and all(_near(a, b, reach) for a, b in zip(flat, back, strict=True))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        yield len(value)
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _near(one: Any, other: Any, reach: float) -> bool:
    both_numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return abs(one - other) <= reach if both_numbers else bool(one == other)
