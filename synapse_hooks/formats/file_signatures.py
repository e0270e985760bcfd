"""Signatures of formats that are not built in: which plugin reads a file that looks so, or what to export instead.

A row of the table is enough for the error about an unrecognised folder to name the format.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from synapse_hooks.storage import read_head


class Signature(NamedTuple):
    """How the files of a format look, and how to read them."""

    name: str
    suffixes: tuple[str, ...]
    """Suffixes of the files that identify the format."""
    pattern: str = ''
    """A regular expression for the first bytes of such a file; empty: the suffix is enough."""
    plugin: str = ''
    """The format's name, if a distribution `synapse-hooks-NAME` reads it."""
    instead: str = 'COCO'
    """A supported format that the tool can export."""

    def hint(self, installed: Collection[str]) -> str:
        """How to read the dataset, or what to export instead.

        Args:
            installed: The names of the formats that are installed.
        """
        export = f'export as {self.instead}'
        if not self.plugin:
            return f'it looks like {self.name}, which is not read: {export}'
        if self.plugin in installed:
            return f'it looks like {self.name}: name the format with `--from {self.plugin}`'
        return f'it looks like {self.name}: `pip install synapse-hooks-{self.plugin}`, or {export}'


SIGNATURES: Final = (
    Signature('CVAT for video 1.1', ('.xml',), r'<annotations\b.*<track\s', instead='CVAT for images 1.1, or COCO 1.0'),
    Signature('CVAT for images 1.1', ('.xml',), r'<annotations\b.*<(image\s|meta>)', 'cvat', 'COCO 1.0'),
    Signature('Pascal VOC', ('.xml',), r'<annotation\b.*<(bndbox|filename|size|object)>', 'voc'),
    Signature('LabelMe', ('.json',), r'"shapes"\s*:.*"(imagePath|shape_type)"|"imagePath".*"shapes"', 'labelme'),
    Signature('Create ML', ('.json',), r'\A\s*\[.*"coordinates"\s*:\s*\{', 'createml'),
    Signature('VGG Image Annotator (JSON)', ('.json',), r'"shape_attributes"|"_via_settings"', instead='COCO format'),
    Signature('VGG Image Annotator (CSV)', ('.csv',), r'region_shape_attributes', instead='COCO format'),
    Signature('VoTT', ('.json', '.vott'), r'"(visitedAssets\w*|lastVisitedAssetId|assets)"|"asset"\s*:.*"regions"',
          instead='Pascal VOC (and `pip install synapse-hooks-voc`)'),
    Signature('VoTT (CSV)', ('.csv',), r'\A"?image"?,"?xmin"?,"?ymin"?,"?xmax"?,"?ymax"?,"?label"?',
          instead='Pascal VOC (and `pip install synapse-hooks-voc`)'),
    Signature('makesense (CSV)', ('.csv',), r'\A[^\n,]+(,-?[\d.]+){4},[^\n,]+\.\w+(,\d+){2}\s', instead='YOLO or COCO'),
    Signature('Roboflow or TensorFlow (CSV)', ('.csv',), r'\Afilename,width,height,class,xmin', instead='COCO or YOLO'),
    Signature('Open Images (CSV)', ('.csv',), r'\AImageID,Source,LabelName', 'openimages'),
    Signature('KITTI', ('.txt',), r'\A[A-Za-z]\S*( -?\d\S*){14,15}\s*(\n|\Z)', 'kitti'),
    Signature('TFRecord', ('.tfrecord', '.tfrecords', '.record'), instead='COCO or YOLO'),
    Signature('Supervisely', ('.json',), r'"classes"\s*:.*"(projectType|tags)"|"objects"\s*:.*"classTitle"'),
    Signature('Label Studio (JSON)', ('.json',), r'"(annotations|completions)"\s*:.*"(result|from_name)"|"annotator"',
          'labelstudio', 'COCO or YOLO with images'),
    Signature('Datumaro', ('.json',), r'"dm_format_version"|"infos?"\s*:.*"categories"\s*:\s*\{'),
    Signature('Labelbox', ('.ndjson', '.json'), r'"data_row"|"Labeled Data"'),
)  # fmt: skip
"""The most specific first."""

_PATTERNS = {signature.name: re.compile(signature.pattern.encode(), re.DOTALL) for signature in SIGNATURES}


def identify_format(files: Iterable[str]) -> Signature | None:
    """The signature that some files match: that of the first file with a match, the first in the table.

    Args:
        files: A few paths, the most characteristic first.
    """
    for file in files:
        suffix = os.path.splitext(file)[1].lower()  # noqa: PTH122 (a text is looked at)
        rows = [signature for signature in SIGNATURES if suffix in signature.suffixes]
        head = _head(file) if any(signature.pattern for signature in rows) else b''
        for signature in rows:
            if _PATTERNS[signature.name].search(head):
                return signature
    return None


def _head(file: str) -> bytes:
    try:
        return read_head(file).removeprefix(b'\xef\xbb\xbf')
    except OSError:
        return b''
