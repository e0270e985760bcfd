"""An installed plugin that takes an argument which will be removed works, and is told about, by name."""

from __future__ import annotations

import json

from tests.support.environments import Ended, Environment

DECLARE = """
import sys
from synapse_hooks import deprecations
from synapse_hooks.cli import main
from synapse_hooks.deprecations import Deprecation
deprecations.DEPRECATIONS = (Deprecation('convert', 'dataset', 'use `context.dataset`', '0.1', '0.3'),)
sys.exit(main(sys.argv[1:]))
"""
SENTENCE = (
    "the argument 'dataset' of the hook 'convert' is deprecated since synapse-hooks 0.1 and is removed in 0.3: use "
    '`context.dataset`'
)


def with_deprecation(environment: Environment, *words: str, **env: str) -> Ended:
    """The command line, where an argument of `convert` is deprecated."""
    ended = environment.run(environment.python, '-c', DECLARE, *words, **env)
    assert ended.code == 0, ended
    return ended


def test_an_installed_plugin_is_warned_about_by_its_distribution(good: Environment, dataset: str) -> None:
    words = ('train', 'actions:Count', '-p', f'dataset={dataset}', '--json')
    ended = with_deprecation(good, *words, TARGET_FORMAT='names')
    assert json.loads(ended.out.splitlines()[-1])['result']['seen'].startswith('by acme-names')
    assert ended.err.count(f"warning: acme-names 0.4 (plugin 'names') must be changed: {SENTENCE}") == 1

    ended = with_deprecation(good, 'doctor')
    assert (
        f'ok    format names: works, but must be changed: {SENTENCE}; `pip install --upgrade acme-names`' in ended.out
    )
    assert 'ok    hook API: version 1\n' in ended.out
    assert 'warning' not in ended.err

    ended = with_deprecation(good, 'plugins')
    assert f'names must be changed: {SENTENCE}' in ended.out
    assert 'must be changed' not in good.hooks('doctor', code=None).out
