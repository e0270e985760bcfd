"""`os._exit` in foreign code: no way to leave looks like success."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.environments import Environment

ACTION = """
import atexit, multiprocessing, os, threading, time
from synapse_hooks import BaseTrainAction, BaseTrainParams, hookimpl


class Params(BaseTrainParams):
    how: str


def child():
    os._exit(7)


class Leaver(BaseTrainAction[Params]):
    def execute(self, data_path, checkpoint):
        if self.params.how == 'main':
            try:
                os._exit(0)
            except Exception:
                pass
        if self.params.how == 'thread':
            threading.Thread(target=os._exit, args=(0,)).start()
            time.sleep(60)
        if self.params.how == 'atexit':
            atexit.register(lambda: os._exit(0))
            raise ValueError('broken')
        if self.params.how == 'child':
            forked = multiprocessing.get_context('fork').Process(target=child)
            forked.start()
            forked.join()
            atexit.register(os._exit, 0)
            return {'child': forked.exitcode}
        if self.params.how.startswith('forked'):
            if (child_pid := os.fork()) == 0:
                print('printed by the child')
                if self.params.how == 'forked, and returns':
                    return {}
                raise SystemExit('bye')
            return {'child': os.waitstatus_to_exitcode(os.waitpid(child_pid, 0)[1])}

    def cleanup(self, context, outcome):
        (context.run_dir / 'cleaned').write_text(outcome)
"""


@pytest.fixture
def leaver(bare: Environment, project: Path) -> Environment:
    (project / 'leaver.py').write_text(ACTION, encoding='utf-8')
    return bare


@pytest.mark.parametrize('how', ['main', 'thread', 'atexit'])
def test_an_action_that_leaves_early_has_failed(how: str, leaver: Environment, project: Path, data: Path) -> None:
    words = ('train', 'leaver.py:Leaver', '-p', f'data_path={data}', '-p', f'how={how}', '--run-dir', project / 'run')
    ended = leaver.hooks(*words, '--json', code=1)
    cause = 'broken' if how == 'atexit' else 'os._exit(0) was called'
    assert cause in ended.json['error']['message']
    assert cause in ended.err
    if how != 'thread':
        assert ended.json['outcome'] == 'failed'
        assert json.loads((project / 'run' / 'run.json').read_text())['status'] == 'failed'
        assert (project / 'run' / 'cleaned').read_text() == 'failed'


def test_a_child_process_may_leave_as_it_likes(leaver: Environment, project: Path, data: Path) -> None:
    words = ('train', 'leaver.py:Leaver', '-p', f'data_path={data}', '-p', 'how=child')
    assert leaver.hooks(*words, '--json', code=0).json['result'] == {'child': 7}


@pytest.mark.parametrize(('how', 'status'), [('returns', 0), ('exits', 1)])
def test_a_forked_child_that_comes_back_has_no_part_in_the_run(
    how: str, status: int, leaver: Environment, project: Path, data: Path
) -> None:
    words = ('train', 'leaver.py:Leaver', '-p', f'data_path={data}', '-p', f'how=forked, and {how}')
    ended = leaver.hooks(*words, '--run-dir', project / 'run', '--json', code=0)
    assert ended.json['result'] == {'child': status}
    assert ended.out.count('"outcome"') == 1
    assert 'printed by the child' in ended.err
    assert ('bye' in ended.err) == (how == 'exits')
    events = [json.loads(line) for line in (project / 'run' / 'events.jsonl').read_text().splitlines()]
    assert [event['status'] for event in events if event['type'] == 'run_end'] == ['finished']
    assert (project / 'run' / 'cleaned').read_text() == 'succeeded'


@pytest.mark.parametrize('where', ['import', 'convert'])
def test_a_plugin_that_leaves_early_has_failed(where: str, bare: Environment, project: Path, data: Path) -> None:
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugins = ["leaving.py"]\n', encoding='utf-8')
    lines = {
        'import': 'import os\nos._exit(0)\n',
        'convert': 'import os\nfrom synapse_hooks import hookimpl\n@hookimpl\ndef convert(context):\n    os._exit(0)\n',
    }
    (project / 'leaving.py').write_text(lines[where], encoding='utf-8')
    code = {'import': 2, 'convert': 1}[where]
    ended = bare.hooks('convert', data, 'out', '--to', 'anything', '--from', 'dm', '--json', code=code)
    assert ended.json['error']
    assert 'os._exit(0)' in ended.err
    assert not (project / 'out').exists()
