"""Ctrl-C and SIGTERM end a run as cancelled, cleaned up, and ready to go on."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.support.environments import Environment


@pytest.mark.parametrize(('number', 'code'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=['Ctrl-C', 'SIGTERM'])
def test_a_run_that_is_interrupted_is_cancelled_and_goes_on_when_asked(
    number: signal.Signals, code: int, good: Environment, project: Path, dataset: str
) -> None:
    run_dir = project / 'run'
    words = ('train', 'actions:Patient', '-p', f'dataset={dataset}', '--run-dir', run_dir, '--json')
    with good.started(*words) as running:
        running.until(lambda: any(run_dir.glob('stages/export/started')))
        ended = running.end(number)
    assert ended.code == code, ended
    assert 'Traceback' not in ended.err
    assert ended.json['outcome'] == 'cancelled'
    assert ended.json['error']['type'] == {130: 'KeyboardInterrupt', 143: 'Terminated'}[code]
    record = json.loads((run_dir / 'run.json').read_text())
    assert record['status'] == 'cancelled'
    assert {stage['name']: stage['status'] for stage in record['stages']}['execute'] == 'cancelled'
    assert json.loads((run_dir / 'timing.json').read_text())['outcome'] == 'cancelled'
    assert not (run_dir / '.staging').exists()

    (run_dir / 'stages' / 'export' / 'go').touch()
    # From anywhere: the run knows its action and where it began.
    resumed = good.at(project.parent).hooks('resume', run_dir, '--json').json
    assert resumed['outcome'] == 'succeeded'
    assert resumed['model']['id']
    record = json.loads((run_dir / 'run.json').read_text())
    assert (record['status'], record['attempts']) == ('succeeded', 2)
    told = good.hooks('resume', run_dir)
    assert f'the run has succeeded already; its model is {resumed["model"]["id"]}' in told.out


def test_a_conversion_that_is_terminated_leaves_nothing_behind(bare: Environment, project: Path, data: Path) -> None:
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugins = ["slow.py"]\n', encoding='utf-8')
    (project / 'slow.py').write_text(
        """
import time
from pathlib import Path
from synapse_hooks import hookimpl

@hookimpl
def convert(context, target_format):
    (context.output_dir / 'half').touch()
    Path('started').touch()
    time.sleep(60)
""",
        encoding='utf-8',
    )
    before = {file.name for file in project.iterdir()}
    with bare.started('convert', data, 'out', '--to', 'anything', '--from', 'dm', '--json') as running:
        running.until((project / 'started').exists)
        ended = running.end(signal.SIGTERM)
    assert ended.code == 143, ended
    assert ended.json['error']['type'] == 'Terminated'
    assert {file.name for file in project.iterdir()} - before <= {'started', '__pycache__'}


def test_a_run_in_use_by_another_process_is_left_alone(bare: Environment, project: Path, data: Path) -> None:
    words = ('train', 'actions:Patient', '-p', f'data_path={data}', '--run-dir', project / 'run', '--json')
    with bare.started(*words) as running:
        running.until((data / 'started').exists)
        refused = bare.hooks('resume', project / 'run', code=1)
        assert str(project / 'run') in refused.err
        assert 'in use' in refused.err
        (data / 'go').touch()
        ended = running.end()
    assert ended.json['outcome'] == 'succeeded'


def test_ctrl_c_before_a_command_has_begun_shows_no_traceback(bare: Environment) -> None:
    """A finder of modules stands for the moment: it raises where the module of the command is imported."""
    code = """
import sys

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == 'synapse_hooks.cli.convert':
            raise KeyboardInterrupt

sys.meta_path.insert(0, Finder)
from synapse_hooks.cli import main
sys.argv = ['synapse-hooks', 'convert', 'a', 'b', '--to', 'coco']
sys.exit(main())
"""
    done = bare.run(bare.python, '-c', code)
    assert (done.code, done.out, done.err) == (130, '', '')
