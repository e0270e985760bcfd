"""Tests of a format: what is written comes back, or is in the report.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

from pathlib import Path
from unittest import SkipTest

from synapse_hooks.conversion.reader import declared_by
from synapse_hooks.testing.conversion import open_dataset
from synapse_hooks.testing.format_checks.case import FormatCase
from synapse_hooks.testing.plugins import reads
from synapse_hooks.testing.samples import CLASSES, odd_samples


class RoundTrips(FormatCase):
    """What is written comes back, or is in the report."""

    def test_every_annotation_arrives_or_is_counted(self, tmp_path: Path) -> None:
        """Annotations that are not in the report are read back with their kind, label, coordinates and attributes."""
        samples, result, after = self.round_trip(tmp_path)
        self.check_annotations(samples, result, after)
        self.check_all_read(samples, result, [*after.values()])

    def test_the_loss_report_adds_up(self, tmp_path: Path) -> None:
        """Each annotation is counted once: as written, converted or dropped."""
        samples = self.samples(tmp_path / 'images')
        self.check_counts(samples, self.converted(samples, tmp_path / 'out'))

    def test_odd_annotations_are_counted_too(self, tmp_path: Path) -> None:
        """Every kind of annotation, shapes beyond the edge, unusual labels, an item without image: nothing raises,
        every loss is reported, and the result can be read.
        """
        samples = [*odd_samples(tmp_path / 'odd'), *self.samples(tmp_path / 'images')]
        result = self.converted(samples, tmp_path / 'out')
        self.check_counts(samples, result)
        if reads(self.format):
            reader = open_dataset(result.dataset, self.format)
            back = [*reader]
            self.check_all_read(samples, result, back)
            self.check_items(samples, result, back)
            unread = getattr(getattr(reader, 'report', None), 'unreadable_items', [])
            assert not unread, f'it cannot read what it wrote: {unread}'

    def test_images_without_annotations_are_kept(self, tmp_path: Path) -> None:
        """Background images are training data. One that cannot be kept is reported as a dropped `image`."""
        samples, result, after = self.round_trip(tmp_path)
        self.check_images(samples, result, after)
        for sample in samples:
            reread = after.get(self.identity(sample))
            if reread is not None and not sample.annotations:
                assert not reread.annotations, (
                    f'sample {sample.id!r} has no annotations, and came back with {reread.annotations}'
                )

    def test_splits_are_kept(self, tmp_path: Path) -> None:
        """Every image keeps its split, unless the format has no splits."""
        samples, _, after = self.round_trip(tmp_path)
        if all(reread.split is None for reread in after.values()):
            raise SkipTest('the format has no splits')
        for sample in samples:
            reread = after.get(self.identity(sample))
            assert reread is None or reread.split == sample.split, (
                f'sample {sample.id!r}: split {sample.split!r} came back as {reread.split!r}'
            )

    def test_classes_keep_their_order(self, tmp_path: Path) -> None:
        """A class number is a position: a format that declares classes writes them in the order of `info.classes`."""
        self.require_read_and_write()
        result = self.converted(self.samples(tmp_path / 'images'), tmp_path / 'out')
        written = result.dataset.get('classes', [])
        reader = open_dataset(result.dataset, self.format)
        declared = declared_by(reader).classes
        assert declared is None or list(declared) == list(written), (
            f'the classes were {list(written)}, and {list(declared)} are declared: keep the order of info.classes'
        )
        reread = reader.info.classes or ()
        assert set(CLASSES).issuperset(reread), f'unknown classes are read: {sorted(set(reread).difference(CLASSES))}'
