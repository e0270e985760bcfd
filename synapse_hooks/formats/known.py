"""Formats that are not built in, by what their files look like: who reads them, or what to export instead.

A row of the table is enough to have a format named in the error for a folder that nothing recognises.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from synapse_hooks.storage import read_head


class Known(NamedTuple):
    """A format of others."""

    name: str
    suffixes: tuple[str, ...]
    """Of the files that tell it."""
    pattern: str = ''
    """What is in the first bytes of such a file; empty: the suffix is enough."""
    plugin: str = ''
    """The format's name where a distribution `synapse-hooks-NAME` reads it."""
    instead: str = 'COCO'
    """What the tool exports that is read."""

    def hint(self, there: Collection[str]) -> str:
        """What to do about it.

        Args:
            there: The names of the formats that are installed.
        """
        export = f'export as {self.instead}'
        if not self.plugin:
            return f'it looks like {self.name}, which is not read: {export}'
        if self.plugin in there:
            return f'it looks like {self.name}: name the format with `--from {self.plugin}`'
        return f'it looks like {self.name}: `pip install synapse-hooks-{self.plugin}`, or {export}'


KNOWN: Final = (
    Known('CVAT for video 1.1', ('.xml',), r'<annotations\b.*<track\s', instead='CVAT for images 1.1, or COCO 1.0'),
    Known('CVAT for images 1.1', ('.xml',), r'<annotations\b.*<(image\s|meta>)', 'cvat', 'COCO 1.0'),
    Known('Pascal VOC', ('.xml',), r'<annotation\b.*<(bndbox|filename|size|object)>', 'voc'),
    Known('LabelMe', ('.json',), r'"shapes"\s*:.*"(imagePath|shape_type)"|"imagePath".*"shapes"', 'labelme'),
    Known('Create ML', ('.json',), r'\A\s*\[.*"coordinates"\s*:\s*\{', 'createml'),
    Known('VGG Image Annotator (JSON)', ('.json',), r'"shape_attributes"|"_via_settings"', instead='COCO format'),
    Known('VGG Image Annotator (CSV)', ('.csv',), r'region_shape_attributes', instead='COCO format'),
    Known('VoTT', ('.json', '.vott'), r'"(visitedAssets\w*|lastVisitedAssetId|assets)"|"asset"\s*:.*"regions"',
          instead='Pascal VOC (and `pip install synapse-hooks-voc`)'),
    Known('VoTT (CSV)', ('.csv',), r'\A"?image"?,"?xmin"?,"?ymin"?,"?xmax"?,"?ymax"?,"?label"?',
          instead='Pascal VOC (and `pip install synapse-hooks-voc`)'),
    Known('makesense (CSV)', ('.csv',), r'\A[^\n,]+(,-?[\d.]+){4},[^\n,]+\.\w+(,\d+){2}\s', instead='YOLO or COCO'),
    Known('Roboflow or TensorFlow (CSV)', ('.csv',), r'\Afilename,width,height,class,xmin', instead='COCO or YOLO'),
    Known('Open Images (CSV)', ('.csv',), r'\AImageID,Source,LabelName'),
    Known('TFRecord', ('.tfrecord', '.tfrecords', '.record'), instead='COCO or YOLO'),
    Known('Supervisely', ('.json',), r'"classes"\s*:.*"(projectType|tags)"|"objects"\s*:.*"classTitle"'),
    Known('Label Studio (JSON)', ('.json',), r'"(annotations|completions)"\s*:.*"(result|from_name)"|"annotator"',
          instead='COCO or YOLO with images'),
    Known('Datumaro', ('.json',), r'"dm_format_version"|"infos?"\s*:.*"categories"\s*:\s*\{'),
    Known('Labelbox', ('.ndjson', '.json'), r'"data_row"|"Labeled Data"'),
)  # fmt: skip
"""The most particular first."""

_PATTERNS = {known.name: re.compile(known.pattern.encode(), re.DOTALL) for known in KNOWN}


def known_format(files: Iterable[str]) -> Known | None:
    """The format of others that some files look like: the first in the table that fits the first file that fits any.

    Args:
        files: A few paths, the most telling first.
    """
    for file in files:
        suffix = os.path.splitext(file)[1].lower()  # noqa: PTH122 (a text is looked at)
        rows = [known for known in KNOWN if suffix in known.suffixes]
        head = _head(file) if any(known.pattern for known in rows) else b''
        for known in rows:
            if _PATTERNS[known.name].search(head):
                return known
    return None


def _head(file: str) -> bytes:
    try:
        return read_head(file).removeprefix(b'\xef\xbb\xbf')
    except OSError:
        return b''
