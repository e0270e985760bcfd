"""Runs from the command line that do not go as usual."""

from __future__ import annotations

from pathlib import Path

from tests.support.environments import Environment

SECRET = 'canary-4711-secret'
ACTION = """
import os, signal, sys
from synapse_hooks import BaseTrainAction, BaseTrainParams

class Params(BaseTrainParams):
    key: str = ''
    how: str = 'well'

class Odd(BaseTrainAction[Params]):
    def execute(self, data_path, checkpoint):
        self.log_metrics({'loss': 0.5})
        self.log_message(f'the key is {self.params.key}')
        if self.params.how == 'fails':
            raise ValueError(f'the key {self.params.key} does not fit')
        if self.params.how == 'interrupted':
            raise KeyboardInterrupt
        if self.params.how == 'closes':
            sys.stdout.close()
        weights = self.context.output_dir / 'best.pt'
        weights.write_text('trained')
        return {'weights_path': str(weights)}
"""
SINK = """
from pathlib import Path
from synapse_hooks import hookimpl

@hookimpl
def log_metrics(points):
    if not Path('registry').exists():
        raise ConnectionError('away')
    Path('registry').write_text(str(len(points)))
"""


def train(bare: Environment, data: Path, how: str, *words: str) -> list[str]:
    assert bare.cwd is not None
    (bare.cwd / 'odd.py').write_text(ACTION, encoding='utf-8')
    return ['train', 'odd.py:Odd', '-p', f'data_path={data}', '-p', f'how={how}', '--run-dir', 'run', *words, '--json']


def test_resume_delivers_what_a_sink_has_not_got_of_a_run_that_succeeded(bare: Environment, data: Path) -> None:
    assert bare.cwd is not None
    (bare.cwd / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugins = ["sink.py"]\n', encoding='utf-8')
    (bare.cwd / 'sink.py').write_text(SINK, encoding='utf-8')
    first = bare.hooks(*train(bare, data, 'well'))
    assert 'synapse-hooks sync' in first.err
    (bare.cwd / 'registry').touch()
    again = bare.hooks('resume', 'run', '--json')
    assert again.json['outcome'] == 'succeeded'
    assert again.json['model'] == first.json['model']
    assert (bare.cwd / 'registry').read_text() == '1'


def test_a_cancelled_run_says_how_to_go_on(bare: Environment, data: Path) -> None:
    ended = bare.hooks(*train(bare, data, 'interrupted'), code=130)
    assert f'synapse-hooks resume {bare.cwd}/run' in ended.err


def test_an_action_that_closes_stdout_loses_its_prints_only(bare: Environment, data: Path) -> None:
    ended = bare.hooks(*train(bare, data, 'closes'))
    assert ended.json['outcome'] == 'succeeded'


def test_a_token_is_in_no_file_and_no_output(bare: Environment, data: Path, tmp_path: Path) -> None:
    assert bare.cwd is not None
    canary = bare.at(bare.cwd, SYNAPSE_ACCESS_TOKEN=SECRET, SYNAPSE_WORKSPACE=str(tmp_path / 'ws'))
    for how, code in (('well', 0), ('fails', 1)):
        words = [*train(canary, data, how, '-p', f'key={SECRET}'), '--run-dir', f'run-{how}']
        ended = canary.hooks(*words, code=code)
        assert SECRET not in ended.out + ended.err
    files = [file for folder in (bare.cwd, tmp_path / 'ws') for file in folder.rglob('*') if file.is_file()]
    assert any(file.name == 'workspace.sqlite' for file in files)
    assert [file for file in files if SECRET.encode() in file.read_bytes()] == []


def test_a_run_whose_parameters_were_secret_is_not_resumed_without_them(bare: Environment, data: Path) -> None:
    hiding = bare.at(bare.cwd, SYNAPSE_ACCESS_TOKEN=SECRET)
    hiding.hooks(*train(hiding, data, 'fails', '-p', f'key={SECRET}'), code=1)
    refused = hiding.hooks('resume', 'run', '--json', code=1).json
    assert 'does not hold the parameters key: they are secret' in refused['error']['message']
