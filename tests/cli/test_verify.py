"""The command `verify`."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.environments import Environment


@pytest.fixture
def run(bare: Environment, project: Path, data: Path) -> Path:
    """A run that succeeded."""
    bare.hooks('workspace', 'import', data, '--name', 'd', '--workspace', project / 'shelf')
    shelf = ('--workspace', project / 'shelf', '--run-dir', project / 'run')
    bare.hooks('train', 'actions.py:Count', '-p', 'dataset=d', *shelf, TARGET_FORMAT='yolo')
    return project / 'run'


def test_a_run_is_whole_until_something_is_touched(bare: Environment, run: Path) -> None:
    answer = bare.hooks('verify', run, '--json').json
    assert not answer['damaged']
    assert {check['name'] for check in answer['checks']} >= {'export', 'convert', 'execute'}
    moved = run.with_name('moved')
    shutil.copytree(run, moved, copy_function=shutil.copy2)
    assert not bare.hooks('verify', moved, '--json').json['damaged']
    victim = next(file for file in (moved / 'stages' / 'convert').rglob('*.txt') if file.is_file())
    victim.write_text('0 0 0 0 0\n')
    os.utime(victim, (1, 1))
    ended = bare.hooks('verify', moved, code=1)
    assert 'convert      damaged' in ended.out
    assert not bare.hooks('verify', run, '--json').json['damaged']
    bare.hooks('cache', 'prune', '--to', '0')
    pruned = bare.hooks('verify', run, code=1).out
    assert f'{run}/stages/convert is no longer in the cache' in pruned
    assert f'`synapse-hooks resume {run} --from-stage convert`' in pruned
    (run / 'stages' / 'convert').unlink()
    assert 'is gone' in bare.hooks('verify', run, code=1).out


def test_what_nothing_is_known_of_is_refused(bare: Environment, tmp_path: Path) -> None:
    assert 'neither an items.jsonl nor a run.json' in bare.hooks('verify', tmp_path, code=2).err


def test_a_manifest_is_not_trusted(bare: Environment, tmp_path: Path) -> None:
    content = {'name': '../../etc/passwd', 'sha256': '0' * 64, 'size': 1}
    (tmp_path / 'items.jsonl').write_text(json.dumps({'document': content, 'files': []}) + '\n{"files": 1}\n\xff\n')
    answer = bare.hooks('verify', tmp_path, '--json', code=1).json
    assert [problem['path'] for problem in answer['checks'][0]['problems']] == ['items.jsonl'] * 3


def test_a_path_with_nothing_at_it(bare: Environment, project: Path) -> None:
    assert "there is no folder and no run 'nowhere'" in bare.hooks('verify', 'nowhere', code=2).err
