"""Run directories that somebody edited: each wrong type is a sentence that names the file and the field."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synapse_hooks.cli import main
from synapse_hooks.errors import RunError
from synapse_hooks.journal import RunDirectory
from tests.formats.format_kit import add_item, box

ACTION = """
from synapse_hooks import BaseTrainAction, BaseTrainParams

class P(BaseTrainParams):
    broken: bool = False

class A(BaseTrainAction[P]):
    target_format = 'coco'

    def execute(self, data_path, checkpoint):
        if self.params.broken:
            raise ValueError('broken')
        weights = self.context.output_dir / 'b.pt'
        weights.write_text('x')
        return {'weights_path': str(weights)}
"""


@pytest.fixture(scope='module')
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a run that failed, `failed`, and one that succeeded, `done`."""
    folder = tmp_path_factory.mktemp('runs')
    before = Path.cwd()
    os.chdir(folder)
    (folder / 'act.py').write_text(ACTION)
    add_item(folder / 'set', 'a', {'bounding_box': [box(1, 1, 5, 5)]})
    assert main(['workspace', 'import', 'set', '--name', 'd', '--workspace', 'ws']) == 0
    train = ['train', 'act.py:A', '--workspace', 'ws', '-p', 'dataset=d']
    assert main([*train, '--run-dir', 'done']) == 0
    assert main([*train, '-p', 'broken=true', '--run-dir', 'failed']) == 1
    yield folder
    os.chdir(before)


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in a tree."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from nodes(item, (*path, key))


def refusal(run_dir: Path) -> str:
    """Why a run directory is refused; empty where it is not."""
    try:
        RunDirectory.open(run_dir).read()
    except RunError as error:
        return error.problem
    return ''


def put(tree: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        tree = tree[key]
    tree[path[-1]] = value


@pytest.mark.parametrize('name', ['failed', 'done'])
def test_every_wrong_type_is_usable_or_names_file_and_field(runs: Path, tmp_path: Path, name: str) -> None:
    text = (runs / name / 'run.json').read_text()
    refused = set()
    for path in nodes(json.loads(text)):
        for value in (None, 5, -1.5, True, 'x', [], [1], {}, {'a': None}):
            record = json.loads(text)
            put(record, path, value)
            (tmp_path / 'run.json').write_text(json.dumps(record))
            problem = refusal(tmp_path)
            if problem:
                refused.add(path[0])
                assert f'{tmp_path} has a run.json' in problem
                assert path[0] == 'v' or f'in `{path[0]}' in problem
    assert {'v', 'status', 'params', 'stages', 'attempts', 'target', 'runtime', 'workspace', 'run_dir'} <= refused


def test_a_record_that_was_never_touched_is_used(runs: Path) -> None:
    assert RunDirectory.open(runs / 'failed').status == 'failed'
    assert RunDirectory.open(runs / 'done').status == 'succeeded'


@pytest.mark.timeout(10)
@pytest.mark.parametrize('content', [b'', b'[]', b'\xff', b'[' * 100_000, b'{"v": 1, "v"', None])
def test_what_is_no_record_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        os.mkfifo(tmp_path / 'run.json')
    else:
        (tmp_path / 'run.json').write_bytes(content)
    with pytest.raises(RunError, match=r'has a run\.json that cannot be read'):
        RunDirectory.open(tmp_path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_resume_never_shows_a_traceback(
    runs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(['failed', 'done']))
    copy = tmp_path / 'copy'
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(runs / name, copy)
    record = json.loads((copy / 'run.json').read_text())
    # What the action was given is what it raises about.
    record['params']['broken'] = False
    for path in data.draw(st.lists(st.sampled_from(sorted(nodes(record), key=str)), min_size=1, max_size=2)):
        try:
            put(record, path, data.draw(json_values))
        except (KeyError, IndexError, TypeError):
            continue
    (copy / 'run.json').write_text(json.dumps(record))
    code = main(['resume', str(copy)])
    os.chdir(runs)
    told = capfd.readouterr()
    assert code in (0, 1, 2)
    assert 'Traceback' not in told.err, told.err
    if code:
        assert told.err.strip()
