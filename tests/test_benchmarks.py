"""The benchmarks run; what they find is for `make bench`, on a quiet machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RUNNER = Path(__file__).parent.parent / 'benchmarks' / 'run.py'


def test_a_benchmark_ends_in_one_json_object() -> None:
    done = subprocess.run([sys.executable, str(RUNNER), 'hooks', '--json'], capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])['figures']
    assert figures[0]['unit'] == 'x'
    assert figures[0]['value'] > 0
    assert all({'name', 'value', 'unit', 'aim', 'note', 'met'} == figure.keys() for figure in figures)


def test_an_unknown_benchmark_is_refused() -> None:
    done = subprocess.run([sys.executable, str(RUNNER), 'speed'], capture_output=True, text=True)
    assert done.returncode == 2
    assert 'there is no benchmark speed; there are imports, help, pipeline' in done.stderr
