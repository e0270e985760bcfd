"""Running an action in a test: in a workspace of its own, without other plugins, with all results for assertions."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synapse_hooks.actions import BaseTrainAction
from synapse_hooks.backends import Workspace
from synapse_hooks.context import Dataset, RuntimeContext
from synapse_hooks.journal import RunDirectory, read_events
from synapse_hooks.testing.calls import watched


@dataclass(eq=False)
class FinishedRun:
    """A finished run and its results."""

    folder: Path
    """Holds the workspace and the run directory."""
    workspace: Workspace
    """The workspace of the run."""
    result: Any = None
    """What `execute` returned."""
    error: BaseException | None = None
    """The error of the run, with `check=False`."""
    events: list[dict[str, Any]] = field(default_factory=list, repr=False)
    """The journal: each event a dict with `type` and the rest."""

    @property
    def run_dir(self) -> Path:
        """The run directory."""
        return self.folder / 'run'

    @property
    def record(self) -> dict[str, Any]:
        """`run.json`: see `synapse_hooks.journal.run_directory`."""
        return RunDirectory.open(self.run_dir).read()

    @property
    def statuses(self) -> dict[str, str]:
        """The status of each step: `succeeded`, `skipped`, `failed`, ..."""
        return {stage['name']: stage['status'] for stage in self.record['stages']}

    @property
    def model(self) -> Path | None:
        """The folder of the uploaded model, or None."""
        model = self.record['model']
        return None if model is None else Path(self.workspace.get_model(model['id'])['path'])

    def of(self, type: str, **fields: Any) -> list[dict[str, Any]]:
        """The events of a type that have these values."""
        events = [event for event in self.events if event['type'] == type]
        return [event for event in events if all(event.get(name) == value for name, value in fields.items())]


def run_action(
    action: type[BaseTrainAction[Any]],
    params: Mapping[str, Any] | None = None,
    *,
    plugins: Sequence[object] = (),
    dataset: Dataset | Path | None = None,
    checkpoint: Path | None = None,
    folder: Path | None = None,
    check: bool = True,
    **runtime: Any,
) -> FinishedRun:
    """Run an action with these plugins and the built-in ones only, in a new workspace.

    Nothing is discovered: no installed plugins, no pyproject.toml of a project, no conversions of other runs. (For
    settings, write a pyproject.toml into a folder and pass it as `project=`.)

    Args:
        action: The class.
        params: Its parameters.
        plugins: Plugin objects at the rank of the project, nearest first.
        dataset: A dataset in DM layout to put into the workspace; it becomes `params['dataset']`.
        checkpoint: A model's file or folder to put into the workspace; it becomes `params['checkpoint']`.
        folder: The folder for the workspace and the run directory, such as `tmp_path`; None is a temporary folder that
            is removed with the returned object.
        check: Raise the error of the run; with False it is the attribute `error`.
        **runtime: Other arguments of `RuntimeContext`: `strict`, `env`, `project`, ...; `resume=True` resumes the run
            in `folder`.

    Raises:
        StepFailed: Or another error of `action.run()`.

    Example:
        >>> from synapse_hooks import BaseTrainParams
        >>> from synapse_hooks.testing import small_dataset
        >>> class Count(BaseTrainAction[BaseTrainParams]):
        ...     def execute(self, data_path, checkpoint):
        ...         self.log_metrics({'documents': len(list(data_path.rglob('*.json')))})
        >>> data = small_dataset(getfixture('tmp_path') / 'data')
        >>> run = run_action(Count, dataset=data)
        >>> run.statuses['export'], run.of('metrics')[0]['values']
        ('succeeded', {'documents': 8.0})
    """
    root = Path(tempfile.mkdtemp(prefix='synapse-hooks-test-')) if folder is None else Path(folder)
    workspace = Workspace(root / 'workspace')
    run = FinishedRun(root, workspace)
    if folder is None:
        weakref.finalize(run, shutil.rmtree, root, ignore_errors=True)
    values = dict(params or {})
    if dataset is not None:
        values['dataset'] = _add_dataset(workspace, dataset)
    if checkpoint is not None:
        values['checkpoint'] = workspace.create_model(checkpoint, key='checkpoint')['id']
    if 'project' not in runtime:
        runtime['project'] = root / 'project'
        runtime['project'].mkdir(parents=True, exist_ok=True)
        (runtime['project'] / 'pyproject.toml').touch()
    ctx = RuntimeContext(
        client=workspace,
        run_dir=run.run_dir,
        plugins=watched(plugins),
        **{'discover': False, 'keep_conversions': False, **runtime},
    )
    try:
        run.result = action(values, ctx).run()
    except BaseException as error:
        if check or not isinstance(error, Exception):
            raise
        run.error = error
    if run.run_dir.is_dir():
        run.events = list(read_events(run.run_dir))
    return run


def _add_dataset(workspace: Workspace, dataset: Dataset | Path) -> int:
    described: Mapping[str, Any] = dataset if isinstance(dataset, Mapping) else {'path': dataset}
    record = workspace.add_dataset(described['path'], name='dataset', classes=described.get('classes'))
    return int(record['id'])
