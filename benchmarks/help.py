"""`synapse-hooks --help` against `python -c 'import pluggy, pydantic'`: whole processes."""

from __future__ import annotations

import sys

from figures import Figure, compared, main, our_command


def measure() -> list[Figure]:
    """The whole command, as it is typed."""
    theirs = [sys.executable, '-c', 'import pluggy, pydantic']
    ours = [*our_command(), '--help']
    return compared(['synapse-hooks --help', 'import pluggy, pydantic'], [ours, theirs], aim=1.6)


if __name__ == '__main__':
    sys.exit(main(measure, __doc__))
