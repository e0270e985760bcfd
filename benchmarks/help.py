"""`synapse-hooks --help` against `python -c 'import pluggy, pydantic'`: whole processes."""

from __future__ import annotations

import sys
from pathlib import Path

from figures import Figure, compared, main


def measure() -> list[Figure]:
    """The installed command where there is one, else the module."""
    script = Path(sys.executable).with_name('synapse-hooks')
    command = [str(script)] if script.is_file() else [sys.executable, '-m', 'synapse_hooks.cli']
    theirs = [sys.executable, '-c', 'import pluggy, pydantic']
    return compared(['synapse-hooks --help', 'import pluggy, pydantic'], [[*command, '--help'], theirs], aim=1.6)


if __name__ == '__main__':
    sys.exit(main(measure, __doc__))
