"""What the columns of a batch must hold. They are checked as a whole: what is wrong is looked for only then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

from synapse_hooks.conversion.ids import safe_id
from synapse_hooks.conversion.schema_checks import COUNT, TEXT, Expected, InvalidField, check_attributes
from synapse_hooks.data.batch import Batch, Boxes, Columns, Polygons
from synapse_hooks.data.sample import Sample

_BATCH: Final = Expected('a Batch', '`yield BatchBuilder.build()`, or `Batch.of_samples(samples)`')
_LENGTHS: Final = Expected('of equal length', 'a row of a batch has a value in every column: see `BatchBuilder`')
_ITEM: Final = Expected('the number of a sample of the batch', 'from 0, as `BatchBuilder.add_sample` returns it')
_ORDER: Final = Expected('in ascending order', 'add the annotations of one sample after those of the one before it')
_RING: Final = Expected('three points or more', 'leave out what has no area: `context.report.dropped(...)`')
_SAFE: Final = Expected('safe as the name of a file', 'take it from `unique_ids(names)` of synapse_hooks.formats')


class InvalidRow(InvalidField):
    """A row of a column holds something else than it should."""

    def __init__(self, kind: str, row: int, field: str, expected: Expected, value: Any, sample: str = '') -> None:
        super().__init__(field, expected, value)
        self.kind = kind
        self.row = row
        self.sample = sample

    def where(self) -> str:
        """Which one it is, as the begin of a message."""
        if not self.kind:
            return 'what `read` returned'
        return f'sample {self.sample!r}, {self.kind} {self.row + 1} of its batch'


def check_batch(batch: Any) -> None:
    """See that a batch is one, and that its columns fit together. Samples are not looked at.

    Raises:
        InvalidRow: A column holds something else than it should.
    """
    if not isinstance(batch, Batch):
        raise InvalidRow('', 0, '', _BATCH, batch)
    samples = [getattr(sample, 'id', '') for sample in batch.samples]
    columns: Boxes | Polygons
    for kind, columns in (('box', batch.boxes), ('polygon', batch.polygons)):
        if columns.items or columns.labels:
            _check(kind, columns, samples)
    _check_lengths('box', 'numbers', len(batch.boxes.numbers), 4 * len(batch.boxes))
    _check_lengths('polygon', 'boxes', len(batch.polygons.boxes), 4 * len(batch.polygons))
    owners, counts = batch.polygons.points.owners, batch.polygons.points.counts
    if batch.polygons.items and not batch.polygons.texts and {*owners} != {*range(len(batch.polygons))}:
        raise InvalidRow('polygon', 0, 'points', _LENGTHS, None)
    for owner, count in zip(owners, counts, strict=True) if counts and min(counts) < 3 else ():
        if count < 3:
            raise InvalidRow('polygon', owner, 'points', _RING, count, samples[batch.polygons.items[owner]])


def check_id(sample: Sample) -> None:
    """See that the id of a sample can be the name of a file.

    Raises:
        InvalidField: It cannot.
    """
    if safe_id(sample.id) != sample.id:
        raise InvalidField('id', _SAFE, sample.id)


def _check(kind: str, columns: Columns, samples: Sequence[str]) -> None:
    count = len(columns)
    for field in ('places', 'labels', 'ids', 'attributes'):
        _check_lengths(kind, field, len(getattr(columns, field)), count)
    wrong = _first(columns.items, lambda item: type(item) is int and 0 <= item < len(samples))
    if wrong is not None:
        raise InvalidRow(kind, wrong, 'items', _ITEM, columns.items[wrong])

    def of(row: int, field: str, expected: Expected) -> InvalidRow:
        return InvalidRow(kind, row, field, expected, getattr(columns, field)[row], samples[columns.items[row]])

    for field in ('items', 'places'):
        values = getattr(columns, field)
        if sorted(values) != values:
            raise of(next(row for row, (a, b) in enumerate(pairwise(values), 1) if b < a), field, _ORDER)
    for field, types, expected in (('labels', {str}, TEXT), ('ids', {str, int}, TEXT), ('places', {int}, COUNT)):
        if not types.issuperset(map(type, getattr(columns, field))):
            wrong = _first(getattr(columns, field), lambda value, types=types: type(value) in types)
            raise of(wrong or 0, field, expected)
    for row, attributes in enumerate(columns.attributes):
        if attributes is not None:
            try:
                check_attributes(attributes)
            except InvalidField as error:
                raise of(row, 'attributes', error.expected) from None
            # An empty one says nothing: writers look for None.
            columns.attributes[row] = attributes or None


def _check_lengths(kind: str, field: str, found: int, expected: int) -> None:
    if found != expected:
        raise InvalidRow(kind, min(found, expected), field, _LENGTHS, found)


def _first(values: Iterable[Any], is_fine: Any) -> int | None:
    return next((row for row, value in enumerate(values) if not is_fine(value)), None)
