"""What a forked process does where a block ends that is the parent's alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from synapse_hooks.steps.processes import parent_only

SCRIPT = """
import os
from synapse_hooks.steps.processes import parent_only

with parent_only():
    if (child := os.fork()) == 0:
        {line}
print('after the block')
print('code', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize(
    ('line', 'code', 'said'),
    [
        ('pass', 0, ''),
        ('raise SystemExit', 0, ''),
        ('raise SystemExit(3)', 3, ''),
        ('raise SystemExit("bye")', 1, 'bye'),
        ('raise ValueError("oh")', 1, 'ValueError: oh'),
        ('raise KeyboardInterrupt', 1, 'KeyboardInterrupt'),
        ('import sys; sys.stdout = None', 0, ''),
    ],
)
def test_it_ends_as_the_interpreter_would(line: str, code: int, said: str) -> None:
    ended = subprocess.run(
        [sys.executable, '-c', SCRIPT.format(line=line)], capture_output=True, encoding='utf-8', timeout=60, check=True
    )
    assert ended.stdout.splitlines() == ['after the block', f'code {code}']
    assert said in ended.stderr
    assert bool(said) == bool(ended.stderr)


@pytest.mark.parametrize('error', [SystemExit(0), ValueError('oh'), KeyboardInterrupt()])
def test_the_parent_has_its_exceptions(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, parent_only():
        raise error
    assert caught.value is error
