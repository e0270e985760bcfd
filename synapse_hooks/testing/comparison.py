"""Differences between samples before and after a conversion, as text that names sample and annotation."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec

from synapse_hooks.data import Annotation, AnyAnnotation, Sample
from synapse_hooks.safe_text import repr_of

MAX_LISTED = 5
"""How many differences a failure lists."""


def name_of(sample: Sample, place: int) -> str:
    """The name of an annotation in a failure.

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
    before: AnyAnnotation, after: AnyAnnotation, *, tolerance: float = 0.0, left_out: Collection[str] = ()
) -> list[str]:
    """The differences of an annotation; empty if there are none. Ids, groups and `extra` are not compared.

    Args:
        before: The annotation that was written.
        after: The annotation that was read.
        tolerance: By how many pixels a coordinate may differ.
        left_out: Attributes that were reported as left out.

    Example:
        >>> from synapse_hooks.data import Box
        >>> differences(Box(1, 2, 3, 4, label='cat'), Box(1, 2, 3, 5, label='Cat'))
        ["label 'cat' came back as 'Cat'", 'h 4 came back as 5']
    """
    changes = []
    same_shape = before.kind == after.kind or _is_the_same(before, after, tolerance)
    if not same_shape:
        changes.append(f'it came back as a {after.kind}')
    if before.label != after.label:
        changes.append(_changed_text('label', before.label, after.label))
    for name, value in before.attributes.items():
        if name not in left_out and (name not in after.attributes or after.attributes[name] != value):
            back = repr_of(after.attributes[name]) if name in after.attributes else 'nothing'
            changes.append(f'attribute {name!r} {repr_of(value)} came back as {back}')
    if before.kind != after.kind:
        return changes
    for name in type(before).__struct_fields__:
        if name in Annotation.__struct_fields__:
            continue
        one, other = getattr(before, name), getattr(after, name)
        # A format may need a box where the source has none.
        own_box = name == 'box' and one is None
        if not own_box and not _equal(one, other, tolerance):
            changes.append(_changed_text(name, one, other))
    return changes


def missing(
    before: Sample, after: Sample | None, *, tolerance: float = 0.0, left_out: Collection[str] = ()
) -> Iterator[tuple[AnyAnnotation, str]]:
    """The annotations of a sample that changed or are missing, each with its difference.

    Args:
        before: The sample that was written.
        after: The sample that was read; None if there is none.
        tolerance: As in `differences`.
        left_out: As in `differences`.
    """
    remaining = [] if after is None else [_by_rows(one, before) for one in after.annotations]
    unmatched: list[int] = []
    for place, annotation in enumerate(before.annotations):
        annotation = _by_rows(annotation, before)
        for number, other in enumerate(remaining):
            if not differences(annotation, other, tolerance=tolerance, left_out=left_out):
                del remaining[number]
                break
        else:
            unmatched.append(place)
    for place in unmatched:
        annotation = _by_rows(before.annotations[place], before)
        candidates = [differences(annotation, other, tolerance=tolerance, left_out=left_out) for other in remaining]
        if after is None:
            what = 'its image did not come back'
        elif candidates:
            # The most similar one.
            nearest = min(range(len(remaining)), key=lambda n: len(candidates[n]))
            what = '; '.join(candidates[nearest])
            what += f'\n    wrote {as_text(annotation)}\n    read  {as_text(remaining.pop(nearest))}'
        else:
            what = f'it did not come back\n    wrote {as_text(annotation)}'
        yield annotation, f'{name_of(before, place)}: {what}'


def as_text(annotation: AnyAnnotation) -> str:
    """An annotation for a failure: its class, and the fields that are not as by default.

    Example:
        >>> from synapse_hooks.data import Box
        >>> as_text(Box(1, 2, 3, 4, id='b7', label='cat'))
        "Box(x=1, y=2, w=3, h=4, id='b7', label='cat')"
    """
    info = {field.name: field for field in msgspec.structs.fields(annotation)}
    shown = []
    for name, field in info.items():
        value = getattr(annotation, name)
        if field.required or value != (field.default_factory() if callable(field.default_factory) else field.default):
            shown.append(f'{name}={repr_of(value)}')
    return f'{type(annotation).__name__}({", ".join(shown)})'


def first_difference(one: Sequence[Sample], other: Sequence[Sample]) -> str:
    """The first difference of two readings; empty if there is none."""
    for before, after in zip(one, other, strict=False):
        if before.id != after.id:
            return f'sample {before.id!r} came back as {after.id!r}'
        for field in ('file', 'width', 'height', 'split'):
            if getattr(before, field) != getattr(after, field):
                return f'sample {before.id!r}: {_changed_text(field, getattr(before, field), getattr(after, field))}'
        for place, (mark, again) in enumerate(zip(before.annotations, after.annotations, strict=False)):
            if mark != again:
                changes = differences(mark, again) or [_changed_text('the annotation', mark, again)]
                return f'{name_of(before, place)}: {"; ".join(changes)}'
        if len(before.annotations) != len(after.annotations):
            count = _changed_text('the number of annotations', len(before.annotations), len(after.annotations))
            return f'sample {before.id!r}: {count}'
        if before != after:
            return f'sample {before.id!r}: {_changed_text("extra", before.extra, after.extra)}'
    return '' if len(one) == len(other) else _changed_text('the number of samples', len(one), len(other))


def as_lines(texts: Sequence[str]) -> str:
    """The first lines of a list, and the number of further ones."""
    more = [f'and {len(texts) - MAX_LISTED} more'] if len(texts) > MAX_LISTED else []
    return ''.join(f'\n  {text}' for text in [*texts[:MAX_LISTED], *more])


def _changed_text(name: str, before: Any, after: Any) -> str:
    return f'{name} {repr_of(before)} came back as {repr_of(after)}'


def _by_rows(annotation: AnyAnnotation, sample: Sample) -> AnyAnnotation:
    """The annotation; a mask with its runs counted row by row, whichever way a format counts them."""
    if not getattr(annotation, 'columns', False) or not sample.width:
        return annotation
    # It needs numpy, which is imported for masks only.
    from synapse_hooks.data.masks import by_rows

    mask: Any = annotation
    turned: AnyAnnotation = msgspec.structs.replace(
        mask, runs=by_rows(mask, sample.width, sample.height), columns=False
    )
    return turned


def _is_the_same(before: AnyAnnotation, after: AnyAnnotation, tolerance: float) -> bool:
    """Whether an annotation of another kind has the same geometry: a rotated box of no angle is a box."""
    own, other = (
        {name: getattr(one, name) for name in type(one).__struct_fields__ if name not in Annotation.__struct_fields__}
        for one in (before, after)
    )
    more = [value for name, value in other.items() if name not in own]
    return (
        bool(own)
        and own.keys() < other.keys()
        and not any(more)
        and all(_equal(value, other[name], tolerance) for name, value in own.items())
    )


def _equal(one: Any, other: Any, tolerance: float) -> bool:
    flat, back = [*_flat(one)], [*_flat(other)]
    return len(flat) == len(back) and all(_close(a, b, tolerance) for a, b in zip(flat, back, strict=True))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        yield len(value)
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _close(one: Any, other: Any, tolerance: float) -> bool:
    both_numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return abs(one - other) <= tolerance if both_numbers else bool(one == other)
