"""The keys of dataset.yaml about skeletons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def pose_config(
    classes: Sequence[str], names_by_class: Mapping[str, Sequence[str]], flip: Sequence[int], dims: int = 3
) -> dict[str, Any]:
    """The keys of a pose dataset, for `write_config`: `kpt_shape`, `flip_idx` and `kpt_names`.

    Every row of a dataset has as many joints as its longest skeleton: shorter ones are filled up with missing joints,
    which the reader takes away where a class has no name for them.

    Args:
        classes: All classes, in the order of their numbers.
        names_by_class: The joints of each class that has a skeleton.
        flip: For each joint, which one takes its place in a mirrored image.
        dims: Numbers for each joint: 3 with the visibility, 2 without.

    Raises:
        ValueError: `flip` is not as long as the longest skeleton: ultralytics would refuse it.

    Example:
        >>> config = pose_config(['tree', 'face'], {'face': ['nose', 'left_eye', 'right_eye']}, [0, 2, 1])
        >>> config['kpt_shape'], config['flip_idx'], config['kpt_names']
        ([3, 3], [0, 2, 1], {1: ['nose', 'left_eye', 'right_eye']})
    """
    count = max(map(len, names_by_class.values()))
    if len(flip) != count:
        raise ValueError(f'flip has {len(flip)} places, and the longest skeleton {count} joints')
    names = {number: list(names_by_class[name]) for number, name in enumerate(classes) if name in names_by_class}
    return {'kpt_shape': [count, dims], 'flip_idx': list(flip), 'kpt_names': names}
