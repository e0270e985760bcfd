"""What a run knows, and the dictionaries that hooks exchange.

`TrainContext` travels through the whole pipeline; `RuntimeContext` is what the surrounding platform gave to the action.
The dictionaries are plain dicts with a documented shape, so that a plugin can build one by hand and return it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NotRequired, Protocol, TypedDict, runtime_checkable

from synapse_hooks.errors import summary, text_of

if TYPE_CHECKING:
    from synapse_hooks.data.dataset import DatasetInfo
    from synapse_hooks.data.sample import Sample
    from synapse_hooks.hookspecs import HookSpecs

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


class Checkpoint(TypedDict):
    """A model to start from. `path` is a folder; ultralytics weights in it are called `best.pt`."""

    path: Path
    category: NotRequired[str]
    id: NotRequired[int | str | None]
    name: NotRequired[str]


class Model(TypedDict):
    """A model that was uploaded."""

    id: int | str
    name: NotRequired[str]
    path: NotRequired[Path | None]
    """Where its files are, for a backend that keeps them on this machine."""


class DatasetReader(Protocol):
    """What `open_dataset` returns: the reading half of a format."""

    @property
    def info(self) -> DatasetInfo:
        """Classes, splits and counts, as far as the dataset declares them."""

    def __iter__(self) -> Iterator[Sample]:
        """Every sample once, in a stable order, one at a time."""


class BackendClient(Protocol):
    """Where datasets, models and jobs live. The embedded workspace and the HTTP client both look like this.

    A record is a plain dict. Every method raises `RecordNotFound` for an unknown id and `BackendError` for the rest.
    """

    @property
    def root(self) -> Path:
        """The folder of this machine where what belongs to the backend is kept; runs are in `runs` below it."""

    @property
    def address(self) -> dict[str, str]:
        """What `connect` finds it by again: `{'workspace': FOLDER}` or `{'host': URL}`. It is written into run.json."""

    def get_dataset(self, dataset: int | str) -> dict[str, Any]:
        """The record `{id, name, format, digest, count, ...}` of a dataset, by id or name."""

    def export_dataset(
        self,
        dataset: int | str,
        out: Path,
        *,
        splits: Mapping[str, Any] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Dataset:
        """Write a dataset in DM layout into the existing, empty folder `out`; `path` of the answer is `out`.

        `progress` is called with the items that are there, and all of them.
        """

    def get_model(self, model: int | str) -> dict[str, Any]:
        """The record `{id, name, category, ...}` of a model."""

    def fetch_model(self, model: int | str, out: Path) -> Checkpoint:
        """Put a model's files into the existing, empty folder `out`; `path` of the answer is `out`."""

    def create_model(self, path: Path, *, name: str | None = None, **fields: Any) -> Model:
        """Store a file or folder as a new model. It is complete when this returns, and absent if this raises."""

    def create_job(self, **fields: Any) -> dict[str, Any] | None:
        """Open a job record: a run that somebody can watch. None where only the backend itself opens jobs."""

    def update_job(self, job: int | str, **fields: Any) -> None:
        """Change a job: `status, progress_record, metrics_record, result, ...`."""

    def add_logs(self, job: int | str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Add to the log of a job: each of `{event, data, datetime, step?, level?, file?}`."""


class Recorder(Protocol):
    """Takes what happens, one event at a time, and never blocks on a network. The journal is one."""

    def record(self, type: str, payload: Mapping[str, Any]) -> None:
        """Append an event; `payload` holds JSON values only."""


@dataclass(slots=True)
class NullRecorder:
    """Forgets everything: the recorder of a context that belongs to no run."""

    def record(self, type: str, payload: Mapping[str, Any]) -> None:
        """Do nothing."""


class Logging:
    """The methods by which a run says what happens. Each returns at once; sinks get it from the journal."""

    recorder: Recorder

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters of the training. A later value for the same name wins; both stay in the journal."""
        self.recorder.record('params', {'values': dict(params)})

    def log_metrics(
        self, values: Mapping[str, float], *, phase: str = 'custom', step: int | None = None, axis: str = 'epoch'
    ) -> None:
        """Record numbers.

        Args:
            values: Name to number. Not-a-number and infinity are kept apart, under `nonfinite`; what is no number at
                all is left out, with a warning.
            phase: `train`, `val`, `final` (the evaluation of the finished model) or `custom`.
            step: Where on the axis: an epoch from 1, a batch from 1, or seconds.
            axis: `epoch`, `batch` or `time`.
        """
        finite, nonfinite = {}, {}
        for name, value in values.items():
            try:
                number = float(value)
            except Exception:  # whatever a foreign number does: it may be a tensor of many, or an int too large
                # It may be the last of a hundred epochs.
                text = f'the metric {name!r} was left out: {text_of(value)} is not a number'
                self.log_message(text, level='warning')
                continue
            if number - number == 0:
                finite[name] = number
            else:
                nonfinite[name] = str(number)
        payload: dict[str, Any] = {'phase': phase, 'axis': axis, 'step': step, 'values': finite}
        if nonfinite:
            payload['nonfinite'] = nonfinite
        self.recorder.record('metrics', payload)

    def log_message(self, text: str, *, level: str = 'info', code: str | None = None) -> None:
        """Record a sentence for people. `level` is `debug`, `info`, `warning` or `error`; `code` is for programs."""
        self.recorder.record(
            'message', {'level': level, 'code': code, 'text': text if isinstance(text, str) else text_of(text)}
        )

    def log_artifact(self, path: str | Path, *, kind: str = 'file', role: str | None = None) -> None:
        """Record a file that the run made: `kind` is `image`, `weights`, `table`, `file`; `role` e.g. `best`."""
        file = Path(path)
        size = file.stat().st_size if file.is_file() else None
        self.recorder.record('artifact', {'kind': kind, 'role': role, 'path': str(file), 'size': size})

    def set_progress(self, current: float, total: float, category: str = 'train') -> None:
        """Record how far something is: `current` of `total` (0 where nobody knows) in `category`."""
        self.recorder.record('progress', {'category': category, 'curr': current, 'total': total})


@dataclass(eq=False)
class AutologSession(Logging):
    """What an autologger gets to work with: where to write, and the logging methods.

    A failure inside an autologger must never end the training: wrap every callback's body in `with session.guard():`.
    """

    framework: str
    """The name that was asked for."""
    recorder: Recorder
    """Where it is written; the methods below use it."""
    run_dir: Path
    """The run directory: send the training's output below it."""
    resume_from: Path | None = None
    """The last checkpoint of the training that was interrupted, or None."""
    _failed: set[str] = field(default_factory=set, repr=False)

    def log_checkpoint(
        self, path: str | Path, *, epoch: int, fitness: float | None = None, best: bool = False, resumable: bool = True
    ) -> None:
        """Record a checkpoint from which an interrupted training can go on. `epoch` counts from 1."""
        if Path(path).is_relative_to(self.run_dir):
            # The run directory may be moved before somebody goes on.
            path = Path(path).relative_to(self.run_dir)
        self.recorder.record(
            'checkpoint',
            {'path': str(path), 'epoch': epoch, 'fitness': fitness, 'best': best, 'resumable': resumable},
        )

    def guard(self, what: str = 'callback') -> AbstractContextManager[None]:
        """A context that turns an exception into one warning for each kind of error, and lets the training go on."""
        return _Guard(self, what)


class _Guard:
    """A class, not a generator: it stands around every training batch."""

    __slots__ = ('session', 'what')

    def __init__(self, session: AutologSession, what: str) -> None:
        self.session = session
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if error is None or isinstance(error, KeyboardInterrupt):
            return False
        key = f'{self.what}:{kind.__name__}'
        if key not in self.session._failed:
            self.session._failed.add(key)
            # What failed may be the recorder itself.
            with suppress(Exception):
                self.session.log_message(
                    f'autolog {self.session.framework!r}: {self.what} failed: {summary(error)}; training goes on',
                    level='warning',
                    code='autolog-failed',
                )
        return True


@dataclass(eq=False)
class RuntimeContext:
    """What the platform gives to an action. Everything has a default: on a laptop, `RuntimeContext()` will do.

    Example:
        >>> ctx = RuntimeContext(checkpoint={'path': Path('weights'), 'category': 'base'})
        >>> ctx.checkpoint['category']
        'base'
    """

    client: BackendClient | None = None
    """Where datasets and models live; None means the embedded workspace."""
    checkpoint: Checkpoint | None = None
    """A model to start from that is already here; it goes before `params.checkpoint`."""
    run_dir: Path | None = None
    """Where the run keeps its directory; None makes one below the workspace."""
    run_name: str | None = None
    """What the run is called, in run.json and, without `run_dir`, as its folder below the workspace's `runs`: letters,
    digits, `.`, `_`, `-`. None makes a name of the time and the action."""
    job_id: int | str | None = None
    """The job this run belongs to, for a platform that opened one."""
    block: tuple[str, ...] = ()
    """Plugins or distributions to keep out, as `--block` does."""
    only: tuple[str, ...] = ()
    """The only plugins or distributions to let in besides the built-in ones, as `--only` does."""
    project: Path | None = None
    """The folder whose pyproject.toml configures the run; None starts at the working directory."""
    plugins: tuple[object, ...] = ()
    """Plugin objects at the rank of the project, for tests and notebooks."""
    discover: bool = True
    """Look for installed plugins; False leaves them out, so that a test does not depend on what else is installed."""
    target: str | None = None
    """What names the action, so that `synapse-hooks resume` can find it: `module:Class` or `file.py:Class`."""
    strict: bool = False
    """Refuse a conversion that loses annotations."""
    resume: bool = False
    """Go on with the run that `run_dir` holds."""
    from_stage: str | None = None
    """With `resume`: run this stage and all after it again, whatever became of them."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Values the platform hands to the action."""


@runtime_checkable
class Step(Protocol):
    """What the hooks see of a step; authors subclass `synapse_hooks.steps.BaseStep`."""

    @property
    def name(self) -> str:
        """Unique within a run."""


@dataclass(eq=False)
class TrainContext(Logging):
    """What a run knows, handed from step to step. Steps and plugins read it and change it."""

    params: dict[str, Any]
    """The validated parameters."""
    runtime_ctx: RuntimeContext
    """What the platform gave to the action."""
    hooks: HookSpecs
    """Call a hook: `context.hooks.convert(context=..., dataset=..., target_format=...)`."""
    recorder: Recorder = field(default_factory=NullRecorder)
    """The journal; `log_metrics` and the others write into it."""
    run_dir: Path = field(default_factory=Path)
    """The run directory. Long-lived output (a training's folder) goes below it."""
    output_dir: Path = field(default_factory=Path)
    """An empty folder for the output of the stage at hand. It is published by one rename when the stage returns, and
    returned paths that point into it follow."""
    dataset: Any = None
    """The `Dataset` that export and convert left, or None."""
    data_path: Path | None = None
    """What `execute` will get: the dataset's config file, else its folder, else `params.data_path`."""
    checkpoint: Checkpoint | None = None
    """The checkpoint that was resolved before the first step, or None."""
    resume_from: Path | None = None
    """The last checkpoint of this run's interrupted training, or None. An action that can, goes on from here."""
    result: Any = None
    """What `execute` returned."""
    model_path: str | None = None
    """The trained weights: from the result's `weights_path`, or set by a custom step. `upload` publishes it."""
    model: Model | None = None
    """The uploaded model; when it is set already, nothing is uploaded again."""
    outlook: tuple[str, ...] = ()
    """When a run is resumed: a line for each stage, whether it is used again or runs, and why."""
    values: dict[str, Any] = field(default_factory=dict)
    """For custom steps to hand things on. Kept in run.json, so JSON values only."""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`[tool.synapse_hooks.settings.PLUGIN]` of the project, by plugin."""

    @property
    def client(self) -> BackendClient:
        """The backend: `runtime_ctx.client`."""
        if self.runtime_ctx.client is None:
            raise RuntimeError('this context has no backend client; a run started by `action.run()` always has one')
        return self.runtime_ctx.client
