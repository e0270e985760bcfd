"""The built-in formats keep the promises that strangers' formats are held to."""

from __future__ import annotations

from pathlib import Path

from synapse_hooks.data import Sample
from synapse_hooks.formats import BaseFormat
from synapse_hooks.formats.coco import CocoFormat
from synapse_hooks.formats.dm import DmFormat
from synapse_hooks.formats.imagefolder import ImageFolderFormat
from synapse_hooks.formats.yolo import YoloFormat
from synapse_hooks.testing import FormatConformance, small_samples


class TestDm(FormatConformance):
    format = DmFormat()


class TestCoco(FormatConformance):
    format = CocoFormat()


class TestImageFolder(FormatConformance):
    format = ImageFolderFormat()

    def samples(self, folder: Path) -> list[Sample]:
        return small_samples(folder, 'classification')


class TestYoloDetect(FormatConformance):
    format = YoloFormat()
    params = {'target_task': 'detect'}


class OtherTask(FormatConformance):
    """Of one format, invalid datasets and memory are tried with one task."""

    fuzz_seconds = 0
    bytes_per_sample = None


class TestYoloSegment(OtherTask):
    format = YoloFormat()
    params = {'target_task': 'segment'}


class TestYoloPose(OtherTask):
    format = YoloFormat()
    params = {'target_task': 'pose'}

    def samples(self, folder: Path) -> list[Sample]:
        return small_samples(folder, 'keypoints')


class YoloClassify(YoloFormat):
    """What is written for this task is an image folder, and read as one."""

    source, recognise = BaseFormat.source, BaseFormat.recognise  # type: ignore[assignment]


class TestYoloClassify(OtherTask):
    format = YoloClassify()
    params = {'target_task': 'classify'}

    def samples(self, folder: Path) -> list[Sample]:
        return small_samples(folder, 'classification')


class TestYoloObb(OtherTask):
    format = YoloFormat()
    params = {'target_task': 'obb'}

    def samples(self, folder: Path) -> list[Sample]:
        return small_samples(folder, 'rotated_box')
