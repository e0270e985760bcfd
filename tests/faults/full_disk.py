"""Exports and conversions on a disk that is really full. Run by `unshare -rm`, in a namespace of its own.

    python -m tests.faults.full_disk FOLDER HOST

The last line of stdout is a JSON object: for `export` and `convert` a list of `[size, error, left, digest]`, where
`left` is what stood there after the error, and `digest` what the same command made when there was space.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.child import converted, export


def attempts(disk: Path, sizes: list[int], work: Callable[[], Any]) -> list[list[Any]]:
    """Do something on disks of ever more kilobytes, and again when there is space."""
    found = []
    disk.mkdir()
    for size in sizes:
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}k', 'none', disk], check=True)
        error = ''
        try:
            work()
        except Exception as caught:
            error = f'{type(caught).__name__} {getattr(caught, "path", "")}'
        left = sorted(name for name in os.listdir(disk) if name != 'cache')
        subprocess.run(['mount', '-o', 'remount,size=50m', disk], check=True)
        digest = work() if error else None
        subprocess.run(['umount', '-l', disk], check=True)
        found.append([size, error, left, digest])
    return found


def main() -> None:
    """Try both."""
    folder, host = Path(sys.argv[1]), sys.argv[2]
    disk, source = folder / 'disk', folder / 'source'
    report = {'clean': export(host, str(folder), str(source))}
    report['export'] = attempts(
        disk, [*range(8, 200, 24), 1300, 2600], lambda: export(host, str(disk), str(disk / 'out'))
    )
    disk.rmdir()
    report['converted'] = converted(str(source), str(folder / 'coco'))
    report['convert'] = attempts(disk, [8, 16, 40, 1300, 2600], lambda: converted(str(source), str(disk / 'out')))
    print(json.dumps(report))


if __name__ == '__main__':
    main()
