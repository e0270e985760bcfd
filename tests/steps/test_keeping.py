"""A conversion is made once: other runs of the same dataset use it, and nothing that happens to it harms them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from yaml import safe_load

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext, hookimpl
from synapse_hooks.backends import Workspace
from synapse_hooks.errors import StepFailed
from synapse_hooks.journal import read_events
from synapse_hooks.steps import BaseStep, StepRegistry, StepResult
from synapse_hooks.storage.folder_cache import CONVERSIONS, FolderCache
from tests.formats.format_kit import add_item, box, polygon

pytestmark = pytest.mark.usefixtures('elsewhere')
TRIANGLE = [[1.0, 1.0], [20.0, 1.0], [20.0, 20.0]]


class Action(BaseTrainAction[BaseTrainParams]):
    target_format = 'yolo'
    seen: Callable[[Path], None] = staticmethod(lambda data_path: None)

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        self.seen(data_path)
        weights = self.context.output_dir / 'best.pt'
        weights.write_bytes(b'w')
        return {'weights_path': str(weights)}


class World:
    """A workspace with a dataset, and runs of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = Workspace(folder / 'workspace')
        self.store = FolderCache(Path(os.environ['SYNAPSE_HOOKS_CACHE']) / CONVERSIONS)
        self.add('small')

    def add(self, name: str, **item: Any) -> None:
        source = self.folder / f'source-{name}'
        for split, stem in (('train', 'a'), ('train', 'b'), ('valid', 'c')):
            add_item(source / split, stem, {'bounding_box': [box(1, 2, 30, 40)], **item})
        self.workspace.add_dataset(source, name=name)

    def action(
        self, run: str, kind: type[BaseTrainAction[Any]] = Action, params: Any = None, **runtime: Any
    ) -> BaseTrainAction[Any]:
        ctx = RuntimeContext(client=self.workspace, run_dir=self.folder / run, project=self.folder, **runtime)
        return kind({'dataset': 'small', **(params or {})}, ctx)

    def train(
        self, run: str, kind: type[BaseTrainAction[Any]] = Action, params: Any = None, **runtime: Any
    ) -> dict[str, Any]:
        """The stage `convert` of a run that is over."""
        self.action(run, kind, params, **runtime).run()
        return self.stage(run)

    def stage(self, run: str, name: str = 'convert') -> dict[str, Any]:
        record = json.loads((self.folder / run / 'run.json').read_text())
        stage: dict[str, Any] = next(stage for stage in record['stages'] if stage['name'] == name)
        return stage

    def messages(self, run: str, code: str) -> list[dict[str, Any]]:
        return [event for event in read_events(self.folder / run) if event.get('code') == code]

    def converted(self, run: str) -> Path:
        return self.folder / run / 'stages' / 'convert'

    def label(self, run: str) -> Path:
        return self.converted(run) / 'labels' / 'train' / 'a.txt'


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def maker(stage: dict[str, Any]) -> str | None:
    """The run that has made what a stage uses; None where it keeps its own."""
    return stage['kept']['run'] if 'kept' in stage else None


def test_a_second_run_uses_the_conversion_of_the_first(world: World) -> None:
    first, second = world.train('r1'), world.train('r2')
    assert (maker(first), maker(second)) == ('r1', 'r1')
    assert world.converted('r2').resolve() == world.converted('r1').resolve()
    assert world.label('r2').read_text() == world.label('r1').read_text()
    (told,) = world.messages('r2', 'kept')
    assert told['text'].startswith('convert: uses what run r1 converted')
    same = ('answered_by', 'data', 'losses', 'status')
    data = json.loads(json.dumps(second).replace('/r2/', '/r1/'))
    assert {key: data[key] for key in same} == {key: first[key] for key in same}
    assert second['inputs']['params'] == first['inputs']['params']
    assert len(world.store.entries()) == 1


def test_the_training_gets_a_path_in_its_run_which_leads_to_one_place(world: World, tmp_path: Path) -> None:
    seen: list[Path] = []
    kind = type('Seeing', (Action,), {'seen': staticmethod(seen.append)})
    world.train('r1', kind)
    world.train('r2', kind)
    assert seen == [tmp_path / run / 'stages' / 'convert' / 'dataset.yaml' for run in ('r1', 'r2')]
    assert seen[0].resolve() == seen[1].resolve()


def test_what_was_lost_is_reported_again(world: World) -> None:
    world.add('lossy', polygon=[polygon(TRIANGLE)])
    for run in ('r1', 'r2'):
        stage = world.train(run, params={'dataset': 'lossy', 'target_task': 'detect'})
        assert maker(stage) == 'r1'
        assert stage['losses']['converted'][0]['count'] == 3
        assert [event['level'] for event in world.messages(run, 'losses')] == ['warning']
    with pytest.raises(StepFailed, match='LossRefused'):
        world.train('r3', params={'dataset': 'lossy', 'target_task': 'detect'}, strict=True)


@pytest.mark.parametrize(
    'changed',
    [
        {'params': {'unreadable': 'skip'}},
        {'params': {'target_task': 'segment'}},
        {'params': {'dataset': 'other'}},
        {'kind': type('Coco', (Action,), {'target_format': 'coco'})},
        {'strict': True},
    ],
    ids=str,
)
def test_another_dataset_or_option_is_converted(world: World, changed: dict[str, Any]) -> None:
    world.add('other', polygon=[polygon(TRIANGLE)])
    world.train('r1')
    assert maker(world.train('r2', **changed)) == 'r2'
    assert maker(world.train('r3')) == 'r1'


def test_classes_that_are_declared_beside_the_files_count(world: World) -> None:
    orders = [['car', 'dog'], ['dog', 'car']]
    for number, classes in enumerate(orders):
        world.workspace.add_dataset(world.folder / 'source-small', name=f'order-{number}', classes=classes)
    digests = {record['digest'] for record in world.workspace.list_datasets()}
    assert len(digests) == 1
    for number, classes in enumerate(orders):
        world.train(f'run-{number}', params={'dataset': f'order-{number}'})
        config = safe_load((world.converted(f'run-{number}') / 'dataset.yaml').read_text())
        assert list(config['names'].values()) == classes


def test_a_parameter_that_the_conversion_does_not_use_makes_no_difference(world: World) -> None:
    class Params(BaseTrainParams):
        epochs: int

    class Other(BaseTrainAction[Params]):
        target_format = 'yolo'

        def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
            return None

    world.train('r1', Other, {'epochs': 1})
    assert maker(world.train('r2', Other, {'epochs': 2})) == 'r1'


def test_settings_of_the_project_make_another_one(world: World, tmp_path: Path) -> None:
    world.train('r1')
    (tmp_path / 'pyproject.toml').write_text('[tool.synapse_hooks]\nsettings.yolo = { task = "segment" }\n')
    assert maker(world.train('r2')) == 'r2'
    (tmp_path / 'pyproject.toml').write_text('[tool.synapse_hooks]\nsettings.yolo = { images = "symlink" }\n')
    assert maker(world.train('r3')) is None


class Converting:
    """Answers a stage of the conversion itself."""

    @hookimpl(wrapper=True)
    def convert(self) -> Any:
        return (yield)


class Editing:
    @hookimpl
    def pre_execute(self, context: Any) -> None:
        (context.data_path.parent / 'labels' / 'train' / 'a.txt').write_text('')


class Around:
    @hookimpl(wrapper=True)
    def run_step(self) -> Any:
        return (yield)


class Custom(BaseStep[Any]):
    name = 'custom'

    def execute(self, context: Any) -> StepResult:
        return StepResult(success=True)


class WithStep(Action):
    def setup_steps(self, registry: StepRegistry[Any]) -> None:
        super().setup_steps(registry)
        registry.insert_after('convert', Custom())


class WithStepBefore(Action):
    def setup_steps(self, registry: StepRegistry[Any]) -> None:
        super().setup_steps(registry)
        registry.insert_before('convert', Custom())


class Exporting:
    @hookimpl(wrapper=True)
    def export(self) -> Any:
        return (yield)


class WithConvert(Action):
    def convert(self, dataset: Any, target_format: str) -> Any:
        return super().convert(dataset=dataset, target_format=target_format)


@pytest.mark.parametrize(
    ('runtime', 'why'),
    [
        ({'plugins': (Converting(),)}, 'takes part in convert'),
        ({'plugins': (Editing(),)}, 'answers pre_execute, and may edit the dataset'),
        ({'plugins': (Around(),)}, 'takes part in run_step'),
        ({'kind': WithConvert}, 'takes part in convert'),
        ({'kind': WithStep}, "the step 'custom' comes after it, and may edit the dataset"),
        ({'kind': WithStepBefore}, "the step 'custom' comes before it, and may edit the dataset"),
        ({'plugins': (Exporting(),)}, 'takes part in export'),
        ({'keep_conversions': False}, 'keep_conversions is off'),
    ],
    ids=lambda value: value if isinstance(value, str) else '',
)
def test_a_run_whose_own_code_takes_part_converts_for_itself(world: World, runtime: dict[str, Any], why: str) -> None:
    world.train('r1')
    whole = world.label('r1').read_text()
    told = next(each for each in world.action('r2', **runtime).preview()['stages'] if each['stage'] == 'convert')
    assert told['kept'] == f'it is not kept for other runs: {told["kept"].partition(": ")[2]}'
    assert why in told['why']
    assert maker(world.train('r2', **runtime)) is None
    assert not world.converted('r2').is_symlink()
    assert world.label('r1').read_text() == whole
    assert len(world.store.entries()) == 1


class Observing:
    """Leaves the export as it is, edits a document of it, or adds one."""

    def __init__(self, does: str) -> None:
        self.does = does

    @hookimpl
    def step_finished(self, context: Any, step: Any) -> None:
        documents = sorted(context.dataset['path'].rglob('*.json'))
        if step.name == 'export' and self.does == 'edit':
            documents[0].write_text(documents[0].read_text().replace('car', 'bus'))
        elif step.name == 'export' and self.does == 'add':
            shutil.copy(documents[0], documents[0].with_stem('new'))
            image = next(context.dataset['path'].rglob(f'original_files/{documents[0].stem}.*'))
            shutil.copy(image, image.with_stem('new'))


@pytest.mark.parametrize('does', ['edit', 'add', 'nothing'])
def test_what_is_made_of_an_export_that_was_edited_since_is_the_run_s_own(world: World, does: str) -> None:
    first = maker(world.train('r1', plugins=(Observing('nothing'),)))
    edited = maker(world.train('r2', plugins=(Observing(does),)))
    assert (first, edited) == ('r1', 'r1' if does == 'nothing' else None)
    assert maker(world.train('r3', plugins=(Observing('nothing'),))) == 'r1'


def test_the_setting_turns_it_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('SYNAPSE_HOOKS_KEEP_CONVERSIONS', '0')
    assert maker(world.train('r1')) is None
    assert not world.store.root.exists()


def test_a_conversion_that_was_edited_is_made_anew_and_said_so(world: World) -> None:
    world.train('r1')
    whole = world.label('r1').read_text()
    world.label('r1').write_text('0 0 0 0 0\n')
    assert maker(world.train('r2')) == 'r2'
    assert world.label('r2').read_text() == whole
    (told,) = world.messages('r2', 'kept-changed')
    assert told['level'] == 'warning'
    assert maker(world.train('r3')) == 'r2'
    assert len(world.store.entries()) == 1


def test_what_a_trainer_leaves_beside_the_data_harms_nothing(world: World) -> None:
    def leave(data_path: Path) -> None:
        (data_path.parent / 'labels' / 'train.cache').write_bytes(b'cache')
        (data_path.parent / 'images' / 'train' / 'a.npy').write_bytes(b'pixels')

    kind = type('Leaving', (Action,), {'seen': staticmethod(leave)})
    world.train('r1', kind)
    assert maker(world.train('r2', kind)) == 'r1'
    assert (world.converted('r2') / 'labels' / 'train.cache').is_file()


def test_what_a_training_adds_to_its_dataset_does_not_reach_other_runs(world: World) -> None:
    def augment(data_path: Path) -> None:
        for file in ('images/train/a.png', 'labels/train/a.txt'):
            source = next(data_path.parent.glob(f'{Path(file).with_suffix("")}.*'))
            shutil.copyfile(source, source.with_stem('a-turned'))

    world.train('r1', type('Augmenting', (Action,), {'seen': staticmethod(augment)}))
    assert maker(world.train('r2')) == 'r2'
    assert not list(world.converted('r2').rglob('a-turned*'))
    assert world.messages('r2', 'kept-changed')


def test_an_entry_is_not_pruned_while_a_run_uses_it_and_the_run_goes_on_without_it(world: World) -> None:
    pruned: list[Any] = []

    def prune(data_path: Path) -> None:
        pruned.append((world.store.prune(0), data_path.is_file()))
        if len(pruned) > 1:
            raise RuntimeError('the training failed')

    kind = type('Pruning', (Action,), {'seen': staticmethod(prune)})
    world.train('r1', kind)
    with pytest.raises(StepFailed):
        world.train('r2', kind)
    assert pruned == [((0, 0), True)] * 2
    assert world.store.prune(0)[0] == 1
    assert not world.converted('r2').exists()
    stage = world.train('r2', resume=True)
    assert maker(stage) == 'r2'
    assert world.label('r2').is_file()


def test_a_run_that_goes_on_holds_what_it_uses(world: World) -> None:
    def fail(data_path: Path) -> None:
        raise RuntimeError('the training failed')

    with pytest.raises(StepFailed):
        world.train('r1', type('Failing', (Action,), {'seen': staticmethod(fail)}))
    before, pruned = world.stage('r1'), []
    kind = type('Failing', (Action,), {'seen': staticmethod(lambda path: pruned.append(world.store.prune(0)))})
    world.train('r1', kind, resume=True)
    assert pruned == [(0, 0)]
    assert world.stage('r1')['finished'] == before['finished']


def test_a_run_does_not_go_on_with_what_no_longer_counts(world: World) -> None:
    def fail(data_path: Path) -> None:
        raise RuntimeError('the training failed')

    with pytest.raises(StepFailed):
        world.train('r1', type('Failing', (Action,), {'seen': staticmethod(fail)}))
    (entry,) = world.store.entries()
    user = world.store.use(entry)
    assert user is not None
    # Another run uses it still, and a third one has replaced it meanwhile.
    assert not world.store.discard(entry)
    seen: list[Path] = []
    kind = type('Looking', (Action,), {'seen': staticmethod(lambda path: seen.append(path.resolve()))})
    world.train('r1', kind, resume=True)
    user.unlink()
    world.store.sweep()
    assert not entry.path.exists()
    assert seen[0].exists()


def test_from_stage_converts_anew(world: World) -> None:
    world.train('r1')
    first = world.converted('r1').resolve()
    assert maker(world.train('r2', resume=False)) == 'r1'
    assert maker(world.train('r2', resume=True, from_stage='convert')) == 'r2'
    assert world.converted('r2').resolve() != first
    # Who converts anew does not trust what there was.
    assert maker(world.train('r3')) == 'r2'


def test_to_train_again_uses_what_is_kept(world: World) -> None:
    world.train('r1')
    world.train('r2')
    world.converted('r2').unlink()
    plan = world.action('r2', resume=True, from_stage='execute').preview()['stages'][1]
    assert plan['kept'].startswith('what run r1 converted is used')
    assert maker(world.train('r2', resume=True, from_stage='execute')) == 'r1'
    assert len(world.store.entries()) == 1


def test_a_run_directory_that_is_copied_to_where_there_is_no_store_goes_on(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(data_path: Path) -> None:
        raise RuntimeError('the training failed')

    with pytest.raises(StepFailed):
        world.train('r1', type('Failing', (Action,), {'seen': staticmethod(fail)}))
    shutil.copytree(tmp_path / 'r1', tmp_path / 'copied', symlinks=True)
    monkeypatch.setenv('SYNAPSE_HOOKS_CACHE', str(tmp_path / 'another'))
    shutil.rmtree(world.store.root)
    seen: list[Path] = []
    world.train('copied', type('Failing', (Action,), {'seen': staticmethod(seen.append)}), resume=True)
    assert seen == [tmp_path / 'copied' / 'stages' / 'convert' / 'dataset.yaml']
    assert world.converted('copied').resolve().is_relative_to(tmp_path / 'another')
    # The original still names what is gone, and is left as it was.
    assert world.stage('r1')['kept']['path'].startswith(str(world.store.root))


def test_a_run_that_no_longer_keeps_does_not_write_through_the_link(world: World) -> None:
    world.train('r1')
    entry = world.store.entries()[0]
    world.train('r1', resume=True, from_stage='convert', keep_conversions=False)
    assert not world.converted('r1').is_symlink()
    assert world.label('r1').is_file()
    assert entry.is_whole()


def test_a_cache_that_cannot_be_written_keeps_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / 'file'
    blocked.write_text('')
    monkeypatch.setenv('SYNAPSE_HOOKS_CACHE', str(blocked))
    assert maker(world.train('r1')) is None
    assert world.label('r1').is_file()
    assert 'not kept for other runs' in world.messages('r1', 'not-kept')[0]['text']
    monkeypatch.setenv('SYNAPSE_HOOKS_CACHE', '~no-such-user/cache')
    assert maker(world.train('r2')) is None


def test_a_file_system_without_links_keeps_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(1, 'Operation not permitted')

    monkeypatch.setattr(Path, 'symlink_to', refused)
    assert maker(world.train('r1')) is None
    assert world.label('r1').is_file()
    assert list(world.store.root.iterdir()) == []


@pytest.mark.skipif(not Path('/dev/shm').is_dir(), reason='there is no second file system')
def test_another_file_system_keeps_nothing(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Path('/dev/shm') / f'synapse-hooks-{os.getpid()}'
    if Path('/dev/shm').stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip('it is the same file system')
    monkeypatch.setenv('SYNAPSE_HOOKS_CACHE', str(other))
    try:
        assert maker(world.train('r1')) is None
        assert world.label('r1').is_file()
        said = world.messages('r1', 'not-kept')[0]['text']
        assert f'the cache {other} is on another file system than the run' in said
        assert 'set SYNAPSE_HOOKS_CACHE to a folder' in said
        assert FolderCache(other / CONVERSIONS).entries() == []
    finally:
        shutil.rmtree(other, ignore_errors=True)


def test_the_size_is_kept_to(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add('other', polygon=[polygon(TRIANGLE)])
    world.train('r1')
    own = world.store.measure()
    monkeypatch.setenv('SYNAPSE_HOOKS_KEEP_CONVERSIONS', str(own + 100))
    assert maker(world.train('r2', params={'dataset': 'other'})) == 'r2'
    assert [entry.record['run'] for entry in world.store.entries()] == ['r2']
    monkeypatch.setenv('SYNAPSE_HOOKS_KEEP_CONVERSIONS', '100')
    assert maker(world.train('r3')) is None
    said = world.messages('r3', 'not-kept')[0]['text']
    assert 'the limit is 100' in said
    assert 'raise `keep_conversions`' in said


def test_a_plan_says_what_would_be_used(world: World) -> None:
    class Failing(Action):
        @staticmethod
        def seen(data_path: Path) -> None:
            raise RuntimeError('the training failed')

    assert world.action('r1').preview()['stages'][1]['kept'] == 'one that is kept is used, if there is one'
    with pytest.raises(StepFailed):
        world.train('r1', Failing)
    world.train('r2')
    world.converted('r1').unlink()
    told = world.action('r1', Failing, resume=True).preview()['stages'][1]
    assert told['does'] == 'run'
    assert told['why'].endswith(f'what run r1 converted is used: {world.converted("r2").resolve()}')
    assert world.action('r1', Failing, resume=True, from_stage='convert').preview()['stages'][1]['kept'] is None


def test_what_holds_a_secret_is_not_kept(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / 'named'
    for split, stem in (('train', 'a'), ('valid', 'b')):
        add_item(source / split, stem, {'bounding_box': [box(1, 2, 30, 40, 'a-class-or-key')]})
    world.workspace.add_dataset(source, name='named')
    monkeypatch.setenv('ACME_API_KEY', 'a-class-or-key')
    assert maker(world.train('r1', params={'dataset': 'named'})) is None
    assert world.store.entries() == []


PROGRAM = """
import os, sys, time
from pathlib import Path
from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext
from synapse_hooks.backends import Workspace

class Action(BaseTrainAction[BaseTrainParams]):
    target_format = 'yolo'

    def execute(self, data_path, checkpoint):
        labels = sorted((data_path.parent / 'labels').rglob('*.txt'))
        weights = self.context.output_dir / 'best.pt'
        weights.write_text(''.join(label.read_text() for label in labels))
        return {'weights_path': str(weights)}

folder, run = Path(sys.argv[1]), sys.argv[2]
print('ready', flush=True)
sys.stdin.readline()
Action(
    {'dataset': 'small'},
    RuntimeContext(client=Workspace(folder / 'workspace'), run_dir=folder / run, project=folder),
).run()
"""


def test_two_processes_at_once_both_have_it(world: World, tmp_path: Path) -> None:
    program = tmp_path / 'program.py'
    program.write_text(textwrap.dedent(PROGRAM))
    runs = [f'r{number}' for number in range(3)]
    pipes: dict[str, Any] = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE, 'text': True}
    started = [subprocess.Popen([sys.executable, str(program), str(tmp_path), run], **pipes) for run in runs]
    for process in started:
        assert process.stdout.readline() == 'ready\n'
    for process in started:
        process.stdin.write('\n')
        process.stdin.close()
    assert [process.wait(120) for process in started] == [0] * len(runs)
    for process in started:
        process.stdout.close()
    weights = {(tmp_path / run / 'stages' / 'execute' / 'best.pt').read_text() for run in runs}
    assert len(weights) == 1
    assert weights != {''}
    assert {maker(world.stage(run)) for run in runs} <= set(runs)
    entries = world.store.entries()
    assert all(entry.is_whole() for entry in entries)
    assert [world.store.users(entry.path) for entry in entries] == [0] * len(entries)
    assert maker(world.train('later')) == entries[0].record['run']


@pytest.mark.timeout(300)
def test_a_run_that_is_killed_while_it_keeps_harms_no_other(tmp_path: Path) -> None:
    command = [sys.executable, '-m', 'tests.steps.cache_kills', str(tmp_path / 'sweep'), '2']
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report['events'] > 15
    assert report['faults'] == [], done.stderr
