"""Conversions that are kept, as users of the command line meet them: with installed formats, and with plugins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.environments import Environment, Environments


@pytest.fixture
def installed(environments: Environments, project: Path, data: Path) -> Environment:
    """An environment with formats of others, and a dataset in the workspace."""
    environment = environments.of('acme-csv', 'acme-names', 'acme-timing').at(project, TARGET_FORMAT='boxes-csv')
    environment.hooks('workspace', 'import', data, '--name', 'd')
    return environment


def conversions(environment: Environment) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = environment.hooks('cache', 'list', '--json').json['conversions']
    return found


def train(environment: Environment, run: str, *words: str, **env: str) -> str:
    return environment.hooks('train', 'actions.py:Count', '-p', 'dataset=d', '--run-dir', run, *words, **env).err


def test_a_format_of_others_is_kept_by_its_version(installed: Environment, project: Path) -> None:
    train(installed, 'r1')
    train(installed, 'r2')
    (kept,) = conversions(installed)
    assert (kept['from'], kept['to'], kept['run'], kept['users']) == ('dm', 'boxes-csv', 'r1', 0)
    assert (project / 'r2' / 'stages' / 'convert').resolve() == Path(kept['path'])
    # As if it were upgraded.
    (metadata,) = installed.root.glob('lib/python*/site-packages/acme_csv-*.dist-info/METADATA')
    before = metadata.read_text()
    try:
        metadata.write_text(before.replace('\nVersion: 1.0\n', '\nVersion: 1.1\n'))
        train(installed, 'r3')
    finally:
        metadata.write_text(before)
    assert [kept['run'] for kept in conversions(installed)] == ['r1', 'r3']


def test_a_plan_says_why_nothing_is_kept(installed: Environment, project: Path) -> None:
    words = ('train', 'actions.py:Count', '-p', 'dataset=d', '--plan', '--json')
    assert installed.hooks(*words).json['stages'][1]['kept'] == 'one that is kept is used, if there is one'
    off = installed.hooks(*words, SYNAPSE_HOOKS_KEEP_CONVERSIONS='0').json['stages'][1]
    assert off['kept'] == 'it is not kept for other runs: keep_conversions is off'
    assert off['why'].endswith('keep_conversions is off')
    hook = 'from synapse_hooks import hookimpl\n\n\n@hookimpl\ndef pre_execute():\n    return None\n'
    (project / 'hooks.py').write_text(hook)
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugins = ["hooks.py"]\n')
    told = installed.hooks(*words).json['stages'][1]['kept']
    assert told.endswith("the project (plugin 'hooks.py') answers pre_execute, and may edit the dataset")
    train(installed, 'r1')
    assert conversions(installed) == []
    assert not (project / 'r1' / 'stages' / 'convert').is_symlink()
