"""Commands for whom permissions count. They count for nothing where tests run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

import pytest

_CAPABILITIES = '-dac_override,-dac_read_search'


def without_privileges() -> tuple[str, ...]:
    """What to write before a command, so that a file without permissions is closed to it; else the test is skipped."""
    words = _words()
    if words is None:
        pytest.skip('permissions count for nothing here: root cannot give up its privileges')
    return words


@cache
def _words() -> tuple[str, ...] | None:
    if os.geteuid() != 0:
        return ()
    if shutil.which('setpriv') is None:
        return None
    words = ('setpriv', f'--bounding-set={_CAPABILITIES}', f'--inh-caps={_CAPABILITIES}')
    return words if subprocess.run([*words, 'true'], capture_output=True, check=False).returncode == 0 else None
