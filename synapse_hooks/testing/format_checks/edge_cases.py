"""Tests of a format: values at the edge, empty and very large datasets, classes, images that are turned or missing.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import SkipTest

from synapse_hooks.context import Dataset
from synapse_hooks.conversion.reader import declared_by
from synapse_hooks.data import AnyAnnotation, Box, Polygon, Sample
from synapse_hooks.errors import SynapseHooksError
from synapse_hooks.testing.conversion import open_dataset
from synapse_hooks.testing.format_checks.case import FormatCase, fails_well
from synapse_hooks.testing.hard_samples import named_like, sample_of
from synapse_hooks.testing.plugins import reads
from synapse_hooks.testing.samples import CLASSES

_ANT = CLASSES[1]


class EdgeCases(FormatCase):
    """Values at the edge, empty and very large datasets, classes, images that are turned or missing."""

    # -- values ------------------------------------------------------------------------------------------------------

    def test_shapes_without_area_are_counted(self, tmp_path: Path) -> None:
        """Boxes of no width or height, polygons of two points."""
        flat = [Box(10, 10, 0, 0, label=_ANT), Box(10, 10, 5, 0, label=_ANT), Box(10, 10, 0, 5, label=_ANT)]
        self._check_edge([*flat, Polygon.simple([(5, 5), (9, 9)], label=_ANT)], tmp_path)

    def test_shapes_out_of_the_image_are_counted(self, tmp_path: Path) -> None:
        """Beside the image, over its edge, and around all of it."""
        boxes = [Box(200, 200, 5, 5, label=_ANT), Box(-20, -20, 30, 30, label=_ANT), Box(-9, -9, 200, 200, label=_ANT)]
        self._check_edge([*boxes, Polygon.simple([(70, 70), (120, 70), (120, 120)], label=_ANT)], tmp_path)

    def test_huge_coordinates_are_counted(self, tmp_path: Path) -> None:
        """Numbers that are finite, and far beyond any image."""
        self._check_edge([Box(1e9, 1, 5, 5, label=_ANT), Box(1, 1, 1e300, 1e300, label=_ANT)], tmp_path)

    def test_numbers_that_are_not_finite_are_counted(self, tmp_path: Path) -> None:
        """Not-a-number and infinity are dropped: no document can be read that has them."""
        nan, infinity = float('nan'), float('inf')
        self._check_edge([Box(nan, 1, 5, 5, label=_ANT), Box(1, 1, infinity, 5, label=_ANT)], tmp_path)

    def test_corners_in_reverse_order_are_counted(self, tmp_path: Path) -> None:
        """Boxes of negative width or height, as some tools write them."""
        self._check_edge([Box(40, 40, -20, -10, label=_ANT)], tmp_path)

    def test_many_annotations_of_one_image_are_kept(self, tmp_path: Path) -> None:
        """Two hundred."""
        self._check_edge([Box(n % 70, n // 70, 5, 5, label=CLASSES[n % 3]) for n in range(200)], tmp_path)

    # -- datasets ----------------------------------------------------------------------------------------------------

    def test_an_empty_dataset_is_written_or_refused(self, tmp_path: Path) -> None:
        """Without any image: an error of this package, or a dataset that can be read."""
        self._written_or_refused([], tmp_path)

    def test_a_dataset_without_annotations_is_written_or_refused(self, tmp_path: Path) -> None:
        """Images only."""
        samples = self.samples(tmp_path / 'images')
        for sample in samples:
            sample.annotations = []
        self._written_or_refused(samples, tmp_path)

    def test_a_dataset_without_splits_is_written_or_refused(self, tmp_path: Path) -> None:
        """Most annotation tools know no splits."""
        samples = self.samples(tmp_path / 'images')
        for sample in samples:
            sample.split = None
            # Names that two splits share are for another test.
        unique = {sample.id: sample for sample in samples}
        self._written_or_refused([*unique.values()], tmp_path)

    def test_a_missing_image_is_an_error_or_reported(self, tmp_path: Path) -> None:
        """The file of a sample is not there: an error of this package names it."""
        samples = self.samples(tmp_path / 'images')
        missing = next(sample for sample in samples if sample.image is not None)
        assert missing.image is not None
        missing.image.unlink()
        self._refused_or_reported(samples, missing, tmp_path, 'whose image is missing')

    def test_a_damaged_image_is_an_error_or_reported(self, tmp_path: Path) -> None:
        """The file of a sample is cut off in its header."""
        samples = self.samples(tmp_path / 'images')
        damaged = next(sample for sample in samples if sample.image is not None)
        assert damaged.image is not None
        damaged.image.write_bytes(damaged.image.read_bytes()[:12])
        damaged.width = damaged.height = 0
        self._refused_or_reported(samples, damaged, tmp_path, 'whose image is damaged')

    def test_images_that_are_displayed_turned_keep_their_annotations(self, tmp_path: Path) -> None:
        """With an EXIF orientation, annotations are where they are in the image as it is displayed."""
        turned = [
            sample_of(
                tmp_path / 'turned', f'turned-{orientation}', [Box(4, 50, 30, 20, label=_ANT)], orientation=orientation
            )
            for orientation in (3, 6, 8)
        ]
        self.check_hard(turned, tmp_path)

    # -- classes -----------------------------------------------------------------------------------------------------

    def test_a_single_class_is_kept(self, tmp_path: Path) -> None:
        """Every annotation has the same label."""
        samples = self.samples(tmp_path / 'images')
        for sample in samples:
            for annotation in sample.annotations:
                annotation.label = _ANT
        self._check_declared(samples, [_ANT], tmp_path)

    def test_a_thousand_classes_are_kept(self, tmp_path: Path) -> None:
        """In their order, which is not that of the alphabet."""
        names = [*CLASSES, *(f'class {number}' for number in range(1000))]
        labelled = named_like(self.samples(tmp_path / 'like'), tmp_path / 'named', [f'item-{n}' for n in range(20)])
        for place, sample in enumerate(labelled):
            for annotation in sample.annotations:
                annotation.label = f'class {place * 50}'
        self._check_declared([*self.samples(tmp_path / 'images'), *labelled], names, tmp_path)

    def test_unused_classes_keep_their_places(self, tmp_path: Path) -> None:
        """A class that no annotation has keeps its number, or the classes are those that occur."""
        names = ['unused', CLASSES[0], 'never', *CLASSES[1:], 'last']
        self._check_declared(self.samples(tmp_path / 'images'), names, tmp_path)

    def test_classes_that_are_not_declared_are_found(self, tmp_path: Path) -> None:
        """A source that declares no classes: they are those that occur."""
        samples = self.samples(tmp_path / 'images')
        result = self.converted(samples, tmp_path / 'out', classes=None)
        if reads(self.format):
            labels = {annotation.label for sample in samples for annotation in sample.annotations}
            read = set(open_dataset(result.dataset, self.format).info.classes or ())
            assert read <= labels, f'the classes {sorted(read - labels)} occur nowhere'

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _check_edge(self, annotations: Sequence[AnyAnnotation], folder: Path) -> None:
        self.check_hard([sample_of(folder / 'edge', 'at-the-edge', annotations)], folder)

    def _check_declared(self, samples: Sequence[Sample], names: Sequence[str], folder: Path) -> None:
        result = self.converted(samples, folder / 'out', classes=names)
        self.check_counts(samples, result)
        if not reads(self.format):
            raise SkipTest('it is only written')
        reader = open_dataset(result.dataset, self.format)
        found = {self.identity(sample): sample for sample in reader}
        self.check_annotations(samples, result, found)
        declared = declared_by(reader).classes
        written = [*result.dataset.get('classes', [])]
        assert declared is None or [*declared] == written, (
            f'the classes were {written[:5]}... ({len(written)}), and {[*declared][:5]}... ({len(declared)}) are '
            'declared: keep the order of info.classes'
        )

    def _written_or_refused(self, samples: Sequence[Sample], folder: Path, **options: Any) -> None:
        try:
            result = self.converted(samples, folder / 'out', **options)
        except SynapseHooksError as error:
            fails_well('writing it', error)
            assert not (folder / 'out').exists(), 'a conversion that was refused left a dataset'
            return
        except SkipTest:
            raise
        except Exception as error:
            fails_well('writing it', error)
        self.check_counts(samples, result)
        if reads(self.format):
            self._read_or_refused(result.dataset)

    def _read_or_refused(self, dataset: Dataset) -> None:
        try:
            for _ in open_dataset(dataset, self.format):
                pass
        except Exception as error:
            fails_well('reading what it wrote', error)

    def _refused_or_reported(self, samples: Sequence[Sample], wrong: Sample, folder: Path, what: str) -> None:
        try:
            result = self.converted(samples, folder / 'out')
        except SynapseHooksError as error:
            assert not (folder / 'out').exists(), 'a conversion that failed left a dataset'
            text = str(error)
            assert wrong.id in text or Path(wrong.file).name in text, f'the error names no sample {wrong.id!r}: {text}'
            return
        except SkipTest:
            raise
        except Exception as error:
            fails_well(f'writing a sample {what}', error)
        losses = result.losses
        reported = losses['unreadable']['count'] or result.lost('image') or losses['dropped'] or not reads(self.format)
        there = {sample.id for sample in open_dataset(result.dataset, self.format)} if reads(self.format) else set()
        assert reported or wrong.id in there, f'sample {wrong.id!r}, {what}, is lost, and not in the report'
