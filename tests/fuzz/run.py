"""The fuzzer by hand, for as long as one likes: `python -m tests.fuzz.run --minutes 60`.

Every layout takes its turn. Inputs that break a promise are kept in a folder, one of each kind: the dataset, and a text
that says what was changed and what came of it. The exit code is 1 where there are any.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random

from synapse_hooks.testing.fuzzing import Fuzzer, FuzzResult
from tests.fuzz.seeds import CONTRIB_FORMATS, SEEDS, format_of

TURN = 50
"""Inputs of one layout before it is the next one's turn."""


def kind_of(tried: FuzzResult) -> str:
    """Equal for inputs that fail in the same way: where the first traceback ends, or the sentence without numbers."""
    first = tried.findings[0]
    frames = re.findall(r'File "([^"]+)", line (\d+)', first.trace or first.what)
    ours = [f'{Path(file).name}:{line}' for file, line in frames if 'synapse_hooks' in file and 'testing' not in file]
    sentence = re.sub(r"[0-9]+|/[^ ]*|'.*", '', first.what.splitlines()[0])
    # Of a process that hung, the innermost frame is told first.
    frame = ours[0 if first.promise == 'hang' else -1] if ours else ''
    return f'{first.promise} {frame} {sentence[:60]}'


def keep(tried: FuzzResult, folder: Path) -> None:
    """Copy an input as it is, pipes and links and all."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / 'what.txt').write_text(f'{tried}\n', errors='backslashreplace')
    # Python's own copy waits for pipes.
    subprocess.run(['cp', '-a', tried.source, folder], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description='Try datasets that are wrong.')
    parser.add_argument('names', nargs='*', metavar='LAYOUT', help=f'all, or some of: {", ".join(SEEDS)}')
    parser.add_argument('--minutes', type=float, default=60, help='how long (60)')
    parser.add_argument('--seed', type=int, default=0, help='another one tries other inputs (0)')
    parser.add_argument('--keep', type=Path, default=Path('fuzz-found'), help='where inputs are kept (fuzz-found)')
    parser.add_argument('--most', type=int, default=10**9, help='stop a layout after so many inputs')
    options = parser.parse_args()
    names = options.names or list(SEEDS)
    counts: Counter[str] = Counter()
    failures: dict[str, Counter[str]] = {name: Counter() for name in names}
    begun = said = time.monotonic()
    with ExitStack() as opened:
        work = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix='fuzz-')))
        others = [format_of(name) for name in CONTRIB_FORMATS]
        fuzzers = {}
        for name in names:
            SEEDS[name].make(work / name / name)
            fuzzer = Fuzzer(format_of(SEEDS[name].format), work / name / name, work / name, others=others)
            fuzzers[name] = opened.enter_context(fuzzer)
        while time.monotonic() - begun < options.minutes * 60 and min(counts[name] for name in names) < options.most:
            for name in names:
                for _ in range(TURN):
                    if counts[name] >= options.most or time.monotonic() - begun > options.minutes * 60:
                        break
                    tried = fuzzers[name](Random(f'{options.seed} {name} {counts[name]}'))
                    counts[name] += 1
                    if not tried.findings:
                        continue
                    kind = kind_of(tried)
                    failures[name][kind] += 1
                    if failures[name][kind] == 1:
                        place = options.keep / f'{name}-{counts[name]}'
                        keep(tried, place)
                        print(f'{name} {counts[name]}: {kind}\n  kept in {place}', flush=True)
            if time.monotonic() - said > 60:
                said = time.monotonic()
                print(f'{(said - begun) / 60:.0f} min: {counts.total():,} inputs', flush=True)
    print(f'\n{counts.total():,} inputs in {(time.monotonic() - begun) / 60:.1f} minutes')
    for name in names:
        print(f'  {name}: {counts[name]:,} inputs, {failures[name].total():,} broke a promise')
        for kind, count in failures[name].most_common():
            print(f'    {count:,} x {kind}')
    return 1 if any(failures.values()) else 0


if __name__ == '__main__':
    sys.exit(main())
