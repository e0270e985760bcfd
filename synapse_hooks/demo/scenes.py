"""The data of the demo: handwritten digits and shapes, composed into small scenes, as a DM v2 dataset.

The digits are real: 1797 scans that scikit-learn ships (the test part of "Optical Recognition of Handwritten Digits",
UCI Machine Learning Repository). Digits are labelled with bounding boxes, shapes with polygons. A scan that appears in
one split appears in no other, so a model is evaluated on digits that it was not trained on.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from synapse_hooks.errors import ConfigError, DatasetInvalid
from synapse_hooks.storage import staging

if TYPE_CHECKING:
    import numpy as np

DIGITS = {'zero': 0, 'one': 1, 'two': 2, 'three': 3, 'four': 4}
"""The classes that are labelled with a bounding box, and the digit each stands for."""
SHAPES = ('star',)
"""The classes that are labelled with a polygon."""
CLASSES = (*DIGITS, *SHAPES)
"""Every class, in order."""
PARTS = {'train': 0.7, 'valid': 0.15, 'test': 0.15}
"""The shares of scenes, and of scans, in each split."""


def write_scenes(out: Path, *, count: int = 240, size: int = 128, seed: int = 7) -> dict[str, int]:
    """Compose scenes and write them as a dataset in DM layout: `out/<split>/json` and `out/<split>/original_files`.

    The same arguments give the same JSON, byte for byte, and with the same Pillow the same pictures.

    Args:
        out: A folder that is empty or does not exist.
        count: Scenes in all splits together, at least 10.
        size: Width and height of a scene in pixels, at least 64.
        seed: The seed of the random numbers.

    Returns:
        The number of scenes in each split.

    Raises:
        ConfigError: scikit-learn or Pillow is not installed.
        DatasetInvalid: `count` or `size` is too small.
        StorageError: `out` is not empty.
    """
    require_extra('PIL', 'sklearn')
    if count < 10 or size < 64:
        raise DatasetInvalid(f'{count} scenes of {size} pixels: expected at least 10 scenes of at least 64 pixels')

    import numpy as np

    scans = _divide_scans(np.random.default_rng(seed))
    counts = _divide(count)
    with staging(out) as folder:
        for number, split in enumerate(PARTS):
            for name in ('json', 'original_files'):
                (folder / split / name).mkdir(parents=True)
            for index in range(counts[split]):
                # Every scene has a generator of its own, so that it does not depend on `count`.
                rng = np.random.default_rng((seed, number, index))
                stem = f'{split}_{index + 1:04}'
                picture, document = _compose(size, scans[split], stem, rng)
                picture.save(folder / split / 'original_files' / f'{stem}.png')
                (folder / split / 'json' / f'{stem}.json').write_bytes(msgspec.json.encode(document))
    return counts


def require_extra(*modules: str) -> None:
    """Check that what the demo needs beyond the core is installed.

    Raises:
        ConfigError: A module is not installed; the hint is the command that installs it.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f'the demo needs packages that are not installed: {", ".join(missing)}',
            hint="pip install 'synapse-hooks[demo]'",
            missing=missing,
        )


def _divide(count: int) -> dict[str, int]:
    held_out = {split: max(1, round(count * part)) for split, part in PARTS.items() if split != 'train'}
    return {'train': count - sum(held_out.values()), **held_out}


def _divide_scans(rng: np.random.Generator) -> dict[str, dict[str, list[tuple[int, Any]]]]:
    """For each split and class, the scans it may use: their numbers in scikit-learn's set, and their 8 x 8 greys."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    scans: dict[str, dict[str, list[tuple[int, Any]]]] = {split: {} for split in PARTS}
    for name, value in DIGITS.items():
        numbers = rng.permutation(np.flatnonzero(digits.target == value))
        start = 0
        for split, share in _divide(len(numbers)).items():
            scans[split][name] = [(int(n), digits.images[n]) for n in numbers[start : start + share]]
            start += share
    return scans


def _compose(
    size: int, scans: dict[str, list[tuple[int, Any]]], stem: str, rng: np.random.Generator
) -> tuple[Any, dict[str, Any]]:
    """One picture and the DM v2 document that describes it."""
    from synapse_hooks.demo import paint

    palette = paint.PALETTES[int(rng.integers(len(paint.PALETTES)))]
    canvas = paint.background(size, palette, rng)
    boxes: list[dict[str, Any]] = []
    polygons: list[dict[str, Any]] = []
    taken: list[tuple[float, float, float, float]] = []
    for number in range(1, int(rng.integers(4, 8))):
        name = CLASSES[rng.integers(len(CLASSES))]
        ink = palette.inks[rng.integers(len(palette.inks))]
        label: dict[str, Any] = {'id': f'{stem}-{number}', 'classification': name, 'attrs': []}
        if name in SHAPES:
            corners = paint.star(size * rng.uniform(0.11, 0.18), rng.uniform(-36, 36), rng.uniform(0.42, 0.55))
            mask = paint.polygon(corners)
            width, height = (max(corner[axis] for corner in corners) for axis in (0, 1))
        else:
            scan, grey = scans[name][rng.integers(len(scans[name]))]
            mask, width, height = paint.digit(grey, size * rng.uniform(0.24, 0.38), rng.uniform(-12, 12))
            label['attrs'] = [{'name': 'scan', 'value': scan}]
        spot = _free_spot(size, width, height, taken, rng)
        if spot is None:
            continue
        left, top = spot
        if name in SHAPES:
            polygons.append({**label, 'data': [[round(left + x, 2), round(top + y, 2)] for x, y in corners]})
        else:
            boxes.append({**label, 'data': [left, top, width, height]})
        paint.stamp(canvas, mask, left, top, ink)
    document = {
        'classification': {'bounding_box': list(DIGITS), 'polygon': list(SHAPES)},
        'images': [{'bounding_box': boxes, 'polygon': polygons}],
    }
    return paint.to_image(canvas), document


def _free_spot(
    size: int, width: float, height: float, taken: list[tuple[float, float, float, float]], rng: np.random.Generator
) -> tuple[int, int] | None:
    """A left-top corner where a box touches no other and stays two pixels inside; None after 40 tries."""
    for _ in range(40):
        left = int(rng.integers(2, int(size - width - 2)))
        top = int(rng.integers(2, int(size - height - 2)))
        box = (left, top, left + width, top + height)
        if all(box[0] > b[2] or b[0] > box[2] or box[1] > b[3] or b[1] > box[3] for b in taken):
            taken.append(box)
            return left, top
    return None
