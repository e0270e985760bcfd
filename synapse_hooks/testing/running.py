"""Running an action in a test: a workspace of its own, no other plugins, and everything to look at afterwards."""

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


@dataclass(eq=False)
class FinishedRun:
    """A run that is over, and what it left behind."""

    folder: Path
    """Holds the workspace and the run directory."""
    workspace: Workspace
    """The workspace that was made for it."""
    result: Any = None
    """What `execute` returned."""
    error: BaseException | None = None
    """What the run failed with, for `check=False`."""
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
        """How each step ended: `succeeded`, `skipped`, `failed`, ..."""
        return {stage['name']: stage['status'] for stage in self.record['stages']}

    @property
    def model(self) -> Path | None:
        """The uploaded model's folder, or None."""
        model = self.record['model']
        return None if model is None else Path(self.workspace.get_model(model['id'])['path'])

    def of(self, type: str, **fields: Any) -> list[dict[str, Any]]:
        """The events of a type that have these values."""
        found = [event for event in self.events if event['type'] == type]
        return [event for event in found if all(event.get(name) == value for name, value in fields.items())]


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
    """Run an action with these plugins and the built-in ones alone, in a workspace made for it.

    Nothing is discovered: neither installed plugins nor a project's pyproject.toml, nor what other runs have converted.
    (For settings, write a pyproject.toml into a folder and hand it over as `project=`.)

    Args:
        action: The class.
        params: Its parameters.
        plugins: Plugin objects at the rank of the project, nearest first.
        dataset: A dataset in DM layout to put into the workspace; it becomes `params['dataset']`.
        checkpoint: A model's file or folder to put into the workspace; it becomes `params['checkpoint']`.
        folder: Where the workspace and the run directory go, such as `tmp_path`; None is a folder that goes away with
            what is returned.
        check: Raise what the run raises; False hands it over as `error`.
        **runtime: What else a `RuntimeContext` takes: `strict`, `env`, `project`, ...; `resume=True` goes on with the
            run that `folder` holds.

    Raises:
        StepFailed: And whatever else `action.run()` raises.

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
    place = Path(tempfile.mkdtemp(prefix='synapse-hooks-test-')) if folder is None else Path(folder)
    workspace = Workspace(place / 'workspace')
    run = FinishedRun(place, workspace)
    if folder is None:
        weakref.finalize(run, shutil.rmtree, place, ignore_errors=True)
    values = dict(params or {})
    if dataset is not None:
        values['dataset'] = _added(workspace, dataset)
    if checkpoint is not None:
        values['checkpoint'] = workspace.create_model(checkpoint, key='checkpoint')['id']
    if 'project' not in runtime:
        runtime['project'] = place / 'project'
        runtime['project'].mkdir(parents=True, exist_ok=True)
        (runtime['project'] / 'pyproject.toml').touch()
    ctx = RuntimeContext(
        client=workspace,
        run_dir=run.run_dir,
        plugins=tuple(plugins),
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


def _added(workspace: Workspace, dataset: Dataset | Path) -> int:
    described: Mapping[str, Any] = dataset if isinstance(dataset, Mapping) else {'path': dataset}
    record = workspace.add_dataset(described['path'], name='dataset', classes=described.get('classes'))
    return int(record['id'])
