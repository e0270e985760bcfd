"""Datasets to be inspected, made by hand."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from synapse_hooks.data import AnyAnnotation, DatasetInfo, LossReport, Sample
from synapse_hooks.insight import Example, Inspection, inspect_dataset
from synapse_hooks.testing.samples import png


class Samples:
    """A reader of samples that are there already.

    Args:
        samples: The samples.
        classes: What the dataset declares.
    """

    def __init__(self, samples: Iterable[Sample], classes: tuple[str, ...] = ()) -> None:
        self.samples = [*samples]
        self.info = DatasetInfo(classes=classes)
        self.report = LossReport()

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)


def sample(folder: Path, name: str, *annotations: AnyAnnotation, split: str | None = 'train', **more: Any) -> Sample:
    """A sample of 100 x 80 pixels, with an image that differs from all others."""
    image = folder / (split or '') / f'{name}.png'
    image.parent.mkdir(parents=True, exist_ok=True)
    # The ground differs from image to image.
    ground = zlib.crc32(f'{split}/{name}'.encode())
    colour = (ground & 255, ground >> 8 & 255, ground >> 16 & 255)
    image.write_bytes(more.pop('content', None) or png(100, 80, colour=colour))
    return Sample(name, image=image, width=100, height=80, split=split, annotations=[*annotations], **more)


def inspect(folder: Path, *samples: Sample, classes: tuple[str, ...] = (), shown: int = 0) -> Inspection:
    """What is found in samples whose images are below `folder`."""
    return inspect_dataset(Samples(samples, classes), {'path': folder, 'format': 'hand'}, shown=shown)


def examples(inspection: Inspection, problem: str) -> list[Example]:
    """Where a problem was met."""
    return [example for found in inspection.problems.found if found.id == problem for example in found.examples]


def problems(inspection: Inspection) -> dict[str, int]:
    """How often each problem was met."""
    return {problem.id: problem.count for problem in inspection.problems.found}
