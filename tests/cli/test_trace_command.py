"""`train --trace` and `trace`: calls of installed plugins and of the project, as a tree, as JSON and for Perfetto."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.environments import Environment

WRAPPER = """
from synapse_hooks import hookimpl

@hookimpl(wrapper=True)
def convert(context, dataset, target_format):
    return (yield)
"""


def every(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [node for each in nodes for node in (each, *every(each['inner']))]


@pytest.fixture
def environment(good: Environment, project: Path) -> Environment:
    (project / 'hooks.py').write_text(WRAPPER, encoding='utf-8')
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugins = ["hooks.py"]\n', encoding='utf-8')
    return good.at(project, TARGET_FORMAT='names')


def test_a_run_shows_which_plugins_it_called(environment: Environment, dataset: str, project: Path) -> None:
    words = ('train', 'actions:Nearest', '-p', f'dataset={dataset}', '--name', 'first', '--trace')
    run = environment.hooks(*words, '--json').json
    found = environment.hooks('trace', 'first', '--json').json
    assert found['path'] == run['run_dir']
    assert (found['complete'], found['lost'], found['unreadable_lines']) == (True, 0, 0)
    stages = {stage['step']: every(stage['calls']) for stage in found['stages']}
    convert = [
        (node['plugin'], node['distribution'], node['outcome'])
        for node in stages['convert']
        if node['hook'] == 'convert'
    ]
    assert convert == [
        ('hooks.py', None, 'wrapped'),
        ('actions:Nearest', None, 'answered'),
        ('names', 'acme-names', 'answered'),
    ]
    (timing,) = [node for node in stages['execute'] if node['plugin'] == 'timing']
    assert (timing['wrapper'], timing['distribution'], timing['version']) == (True, 'acme-timing', '0.2')

    text = environment.hooks('trace', run['run_dir']).out
    for line in (
        r'│   └ convert \(wrapper\) +[\d.]+ [mu]s  hooks\.py \(project\)',
        r'│     └ convert +[\d.]+ [mu]s  actions:Nearest \(action\)',
        r'│       └ convert +[\d.]+ [mu]s  names \(acme-names 0\.4\)',
    ):
        assert re.search(line, text), text
    assert '◀' in text

    made = environment.hooks('trace', '--chrome', 'trace.json').out
    assert 'ui.perfetto.dev' in made
    events = json.loads((project / 'trace.json').read_text(encoding='utf-8'))['traceEvents']
    assert 'convert (names)' in [event['name'] for event in events]
    assert not [file.name for file in project.iterdir() if file.name.startswith('.')]


def test_a_run_that_goes_on_is_traced_again_and_its_attempts_are_kept_apart(
    environment: Environment, dataset: str
) -> None:
    words = ('train', 'actions:Failing', '-p', f'dataset={dataset}', '--name', 'twice', '--trace')
    environment.hooks(*words, code=1)
    environment.hooks('resume', 'twice', code=1)
    found = environment.hooks('trace', 'twice', '--json').json
    assert (found['attempt'], found['attempts']) == (2, [1, 2])
    assert 'raised ValueError' in environment.hooks('trace', 'twice', '--attempt', '1').out
    ended = environment.hooks('trace', 'twice', '--attempt', '7', code=2)
    assert 'the attempts with a trace are 1, 2' in ended.err


def test_a_launched_run_and_a_sweep_are_traced_where_they_run(
    environment: Environment, dataset: str, project: Path
) -> None:
    common = ('-p', f'dataset={dataset}', '--trace')
    environment.hooks('train', 'actions:Count', *common, '--name', 'there', '--launcher', 'local')
    assert environment.hooks('trace', 'there', '--json').json['complete'] is True
    (project / 'over.yaml').write_text('- {epochs: 2}\n', encoding='utf-8')
    environment.hooks('sweep', 'actions:Count', *common, '--over', 'over.yaml', '--name', 'many')
    assert environment.hooks('trace', 'many', '--json').json['complete'] is True


def test_a_run_without_a_trace_says_what_to_type(environment: Environment, dataset: str) -> None:
    environment.hooks('train', 'actions:Count', '-p', f'dataset={dataset}', '--name', 'plain')
    ended = environment.hooks('trace', 'plain', code=1)
    assert 'plain was not traced' in ended.err
    assert 'synapse-hooks resume' in ended.err
    assert '--trace' in ended.err
    assert "there is no run 'nonsense'" in environment.hooks('trace', 'nonsense', code=1).err


def test_a_chrome_trace_does_not_replace_a_file_of_the_run(
    environment: Environment, dataset: str, project: Path
) -> None:
    environment.hooks('train', 'actions:Count', '-p', f'dataset={dataset}', '--run-dir', 'kept', '--trace')
    for name in ('trace.jsonl', 'run.json'):
        before = (project / 'kept' / name).read_bytes()
        ended = environment.hooks('trace', 'kept', '--chrome', f'kept/{name}', code=2)
        assert 'is a file of the run' in ended.err
        assert (project / 'kept' / name).read_bytes() == before
    environment.hooks('trace', 'kept', '--chrome', 'kept/chrome.json')
