"""What is run again is what was edited: `resume` looks at the source, and says of each stage what it does and why."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.environments import Ended, Environment

ACTION = """
import json
from pathlib import Path

import shapes
from neighbour import scale
from synapse_hooks import BaseTrainAction, BaseTrainParams


class Params(BaseTrainParams):
    epochs: int = 1


def model(size):
    return size * 2


def names_of(text):
    return text.upper()


class Train(BaseTrainAction[Params]):
    target_format = 'names'

    def convert(self, context, dataset, target_format):
        config = context.output_dir / 'names.txt'
        config.write_text(names_of(' '.join(sorted(dataset['splits']))))
        return {'path': context.output_dir, 'config_path': config, 'format': 'names'}

    def execute(self, data_path, checkpoint):
        print('TRAINING', model(3))
        if Path('broken').exists():
            raise OSError('the oven went out')
        weights = self.context.output_dir / 'weights.json'
        weights.write_text(json.dumps({'names': data_path.read_text(), 'epochs': self.params.epochs}))
        return {'weights_path': str(weights)}


class Plain(Train):
    target_format = 'coco'

    def convert(self, context, dataset, target_format):
        return super(Train, self).convert(context, dataset, target_format)


class Simple(BaseTrainAction[Params]):
    target_format = 'coco'

    def execute(self, data_path, checkpoint):
        return Train.execute(self, data_path, checkpoint)
"""
HOOKS = """
from helper import word
from synapse_hooks import hookimpl


@hookimpl
def pre_execute(context):
    print(word)


@hookimpl
def uploaded(context, model):
    if (context.run_dir.parent / 'away').exists():
        print('away')


@hookimpl
def upload(context):
    if (context.run_dir.parent / 'away').exists():
        raise ConnectionError('the registry is away')
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / 'project'
    folder.mkdir()
    (folder / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugins = ["hooks.py"]\n')
    (folder / 'train.py').write_text(ACTION)
    (folder / 'neighbour.py').write_text('def scale(): return 1\n')
    (folder / 'shapes.py').write_text('SIDES = 4\n')
    (folder / 'hooks.py').write_text(HOOKS)
    (folder / 'helper.py').write_text("word = 'ready'\n")
    (folder / 'broken').touch()
    return folder


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    # Python takes compiled code of the same second and length for current.
    now = file.stat().st_mtime + 2
    os.utime(file, (now, now))


def fails(bare: Environment, project: Path, dataset: str, action: str = 'Train') -> Path:
    """A run whose `execute` failed."""
    bare.hooks('train', f'train.py:{action}', '-p', f'dataset={dataset}', '--run-dir', project / 'run', code=1)
    (project / 'broken').unlink(missing_ok=True)
    return project / 'run'


def told(ended: Ended) -> dict[str, str]:
    """What is said of each stage."""
    stages = ('export', 'convert', 'pre_execute', 'execute', 'upload')
    lines = [line.strip().split(None, 1) for line in ended.err.splitlines()]
    return {
        words[0]: words[1] for words in lines if words and words[0] in stages and words[1].startswith(('reused', 'run'))
    }


def ran(ended: Ended) -> list[str]:
    return [stage for stage, text in told(ended).items() if text.startswith('run: ')]


def weights(ended: Ended) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(Path(ended.json['result']['weights_path']).read_text())
    return loaded


def test_after_a_crash_an_edit_of_execute_exports_and_converts_no_more(
    bare: Environment, project: Path, dataset: str
) -> None:
    run = fails(bare, project, dataset)
    edit(project / 'train.py', "print('TRAINING', model(3))", "print('TRAINING', model(4))  # more")
    edit(project / 'train.py', 'return size * 2', 'return size * 3')
    ended = bare.hooks('resume', run, '--json')
    assert 'TRAINING 12' in ended.err
    assert told(ended)['convert'] == 'reused: nothing that it depends on has changed'
    assert told(ended)['execute'] == 'run: it failed'
    assert ran(ended) == ['execute', 'upload']


@pytest.mark.parametrize(
    ('file', 'old', 'new', 'first', 'why'),
    [
        ('train.py', "' '.join(sorted", "'-'.join(sorted", 'convert', 'run: train.py changed'),
        ('train.py', 'text.upper()', 'text.lower()', 'convert', 'run: train.py changed'),
        ('shapes.py', 'SIDES = 4', 'SIDES = 5', 'convert', 'run: shapes.py changed'),
        ('helper.py', "'ready'", "'steady'", 'pre_execute', 'run: helper.py changed'),
        ('hooks.py', 'print(word)', 'print(word, word)', 'pre_execute', 'run: hooks.py changed'),
        ('hooks.py', "print('away')", "print('gone')", 'execute', 'run: it failed'),
        ('train.py', 'import json', 'import json  # a comment', 'execute', 'run: it failed'),
        ('neighbour.py', 'return 1', 'return 2', 'execute', 'run: it failed'),
    ],
)
def test_an_edit_runs_the_stages_again_in_which_it_has_a_part(
    file: str, old: str, new: str, first: str, why: str, bare: Environment, project: Path, dataset: str
) -> None:
    run = fails(bare, project, dataset)
    edit(project / file, old, new)
    ended = bare.hooks('resume', run, '--json')
    assert ran(ended)[0] == first
    assert told(ended)[first] == why


def test_an_edited_convert_gives_the_training_what_is_written_now(
    bare: Environment, project: Path, dataset: str
) -> None:
    run = fails(bare, project, dataset)
    edit(project / 'train.py', 'text.upper()', "text.upper() + ' AND MORE'")
    ended = bare.hooks('resume', run, '--json')
    assert weights(ended)['names'].endswith(' AND MORE')
    record = json.loads((run / 'run.json').read_text())
    assert {'train.py', 'hooks.py', 'helper.py', 'shapes.py', 'neighbour.py'} <= set(record['code'])


def test_a_finished_training_is_reused_and_reported(bare: Environment, project: Path, dataset: str) -> None:
    (project / 'broken').unlink()
    (project / 'away').touch()
    run = fails(bare, project, dataset)
    edit(project / 'train.py', 'model(3)', 'model(5)')
    (project / 'away').unlink()
    ended = bare.hooks('resume', run, '--json')
    assert 'TRAINING' not in ended.err
    assert told(ended)['execute'] == (
        'reused: the training is done (train.py changed since then; `--from-stage execute` trains again)'
    )
    assert ran(ended) == ['upload']
    again = bare.hooks('resume', run, '--from-stage', 'execute', '--json')
    assert 'TRAINING 10' in again.err
    assert told(again)['execute'] == 'run: it was requested'
    assert told(again)['upload'] == 'run: it comes after execute'
    assert ran(again) == ['execute', 'upload']
    near = bare.hooks('resume', run, '--from-stage', 'exeute', code=2)
    assert "there is no stage 'exeute'\n  → did you mean 'execute'?" in near.err


def test_parameters_may_change_that_no_finished_stage_has_used(bare: Environment, project: Path, dataset: str) -> None:
    run = fails(bare, project, dataset, 'Simple')
    ended = bare.hooks('resume', run, '-p', 'epochs=7', '--json')
    assert weights(ended)['epochs'] == 7
    assert ran(ended) == ['execute', 'upload']
    assert json.loads((run / 'run.json').read_text())['params']['epochs'] == 7


def test_another_model_to_start_from_is_found_again(
    bare: Environment, project: Path, dataset: str, tmp_path: Path
) -> None:
    for name in ('one', 'two'):
        (tmp_path / f'{name}.pt').write_text(name)
        bare.hooks('workspace', 'add-model', tmp_path / f'{name}.pt', '--name', name)
    edit(project / 'train.py', "print('TRAINING', model(3))", "print('TRAINING FROM', checkpoint['name'])")
    words = (
        'train',
        'train.py:Simple',
        '-p',
        f'dataset={dataset}',
        '-p',
        'checkpoint=one',
        '--run-dir',
        'run',
        '--json',
    )
    assert 'TRAINING FROM one' in bare.hooks(*words, code=1).err
    (project / 'broken').unlink()
    ended = bare.hooks('resume', 'run', '-p', 'checkpoint=two', '--json')
    assert 'TRAINING FROM two' in ended.err
    assert told(ended)['pre_execute'] == 'run: the model to start from changed'
    assert ran(ended) == ['pre_execute', 'execute', 'upload']


@pytest.mark.parametrize(
    ('action', 'word', 'stage'),
    [
        ('Simple', 'splits={train: 0.5, valid: 0.5}', 'export'),
        ('Simple', 'unreadable=skip', 'convert'),
        # The action converts by itself, and has all parameters at hand.
        ('Train', 'epochs=7', 'convert'),
    ],
)
def test_parameters_that_a_finished_stage_has_used_are_refused_with_the_way_out(
    action: str, word: str, stage: str, bare: Environment, project: Path, dataset: str
) -> None:
    run = fails(bare, project, dataset, action)
    before = (run / 'run.json').read_bytes()
    refused = bare.hooks('resume', run, '-p', word, code=2)
    assert f"stage '{stage}' has run with {word.partition('=')[0]}=" in refused.err
    assert f'`--from-stage {stage}` runs it and all after it again' in refused.err
    assert (run / 'run.json').read_bytes() == before
    ended = bare.hooks('resume', run, '-p', word, '--from-stage', stage, '--json')
    assert ran(ended)[0] == stage
    refused = bare.hooks('resume', run, '-p', 'epochs=9', code=2)
    assert 'has run with epochs=' in refused.err
    wrong = bare.hooks('resume', run, '-p', 'epoch=9', '--from-stage', 'execute', code=2)
    assert "no parameter 'epoch'; did you mean 'epochs'?" in wrong.err


def test_a_run_that_succeeded_runs_again_from_a_stage(bare: Environment, project: Path, dataset: str) -> None:
    (project / 'broken').unlink()
    run = fails_not(bare, project, dataset)
    assert 'has succeeded already' in bare.hooks('resume', run).out
    ended = bare.hooks('resume', run, '--from-stage', 'convert', '-p', 'epochs=3', '--json')
    assert weights(ended)['epochs'] == 3
    assert ran(ended) == ['convert', 'pre_execute', 'execute', 'upload']
    assert ended.json['model']['id'] == 2


def fails_not(bare: Environment, project: Path, dataset: str) -> Path:
    bare.hooks('train', 'train.py:Train', '-p', f'dataset={dataset}', '--run-dir', project / 'run')
    return project / 'run'


def test_a_project_that_moved_with_its_run_has_not_changed(bare: Environment, project: Path, dataset: str) -> None:
    run = fails(bare, project, dataset)
    record = json.loads((run / 'run.json').read_text())
    moved = project.with_name('moved')
    shutil.move(project, moved)
    record['target'] = f'{moved}/train.py:Train'
    record['runtime']['cwd'] = str(moved)
    (moved / 'run' / 'run.json').write_text(json.dumps(record))
    ended = bare.at(moved).hooks('resume', moved / 'run', '--json')
    assert ran(ended) == ['execute', 'upload']
