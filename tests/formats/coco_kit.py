"""COCO files for tests: entries, whole files with their images, and one way to read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from synapse_hooks.data import LossReport, Sample, Unreadable
from tests.formats.format_kit import builtin, png

COCO = builtin('coco')
SQUARE = [10, 10, 30, 10, 30, 30, 10, 30]


def entry(id: int, category: int = 1, image: int = 1, **more: Any) -> dict[str, Any]:
    return {'id': id, 'image_id': image, 'category_id': category, 'bbox': [10, 10, 20, 20], 'iscrowd': 0, **more}


def content(annotations: list[dict[str, Any]], images: list[str] | None = None, **more: Any) -> dict[str, Any]:
    names = images or ['a.png']
    return {
        'images': [{'id': n, 'file_name': name, 'width': 100, 'height': 80} for n, name in enumerate(names, 1)],
        'annotations': annotations,
        'categories': [{'id': 1, 'name': 'car'}, {'id': 2, 'name': 'dog'}],
        **more,
    }


def put(file: Path, said: dict[str, Any], images: Path | None = None) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(said))
    for image in said['images']:
        target = (images or file.parent) / image['file_name']
        if '..' not in target.parts:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(png(100, 80))
    return file


def read(root: Path) -> tuple[list[Sample], LossReport]:
    report = LossReport()
    return list(COCO.bound(report=report, unreadable=Unreadable('skip', report)).read(root)), report


def reasons(report: LossReport) -> dict[str, str]:
    """The first id of each reason for which an annotation was dropped or changed."""
    return {loss.reason: loss.examples[0]['id'] for loss in report.losses.values()}
