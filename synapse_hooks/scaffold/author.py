"""The author of a project, as git knows them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Author:
    """Name and address of an author; either may be empty."""

    name: str = ''
    email: str = ''

    @classmethod
    def from_git(cls, folder: Path) -> Author:
        """The author of commits in a folder, by the configuration of git; empty without git.

        What PyPI would refuse is left out: an address without a domain, such as `root@(none)`.
        """
        name, email = (_configured(folder, key) for key in ('user.name', 'user.email'))
        return cls(name if is_one_line(name) else '', email if is_address(email) else '')


def is_one_line(text: str) -> bool:
    """Whether a text can be written into the metadata of a distribution: one line, without control characters."""
    return text.isprintable() and bool(text.strip())


def is_address(text: str) -> bool:
    """Whether a text has the form of an e-mail address.

    Example:
        >>> is_address('ada@example.org'), is_address('root@(none)')
        (True, False)
    """
    return re.fullmatch(r'[\w.+-]+@[\w-]+(?:\.[\w-]+)+', text, re.ASCII) is not None


def _configured(folder: Path, key: str) -> str:
    command = ['git', '-C', str(folder), 'config', '--get', key]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ''
    return done.stdout.decode('utf-8', 'replace').strip()
