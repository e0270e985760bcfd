"""Every example in a docstring of the package runs.

pytest's own `--doctest-modules` would also import whatever lies in tests/dists, and would run the examples in the
workspace and under the settings of whoever runs the tests.
"""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.docs.examples import FLAGS, ROOT, Checker

PACKAGE = ROOT / 'synapse_hooks'
MODULES = [
    '.'.join(file.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__')
    for file in sorted(PACKAGE.rglob('*.py'))
    if '>>> ' in file.read_text(encoding='utf-8')
]


@pytest.mark.parametrize('name', MODULES)
def test_examples_of(
    name: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    def getfixture(fixture: str) -> Any:
        # Each docstring has a folder of its own.
        return tmp_path_factory.mktemp('example') if fixture == 'tmp_path' else request.getfixturevalue(fixture)

    module = import_module(name)
    monkeypatch.chdir(tmp_path)
    found = doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs={'getfixture': getfixture})
    runner, said = doctest.DocTestRunner(checker=Checker(), optionflags=FLAGS), []
    for test in found:
        runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).attempted > 0
    assert not said, ''.join(said)
