"""The model that the demo starts from: an architecture with random weights, without a download."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from synapse_hooks.demo.scenes import require_extra
from synapse_hooks.storage import staging

ARCHITECTURE: Final = 'yolo11n.yaml'
"""Ships with ultralytics. On these data it learned faster than `yolo26n.yaml`, for less time an epoch."""


def write_base_model(out: Path, *, seed: int = 7) -> Path:
    """Save an untrained detector as `out/best.pt`.

    Call `synapse_hooks.autologgers.offline.go_offline` before, if there is no network.

    Args:
        out: A folder that is empty or does not exist.
        seed: The seed of the random weights.

    Returns:
        `out`.

    Raises:
        ConfigError: ultralytics is not installed.
        StorageError: `out` is not empty.
    """
    require_extra('ultralytics')
    import torch
    from ultralytics import YOLO

    torch.manual_seed(seed)
    model = YOLO(ARCHITECTURE)
    with staging(out) as folder:
        model.save(folder / 'best.pt')
    return out
