"""COCO files for tests: entries, whole files with their images, and one way to read them."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from synapse_hooks.conversion.contract import WriteResult
from synapse_hooks.conversion.options import Options
from synapse_hooks.conversion.write_context import WriteContext
from synapse_hooks.data import DatasetInfo, LossReport, Sample, survey
from synapse_hooks.data.batch import gather
from synapse_hooks.data.skeletons import assemble
from tests.formats.format_kit import builtin, png, read_all

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
    return read_all(COCO, root)


def write(
    samples: Sequence[Sample], out: Path, declared: DatasetInfo | None = None, *, shares: int = 1
) -> tuple[Path, LossReport]:
    """Write samples as a conversion does, in as many shares. The file that a trainer wants, and what was lost."""
    out.mkdir()
    for sample in samples:
        sample.annotations = assemble(sample.annotations)
    info = survey(declared or DatasetInfo(), samples)
    report = LossReport()
    sink = COCO.sink(WriteContext(out, Options(), report))
    plan = sink.initialize_write(info)
    cuts = [len(samples) * number // shares for number in range(shares + 1)]
    results: list[WriteResult] = []
    for number, (first, last) in enumerate(pairwise(cuts)):
        batches = (
            gather(copy.copy(sample) for sample in samples[start : min(start + 2, last)])
            for start in range(first, last, 2)
        )
        results.append(sink.write(plan, declared or DatasetInfo(), number, batches))
    for number in range(shares):
        sink.finalize_shard(plan, info, number, results)
    file = sink.finalize(plan, info, results).config_path
    assert file is not None
    assert not list(out.rglob('.*'))
    return file, report


def reasons(report: LossReport) -> dict[str, str]:
    """The first id of each reason for which an annotation was dropped or changed."""
    return {loss.reason: loss.examples[0]['id'] for loss in report.losses.values()}
