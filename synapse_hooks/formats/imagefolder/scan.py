"""What ultralytics' scan of image folders would find: the cache `train.cache` beside the folder `train`, and so on.

Rules: ultralytics 8.4.190, `ClassificationDataset` in `ultralytics/data/dataset.py`; torchvision's `ImageFolder`.
"""

# A Path for each of a million images costs more than finding them.
# ruff: noqa: PTH112, PTH118
from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from synapse_hooks.data import LossReport
from synapse_hooks.data.integrity import examine
from synapse_hooks.formats import trainer_cache
from synapse_hooks.formats.pickle_encoding import any_value, int32, list_of, npy_file, text
from synapse_hooks.formats.trainer_cache import FileState, dataset_hash, fault_of, file_state


class _Split(NamedTuple):
    """The images of one split, in torchvision's order."""

    classes: list[str]
    names: list[str]
    """Relative to the dataset's folder."""
    states: list[FileState]
    numbers: list[int]
    """The class of each."""


class FolderCaches:
    """Writes the caches of all splits.

    Args:
        out: The dataset's folder, before it is published.
        splits: The folders of its splits.
        report: Where damaged images are reported.
    """

    def __init__(self, out: Path, splits: list[str], report: LossReport) -> None:
        self._splits = {
            split: scanned for split in splits if (scanned := _scanned(str(out), split, report)) is not None
        }

    def __call__(self, final: Path) -> None:
        """Write them.

        Args:
            final: Where the dataset is now, and where it will be trained on.

        Raises:
            StorageError: They cannot be written.
        """
        root = os.path.realpath(final)
        for split, images in self._splits.items():
            files = [f'{root}/{name}' for name in images.names]
            samples = (b'%b%b\x86' % pair for pair in zip(map(text, files), map(int32, images.numbers), strict=True))
            counts = [int32(count) for count in (len(files), 0, len(files))]
            content = {
                'hash': [any_value(dataset_hash(zip(files, images.states, strict=True), images.classes))],
                'results': chain([b'(', *counts], list_of(samples), [b't']),
                'msgs': [any_value([])],
                'version': [any_value(trainer_cache.version())],
            }
            trainer_cache.write_cache(Path(root), Path(root, f'{split}.cache'), npy_file(content))


def _scanned(out: str, split: str, report: LossReport) -> _Split | None:
    """A split as ultralytics would find it; None where that is not certain."""
    if not os.path.isdir(os.path.join(out, split)):
        return None
    classes = sorted(entry.name for entry in os.scandir(os.path.join(out, split)) if entry.is_dir())
    images = _Split(classes, [], [], [])
    certain = True
    for place, label in enumerate(classes):
        names = list(_images(out, f'{split}/{label}'))
        for name, seen in zip(names, examine(f'{out}/{name}' for name in names), strict=True):
            fault = fault_of(seen)
            if fault:
                report.doubtful('image', fault, name)
            if seen is None or fault or not seen.certain:
                certain = False
                continue
            images.names.append(name)
            images.states.append(file_state(seen.size, seen.mtime_ns))
            images.numbers.append(place)
    return images if certain and images.names else None


def _images(out: str, folder: str) -> Iterator[str]:
    start = len(out) + 1
    for where, _, names in sorted(os.walk(os.path.join(out, folder), followlinks=True)):
        for name in sorted(names):
            if name.rpartition('.')[2].lower() in trainer_cache.IMAGE_FORMATS:
                yield f'{where[start:]}/{name}'
