"""The context of a run, and the interface of the backend that it uses.

`TrainContext` travels through the whole pipeline; `RuntimeContext` is what the platform passes to the action.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from synapse_hooks.events import AutologSession, Logging, NullRecorder, Recorder, TrainingLog
from synapse_hooks.logged_images import LoggedImages
from synapse_hooks.safe_text import summary
from synapse_hooks.trainings import Trainings
from synapse_hooks.types import (
    ArtifactEvent,
    Changes,
    Checkpoint,
    Dataset,
    Event,
    MessageEvent,
    MetricsEvent,
    Model,
    Outcome,
    ParamsEvent,
    ProgressEvent,
    RunEndEvent,
    RunStartEvent,
    StepResult,
    SystemEvent,
)

if TYPE_CHECKING:
    from synapse_hooks.data.dataset import DatasetInfo
    from synapse_hooks.data.sample import Sample
    from synapse_hooks.hookspecs import HookSpecs
    from synapse_hooks.searches import SearchRequest

__all__ = [
    'ArtifactEvent',
    'AutologSession',
    'BackendClient',
    'Changes',
    'Checkpoint',
    'Dataset',
    'DatasetReader',
    'Event',
    'Executor',
    'LocalDatasets',
    'Logging',
    'MessageEvent',
    'MetricsEvent',
    'Model',
    'NullRecorder',
    'Outcome',
    'ParamsEvent',
    'ProgressEvent',
    'Recorder',
    'RunEndEvent',
    'RunStartEvent',
    'RuntimeContext',
    'Step',
    'StepResult',
    'SystemEvent',
    'TrainContext',
    'TrainingLog',
]


class DatasetReader(Protocol):
    """What `open_dataset` returns: the reading half of a format."""

    @property
    def info(self) -> DatasetInfo:
        """Classes, splits and counts, as far as the dataset declares them."""

    def __iter__(self) -> Iterator[Sample]:
        """Every sample once, in a stable order, one at a time."""


R = TypeVar('R')


class Executor(Protocol):
    """What `open_executor` returns: it runs the tasks of a conversion.

    A task can be pickled, and so can what it returns; files are on a disk that all tasks share.
    """

    @property
    def workers(self) -> int:
        """How many tasks it runs at once: a conversion is divided into so many."""

    def map(self, tasks: Sequence[Callable[[Callable[[int], None]], R]], report: Callable[[int], None]) -> list[R]:
        """What the tasks return, in their order.

        Args:
            tasks: Each is called with a function that it reports to: how many more samples were written.
            report: Called in this process with what all of them report.

        Raises:
            Exception: What a task has raised: of several, the first in the order of the tasks.
        """


class Finding(NamedTuple):
    """Something that was checked, for `synapse-hooks doctor`."""

    name: str
    ok: bool
    detail: str
    fix: str = ''
    """What to do, when it is not ok."""


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
        progress: Callable[[int, int, int], None] | None = None,
    ) -> Dataset:
        """Write a dataset in DM layout into the existing, empty folder `out`; `path` of the answer is `out`.

        `progress` is called with the items that are there, all of them, and the bytes that were transferred: a few
        times a second, for each call is an event of the run, and at the end.

        A client may take `arrived` as well, as `SynapseClient.export_dataset` does: see `ExportObserver`.
        """

    def get_model(self, model: int | str) -> dict[str, Any]:
        """The record `{id, name, category, ...}` of a model."""

    def fetch_model(self, model: int | str, out: Path) -> Checkpoint:
        """Put a model's files into the existing, empty folder `out`; `path` of the answer is `out`."""

    def create_model(self, path: Path, *, name: str | None = None, **fields: Any) -> Model:
        """Store a file or folder as a new model. It is complete when this returns, and absent if this raises."""

    def create_job(self, **fields: Any) -> dict[str, Any] | None:
        """Open a job record: a run that can be watched. None where only the backend itself opens jobs."""

    def update_job(self, job: int | str, **fields: Any) -> None:
        """Change a job: `status, progress_record, metrics_record, result, ...`."""

    def override_best_trial(self, job: int | str, trial: str, params: Mapping[str, Any]) -> None:
        """Record the best trial of a job that is a search, with its parameters."""

    def add_logs(self, job: int | str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Add to the log of a job: each of `{event, data, datetime, step?, level?, file?}`."""

    def diagnose(self) -> Iterator[Finding]:
        """Whether the backend can be used, one finding after the other. Nothing is raised."""


class ExportObserver(Protocol):
    """What works on a dataset while `export_dataset` writes it."""

    def exporting(self, context: TrainContext, dataset: Dataset) -> AbstractContextManager[Callable[[Any], None]]:
        """Work while the block exports a dataset, whose `path` and `format` are known.

        The block gets a function that it calls with every shard whose files are complete: JSON values that the source
        of that format reads. It may not call it at all.
        """


@runtime_checkable
class LocalDatasets(Protocol):
    """A `BackendClient` whose datasets are folders of this machine, so that a run can convert them without a copy."""

    def dataset_in_place(self, dataset: int | str, *, splits: Mapping[str, Any] | None = None) -> Dataset | None:
        """What `export_dataset` would answer, but with the folder that the backend has as `path`, and with its `stamp`.

        The folder is only read, and only by the conversions of this package. None where the dataset has to be exported:
        a part of the splits is another dataset.

        Raises:
            RecordNotFound, BackendError: As `export_dataset` does.
        """


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
    """A model to start from that is already here; it takes precedence over `params.checkpoint`."""
    run_dir: Path | None = None
    """Where the run keeps its directory; None makes one below the workspace."""
    run_name: str | None = None
    """What the run is called, in run.json and, without `run_dir`, as its folder below the workspace's `runs`: letters,
    digits, `.`, `_`, `-`, and not a number. In a workspace, the model that the run uploads has the same name. None
    makes a name of the time and the action, and one for the model."""
    note: str = ''
    """A text of the user's about the run, kept in its run.json."""
    job_id: int | str | None = None
    """The job this run belongs to, for a platform that opened one."""
    block: tuple[str, ...] = ()
    """Plugins or distributions to block, as `--block` does."""
    only: tuple[str, ...] = ()
    """The only plugins or distributions to allow besides the built-in ones, as `--only` does."""
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
    allow_pickle: tuple[str, ...] = ()
    """What a checkpoint may import besides what is known to be harmless: dotted names, or `all`. `--allow-pickle`."""
    deadlines: Mapping[str, float] = field(default_factory=dict)
    """Seconds that stages may take, by name, all attempts together; they override those of the project. One that
    takes longer is ended, with the processes that it started, and the run fails: `--deadline`."""
    trace: bool = False
    """Record every call of a hook in `trace.jsonl` of the run directory: `--trace`."""
    resume: bool = False
    """Resume the run in `run_dir`."""
    from_stage: str | None = None
    """With `resume`: run this stage and all after it again, even those that have succeeded."""
    search: SearchRequest | None = None
    """Search for the best parameters instead of training once, and upload the model of the best trial. See
    `synapse_hooks.actions.search_params`."""
    until: str | None = None
    """End the run after this stage, as succeeded; resumed without it, it goes on."""
    keep_conversions: bool = True
    """Use a conversion that another run of the same dataset has made, and keep this run's for others; False converts
    in the run directory. See `keep_conversions` among the settings of the project, which limits their size."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Values that the platform passes to the action."""


class Step(Protocol):
    """What the hooks see of a step; authors subclass `synapse_hooks.steps.BaseStep`."""

    @property
    def name(self) -> str:
        """Unique within a run."""

    def execute(self, context: TrainContext) -> StepResult:
        """Do the work of the step."""


def _find_no_dataset(path: Path) -> Dataset:
    raise RuntimeError('this context has no formats; a run started by `action.run()` has those that are installed')


@dataclass(eq=False)
class TrainContext(Logging):
    """The state of a run, passed from step to step. Steps and plugins read and change it."""

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
    """An empty folder for the output of the current stage. It is published by one rename when the stage returns, and
    returned paths that point into it follow."""
    when_published: list[Callable[[Path], None]] = field(default_factory=list)
    """Called once `output_dir` has its final place, with that place: to write a file that holds absolute paths, for
    instance. An error raised there becomes a warning. See `call_when_published`."""
    may_read_in_place: bool = False
    """Whether `export` may answer with the folder that the backend has, because only a conversion by this package will
    read it. See `LocalDatasets`."""
    early_conversion: ExportObserver | None = None
    """What converts a dataset while it is being exported, where nothing can come between. `export` calls it."""
    dataset: Dataset | None = None
    """What export and convert left; None before the export, and in a run on `data_path`."""
    data_path: Path | None = None
    """What `execute` will get: the dataset's config file, else its folder, else `params.data_path`."""
    checkpoint: Checkpoint | None = None
    """The checkpoint that was resolved before the first step, or None."""
    resume_from: Path | None = None
    """The last checkpoint of this run's interrupted training, or None. An action that can resumes from here."""
    trainings: Trainings = field(default_factory=Trainings)
    """What earlier attempts of this run left of each of its trainings, by name: a
    `synapse_hooks.trainings.TrainingState`, with whether it has finished, and the checkpoint to resume from."""
    moved_from: tuple[Path, ...] = ()
    """Where the run directory was before it was moved or copied."""
    result: Any = None
    """What `execute` returned."""
    model_path: str | None = None
    """The trained weights: from the result's `weights_path`, or set by a custom step. `upload` publishes it."""
    model: Model | None = None
    """The uploaded model; when it is set already, nothing is uploaded again."""
    outlook: tuple[str, ...] = ()
    """When a run is resumed: a line for each stage, whether it is used again or runs, and why."""
    values: dict[str, Any] = field(default_factory=dict)
    """For custom steps to pass values to later ones. Stored in run.json, so JSON values only."""
    images: LoggedImages = field(default_factory=LoggedImages)
    """The images that were logged, and how many there may be."""
    trial: Mapping[str, Any] | None = None
    """Of a trial of a search: `search`, the run of the search, and `id`."""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`[tool.synapse_hooks.settings.PLUGIN]` of the project, by plugin."""
    find_dataset: Callable[[Path], Dataset] = _find_no_dataset
    """Finds the dataset in a folder, or in a folder in it, and detects its format, as `synapse-hooks convert` does: for
    an `export` that fetches datasets of any format. It answers with `path` and `format`, or raises DatasetInvalid."""

    def call_when_published(self, place: Path) -> None:
        """Call each of `when_published`, and empty it. The run calls it after the output was moved.

        Args:
            place: The final place of what was written into `output_dir`.
        """
        callbacks, self.when_published = self.when_published, []
        for callback in callbacks:
            try:
                callback(place)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self.log_message(f'{place}: {summary(error)}', level='warning', code='when-published')

    @property
    def client(self) -> BackendClient:
        """The backend: `runtime_ctx.client`."""
        if self.runtime_ctx.client is None:
            raise RuntimeError('this context has no backend client; a run started by `action.run()` always has one')
        return self.runtime_ctx.client
