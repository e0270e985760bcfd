"""What the columns of a batch must hold. They are checked as a whole: what is wrong is looked for only then."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

from synapse_hooks.conversion.ids import SampleId, safe_id
from synapse_hooks.conversion.sample_checks import COUNT, TEXT, UNIQUE, Expected, InvalidField, check_attributes
from synapse_hooks.data.batch import Batch
from synapse_hooks.data.columns import Boxes, Columns, Polygons, are_plain, plain_runs
from synapse_hooks.data.rings import Points
from synapse_hooks.data.sample import Sample

BATCH: Final = Expected('a Batch', '`yield BatchBuilder.build()`, or `Batch.of_samples(samples)`')
_LENGTHS: Final = 'a row of a batch has a value in every column: see `BatchBuilder`'
_ITEM: Final = Expected(
    'the number of a sample of the batch', 'an int, as `BatchBuilder.add_sample` returns it; of an array, `.tolist()`'
)
_ORDER: Final = Expected('in ascending order', 'add the annotations of one sample after those of the one before it')
_FOUR: Final = Expected('four for each row', '`x, y, w, h` of each: a list of lists, or an array of this shape')
_APART: Final = Expected('those of its samples', 'add annotations with `BatchBuilder`, or `Batch.of_samples(samples)`')
_SIZE: Final = Expected(
    'the width of the image', 'build with `measured=True` only what `context.measure_all` has answered for'
)
_PLAIN: Final = Expected(
    'plain', 'a shape without a class and a crowd region stay annotations: add them with `BatchBuilder`'
)
_RING: Final = Expected('three points or more', 'leave out what has no area: `context.report.dropped(...)`')
_SAMPLE: Final = Expected('a Sample', 'make one: `Sample(id, image=file)`')
_OTHER: Final = Expected('the number of a sample, a place and an annotation', _APART.hint)
_ROWS: Final = Expected('False where annotations are in columns', 'leave it to `Batch.of_samples(samples)`')
_COLUMNS: Final = dict.fromkeys(('items', 'places', 'labels', 'ids', 'attributes'), list)
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
        if not self.sample:
            return f'{self.kind} {self.row + 1} of a batch'
        return f'sample {self.sample!r}, {self.kind} {self.row + 1} of its batch'


def check_batch(batch: Any) -> None:
    """See that a batch is one, and that its columns fit together. Samples are not looked at.

    Raises:
        InvalidRow: A column holds something else than it should.
    """
    if not isinstance(batch, Batch):
        raise InvalidRow('', 0, '', BATCH, batch)
    _check_structure(batch)
    samples = [getattr(sample, 'id', '') for sample in batch.samples]
    boxes, polygons = batch.boxes, batch.polygons
    for columns, field, numbers in ((boxes, 'numbers', boxes.numbers), (polygons, 'boxes', polygons.boxes)):
        if columns.items or columns.labels:
            _check(columns, samples)
        if len(numbers) != 4 * len(columns):
            raise InvalidRow(columns.kind, len(columns) - 1, field, _FOUR, len(numbers))
    owners = {item for item, _, _ in batch.others}
    if not owners.issubset(range(len(samples))):
        raise InvalidRow('', 0, 'others', _ITEM, min(owners - {*range(len(samples))}, key=str))
    if sum(len(sample.annotations) for sample in batch.samples) != len(batch.others):
        raise InvalidRow('', 0, 'others', _APART, len(batch.others))
    rings, counts = batch.polygons.points.owners, batch.polygons.points.counts
    if batch.polygons.items and not batch.polygons.texts and {*rings} != {*range(len(batch.polygons))}:
        raise InvalidRow('polygon', 0, 'points', Expected('there for every polygon', _LENGTHS), None)
    for owner, count in zip(rings, counts, strict=True) if counts and min(counts) < 3 else ():
        if count < 3:
            raise InvalidRow('polygon', owner, 'points', _RING, count, samples[batch.polygons.items[owner]])


def check_in_batch(sample: Sample, batch: Batch, seen: set[SampleId]) -> None:
    """See that the id of a sample can be the name of a file and is unique, and that its size is known if it should be.

    Args:
        sample: One of the batch.
        batch: Which.
        seen: The ids of the samples before it; its own is added.

    Raises:
        InvalidField: It is not so.
    """
    if safe_id(sample.id) != sample.id:
        raise InvalidField('id', _SAFE, sample.id)
    if (sample.split, sample.id) in seen:
        raise InvalidField('id', UNIQUE, sample.id)
    seen.add((sample.split, sample.id))
    if batch.measured and sample.image is not None and not (sample.width and sample.height):
        raise InvalidField('width', _SIZE, sample.width)


def _check_structure(batch: Batch) -> None:
    for where, owner, fields in (
        ('', batch, {'samples': list, 'boxes': Boxes, 'polygons': Polygons, 'others': list}),
        ('boxes.', batch.boxes, {**_COLUMNS, 'numbers': array}),
        ('polygons.', batch.polygons, {**_COLUMNS, 'boxes': array, 'points': Points, 'texts': list}),
    ):
        for field, kind in fields.items():
            value = getattr(owner, field)
            if not isinstance(value, kind) or (isinstance(value, array) and value.typecode != 'd'):
                what = "an array('d')" if kind is array else f'a {kind.__name__}'
                raise InvalidRow('', 0, f'{where}{field}', Expected(what, BATCH.hint), value)
    for number, sample in enumerate(batch.samples):
        if not isinstance(sample, Sample):
            raise InvalidRow('', 0, f'samples[{number}]', _SAMPLE, sample)
    for number, other in enumerate(batch.others):
        if not isinstance(other, tuple) or len(other) != 3:
            raise InvalidRow('', 0, f'others[{number}]', _OTHER, other)
    if batch.is_rows and (batch.boxes.items or batch.polygons.items):
        raise InvalidRow('', 0, 'is_rows', _ROWS, True)


def _check(columns: Columns, samples: Sequence[str]) -> None:
    count, kind = len(columns), columns.kind
    for field in ('places', 'labels', 'ids', 'attributes'):
        _check_lengths(kind, field, len(getattr(columns, field)), count)
    items = columns.items
    if not ({int}.issuperset(map(type, items)) and 0 <= min(items) <= max(items) < len(samples)):
        first = _first(items, lambda item: type(item) is int and 0 <= item < len(samples)) or 0
        raise InvalidRow(kind, first, 'items', _ITEM, items[first])

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
    if not are_plain(columns.labels, columns.attributes):
        wrong = next(run.start for plain, run in plain_runs(columns.labels, columns.attributes) if not plain)
        raise of(wrong, 'attributes' if columns.labels[wrong] else 'labels', _PLAIN)


def _check_lengths(kind: str, field: str, length: int, expected: int) -> None:
    if length != expected:
        as_long = Expected(f'a column as long as `items`, which has {expected}', _LENGTHS)
        raise InvalidRow(kind, min(length, expected), field, as_long, length)


def _first(values: Iterable[Any], is_fine: Any) -> int | None:
    return next((row for row, value in enumerate(values) if not is_fine(value)), None)
