"""The provenance of a run: the interpreter, the machine, the revision of the code."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any


def environment() -> dict[str, str]:
    """The interpreter's version and path, the system with its release and architecture, and the name of the machine.

    Example:
        >>> sorted(environment())
        ['executable', 'host', 'platform', 'python']
    """
    # platform.platform() reads the interpreter's binary to learn of the C library, which takes milliseconds.
    system = os.uname()
    return {
        'python': platform.python_version(),
        'executable': sys.executable,
        'host': system.nodename,
        'platform': f'{system.sysname}-{system.release}-{system.machine}',
    }


def git_revision(folder: Path, *, timeout: float = 2.0) -> dict[str, Any] | None:
    """The git revision of a checkout: `{'sha': 40 hexadecimal digits, 'dirty': bool}`.

    It runs `git` once, which takes some milliseconds: call it beside something else where that matters. Files that git
    does not know do not count as dirty.

    Args:
        folder: Any folder of the checkout.
        timeout: Seconds after which git is given up.

    Returns:
        The revision, or None: no checkout, no commit yet, no git, or no answer in time.
    """
    command = ['git', 'status', '--porcelain=v2', '--branch', '--untracked-files=no']
    try:
        # Without its optional locks, git cannot block one that the user runs at the same time.
        answer = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, 'GIT_OPTIONAL_LOCKS': '0', 'LC_ALL': 'C'},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    lines = answer.decode(errors='replace').splitlines()
    sha = next((line.split()[-1] for line in lines if line.startswith('# branch.oid ')), '(initial)')
    dirty = any(not line.startswith('#') for line in lines)
    return None if sha == '(initial)' else {'sha': sha, 'dirty': dirty}
