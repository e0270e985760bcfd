"""What came of a conversion, seen from outside: labels by the names of their classes, and each annotation's end."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from synapse_hooks.context import Dataset
from synapse_hooks.data import MEDIA
from tests.formats.format_kit import Converter

_TOOLS = {'bounding_box': 'box', 'segmentation': 'mask'}


def yolo(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """For each label file, `split/name`: its rows, the class by its name in dataset.yaml, then the numbers."""
    names = yaml.safe_load((root / 'dataset.yaml').read_text())['names']
    found = {}
    for file in sorted((root / 'labels').rglob('*.txt')):
        rows = [line.split() for line in file.read_text().splitlines()]
        name = file.relative_to(root / 'labels').with_suffix('').as_posix()
        found[name] = [(names[int(number)], *map(float, numbers)) for number, *numbers in rows]
    return found


def names(found: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[str]]:
    """The classes in each label file alone."""
    return {file: [row[0] for row in rows] for file, rows in found.items()}


def coco(root: Path) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """For each image, `split/name` or `name`: the name of the category of each annotation, and the annotation."""
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for file in sorted(root.rglob('annotations.json')):
        said = json.loads(file.read_bytes())
        categories = {category['id']: category['name'] for category in said['categories']}
        split = '' if file.parent == root else f'{file.parent.name}/'
        images = {image['id']: split + image['file_name'] for image in said['images']}
        found |= {name: [] for name in images.values()}
        for entry in said['annotations']:
            found[images[entry['image_id']]].append((categories[entry['category_id']], entry))
    return found


def in_dm(root: Path) -> Counter[str]:
    """How many annotations of each kind the documents of a dataset hold, counted without our reader."""
    counts: Counter[str] = Counter()
    for file in root.rglob('json/**/*.json'):
        for media, entries in json.loads(file.read_bytes()).items():
            for entry in entries if media != 'classification' else ():
                for tool, rows in entry.items():
                    for row in rows or ():
                        turned = any(one['name'] == 'rotation' and one['value'] for one in row.get('attrs') or ())
                        kind = 'rotated_box' if tool == 'bounding_box' and turned else _TOOLS.get(tool, tool)
                        counts[kind if media == 'images' else f'{media}.{tool}'] += 1
    return counts


def in_coco(root: Path) -> int:
    """How many annotations the files of a dataset hold."""
    return sum(len(json.loads(file.read_bytes())['annotations']) for file in root.rglob('annotations.json'))


def ends(losses: dict[str, Any]) -> Counter[str]:
    """How many annotations of each kind met an end: written, converted or dropped."""
    counts = Counter(losses['written'])
    for loss in (*losses['converted'], *losses['dropped']):
        if loss['kind'] not in (*MEDIA, 'file'):
            counts[loss['kind']] += loss['count']
    return counts


def balanced(converter: Converter, source: Path, format: str, target: str, **more: Any) -> Dataset:
    """Convert, and see that every annotation of the source met exactly one end."""
    made = converter(source, format, target, **more)
    if format == 'dm':
        told, there = dict(+ends(converter.losses)), dict(in_dm(source))
        assert told == there, f'told of {told}, and there are {there}'
    else:
        total, count = ends(converter.losses).total(), in_coco(source)
        assert total == count, f'told of {total}, and there are {count}'
    return made
