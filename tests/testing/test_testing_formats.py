"""The built-in formats keep the promises that strangers' formats are held to."""

from __future__ import annotations

from synapse_hooks.formats.coco import CocoFormat
from synapse_hooks.formats.dm import DmFormat
from synapse_hooks.formats.yolo import YoloFormat
from synapse_hooks.testing import FormatConformance


class TestDm(FormatConformance):
    format = DmFormat()


class TestCoco(FormatConformance):
    format = CocoFormat()


class TestYoloDetect(FormatConformance):
    format = YoloFormat()
    params = {'target_task': 'detect'}


class TestYoloSegment(FormatConformance):
    format = YoloFormat()
    params = {'target_task': 'segment'}
