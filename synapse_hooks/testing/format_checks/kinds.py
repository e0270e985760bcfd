"""Tests of a format: each kind of annotation comes back within the tolerance, or is in the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synapse_hooks.data import AnyAnnotation, Box
from synapse_hooks.testing.format_checks.case import FormatCase
from synapse_hooks.testing.hard_samples import KINDS, linked, sample_of
from synapse_hooks.testing.samples import CLASSES


class Kinds(FormatCase):
    """Each kind of annotation comes back within the tolerance, or is in the report."""

    def test_boxes_come_back_or_are_counted(self, tmp_path: Path) -> None:
        """Whole and fractional coordinates."""
        self._check_kind(KINDS['box'], tmp_path)

    def test_rotated_boxes_come_back_or_are_counted(self, tmp_path: Path) -> None:
        """With their angle, in radians."""
        self._check_kind(KINDS['rotated_box'], tmp_path)

    def test_polygons_come_back_or_are_counted(self, tmp_path: Path) -> None:
        """Rings of three points and more."""
        self._check_kind(KINDS['polygon'], tmp_path)

    def test_holes_and_parts_of_polygons_come_back_or_are_counted(self, tmp_path: Path) -> None:
        """A polygon with a hole, and one of two parts."""
        self._check_kind(KINDS['polygon with holes'], tmp_path)

    def test_masks_come_back_or_are_counted(self, tmp_path: Path) -> None:
        """Runs of pixels, row by row."""
        self._check_kind(KINDS['mask'], tmp_path)

    def test_skeletons_come_back_or_are_counted(self, tmp_path: Path) -> None:
        """Joints that are visible, occluded and missing, with names and a box."""
        self._check_kind(KINDS['keypoints'], tmp_path)

    def test_single_keypoints_come_back_or_are_counted(self, tmp_path: Path) -> None:
        """Joints without a skeleton."""
        self._check_kind(KINDS['keypoint'], tmp_path)

    def test_polylines_come_back_or_are_counted(self, tmp_path: Path) -> None:
        """Open lines."""
        self._check_kind(KINDS['polyline'], tmp_path)

    def test_classifications_come_back_or_are_counted(self, tmp_path: Path) -> None:
        """The class of a whole image."""
        self._check_kind(KINDS['classification'], tmp_path)

    def test_attributes_come_back_or_are_listed(self, tmp_path: Path) -> None:
        """Texts, numbers, booleans, None, and what holds others; `left_out` lists those that cannot be written."""
        attributes = {
            'occluded': True,
            'count': 3,
            'ratio': 0.25,
            'note': 'grün, "quoted" <b>',
            'none': None,
            'many': [1, {'deep': ['x']}],
        }
        self._check_kind([Box(4, 6, 20, 16, label=CLASSES[1], attributes=attributes)], tmp_path)

    def test_crowd_regions_come_back_or_are_counted(self, tmp_path: Path) -> None:
        """COCO's `iscrowd`, which is an attribute here."""
        crowd = Box(4, 6, 60, 50, label=CLASSES[1], attributes={'iscrowd': True})
        self._check_kind([crowd, Box(4, 6, 20, 16, label=CLASSES[1])], tmp_path)

    def test_groups_and_relations_come_back_or_are_counted(self, tmp_path: Path) -> None:
        """Annotations that refer to others by their ids."""
        self._check_kind(linked(), tmp_path)

    def test_annotations_that_are_equal_are_kept_apart(self, tmp_path: Path) -> None:
        """Two boxes with the same coordinates and class are two objects."""
        self._check_kind([Box(4, 6, 20, 16, label=CLASSES[1]) for _ in range(2)], tmp_path)

    def _check_kind(self, annotations: Sequence[AnyAnnotation], folder: Path) -> None:
        self.check_hard([sample_of(folder / 'kind', 'of-this-kind', annotations)], folder)
