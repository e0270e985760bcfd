"""What hooks take and return besides the context: plain dictionaries with a documented shape, and how a step ended.

A plugin can build each by hand and return it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NotRequired, Protocol, TypedDict, runtime_checkable

if TYPE_CHECKING:
    from synapse_hooks.storage import TreeStamp

Outcome = Literal['succeeded', 'failed', 'cancelled']
"""How a run ended."""


class Dataset(TypedDict):
    """A dataset on disk, as `export` and `convert` return it."""

    path: Path
    """The folder that holds everything."""
    format: str
    """The name of its format: `dm`, `yolo`, `coco`, `imagefolder`, or a plugin's."""
    config_path: NotRequired[Path | None]
    """The file a trainer wants (`dataset.yaml`, `annotations.json`), or None where the folder itself is the answer."""
    splits: NotRequired[dict[str, int]]
    """Images in each split, by its name: `train`, `valid`, `test`."""
    classes: NotRequired[list[str]]
    """Class names; a class's number is its place."""
    digest: NotRequired[str]
    """What identifies the content: equal digests mean equal datasets."""
    stamp: NotRequired[TreeStamp]
    """Of a dataset that is not in the run directory: its `synapse_hooks.storage.tree_stamp` now. A run that is resumed
    compares it, and exports again where it differs."""


class Checkpoint(TypedDict):
    """A model to start from. `path` is a folder; ultralytics weights in it are called `best.pt`."""

    path: Path
    category: NotRequired[str]
    id: NotRequired[int | str | None]
    name: NotRequired[str]
    weights: NotRequired[Path | None]
    """Filled in by the run: the file to load, safetensors before a pickle; None where there are none, or several."""


class Changes(TypedDict, total=False):
    """What `pre_execute` may change of what `execute` gets."""

    data_path: Path | str | None
    checkpoint: Checkpoint | None


class Model(TypedDict):
    """A model that was uploaded."""

    id: int | str
    name: NotRequired[str]
    path: NotRequired[Path | None]
    """Where its files are, for a backend that keeps them on this machine."""


@runtime_checkable
class Step(Protocol):
    """What the hooks see of a step; authors subclass `synapse_hooks.steps.BaseStep`."""

    @property
    def name(self) -> str:
        """Unique within a run."""


@dataclass
class StepResult:
    """How a step ended.

    Example:
        >>> StepResult(success=False, error='the disk smells of smoke').success
        False
    """

    success: bool = True
    """False is a failure, as if the step had raised."""
    data: dict[str, Any] = field(default_factory=dict)
    """What the step wants to have recorded in run.json."""
    error: str | None = None
    """Why it failed, for `success=False`."""
    skipped: bool = False
    """The step had nothing to do."""
    rollback_data: dict[str, Any] = field(default_factory=dict)
    """What `rollback` will need."""
