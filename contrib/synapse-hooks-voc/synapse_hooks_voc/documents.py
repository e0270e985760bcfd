"""One annotation file of VOC: reading its boxes, and writing it.

A box is whole pixels counted from 1, the last one included: `xmin = left + 1`, `xmax = right`.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from html import escape

from synapse_hooks.data import AnyAnnotation, Box, LossReport, Sample
from synapse_hooks.formats import Fitter

FLAGS = ('difficult', 'truncated', 'occluded')
KEPT = (*FLAGS, 'pose')
"""The attributes that VOC can hold."""
NO_POSE = 'Unspecified'
REVERSED = 'its corners are in reverse (xmin > xmax or ymin > ymax): sorted'
_DIGITS = 10
_SIDES = ('xmin', 'ymin', 'xmax', 'ymax')

_UNWRITABLE = re.compile('[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
"""What XML 1.0 cannot hold, and the carriage return, which it does not keep."""


def read_document(data: bytes, id: str, report: LossReport) -> tuple[str, tuple[int, int], list[Box]]:
    """What an annotation file calls its image, the size that it declares (0, 0 for none), its boxes, numbered from 1.

    Raises:
        ValueError, xml.etree.ElementTree.ParseError: It is not an annotation file, or a damaged one.
    """
    root = ET.fromstring(data, ET.XMLParser(target=_NoDoctype()))
    if root.tag != 'annotation':
        raise ValueError(f'it holds <{root.tag}>, not <annotation>')
    boxes = [_box(found, str(number), id, report) for number, found in enumerate(root.iterfind('object'), 1)]
    return root.findtext('filename') or '', _size(root), boxes


def _size(root: ET.Element) -> tuple[int, int]:
    texts = [(root.findtext(f'size/{side}') or '').strip() for side in ('width', 'height')]
    width, height = (int(text) if text.isdecimal() and len(text) < _DIGITS else 0 for text in texts)
    return (width, height) if width and height else (0, 0)


class _NoDoctype(ET.TreeBuilder):
    """Annotation files need no entities, and entities are how a small file becomes a huge one."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError('it has a document type (<!DOCTYPE ...>), as no annotation file has')


def _box(found: ET.Element, number: str, id: str, report: LossReport) -> Box:
    fields: dict[str, str] = {}
    sides: dict[str, str] = {}
    for child in found:
        if child.tag == 'bndbox':
            sides = {side.tag: side.text or '' for side in child}
        elif child.tag == 'part':
            report.dropped('part', 'body parts have no place in a sample', id, child.findtext('name') or '')
        elif child.tag in ('actions', 'point'):
            report.left_out([child.tag])
        elif child.text:
            fields[child.tag] = child.text.strip()
    if not sides.keys() >= {*_SIDES}:
        raise ValueError(f'object {number} has no complete bndbox')
    left, top, right, bottom = (float(sides[side]) for side in _SIDES)
    if left > right or top > bottom:
        # Before anything else: the first pixel counts from 0 here, the last one does not change.
        left, right, top, bottom = min(left, right), max(left, right), min(top, bottom), max(top, bottom)
        report.repaired('box', REVERSED, id, number)
    x, y = left - 1, top - 1
    w, h = right - x, bottom - y
    if not math.isfinite(x + y + w + h):
        raise ValueError(f'object {number} has no finite bndbox')
    # An empty flag counts as missing: some tools write <difficult/>.
    flags = {flag: fields[flag] not in ('0', 'false', 'False') for flag in FLAGS if fields.get(flag)}
    pose = fields.get('pose') or NO_POSE
    attributes = flags if pose == NO_POSE else {**flags, 'pose': pose}
    return Box(x, y, w, h, id=number, label=fields.get('name', ''), attributes=attributes)


def document(sample: Sample, fitter: Fitter) -> bytes:
    """The annotation file of a sample. Plain text: with an element tree, writing takes twice as long."""
    objects = [_object(shape, sample, fitter) for shape in sample.annotations]
    text = f"""<?xml version='1.0' encoding='utf-8'?>
<annotation>
  <folder>JPEGImages</folder>
  <filename>{_escaped(sample.file_name.rpartition('/')[2])}</filename>
  <size>
    <width>{sample.width}</width>
    <height>{sample.height}</height>
    <depth>3</depth>
  </size>
  <segmented>0</segmented>
{''.join(objects)}</annotation>
"""
    return text.encode()


def _object(shape: AnyAnnotation, sample: Sample, fitter: Fitter) -> str:
    if _UNWRITABLE.search(shape.label):
        fitter.report.dropped(shape.kind, 'its label has characters that XML cannot hold', sample.id, shape.id)
        return ''
    box = fitter.box(shape, sample)
    if box is None:
        return ''
    left, top, right, bottom = box
    label = shape.label.strip()
    if label != shape.label:
        fitter.report.repaired(shape.kind, 'its label has spaces at its ends: removed', sample.id, shape.id)
    attributes, pose = shape.attributes, str(shape.attributes.get('pose') or NO_POSE)
    if attributes:
        # A flag holds a boolean only; 1 and 0 are equal to them.
        fitter.report.left_out(flag for flag in FLAGS if attributes.get(flag) not in (None, True, False))
        if _UNWRITABLE.search(pose):
            fitter.report.left_out(['pose'])
            pose = NO_POSE
    difficult, truncated, occluded = (int(bool(attributes.get(flag))) for flag in FLAGS)
    return f"""  <object>
    <name>{_escaped(label)}</name>
    <pose>{_escaped(pose)}</pose>
    <difficult>{difficult}</difficult>
    <truncated>{truncated}</truncated>
    <occluded>{occluded}</occluded>
    <bndbox>
      <xmin>{left + 1}</xmin>
      <ymin>{top + 1}</ymin>
      <xmax>{right}</xmax>
      <ymax>{bottom}</ymax>
    </bndbox>
  </object>
"""


def _escaped(text: str) -> str:
    return escape(text, quote=False)
