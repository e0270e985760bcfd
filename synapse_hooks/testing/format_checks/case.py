"""What the tests of a format share: converting samples, reading them back, comparing and counting.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest

from synapse_hooks.context import Dataset
from synapse_hooks.data import Sample
from synapse_hooks.data.skeletons import assemble, has_joints
from synapse_hooks.errors import SynapseHooksError
from synapse_hooks.formats import BaseFormat
from synapse_hooks.safe_text import summary
from synapse_hooks.testing.comparison import as_lines, missing, name_of
from synapse_hooks.testing.conversion import ITEM_KINDS, Converted, convert_dataset, open_dataset
from synapse_hooks.testing.plugins import reads, writes


class FormatCase:
    """The base of the tests of a format; `FormatConformance` explains the attributes."""

    format: ClassVar[BaseFormat]
    params: ClassVar[Mapping[str, Any]]
    tolerance: ClassVar[float]

    def samples(self, folder: Path) -> list[Sample]:
        """See `FormatConformance.samples`."""
        raise NotImplementedError

    def dataset(self, folder: Path) -> Dataset:
        """See `FormatConformance.dataset`."""
        raise NotImplementedError

    def identity(self, sample: Sample) -> Any:
        """See `FormatConformance.identity`."""
        raise NotImplementedError

    def converted(self, samples: Sequence[Sample], out: Path, **options: Any) -> Converted:
        """Samples in the format, at `out`.

        Args:
            samples: What to convert.
            out: The folder to create.
            **options: Arguments of `convert_dataset`, besides `params`.
        """
        self.require_write()
        return convert_dataset(samples, self.format.name, out, self.format, **{**self.params, **options})

    def require_write(self) -> None:
        """Skip the test for a format that is only read."""
        if not writes(self.format):
            raise SkipTest('it is only read')

    def require_read(self) -> None:
        """Skip the test for a format that is only written."""
        if not reads(self.format):
            raise SkipTest('it is only written')

    def require_read_and_write(self) -> None:
        """Skip the test for a format that is only read or only written."""
        if not (reads(self.format) and writes(self.format)):
            raise SkipTest('it is only read, or only written')

    def round_trip(self, folder: Path) -> tuple[list[Sample], Converted, dict[Any, Sample]]:
        """The samples, their conversion, and what is read back, by the identity of its image."""
        self.require_read_and_write()
        samples = self.samples(folder / 'images')
        result = self.converted(samples, folder / 'out')
        return samples, result, {self.identity(reread): reread for reread in open_dataset(result.dataset, self.format)}

    def check_hard(self, samples: Sequence[Sample], out: Path, **options: Any) -> dict[Any, Sample]:
        """Convert samples, together with those of `samples()`, and check what every conversion promises: nothing but a
        `SynapseHooksError` is raised, every annotation is counted, and what was written can be read.

        Args:
            samples: The samples of the test.
            out: A folder for everything.
            **options: Arguments of `convert_dataset`.

        Returns:
            What was read, by the identity of its image; empty for a format that is only written.
        """
        self.require_write()
        everything = [*samples, *self.samples(out / 'images')]
        result = self.converted(everything, out / 'made' / 'out', **options)
        beside = sorted(file.name for file in (out / 'made').iterdir() if file.name != 'out')
        assert not beside, f'it wrote {beside} outside of its folder'
        self.check_counts(everything, result)
        if not reads(self.format):
            return {}
        try:
            reader = open_dataset(result.dataset, self.format)
            back = [*reader]
        except SynapseHooksError as error:
            raise AssertionError(f'it cannot read what it wrote: {error.problem}') from error
        unread = getattr(getattr(reader, 'report', None), 'unreadable_items', [])
        assert not unread, f'it cannot read what it wrote: {unread}'
        found = {self.identity(sample): sample for sample in back}
        self.check_images(everything, result, found)
        self.check_annotations(everything, result, found)
        self.check_all_read(everything, result, back)
        return found

    def check_annotations(self, samples: Sequence[Sample], result: Converted, after: Mapping[Any, Sample]) -> None:
        """Check that annotations came back as they were, or are in the report as converted or dropped."""
        changed: dict[str, list[str]] = {}
        for sample in samples:
            tolerance = self.tolerance * max(sample.width, sample.height, 1)
            back = after.get(self.identity(sample))
            left_out = result.losses['attributes']
            lost = [*missing(sample, back, tolerance=tolerance, left_out=left_out)]
            if lost and back is not None and has_joints(back.annotations):
                # A skeleton may be written as joints of one group.
                joined = copy(back)
                joined.annotations = assemble([*back.annotations])
                lost = [*missing(sample, joined, tolerance=tolerance, left_out=left_out)]
            for annotation, what in lost:
                changed.setdefault(annotation.kind, []).append(what)
        for kind, texts in changed.items():
            repaired = sum(loss['count'] for loss in result.losses['repaired'] if loss['kind'] == kind)
            assert len(texts) <= result.lost(kind) + repaired, (
                f'{len(texts)} annotations of kind {kind!r} did not come back as they were, and the report has '
                f'{result.lost(kind)}: report what is changed or left out with self.report.converted() or .dropped(), '
                f'or widen `tolerance`{as_lines(texts)}'
            )

    def check_images(self, samples: Sequence[Sample], result: Converted, after: Mapping[Any, Sample]) -> None:
        """Check that every image came back, or is in the report as dropped."""
        lost = [sample for sample in samples if sample.image is not None and self.identity(sample) not in after]
        assert len(lost) <= result.lost('image'), (
            f'images are missing: {[sample.id for sample in lost]}; keep them (do two share a name? is a name '
            "hidden?), or call self.report.dropped('image', reason, sample.id)"
        )

    def check_counts(self, samples: Sequence[Sample], result: Converted) -> None:
        """Check that the report has each annotation once."""
        for kind, count in _kinds(samples).items():
            reported = result.accounted(kind)
            assert reported == count, (
                f'there are {count} annotations of kind {kind!r}, and the report has {reported}: each is written, '
                f'converted or dropped, once{as_lines(_named(samples, kind))}\nthe report: {result.describe(kind)}'
            )

    def check_all_read(self, samples: Sequence[Sample], result: Converted, back: Sequence[Sample]) -> None:
        """Check that as many annotations can be read as were written or converted."""
        dropped = sum(loss['count'] for loss in result.losses['dropped'] if loss['kind'] not in ITEM_KINDS)
        expected = _kinds(samples).total() - dropped
        total = sum(len(sample.annotations) for sample in back)
        counts = {self.identity(sample): len(sample.annotations) for sample in back}
        fewer = [
            f'sample {sample.id!r}: {len(sample.annotations)} annotations came back as {count}'
            for sample in samples
            if (count := counts.get(self.identity(sample), 0)) < len(sample.annotations)
        ]
        assert total >= expected, (
            f'{expected} annotations were written, {dropped} dropped, and {total} were read{as_lines(fewer)}'
        )

    def check_items(self, samples: Sequence[Sample], result: Converted, back: Sequence[Sample]) -> None:
        """Check that items of other media than images are read again, or are reported."""
        for medium in {sample.medium for sample in samples} - {'image'}:
            missing = _of(medium, samples) - _of(medium, back)
            assert missing <= result.lost(medium), (
                f'{missing} items of the medium {medium!r} did not come back, and {result.lost(medium)} are reported: '
                'leave an item out `if reason := sample.without_image`, with self.report.dropped_item(sample, reason)'
            )


def _of(medium: str, samples: Sequence[Sample]) -> int:
    return sum(sample.medium == medium for sample in samples)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its bytes."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob('*') if file.is_file()}


def fails_well(what: str, error: Exception) -> None:
    """Assert that an error is one of this package, and not an accident.

    Args:
        what: What was done, for the message.
        error: What it raised.
    """
    if not isinstance(error, SynapseHooksError):
        raise AssertionError(
            f'{what} raised {summary(error)}; raise an error of synapse_hooks.errors, which says what is wrong'
        ) from error


def _kinds(samples: Sequence[Sample]) -> Counter[str]:
    return Counter(annotation.kind for sample in list(samples) for annotation in sample.annotations)


def _named(samples: Sequence[Sample], kind: str) -> list[str]:
    return [
        name_of(sample, place)
        for sample in samples
        for place, annotation in enumerate(sample.annotations)
        if annotation.kind == kind
    ]
