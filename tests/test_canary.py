"""The canary itself: a test that lets the secret out fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.canary import NAME, SECRET, leaks

pytest_plugins = ['pytester']

LEAKS = {
    'output': 'print(os.environ["CANARY_SECRET"])',
    'log': 'import logging; logging.getLogger("x").warning(os.environ["CANARY_SECRET"])',
    'traceback': 'raise ValueError(os.environ["CANARY_SECRET"])',
    'run directory': '(tmp_path / "run").mkdir(); (tmp_path / "run" / "run.json").touch(); '
    '(tmp_path / "run" / "notes.txt").write_text(os.environ["CANARY_SECRET"])',
}


@pytest.mark.parametrize('way', LEAKS)
def test_a_test_that_lets_the_secret_out_fails(way: str, pytester: pytest.Pytester) -> None:
    root = Path(__file__).resolve().parents[1]
    pytester.makeconftest((root / 'tests' / 'conftest.py').read_text())
    pytester.makepyfile(f'import os\n\ndef test_it(tmp_path):\n    {LEAKS[way]}\n')
    done = pytester.runpytest_subprocess('-p', 'no:cacheprovider', '-o', f'pythonpath={root}')
    done.stdout.fnmatch_lines(['*the canary secret is in*'])
    assert done.ret == 1


def test_the_secret_is_there(tmp_path: Path) -> None:
    assert os.environ[NAME] == SECRET
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'file').write_text(SECRET)
    assert list(leaks(tmp_path)) == []
