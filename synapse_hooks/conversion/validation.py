"""Validation of everything that a third-party format reads, before it is used.

A label that is not text or a coordinate that is not a number would be noticed much later, far from its cause: as an
error of the format that writes, or as a dataset that cannot be read again. What the built-in formats read is not
checked: their tests do that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from synapse_hooks.context import DatasetReader
from synapse_hooks.conversion.ids import SampleId, free_id
from synapse_hooks.conversion.sample_checks import SAMPLES, UNIQUE, InvalidField, check_info, check_sample
from synapse_hooks.data import DatasetInfo, LossReport, Sample
from synapse_hooks.errors import WrongAnswer
from synapse_hooks.safe_text import repr_of
from synapse_hooks.storage import FreeNames


class CheckedReader:
    """A reader that is none of ours. Its samples are checked, and their ids are made safe and unique.

    Args:
        reader: What `open_dataset` answered.
        format: The name of the format that it reads.
    """

    def __init__(self, reader: DatasetReader, format: str) -> None:
        self._reader = reader
        self._format = format

    @property
    def info(self) -> DatasetInfo:
        """What the reader declares."""
        return checked_info(self._reader.info, self._format)

    @property
    def report(self) -> LossReport | None:
        """What it could not read, where it keeps account of that."""
        return getattr(self._reader, 'report', None)

    def __iter__(self) -> Iterator[Sample]:
        return checked(self._reader, self._format)


def checked(samples: Iterable[Sample], format: str) -> Iterator[Sample]:
    """The samples, each checked when it is read. Its id is made safe and unique, and its split is normalized.

    Args:
        samples: What the `read` of a format returned.
        format: The name of the format, for the message.

    Raises:
        WrongAnswer: One of them is invalid.

    Example:
        >>> from synapse_hooks.data import Box
        >>> [sample.split for sample in checked([Sample('a', split='val')], 'lines')]
        ['valid']
        >>> next(checked([Sample('a', annotations=[Box(1, 2, 3, 4, label=5)])], 'vat'))
        Traceback (most recent call last):
            ...
        synapse_hooks.errors.WrongAnswer: format 'vat': sample 'a', annotation 1 (box): label must be text, got 5 (int)
          → make it text: `str(...)`
    """
    if not isinstance(samples, Iterable):
        raise wrong_answer('what `read` returned', InvalidField('', SAMPLES, samples), format)
    names = FreeNames[SampleId]()
    for number, sample in enumerate(samples, 1):
        try:
            check_sample(sample)
        except InvalidField as invalid:
            raise wrong_answer(_place(number, sample, invalid.place), invalid, format) from None
        sample.id = free_id(sample, names)
        yield sample


def validate(batch: Any, format: str, ids: set[SampleId]) -> None:
    """Check a batch: columns as a whole, everything else one by one.

    Args:
        batch: What the `read` of a source returned.
        format: The name of the format, for the message.
        ids: Those of the samples before; its own are added.

    Raises:
        WrongAnswer: It is invalid.
    """
    # Not at the top: it needs numpy, which listing plugins does not.
    from synapse_hooks.conversion.batch_checks import InvalidRow, check_batch, check_in_batch

    try:
        check_batch(batch)
    except InvalidRow as invalid:
        raise wrong_answer(invalid.where(), invalid, format) from None
    for number, sample in enumerate(batch.samples, 1):
        try:
            check_sample(sample)
            check_in_batch(sample, batch, ids)
        except InvalidField as invalid:
            raise wrong_answer(_place(number, sample, invalid.place), invalid, format) from None


def require_disjoint(ids: set[SampleId], others: set[SampleId]) -> None:
    """See that two parts of a dataset have no id in common.

    Raises:
        WrongAnswer: They have one.
    """
    if twice := sorted(id for _, id in ids & others):
        raise duplicate_id(twice[0])


def duplicate_id(id: str, detail: str = '') -> WrongAnswer:
    """The error for an id that two parts of a dataset have.

    Args:
        id: Which.
        detail: Where it was noticed.
    """
    problem = f'two samples have the id {id!r}, which must be {UNIQUE.what}{detail}'
    return WrongAnswer(problem, hint=UNIQUE.hint, hook='open_dataset', field='id')


def checked_info(info: DatasetInfo, format: str) -> DatasetInfo:
    """What a format declares of a dataset, checked. The names of splits are normalized.

    Raises:
        WrongAnswer: It is invalid.
    """
    try:
        splits = check_info(info)
    except InvalidField as invalid:
        raise wrong_answer('what is declared', invalid, format) from None
    return info if info.splits is None or splits == info.splits else replace(info, splits=splits)


def wrong_answer(where: str, invalid: InvalidField, format: str, hook: str = 'open_dataset') -> WrongAnswer:
    """The error for an invalid field.

    Args:
        where: What it is a field of, for the message.
        invalid: The field, and what it must be.
        format: The name of the format.
        hook: The hook that the format answers.
    """
    what = f'{where}: {invalid.field}' if invalid.field else where
    return WrongAnswer(
        f'format {format!r}: {what} must be {invalid.expected.what}, got {described(invalid.value)}',
        hint=invalid.expected.hint,
        hook=hook,
        format=format,
        field=invalid.field,
    )


def described(value: Any) -> str:
    """What came in place of what was expected, for a message: the value and its type.

    Example:
        >>> described(5), described(None)
        ('5 (int)', 'None')
    """
    return repr_of(value, _LONGEST) + ('' if value is None else f' ({type(value).__name__})')


_LONGEST = 63


def _place(number: int, sample: Any, place: int) -> str:
    """What a sample is called, or its annotation where `place` is not 0."""
    called = f'sample {sample.id!r}' if isinstance(sample, Sample) else f'sample {number}'
    if not place:
        return called
    annotation = sample.annotations[place - 1]
    kind, id = getattr(annotation, 'kind', type(annotation).__name__), getattr(annotation, 'id', '')
    return f'{called}, annotation {place} ({kind} {id!r})' if id else f'{called}, annotation {place} ({kind})'
