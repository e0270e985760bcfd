"""Checks what sources, sinks and executors answer where it comes in, so that the error names the one at fault.

A source of the package itself is not checked: its tests are. Every sink is checked: that takes no time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from synapse_hooks.conversion.contract import BaseSource, Projection, Sink, Source, WriteResult, Written
from synapse_hooks.conversion.sample_checks import (
    COUNT,
    COUNTS,
    Expected,
    InvalidField,
    check_classes,
    check_counts,
)
from synapse_hooks.conversion.validation import checked_info, wrong_answer
from synapse_hooks.data import DatasetInfo
from synapse_hooks.errors import WrongAnswer
from synapse_hooks.safe_text import repr_of
from synapse_hooks.storage import is_inside

if TYPE_CHECKING:
    from synapse_hooks.data.batch import Batch

_SOURCE: Final = Expected('a source', 'derive from `BaseSource` or `ItemSource`, and return an instance')
_SINK: Final = Expected('a sink', 'derive from `BaseSink`, and return an instance')
_SHARDS: Final = Expected('a sequence', 'return a list, tuple or range of shards: `list(...)` of a generator')
_BATCHES: Final = Expected('an iterator of batches', '`yield` them')
_PROJECTION: Final = Expected(' or '.join(map(repr, get_args(Projection))), 'see `Projection` of synapse_hooks.formats')
_BOOL: Final = Expected('True or False', 'see `Sink` of synapse_hooks.formats')
_RESULT: Final = Expected('a WriteResult', 'return one: `WriteResult(splits)`, or `WriteResult()`')
_WRITTEN: Final = Expected('a Written', 'return one: `Written(config_path)`, or `Written()`')
_INSIDE: Final = Expected('a path inside the folder that is written', '`context.out / name`, or None')
_NAME: Final = Expected('the name of a format', 'leave it out for that of the sink')
_CALLABLE: Final = Expected('callable', 'a function of the path of the dataset, or None')
_COMPARABLE: Final = Expected(
    'comparable by ==', 'a tuple, dict or dataclass of text and numbers; `.tolist()` of an array'
)
_STABLE: Final = Expected(
    'the same each time', 'make it of what `info` says alone, and comparable: a tuple or a frozen dataclass'
)
_METHODS: Final = {
    _SOURCE: ('shards', 'read', 'peek'),
    _SINK: ('classes', 'initialize_write', 'needs_order', 'write', 'finalize_shard', 'finalize'),
}


class CheckedSource(BaseSource):
    """A source of a third-party format.

    Args:
        source: What `Format.source` returned.
        format: The name of the format.
    """

    def __init__(self, source: Source, format: str) -> None:
        self._check = _Check(format, 'open_dataset')
        self._check.methods('what `source` returned', _SOURCE, source)
        self._source = source

    @property
    def info(self) -> DatasetInfo:
        """See `Source.info`."""
        return checked_info(self._source.info, self._check.format)

    @property
    def count(self) -> int | None:
        """See `Source.count`."""
        count = self._source.count
        self._check(count is None or (type(count) is int and count >= 0), 'count of the source', COUNT, count)
        return count

    def shards(self) -> Sequence[Any]:
        """See `Source.shards`."""
        return self._shards

    @cached_property
    def _shards(self) -> Sequence[Any]:
        shards = self._source.shards()
        self._check(
            isinstance(shards, Sequence) and not isinstance(shards, str), 'what `shards` returned', _SHARDS, shards
        )
        return shards

    def read(self, shard: Any) -> Iterator[Batch]:
        """See `Source.read`."""
        return self._batches('read', self._source.read(shard))

    def peek(self, count: int) -> Iterator[Batch]:
        """See `Source.peek`."""
        if type(self._source).peek is BaseSource.peek:
            # It asks for the shards again, which is done once, and for batches that were not checked.
            return super().peek(count)
        return self._batches('peek', self._source.peek(count))

    def _batches(self, method: str, batches: Iterable[Batch]) -> Iterator[Batch]:
        self._check(isinstance(batches, Iterable), f'what `{method}` returned', _BATCHES, batches)
        # Not at the top: it needs numpy, which listing plugins does not.
        from synapse_hooks.conversion.batch_checks import BATCH
        from synapse_hooks.data.batch import Batch

        for batch in batches:
            # The pipeline checks what is in it; None would be the end of the shard.
            self._check(isinstance(batch, Batch), 'what `read` returned', BATCH, batch)
            yield batch


class CheckedSink:
    """The sink of any format.

    Args:
        sink: What `Format.sink` returned.
        format: The name of the format.
        out: The folder that it writes.
    """

    def __init__(self, sink: Sink, format: str, out: Path) -> None:
        self._check = _Check(format, 'convert')
        self._check.methods('what `sink` returned', _SINK, sink)
        self._sink = sink
        self._out = out
        for field in ('survey', 'parallel'):
            value = getattr(sink, field, None)
            self._check(type(value) is bool, f'{field} of the sink', _BOOL, value)
        projection = getattr(sink, 'projection', None)
        self._check(projection in get_args(Projection), 'projection of the sink', _PROJECTION, projection)
        self.projection: Projection = sink.projection
        """See `Sink.projection`."""
        self.survey: bool = sink.survey
        """See `Sink.survey`."""
        self.parallel: bool = sink.parallel
        """See `Sink.parallel`."""

    def classes(self, info: DatasetInfo) -> tuple[str, ...]:
        """See `Sink.classes`."""
        classes = self._sink.classes(info)
        try:
            check_classes(classes)
        except InvalidField as invalid:
            raise self._check.error('what `classes` returned', invalid.expected, classes) from None
        return tuple(classes)

    def initialize_write(self, info: DatasetInfo) -> Any:
        """See `Sink.initialize_write`."""
        return self._sink.initialize_write(info)

    def needs_order(self, plan: Any) -> bool:
        """See `Sink.needs_order`."""
        answer = self._sink.needs_order(plan)
        self._check(type(answer) is bool, 'what `needs_order` returned', _BOOL, answer)
        return answer

    def is_same_plan(self, one: Any, other: Any) -> bool:
        """Whether two plans are equal.

        Raises:
            WrongAnswer: They cannot be compared.
        """
        try:
            return bool(one == other)
        except Exception as error:
            raise self._check.error('the plan, which `initialize_write` returned,', _COMPARABLE, one) from error

    def refuse_unstable(self, one: Any, other: Any) -> None:
        """Raise the error of plans that differ though the dataset is the same.

        Raises:
            WrongAnswer: Always.
        """
        raise self._check.error(f'the plan for a dataset, {repr_of(one, 63)} at first,', _STABLE, other)

    def write(self, plan: Any, info: DatasetInfo, shard: int, batches: Iterator[Batch]) -> WriteResult:
        """See `Sink.write`.

        Raises:
            WrongAnswer: It did not take all batches, or returned something else than a `WriteResult`.
        """
        counted = _Counted(batches)
        result = self._sink.write(plan, info, shard, counted)
        if next(batches, None) is not None:
            raise WrongAnswer(
                f'format {self._check.format!r}: `write` of the sink must take all batches, '
                f'but stopped after {counted.samples:,} samples',
                hint='iterate over `batches` to its end; what cannot be written goes to `context.report.dropped(...)`',
                hook='convert',
            )
        self._check(isinstance(result, WriteResult), 'what `write` returned', _RESULT, result)
        if result.splits is not None:
            try:
                check_counts(result.splits)
            except InvalidField:
                raise self._check.error('splits of the WriteResult', COUNTS, result.splits) from None
        return result

    def finalize_shard(self, plan: Any, info: DatasetInfo, shard: int, results: Sequence[WriteResult]) -> None:
        """See `Sink.finalize_shard`."""
        self._sink.finalize_shard(plan, info, shard, results)

    def finalize(self, plan: Any, info: DatasetInfo, results: Sequence[WriteResult]) -> Written:
        """See `Sink.finalize`."""
        written = self._sink.finalize(plan, info, results)
        self._check(isinstance(written, Written), 'what `finalize` returned', _WRITTEN, written)
        name, callback, file = written.format, written.when_published, written.config_path
        self._check(name is None or (type(name) is str and name.isprintable() and name != ''), 'format', _NAME, name)
        self._check(callback is None or callable(callback), 'when_published', _CALLABLE, callback)
        if file is None:
            return written
        fine = isinstance(file, str | os.PathLike) and is_inside(file, self._out)
        self._check(fine, 'config_path', _INSIDE, file)
        return replace(written, config_path=Path(file))


class _Counted:
    """Batches, and how many samples of them were taken."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches = batches
        self.samples = 0

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        batch = next(self._batches)
        self.samples += len(batch.samples)
        return batch


class _Check:
    """Raises errors about a format: `check(is it fine, where, what is expected, what came)`."""

    def __init__(self, format: str, hook: str) -> None:
        self.format = format
        self.hook = hook

    def __call__(self, fine: bool, where: str, expected: Expected, value: Any) -> None:
        if not fine:
            raise self.error(where, expected, value)

    def error(self, where: str, expected: Expected, value: Any) -> WrongAnswer:
        return wrong_answer(where, InvalidField('', expected, value), self.format, self.hook)

    def methods(self, where: str, expected: Expected, value: Any) -> None:
        """See that it is an instance with all methods that it must have."""
        for name in _METHODS[expected]:
            method = getattr(type(value), name, None)
            self(callable(method), f'{where}, which has no `{name}`,' if value is not None else where, expected, value)
