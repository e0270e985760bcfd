"""The action, the project's own plugins, installed ones and built-in ones answer one hook: who is asked, in order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.environments import Environment

HOOKS = """
from synapse_hooks import hookimpl

@hookimpl
def convert(context, dataset, target_format):
    if target_format == 'names' and not context.params['epochs'] > 1:
        config = context.output_dir / 'names.txt'
        config.write_text('by hooks.py')
        return {'path': context.output_dir, 'config_path': config, 'format': 'names'}

@hookimpl(wrapper=True)
def run_step(step):
    print('around', step.name)
    return (yield)
"""
WRAP = """
from synapse_hooks import hookimpl

@hookimpl(wrapper=True)
def convert(target_format):
    made = yield
    with made['config_path'].open('a') as file:
        file.write(', wrapped')
    return made
"""


@pytest.fixture
def near(good: Environment, project: Path) -> Environment:
    """A project with two plugins of its own, in an environment with installed ones."""
    (project / 'hooks.py').write_text(HOOKS, encoding='utf-8')
    (project / 'company').mkdir()
    (project / 'company' / 'wrap.py').write_text(WRAP, encoding='utf-8')
    table = '[tool.synapse_hooks]\nplugins = ["hooks.py", "company.wrap"]\n'
    (project / 'pyproject.toml').write_text(table, encoding='utf-8')
    return good


def test_the_listing_shows_wrappers_first_then_the_nearest(near: Environment) -> None:
    order = near.hooks('hooks', 'convert', '--json').json['order']
    shown = [(entry['name'], entry['role'], entry['rank']) for entry in order]
    assert shown[:2] == [('company.wrap', 'wrapper', 'project'), ('hooks.py', 'answer', 'project')]
    assert ('names', 'by name', 'installed') in shown
    built_in = [(name, 'by name', 'built-in') for name in ('coco', 'dm', 'imagefolder', 'yolo')]
    assert shown[-len(built_in) :] == built_in
    assert {rank for _, _, rank in shown[2 : -len(built_in)]} == {'installed'}
    page = near.hooks('hooks', 'convert').out
    assert page.startswith('convert(context, dataset, target_format)\nfirst: the nearest plugin that answers wins')
    rows = [line.split()[1] for line in page.splitlines() if line[:1].isdigit()]
    assert rows == [name for name, _, _ in shown]


def test_project_plugins_are_listed_under_the_string_written_there(near: Environment, project: Path) -> None:
    plugins = {plugin['name']: plugin for plugin in near.hooks('plugins', '--json').json['plugins']}
    assert plugins['hooks.py']['path'] == str(project / 'hooks.py')
    assert plugins['hooks.py']['hooks'] == ['convert', 'run_step']
    assert plugins['company.wrap']['rank'] == 'project'
    # From a folder below, the same project is found.
    below = project / 'below'
    below.mkdir()
    names = [plugin['name'] for plugin in near.at(below).hooks('plugins', '--json').json['plugins']]
    assert names[:2] == ['hooks.py', 'company.wrap']


@pytest.mark.parametrize(
    ('action', 'epochs', 'words', 'expected'),
    [
        ('Nearest', 1, [], 'by the action, then by hooks.py, wrapped'),
        ('Nearest', 2, [], 'by the action, then by acme-names, wrapped'),
        ('Nearest', 1, ['--block', 'hooks.py'], 'by the action, then by acme-names, wrapped'),
        ('Nearest', 1, ['--only', 'acme-names'], 'by the action, then by acme-names'),
        ('Count', 1, [], 'by hooks.py, wrapped'),
        ('Count', 2, [], 'by acme-names, wrapped'),
        ('Count', 2, ['--block', 'company.wrap'], 'by acme-names'),
    ],
)
def test_action_project_and_installed_plugin_answer_at_once(
    action: str, epochs: int, words: list[str], expected: str, near: Environment, dataset: str
) -> None:
    given = ('-p', f'dataset={dataset}', '-p', f'epochs={epochs}')
    run = near.hooks('train', f'actions:{action}', *given, *words, '--json', TARGET_FORMAT='names').json
    assert run['result']['seen'].replace('\n', '') == expected


def test_super_without_another_plugin_reports_the_known_ones(near: Environment, dataset: str) -> None:
    words = ('train', 'actions:Nearest', '-p', f'dataset={dataset}', '--block', 'hooks.py', '--block', 'names')
    assert (
        "the format 'names' of acme-names 0.4 (plugin 'names') is blocked by --block" in near.hooks(*words, code=2).err
    )


def test_a_wrapper_of_the_project_stands_around_every_step(near: Environment, dataset: str) -> None:
    ended = near.hooks('train', 'actions:Count', '-p', f'dataset={dataset}', '-p', 'epochs=2', '--json')
    around = [line.split()[1] for line in ended.err.splitlines() if line.startswith('around ')]
    assert around == ['export', 'pre_execute', 'execute', 'upload']


@pytest.mark.parametrize(
    ('source', 'reason'),
    [
        ('import nowhere', 'ModuleNotFoundError'),
        ('def convert(context): pass', 'it answers no hook; convert() is not marked: put @hookimpl on it'),
        ('1 +', 'SyntaxError'),
        (None, 'FileNotFoundError: there is no file'),
    ],
)
def test_a_broken_project_plugin_refuses_a_run_and_is_shown_by_every_listing(
    source: str | None, reason: str, near: Environment, project: Path, dataset: str, data: Path
) -> None:
    (project / 'hooks.py').unlink()
    if source is not None:
        (project / 'hooks.py').write_text(source, encoding='utf-8')
    words = ('train', 'actions:Count', '-p', f'dataset={dataset}')
    refused = near.hooks(*words, '--json', code=2)
    assert refused.json['run_dir'] is None
    assert f"error: the project (plugin 'hooks.py') is broken: {reason}" in refused.err
    assert 'allow_broken = ["hooks.py"]' in refused.err
    assert reason in near.hooks('doctor', code=1).out
    assert reason in near.hooks('plugins').out
    assert reason in near.hooks('convert', data, 'made', '--to', 'coco', code=2).err
    assert reason in near.hooks('inspect', data, code=2).err
    assert 'company.wrap' in near.hooks('hooks', 'convert').out
    allowed = near.hooks(*words, '--json', SYNAPSE_HOOKS_ALLOW_BROKEN='hooks.py')
    assert allowed.err.count("warning: the project (plugin 'hooks.py') is broken: ") == 1
    record = json.loads((Path(allowed.json['run_dir']) / 'run.json').read_text())
    assert [(out['name'], out['distribution']) for out in record['left_out']] == [('hooks.py', None)]
    assert reason in record['left_out'][0]['reason']
    assert reason in near.hooks(*words, '--only', 'hooks.py', code=2).err
