"""The least that a conversion must do, in one process: decode every JSON of the source, write as many files of the same
sizes as are not images, and hard-link the images again.

python benchmarks/floor.py SOURCE OUTPUT
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import orjson


def floor(source: Path, output: Path) -> dict[str, float]:
    """The seconds of each part, and how many images there were. What it writes stands beside `output` meanwhile."""
    documents = [file for file in files_below(source) if file.endswith('.json')]
    found = [os.path.relpath(file, output) for file in files_below(output)]
    images = [name for name in found if name.endswith('.jpg')]
    # The bytes are in memory before the clock runs, as a converter has them there.
    texts = {name: (output / name).read_bytes() for name in found if not name.endswith('.jpg')}
    with tempfile.TemporaryDirectory(dir=output.parent) as scratch:
        for folder in {Path(scratch, name).parent for name in found}:
            folder.mkdir(parents=True, exist_ok=True)
        gc.disable()
        started = time.perf_counter()
        for file in documents:
            with open(file, 'rb') as document:
                orjson.loads(document.read())
        decoded = time.perf_counter()
        for name, text in texts.items():
            target = os.open(f'{scratch}/{name}', os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            os.write(target, text)
            os.close(target)
        written = time.perf_counter()
        for name in images:
            os.link(f'{output}/{name}', f'{scratch}/{name}')
        linked = time.perf_counter()
    seconds = {'decode': decoded - started, 'write': written - decoded, 'link': linked - written}
    return {**seconds, 'images': len(images)}


def files_below(root: Path) -> list[str]:
    """Every file, sorted by path."""
    return sorted(f'{folder}/{name}' for folder, _, names in os.walk(root) for name in names)


def main() -> int:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description='The least that a conversion must do, timed.')
    parser.add_argument('source', type=Path)
    parser.add_argument('output', type=Path)
    options = parser.parse_args()
    print(json.dumps(floor(options.source, options.output)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
