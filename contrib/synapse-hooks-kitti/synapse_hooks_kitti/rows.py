"""One line of a label file of KITTI.

    type truncated occluded alpha  left top right bottom  height width length  x y z  rotation_y  [score]

The box is in pixels, counted from 0. What the label says of the object in space is kept as attributes. `DontCare` marks
a region whose objects are not labelled, which is what others call a crowd region.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from synapse_hooks.data import AnyAnnotation, Box, Sample
from synapse_hooks.formats import Fitter
from synapse_hooks.storage import read_head

DONT_CARE: Final = 'DontCare'
FIELDS: Final = (15, 16)
KEPT: Final = ('iscrowd', 'truncated', 'occluded', 'alpha', 'dimensions', 'location', 'rotation_y', 'score')
"""The attributes that a line can hold."""
_UNKNOWN: Final[dict[str, Any]] = {
    'truncated': -1.0,
    'occluded': -1,
    'alpha': -10.0,
    'dimensions': [-1.0, -1.0, -1.0],
    'location': [-1000.0, -1000.0, -1000.0],
    'rotation_y': -10.0,
}
"""The values in a line for what is not known, as in those of `DontCare`."""
_OCCLUSIONS: Final = (-1, 0, 1, 2, 3)
_PARTLY_UNKNOWN: Final = 3
"""Occluded, and not known how much."""
_NO_CLASS: Final = 'a region to ignore (DontCare) has no class in kitti'
_READ_AS_IGNORED: Final = 'kitti ignores what is called DontCare'
_UNSAFE: Final = re.compile(r'[\s%]')
_LINE: Final = re.compile(rb'\A(?:\xef\xbb\xbf)?\s*(?:\Z|\S+(?:[ \t]+[\d.eE+-]+){14,15}\s*(?:\n|\Z))')
_FIRST: Final = 20


def is_label_file(labels: Path) -> bool:
    """Whether one of the first label files of a folder begins with a line of KITTI, or is empty."""
    files = islice(labels.glob('[!.]*.txt'), _FIRST) if labels.is_dir() else ()
    nested = islice(labels.glob('[!.]*/**/[!.]*.txt'), _FIRST) if labels.is_dir() else ()
    return any(_LINE.match(read_head(file, 4096)) for found in (files, nested) for file in found)


def read_line(line: str, id: str) -> AnyAnnotation:
    """The box of a line.

    Args:
        line: The line.
        id: The id of the annotation.

    Raises:
        ValueError: It is not a line of a label file; the text says why, as part of a sentence.

    Example:
        >>> box = read_line('Car 0.00 1 1.85 387.63 181.54 423.81 203.12 1.67 1.87 3.69 -16.53 2.39 58.49 1.57', '1')
        >>> box.label, box.x, box.attributes['occluded'], box.attributes['dimensions']
        ('Car', 387.63, 1, [1.67, 1.87, 3.69])
    """
    words = line.split()
    if len(words) not in FIELDS:
        raise ValueError(f'expected {FIELDS[0]} fields, or {FIELDS[1]} with a score, got {len(words)}')
    numbers = [float(word) for word in words[1:]]
    if not all(map(math.isfinite, numbers)):
        raise ValueError('expected finite numbers')
    truncated, occluded, alpha, left, top, right, bottom, *space = numbers
    attributes = {
        'truncated': truncated,
        'occluded': int(occluded) if occluded == int(occluded) else occluded,
        'alpha': alpha,
        'dimensions': space[:3],
        'location': space[3:6],
        'rotation_y': space[6],
    }
    attributes = {name: value for name, value in attributes.items() if value != _UNKNOWN[name]}
    if len(words) == FIELDS[1]:
        attributes['score'] = numbers[-1]
    if words[0] == DONT_CARE:
        attributes['iscrowd'] = True
    return Box(left, top, right - left, bottom - top, id=id, label=unquote(words[0]), attributes=attributes)


def write_line(shape: AnyAnnotation, sample: Sample, fitter: Fitter) -> str:
    """An annotation as a line with its end; empty where it was dropped, which is reported.

    Args:
        shape: One of the sample's.
        sample: With its width and height.
        fitter: It fits boxes, and has the loss report.
    """
    box = fitter.box(shape, sample)
    if box is None:
        return ''
    attributes = shape.attributes
    ignored = bool(attributes.get('iscrowd'))
    if ignored and shape.label != DONT_CARE:
        fitter.report.converted(shape.kind, _NO_CLASS, sample.id, shape.id)
    elif not ignored and shape.label == DONT_CARE:
        fitter.report.converted(shape.kind, _READ_AS_IGNORED, sample.id, shape.id)
    values = {name: _value(name, attributes, fitter) for name in _UNKNOWN} if attributes else _UNKNOWN
    label = DONT_CARE if ignored else _UNSAFE.sub(_escaped, shape.label)
    words = [label, *_words('truncated', values), *_words('occluded', values), *_words('alpha', values)]
    words += map(_text, box)
    words += [word for name in ('dimensions', 'location', 'rotation_y') for word in _words(name, values)]
    score = attributes.get('score')
    if score is not None and _is_number(score):
        words.append(_text(score))
    elif score is not None:
        fitter.report.left_out(['score'])
    return ' '.join(words) + '\n'


def _value(name: str, attributes: Mapping[str, Any], fitter: Fitter) -> Any:
    """An attribute as KITTI has it; what is something else there, such as a flag, is left out and counted."""
    value, unknown = attributes.get(name), _UNKNOWN[name]
    if value is None:
        return unknown
    if isinstance(unknown, list):
        fits = isinstance(value, list | tuple) and len(value) == len(unknown) and all(map(_is_number, value))
    elif name == 'occluded':
        fits = isinstance(value, int) and not isinstance(value, bool) and value in _OCCLUSIONS
        if isinstance(value, bool):
            # A flag says that some of it is hidden, but not how much.
            unknown = _PARTLY_UNKNOWN if value else 0
    else:
        fits = _is_number(value)
    if not fits:
        fitter.report.left_out([name])
    return value if fits else unknown


def _words(name: str, values: Mapping[str, Any]) -> list[str]:
    """An attribute as it is written: whole numbers for what is unknown, as in KITTI's own files."""
    value = values[name]
    numbers = value if isinstance(value, list | tuple) else [value]
    return [
        str(round(number)) if value == _UNKNOWN[name] or name == 'occluded' else _text(number) for number in numbers
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text(number: float) -> str:
    """Two decimals as in KITTI's own files, and more where they are needed."""
    short = f'{number:.2f}'
    return short if float(short) == number else f'{number:.9g}'


def _escaped(found: re.Match[str]) -> str:
    """White space separates fields: it is percent-encoded in a type."""
    return ''.join(f'%{byte:02X}' for byte in found[0].encode())
