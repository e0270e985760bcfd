"""The actor of a run, without Ray: in a process of its own, as it ends its process when nothing uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from synapse_hooks_ray.child import environment

_ACTION = """
import shutil
from pathlib import Path
from synapse_hooks import BaseTrainAction, BaseTrainParams

class Params(BaseTrainParams):
    store: str = ''

class Train(BaseTrainAction[Params]):
    def execute(self, data_path, checkpoint):
        self.log_metrics({'loss': 0.5}, step=1)
        print('training')
        if self.params.store:
            shutil.rmtree(self.params.store)
            Path(self.params.store).touch()
        return {'done': True}
"""

# Runs a plan from start to end, and prints what the driver gets.
_DRIVER = """
import json, sys
from pathlib import Path
from synapse_hooks.actions.target import load_action
from synapse_hooks.context import RuntimeContext
from synapse_hooks.launches import Resources
from synapse_hooks.launching.driver import prepare_launch
from synapse_hooks_ray import worker
from synapse_hooks_ray.storage import Store

folder, store = Path(sys.argv[1]), sys.argv[2]
worker._PAUSES = (0.1,)
kind, target, _ = load_action(f'{folder}/train.py:Train')
params = {'data_path': str(folder), 'store': f'{folder}/store' if store == 'breaks' else ''}
setup = kind(params, RuntimeContext(run_dir=folder / 'run', target=target, block=['ray'])).setup_run()
plan = prepare_launch(setup, 'local', Resources()).plan
actor = worker.Worker()
sees = actor.sees(plan.run_dir, (folder / 'run' / 'run.json').read_bytes())['same']
place = None
if store:
    place = (f'file://{folder}/store', 'one')
    Store(*place).push(folder / 'run')
actor.start(worker.Order(plan, storage=place))
line, places, lines, journal = 0, {}, [], b''
while (report := actor.report(line, places)).code is None:
    lines += report.lines
    line = report.next_line
    for name, data in report.journal.items():
        places[name] = places.get(name, 0) + len(data)
        journal += data
lines += report.lines
error = report.error
answer = {'sees': sees, 'code': report.code, 'status': report.status, 'lines': lines, 'journal': journal.decode()}
answer['error'] = None if error is None else [error.problem, error.hint]
print(json.dumps(answer), flush=True)
actor.finish()
"""


def ran(folder: Path, store: str = '') -> dict[str, Any]:
    (folder / 'train.py').write_text(_ACTION)
    (folder / 'workspace').mkdir()
    env = environment({'SYNAPSE_WORKSPACE': str(folder / 'workspace'), 'TMPDIR': str(folder)})
    command = [sys.executable, '-c', _DRIVER, str(folder), store]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, encoding='utf-8', timeout=100)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_a_run_in_a_shared_folder(tmp_path: Path) -> None:
    answer = ran(tmp_path)
    assert (answer['sees'], answer['code'], answer['status'], answer['error']) == (True, 0, 'succeeded', None)
    assert 'training' in answer['lines']
    # The driver reads the journal itself.
    assert answer['journal'] == ''


def test_a_run_that_travels(tmp_path: Path) -> None:
    answer = ran(tmp_path, 'works')
    assert (answer['code'], answer['status'], answer['error']) == (0, 'succeeded', None)
    types = [json.loads(line)['type'] for line in answer['journal'].splitlines()]
    assert types[0] == 'run_start'
    assert types[-1] == 'run_end'
    assert json.loads((tmp_path / 'store' / 'one' / 'run.json').read_text())['status'] == 'succeeded'
    # The driver's own folder was not touched, and nothing is left of the worker's.
    assert json.loads((tmp_path / 'run' / 'run.json').read_text())['status'] == 'created'
    assert list(tmp_path.glob('.synapse-hooks-run*')) == []


def test_a_run_whose_storage_fails_is_kept_where_it_is(tmp_path: Path) -> None:
    answer = ran(tmp_path, 'breaks')
    problem, hint = answer['error']
    assert 'store' in problem
    (kept,) = tmp_path.glob('.synapse-hooks-run*')
    assert str(kept) in hint
    assert json.loads((kept / 'run' / 'run.json').read_text())['status'] == 'succeeded'
