"""A dataset of the workspace is converted from where it is, as long as no other code gets at it."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, hookimpl
from synapse_hooks.backends import Workspace
from synapse_hooks.context import Dataset, LocalDatasets, RuntimeContext
from synapse_hooks.steps import BaseStep, StepRegistry, StepResult
from synapse_hooks.storage import tree_digest
from synapse_hooks.testing import FinishedRun, run_action, small_dataset


class Trains(BaseTrainAction[BaseTrainParams]):
    target_format = 'coco'

    def execute(self, data_path: Path, checkpoint: Any) -> dict[str, Any]:
        if (self.context.run_dir.parent / 'broken').exists():
            raise OSError('broken')
        return {'bytes': data_path.stat().st_size}


class TrainsOnExport(Trains):
    target_format = 'dm'


class TrainsOnYolo(Trains):
    target_format = 'yolo'


def in_place(run: FinishedRun) -> bool:
    """Whether the run has read the dataset where it is; what it says of that agrees with what is on the disk."""
    stages = {stage['name']: stage for stage in run.record['stages']}
    path = stages['export']['context']['dataset']['path']
    there = bool(path == run.workspace.get_dataset(1)['path'])
    assert there != (run.run_dir / 'stages' / 'export').exists()
    return there


def run_of(folder: Path, action: type[Trains] = Trains, plugin: object = None, **more: Any) -> FinishedRun:
    plugins = [] if plugin is None else [plugin]
    dataset = None if more.get('resume') else small_dataset(folder / 'source')
    params = {'dataset': 1} if more.get('resume') else {}
    return run_action(action, params, dataset=dataset, plugins=plugins, folder=folder, **more)


def test_the_result_is_that_of_an_exported_dataset(tmp_path: Path) -> None:
    class Observes:
        @hookimpl
        def step_finished(self, step: Any) -> None:
            """Another reader."""

    direct, exported = run_of(tmp_path / 'a'), run_of(tmp_path / 'b', plugin=Observes())
    assert in_place(direct)
    assert not in_place(exported)
    trees = [tree_digest(run.run_dir / 'stages' / 'convert') for run in (direct, exported)]
    assert trees[0] == trees[1]


class Converts:
    @hookimpl
    def convert(self, dataset: Any) -> None:
        """Leave it to the next one."""


class Wraps:
    @hookimpl(wrapper=True)
    def run_step(self) -> Any:
        return (yield)


class Exports:
    @hookimpl(wrapper=True)
    def export(self) -> Any:
        return (yield)


class Prepares:
    @hookimpl
    def pre_execute(self) -> None:
        """Nothing."""


class Starts:
    @hookimpl
    def step_started(self) -> None:
        """Nothing."""


class Retries:
    @hookimpl
    def retry_step(self) -> None:
        """Never."""


@pytest.mark.parametrize('plugin', [Converts, Wraps, Exports, Prepares, Starts, Retries])
def test_who_gets_at_the_dataset_gets_an_export(tmp_path: Path, plugin: type) -> None:
    assert not in_place(run_of(tmp_path, plugin=plugin()))


EDITS = """
from pathlib import Path
from synapse_hooks import hookimpl

@hookimpl
def convert(dataset):
    for document in Path(dataset['path']).rglob('*.json'):
        document.write_text(document.read_text() + ' ')
"""


def untouched(run: FinishedRun) -> bool:
    """Whether the workspace still has the dataset as it was added."""
    record = run.workspace.get_dataset(1)
    return Path(record['path']).is_dir() and tree_digest(Path(record['path'])) == record['digest']


@pytest.mark.parametrize('registered', [True, False])
def test_a_plugin_that_is_a_module_gets_an_export(tmp_path: Path, registered: bool) -> None:
    project = tmp_path / 'project'
    project.mkdir()
    module = ModuleType('edits')
    if registered:
        exec(EDITS, vars(module))
    else:
        (project / 'hooks.py').write_text(EDITS)
        (project / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugins = ["hooks.py"]\n')
    run = run_of(tmp_path / 'run', plugin=module if registered else None, project=project)
    assert not in_place(run)
    assert untouched(run)


class CannotConvert(Trains):
    """The dataset has no class of whole images."""

    target_format = 'imagefolder'


class Deletes(BaseStep[Any]):
    name = 'before'
    progress_weight = 0.1

    def execute(self, context: Any) -> StepResult:
        return StepResult()

    def rollback(self, context: Any, result: StepResult) -> None:
        delete_dataset(context)


class CannotConvertAfter(CannotConvert):
    def setup_steps(self, registry: StepRegistry) -> None:
        super().setup_steps(registry)
        registry.insert_before('export', Deletes())


class CleansUp:
    @hookimpl
    def cleanup(self, context: Any) -> None:
        delete_dataset(context)


class Finishes:
    @hookimpl
    def run_finished(self, context: Any) -> None:
        delete_dataset(context)


def delete_dataset(context: Any) -> None:
    if context.dataset is not None:
        shutil.rmtree(context.dataset['path'])


@pytest.mark.parametrize(
    ('action', 'plugin'), [(CannotConvertAfter, None), (CannotConvert, CleansUp), (CannotConvert, Finishes)]
)
def test_who_undoes_a_failed_run_does_not_come_upon_the_workspace(
    tmp_path: Path, action: type[Trains], plugin: type | None
) -> None:
    run = run_of(tmp_path, action, plugin=plugin and plugin(), check=False)
    assert "step 'convert' failed" in str(run.error)
    assert in_place(run)
    assert untouched(run)


class EditsItsData(Trains):
    target_format = 'dm'

    def execute(self, data_path: Path, checkpoint: Any) -> None:
        for document in data_path.rglob('*.json'):
            document.write_text(document.read_text() + ' ')


class EditsInBetween(Trains):
    def convert(self, context: Any, dataset: Any, target_format: str) -> Any:
        for document in dataset['path'].rglob('*.json'):
            document.write_text(document.read_text() + ' ')
        return super().convert(context, dataset, target_format)


@pytest.mark.parametrize('action', [EditsItsData, EditsInBetween])
def test_a_run_that_goes_on_with_other_code_gets_an_export(tmp_path: Path, action: type[Trains]) -> None:
    (tmp_path / 'broken').touch()
    assert in_place(run_of(tmp_path, check=False))
    (tmp_path / 'broken').unlink()
    run = run_of(tmp_path, action, check=False, resume=True)
    assert (run.run_dir / 'stages' / 'export').exists()
    assert untouched(run)


def test_what_other_code_does_not_get_is_used_again(tmp_path: Path) -> None:
    (tmp_path / 'broken').touch()
    assert in_place(run_of(tmp_path, check=False))
    (tmp_path / 'broken').unlink()
    run = run_of(tmp_path, plugin=Starts(), resume=True)
    last = {event['name']: event['status'] for event in run.of('step') if event['attempt'] == 2}
    assert (last['export'], last['convert'], last['execute']) == ('reused', 'reused', 'succeeded')


class Logs:
    @hookimpl
    def log_metrics(self) -> None:
        """Nothing."""

    @hookimpl
    def run_finished(self) -> None:
        """Nothing."""


def test_who_only_watches_changes_nothing(tmp_path: Path) -> None:
    assert in_place(run_of(tmp_path, plugin=Logs()))


def test_a_training_on_the_export_itself_gets_one(tmp_path: Path) -> None:
    assert not in_place(run_of(tmp_path, TrainsOnExport))


def test_symbolic_links_do_not_lead_into_the_workspace(tmp_path: Path) -> None:
    project = tmp_path / 'project'
    project.mkdir()
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks.settings.yolo]\nimages = "symlink"\n')
    assert not in_place(run_of(tmp_path / 'run', TrainsOnYolo, project=project))


@pytest.mark.parametrize(('splits', 'whole'), [({'train': None}, False), ({'train': 0.5, 'valid': 0.5}, True)])
def test_a_part_of_a_dataset_is_exported(tmp_path: Path, splits: Mapping[str, Any], whole: bool) -> None:
    class Splits(BaseTrainParams):
        splits: dict[str, Any] | None = None

    class Action(BaseTrainAction[Splits]):
        target_format = 'coco'

        def execute(self, data_path: Path, checkpoint: Any) -> None:
            """Nothing."""

    run = run_action(Action, {'splits': splits}, dataset=small_dataset(tmp_path / 'source'), folder=tmp_path / 'place')
    assert in_place(run) == whole


class Counting(Workspace):
    """Exports in its own way."""

    exports = 0

    def export_dataset(self, *args: Any, **options: Any) -> Dataset:
        self.exports += 1
        return super().export_dataset(*args, **options)


class Delegating:
    """Passes on whatever it is asked."""

    def __init__(self, to: Any) -> None:
        self.to = to

    def __getattr__(self, name: str) -> Any:
        return getattr(self.to, name)


def replaced(client: Counting) -> Workspace:
    """A workspace whose one method was replaced on the object, as one does in a notebook."""
    made = Workspace(client.root)
    made.export_dataset = client.export_dataset  # type: ignore[method-assign]
    return made


@pytest.mark.parametrize('wrapped', [lambda client: client, Delegating, replaced], ids=['subclass', 'proxy', 'object'])
def test_a_client_that_exports_in_its_own_way_is_asked_to(tmp_path: Path, wrapped: Callable[[Counting], Any]) -> None:
    small_dataset(tmp_path / 'source')
    client = Counting(tmp_path / 'workspace')
    client.add_dataset(tmp_path / 'source', name='d')
    ctx = RuntimeContext(client=wrapped(client), run_dir=tmp_path / 'run', discover=False, keep_conversions=False)
    Trains({'dataset': 1}, ctx).run()
    assert isinstance(client, LocalDatasets)
    assert client.exports == 1


@pytest.mark.parametrize('change', ['edited', 'gone', None])
def test_a_run_that_is_resumed_notices_what_became_of_the_workspace(tmp_path: Path, change: str | None) -> None:
    (tmp_path / 'broken').touch()
    run = run_of(tmp_path, check=False)
    assert in_place(run)
    (tmp_path / 'broken').unlink()
    stored = Path(run.workspace.get_dataset(1)['path'])
    document = next(stored.rglob('*.json'))
    if change == 'edited':
        document.write_bytes(document.read_bytes() + b'\n')
    elif change == 'gone':
        document.unlink()
    again = run_of(tmp_path, check=False, resume=True)
    if change is None:
        assert again.error is None
        return
    assert again.error is not None
    assert "step 'export' failed" in str(again.error)
    assert 'were changed since they were added' in str(again.error)


def test_a_failed_or_repeated_run_leaves_the_workspace_as_it_is(tmp_path: Path) -> None:
    (tmp_path / 'broken').touch()
    run = run_of(tmp_path, check=False)
    record = run.workspace.get_dataset(1)
    for stage in ('export', 'convert', 'execute'):
        again = run_of(tmp_path, check=False, resume=True, from_stage=stage)
        assert again.error is not None
    assert tree_digest(Path(record['path'])) == record['digest']
