"""`train` and `resume`: targets, parameters, answers, and everything that can be wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.environments import Environment


@pytest.mark.parametrize(
    ('target', 'entrypoint'),
    [
        ('actions:Count', ''),
        ('actions.py:Count', ''),
        ('../project/actions.py:Count', ''),
        ('{project}/actions.py:Count', ''),
        ('.', 'actions:Count'),
        ('{project}', 'actions.Count'),
    ],
)
def test_an_action_is_named_by_module_file_or_folder(
    target: str, entrypoint: str, bare: Environment, project: Path, data: Path
) -> None:
    (project / 'config.yaml').write_text(f'actions:\n  train:\n    entrypoint: {entrypoint}\n', encoding='utf-8')
    words = ('train', target.format(project=project), '-p', f'data_path={data}', '--json')
    run = bare.hooks(*words).json
    assert list(run) == ['outcome', 'run_dir', 'result', 'model', 'metrics', 'dataset', 'error']
    assert run['outcome'] == 'succeeded'
    assert run['result']['seen'] == ['train', 'valid']
    assert run['error'] is None
    # The run knows its action from anywhere.
    resumed = bare.at(project.parent).hooks('resume', run['run_dir'], '--json').json
    assert (resumed['outcome'], resumed['model']['id']) == ('succeeded', run['model']['id'])


def test_stdout_is_the_answer_and_everything_else_is_on_stderr(bare: Environment, dataset: str) -> None:
    words = ('train', 'actions:Count', '-p', f'dataset={dataset}')
    ended = bare.hooks(*words, '--json')
    assert ended.json['dataset']['splits'] == {'train': 2, 'valid': 2}
    assert 'and something below Python talks too' in ended.err
    assert 'training ' in ended.err
    ended = bare.hooks(*words)
    assert f'run          {bare.cwd}' not in ended.out
    assert '\nmodel        2 (model-2)\nrun          ' in ended.out
    assert '✔ execute' in ended.err


def test_parameters_come_from_a_file_and_then_from_words(bare: Environment, project: Path, data: Path) -> None:
    (project / 'params.yaml').write_text(f'data_path: {data}\nepochs: 3\n', encoding='utf-8')
    words = ('train', 'actions:Count', '--params', 'params.yaml')
    assert bare.hooks(*words, '--json').json['result']['epochs'] == 3
    assert bare.hooks(*words, '-p', 'epochs=5', '--json').json['result']['epochs'] == 5
    (project / 'params.json').write_text(json.dumps({'data_path': str(data), 'hyperparameters': [{'epochs': 7}]}))
    assert bare.hooks('train', 'actions:Count', '--params', 'params.json', '--json').json['result']['epochs'] == 7


BROKEN_YAML = 'epochs: 1\nsplits: {train: 0.8\n'


@pytest.mark.parametrize(
    ('words', 'problem', 'way_out'),
    [
        (['--params', 'broken.yaml'], '--params broken.yaml is not YAML: line 3, column 1: expected', 'fix that line'),
        (['--params', 'binary.yaml'], '--params binary.yaml is not YAML', 'fix'),
        (['--params', 'list.yaml'], '--params list.yaml holds a list, not names with values', '`name: value` a line'),
        (['--params', 'absent.yaml'], '--params absent.yaml: No such file or directory', 'check the path'),
        (['-p', 'epochs'], "-p 'epochs' is not NAME=VALUE", '-p epochs=10'),
        (['-p', 'epochs=[1'], "-p epochs: '[1' is not YAML: line 1, column 3", 'put it into quotes'),
        (['-p', 'epoch=1'], "there is no parameter 'epoch'; did you mean 'epochs'?", 'the parameters are dataset'),
        (['-p', 'epochs=many'], 'epochs: Input should be a valid integer', '-p NAME=VALUE'),
        (['-p', 'epochs=true'], 'epochs: must be a number, and it is True', '-p NAME=VALUE'),
        (['-p', 'dataset=on'], 'dataset: must be a number or a name, not a truth value', '-p NAME=VALUE'),
        (['-p', 'checkpoint=false'], 'checkpoint: must be a number or a name', '-p NAME=VALUE'),
        (['-p', f'dataset={10**20}'], 'dataset: a whole number must be between', '-p NAME=VALUE'),
        (['-p', f'epochs=-{10**30}'], 'epochs: a whole number must be between', '-p NAME=VALUE'),
        (['-p', f'splits={{train: {10**20}}}'], 'splits: a whole number must be between', '-p NAME=VALUE'),
        (['-p', 'dataset=' + '9' * 5000], "-p dataset: '9999", 'put it into quotes'),
        (['-p', 'dataset=2021-13-45'], "-p dataset: '2021-13-45' is not YAML: month must be", 'put it into quotes'),
        (['-p', 'dataset=!!bool x'], "-p dataset: '!!bool x' is not YAML", 'put it into quotes'),
        (['-p', 'dataset=!!int ""'], '-p dataset: \'!!int ""\' is not YAML', 'put it into quotes'),
    ],
)
def test_parameters_that_do_not_fit_are_named(
    words: list[str], problem: str, way_out: str, bare: Environment, project: Path
) -> None:
    (project / 'broken.yaml').write_text(BROKEN_YAML)
    (project / 'binary.yaml').write_bytes(b'\xff\xfe\x00\x81')
    (project / 'list.yaml').write_text('- 1\n- 2\n')
    ended = bare.hooks('train', 'actions:Count', *words, '--json', code=2)
    told, _, hint = ended.err.partition('\n  → ')
    assert problem in told
    assert way_out in hint
    assert ended.json['outcome'] == 'failed'
    assert ended.json['run_dir'] is None


@pytest.mark.parametrize(
    ('target', 'problem', 'way_out'),
    [
        ('nowhere:Count', "cannot be imported: ModuleNotFoundError: No module named 'nowhere'", 'module:Class'),
        ('nowhere.py:Count', 'there is no file ', 'path/file.py:Class'),
        ('broken:Count', "'broken:Count' cannot be imported: ZeroDivisionError", 'module:Class'),
        ('actions:Cuont', "actions.py has no 'Cuont'", "did you mean 'Count'?"),
        ('actions:NoAction', 'NoAction is not a train action', 'subclass of BaseTrainAction'),
        ('Count', "'Count' does not name an action", 'module:Class'),
        ('.', 'config.yaml', 'module:Class'),
        ('folder', 'config.yaml has no train action', 'actions: {train: {entrypoint: "module:Class"}}'),
        ('actions:Unfinished', "no plugin answered the hook 'execute'", 'write an `execute(self, data_path, '),
    ],
)  # fmt: skip
def test_a_target_that_cannot_be_run_is_named(
    target: str, problem: str, way_out: str, bare: Environment, project: Path, data: Path
) -> None:
    (project / 'broken.py').write_text('1 / 0')
    (project / 'folder').mkdir()
    (project / 'folder' / 'config.yaml').write_text('actions: {}')
    ended = bare.hooks('train', target, '-p', f'data_path={data}', '--json', code=2)
    told, _, hint = ended.err.partition('\n  → ')
    assert problem in told
    assert way_out in hint
    assert ended.json['outcome'] == 'failed'
    jobs = bare.hooks('workspace', 'list', '--json').json.get('jobs', [])
    assert [job['status'] for job in jobs] in ([], ['FAILED']), 'nothing waits for a run that never began'


def test_an_unknown_id_is_reported_with_the_known_ones(bare: Environment, dataset: str) -> None:
    ended = bare.hooks('train', 'actions:Count', '-p', 'dataset=99', '--json', code=1)
    assert 'there is no dataset 99 in the workspace' in ended.err
    assert f'it has {dataset} (scenes)' in ended.err
    assert 'synapse-hooks workspace list' in ended.err
    assert 'raised by synapse-hooks' not in ended.err, 'it is not to blame'
    assert ended.json['error']['cause']['type'] == 'RecordNotFound'

    ended = bare.hooks('train', 'actions:Count', '-p', f'dataset={dataset}', '-p', 'checkpoint=7', '--json', code=1)
    assert 'there is no model 7 in the workspace' in ended.err
    assert '✔ export' not in ended.err, 'a checkpoint is resolved before anything is exported'


def test_the_name_of_a_dataset_will_do(bare: Environment, dataset: str) -> None:
    assert bare.hooks('train', 'actions:Count', '-p', 'dataset=scenes', '--json').json['outcome'] == 'succeeded'


def test_an_action_that_fails_is_named_with_its_own_frames(bare: Environment, project: Path, data: Path) -> None:
    words = ('train', 'actions:Failing', '-p', f'data_path={data}', '--json')
    ended = bare.hooks(*words, code=1)
    assert 'ValueError: the moon is in the wrong phase' in ended.err
    assert f'File "{project}/actions.py", line ' in ended.err
    assert 'synapse_hooks/' not in ended.err, 'the plumbing is of no use to an author'
    assert "raised by the action 'actions:Failing' in hook 'execute'" in ended.err
    assert f'→ synapse-hooks resume {ended.json["run_dir"]}' in ended.err
    # What the hint says works once the cause is gone.
    source = (project / 'actions.py').read_text()
    (project / 'actions.py').write_text(
        source.replace("raise ValueError('the moon is in the wrong phase')", 'return {}')
    )
    assert bare.hooks('resume', ended.json['run_dir'], '--json').json['outcome'] == 'succeeded'


def test_only_a_run_can_be_resumed(bare: Environment, data: Path) -> None:
    for folder, problem in ((data, 'there is no run.json in it'), ('nowhere', 'there is no such folder')):
        ended = bare.hooks('resume', folder, '--json', code=1)
        assert problem in ended.err
        assert ended.json['error']['type'] == 'RunError'


def test_a_run_directory_is_not_used_twice(bare: Environment, project: Path, data: Path) -> None:
    words = ('train', 'actions:Count', '-p', f'data_path={data}', '--run-dir', 'run')
    bare.hooks(*words)
    before = (project / 'run' / 'run.json').read_bytes()
    assert 'run' in bare.hooks(*words, code=1).err
    assert (project / 'run' / 'run.json').read_bytes() == before


def test_a_host_without_a_token_says_what_to_set(bare: Environment, data: Path) -> None:
    words = ('train', 'actions:Count', '-p', f'data_path={data}')
    for ended in (
        bare.hooks(*words, '--host', 'https://x', code=2),
        bare.hooks(*words, code=2, SYNAPSE_HOST='https://x'),
    ):
        assert 'there is no token for https://x' in ended.err
        assert 'SYNAPSE_ACCESS_TOKEN' in ended.err


@pytest.mark.skipif(not Path('/proc').is_dir(), reason='nothing here refuses to be written, whoever asks')
def test_a_workspace_that_cannot_be_written_is_named(bare: Environment, data: Path) -> None:
    ended = bare.hooks('train', 'actions:Count', '-p', f'data_path={data}', '--workspace', '/proc/none', code=1)
    assert '/proc/none' in ended.err
    assert '--workspace or SYNAPSE_WORKSPACE' in ended.err


def test_a_run_gets_the_name_that_was_given(bare: Environment, data: Path) -> None:
    words = ('train', 'actions:Count', '-p', f'data_path={data}', '--name', 'baseline', '--json')
    run_dir = Path(bare.hooks(*words).json['run_dir'])
    assert (run_dir.name, run_dir.parent.name) == ('baseline', 'runs')
    assert json.loads((run_dir / 'run.json').read_text())['run'] == 'baseline'
    ended = bare.hooks(*words, code=1)
    assert "there is a run 'baseline' already" in ended.json['error']['message']
    assert f'synapse-hooks resume {run_dir}' in ended.json['error']['hint']
    assert 'cannot be called' in bare.hooks(*words[:-2], '../up', '--json', code=2).json['error']['message']
