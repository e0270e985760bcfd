"""What hooks take and return besides the context: plain dictionaries with a documented shape, and how a step ended.

A plugin can build each by hand and return it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NotRequired, TypedDict, get_args

if TYPE_CHECKING:
    from synapse_hooks.storage import TreeStamp

Outcome = Literal['succeeded', 'failed', 'cancelled']
"""How a run ended."""
ENDED: Final[tuple[Outcome, ...]] = get_args(Outcome)
"""What `status` in run.json says of a run that has ended."""


class Dataset(TypedDict):
    """A dataset on disk, as `export` and `convert` return it."""

    path: Path
    """The folder that holds everything."""
    format: str
    """The name of its format: `dm`, `yolo`, `coco`, `imagefolder`, or a plugin's."""
    config_path: NotRequired[Path | None]
    """The file that a trainer needs (`dataset.yaml`, `annotations.json`), or None where it takes the folder itself."""
    splits: NotRequired[dict[str, int]]
    """Images in each split, by its name: `train`, `valid`, `test`."""
    classes: NotRequired[list[str]]
    """Class names; a class's number is its place."""
    digest: NotRequired[str]
    """What identifies the content: equal digests mean equal datasets."""
    arrivals: NotRequired[Path]
    """Of a dataset that is still being exported: the file to which `Arrivals` adds what is complete."""
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
    """What is recorded in run.json for the step."""
    error: str | None = None
    """Why it failed, for `success=False`."""
    skipped: bool = False
    """The step had nothing to do."""
    rollback_data: dict[str, Any] = field(default_factory=dict)
    """What `rollback` will need."""


class Event(TypedDict):
    """What every event of the journal has. Those that the log hooks get are below."""

    v: int
    """The version of the journal: 1."""
    run: str
    """The name of the run."""
    attempt: int
    """Which process, from 1, drove the run."""
    rank: int
    """The place of the process among those that train together, from 0."""
    pid: int
    """The process."""
    seq: int
    """Counts the events of a process, from 1."""
    ts: str
    """The time, UTC, in ISO 8601."""
    mono: float
    """Seconds on a clock that never jumps, for durations within a process."""
    training: NotRequired[str]
    """The training that it belongs to."""
    truncated: NotRequired[int]
    """Of an event whose long strings were cut: how many bytes it had."""


class ParamsEvent(Event):
    """Parameters of a training, as `log_params` gets them."""

    type: Literal['params']
    values: dict[str, Any]


class MetricsEvent(Event):
    """Numbers of a training, as `log_metrics` gets them."""

    type: Literal['metrics']
    phase: str
    """`train`, `val`, `final` or `custom`."""
    axis: str
    """What `step` counts: `epoch`, `batch` or `time`."""
    step: int | None
    values: dict[str, float]
    nonfinite: NotRequired[dict[str, str]]
    """Not-a-number and infinity, as text."""


class MessageEvent(Event):
    """A sentence for people, as `log_message` gets it."""

    type: Literal['message']
    level: str
    """`debug`, `info`, `warning` or `error`."""
    code: str | None
    """What kind of message it is, for programs."""
    text: str


class ArtifactEvent(Event):
    """A file that the run made, as `log_artifact` gets it."""

    type: Literal['artifact']
    kind: str
    """`image`, `weights`, `table` or `file`."""
    role: str | None
    """What it is for: `best`, for instance."""
    path: str
    """Absolute. In the journal it is relative to the run directory, where it is in there."""
    size: int | None
    """Bytes; None of a folder."""
    step: NotRequired[float]
    """Of an image that `log_image` recorded: the epoch or batch."""
    caption: NotRequired[str]
    """Of such an image: a sentence about it."""


class ProgressEvent(Event):
    """How far a step is, as `progress_changed` gets it."""

    type: Literal['progress']
    category: str
    """What is counted: `train`, for instance, or the step."""
    curr: float
    total: float
    """0 where it is not known."""
    step: str
    """The step of the run."""
    overall: float
    """How far the run is, from 0 to 1; it never goes back."""
    bytes: NotRequired[int]
    """What came or went over a network for it."""


class SystemEvent(Event):
    """What the run uses of its machine, as `log_system` gets it."""

    type: Literal['system']
    seconds: float
    """Since this attempt of the run began."""
    values: dict[str, float]
    """As far as they are known: `cpu_percent`, `memory_percent`, `memory_used`, `disk_percent`, `disk_free` of the
    machine; `process_cpu_percent` (100 for each busy processor) and `process_memory` of the run with all its processes;
    `gpu0_percent`, `gpu0_memory_percent`, `gpu0_memory_used`, `gpu0_temperature`, `gpu0_power` of each GPU. Memory and
    disk are in bytes."""


class RunStartEvent(Event):
    """A run began, as `log_status` gets it."""

    type: Literal['run_start']
    action: str
    """The name of the action."""
    target: str
    """`module:Class` of the action."""
    params: dict[str, Any]
    plugins: dict[str, str]
    """The plugins that may take part, with their versions."""
    env: dict[str, Any]
    """Versions of Python and of packages, and the machine."""


class RunEndEvent(Event):
    """A run ended, as `log_status` gets it."""

    type: Literal['run_end']
    status: Literal['finished', 'failed', 'cancelled']
    error: dict[str, Any] | None
    """Of a run that failed: `type`, `message` and more."""
    model: dict[str, Any] | None
    """The model that was uploaded."""
