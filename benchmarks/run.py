"""Every benchmark, one after the other, each in a process of its own: what `make bench` calls.

python benchmarks/run.py [NAME]... [--full] [--json] [--check]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from figures import Figure, show

BENCHMARKS = (
    'imports',
    'help',
    'pipeline',
    'startup',
    'workspace',
    'journal',
    'report',
    'hooks',
    'traced',
    'autolog',
    'export',
    'export_dataset',
    'upload',
    'convert',
    'peers',
    'third_party',
    'curve',
    'first_batch',
    'scale',
    'scale_driver',
    'launch',
)
NEEDS = {
    'autolog': ('ultralytics',),
    'convert': ('numpy', 'orjson', 'PIL'),
    'curve': ('numpy', 'orjson', 'PIL'),
    'peers': ('numpy', 'orjson', 'PIL'),
    'third_party': ('numpy', 'orjson', 'PIL'),
    'first_batch': ('ultralytics', 'orjson'),
    'scale': ('ultralytics', 'numpy', 'orjson', 'PIL'),
}
SIZED = ('convert', 'curve', 'first_batch')
"""Those that are small unless they get `--full`."""


def main() -> int:
    """Exit code 1 with `--check`, when an aim was missed; else only when a benchmark failed."""
    parser = argparse.ArgumentParser(description='Run the benchmarks.')
    parser.add_argument('names', nargs='*', metavar='NAME', help=f'some of {", ".join(BENCHMARKS)}; all by default')
    parser.add_argument('--full', action='store_true', help=f'at full size: {", ".join(SIZED)}')
    parser.add_argument('--json', action='store_true', help='the last line of stdout is one JSON object')
    parser.add_argument('--check', action='store_true', help='fail when an aim is missed')
    options = parser.parse_args()
    if unknown := set(options.names).difference(BENCHMARKS):
        parser.error(f'there is no benchmark {", ".join(sorted(unknown))}; there are {", ".join(BENCHMARKS)}')
    figures: list[Figure] = []
    failed = False
    for name in options.names or BENCHMARKS:
        if missing := [needed for needed in NEEDS.get(name, ()) if find_spec(needed) is None]:
            print(f'{name}: skipped, {", ".join(missing)} is not installed', file=sys.stderr)
            continue
        print(f'{name} ...', file=sys.stderr)
        full = ['--full'] if options.full and name in SIZED else []
        script = str(Path(__file__).with_name(f'{name}.py'))
        done = subprocess.run([sys.executable, script, '--json', *full], stdout=subprocess.PIPE, text=True)
        lines = done.stdout.splitlines()
        if not lines or not lines[-1].startswith('{'):
            print(f'{name}: failed', file=sys.stderr)
            failed = True
            continue
        measured = json.loads(lines[-1])['figures']
        figures += [Figure(**{key: value for key, value in one.items() if key != 'met'}) for one in measured]
    show(figures, as_json=options.json)
    missed = any(figure.met is False for figure in figures)
    return 1 if failed or (options.check and missed) else 0


if __name__ == '__main__':
    sys.exit(main())
