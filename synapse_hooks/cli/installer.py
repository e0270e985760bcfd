"""Installing distributions into the environment of this command, with pip or uv: whichever there is."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from synapse_hooks.errors import ConfigError, InstallationFailed, suggest
from synapse_hooks.plugins.known import DISTRIBUTIONS, KNOWN
from synapse_hooks.plugins.records import normalize
from synapse_hooks.terminal import write_stderr

_KEPT: Final = 200
"""Lines of the output that are searched for the reason of a failure."""


@dataclass(frozen=True)
class Installer:
    """pip or uv, for one interpreter."""

    name: Literal['pip', 'uv']
    install: tuple[str, ...]
    """The command line to install; names and options follow."""
    uninstall: tuple[str, ...]
    """The same to uninstall."""

    def run(self, command: Sequence[str], names: Sequence[str], options: Sequence[str] = ()) -> None:
        """Run it, with its output on stderr.

        Args:
            command: `install` or `uninstall`.
            names: The distributions.
            options: More options for it.

        Raises:
            InstallationFailed: It has failed. The hint depends on what it said.
        """
        code, lines = _run([*command, *names, *options])
        if code:
            raise _failure(self.name, code, lines, names)


def find_installer(options: Sequence[str] = ()) -> Installer:
    """The installer for this interpreter.

    Args:
        options: The user's options for it: `--break-system-packages` allows an environment of the system.

    Raises:
        ConfigError: There is none, or the environment belongs to the system.
    """
    if '--break-system-packages' not in options:
        _refuse_system_environment()
    python = sys.executable
    if find_spec('pip') is not None:
        # -P: a file pip.py of the working directory is not what is meant.
        pip = (python, '-P', '-m', 'pip', '--disable-pip-version-check', '--no-input')
        return Installer('pip', (*pip, 'install'), (*pip, 'uninstall', '--yes'))
    if uv := _uv():
        return Installer('uv', (*uv, 'install', '--python', python), (*uv, 'uninstall', '--python', python))
    raise ConfigError(
        f'neither pip nor uv can be found for {python}',
        hint=f'`{shlex.quote(python)} -m ensurepip` adds pip; https://docs.astral.sh/uv has uv',
    )


def warn_of_tool_environment(distributions: Sequence[str]) -> None:
    """Say how a plugin stays in an environment that uv or pipx manages: they do not know what others installed."""
    names = ' '.join(distributions)
    if Path(sys.prefix, 'uv-receipt.toml').is_file():
        with_options = ' '.join(f'--with {name}' for name in distributions)
        keep = f'uv tool install synapse-hooks {with_options}'
        manager = 'uv tool'
    elif Path(sys.prefix, 'pipx_metadata.json').is_file():
        keep, manager = f'pipx inject synapse-hooks {names}', 'pipx'
    else:
        return
    write_stderr(
        f'warning: {manager} manages this environment, and does not keep what others install; to keep it: `{keep}`'
    )


def full_name(name: str) -> str:
    """What to install for a name: a known plugin has a short one, and everything else is as pip takes it.

    Raises:
        ConfigError: It is nearly the name of a known plugin, or it is empty.

    Example:
        >>> full_name('voc'), full_name('acme-plugins>=2'), full_name('./acme-1.0-py3-none-any.whl')
        ('synapse-hooks-voc', 'acme-plugins>=2', './acme-1.0-py3-none-any.whl')
    """
    if not name.strip():
        raise ConfigError(
            'expected the name of a plugin, got an empty text', hint='for example `synapse-hooks install voc`'
        )
    match = re.fullmatch(r'([A-Za-z0-9][A-Za-z0-9._-]*)(.*)', name, re.DOTALL)
    if match is None or '/' in name or name.endswith(('.whl', '.tar.gz', '.zip')):
        return name
    known = known_names()
    if normalize(match[1]) in known:
        return f'{known[normalize(match[1])]}{match[2]}'
    if near := get_close_matches(match[1], known, n=1, cutoff=0.75):
        raise ConfigError(
            f'{name!r} is nearly the name of a known plugin; did you mean {near[0]!r}?',
            hint=f'if {name} is the name of a distribution: `synapse-hooks install -- {shlex.quote(name)}`',
            name=name,
        )
    return name


def known_names() -> dict[str, str]:
    """The distribution of each short name: the end of its own name, or the name of one of its plugins."""
    names = {name: distribution for plugins in KNOWN.values() for name, distribution in plugins.items()}
    return names | {distribution.removeprefix('synapse-hooks-'): distribution for distribution in DISTRIBUTIONS}


def distribution_name(name: str) -> str:
    """The normalized name of the distribution in what pip takes: a requirement, a wheel, or a folder with a
    pyproject.toml. Empty if there is none in it.

    Example:
        >>> distribution_name('Acme_Plugins>=2'), distribution_name('dist/acme_voc-1.0-py3-none-any.whl')
        ('acme-plugins', 'acme-voc')
    """
    if name.endswith('.whl') and '@' not in name:
        return normalize(Path(name).name.partition('-')[0])
    if match := re.match(r'[A-Za-z0-9][A-Za-z0-9._-]*(?=$|[\s\[<>=!~;@])', name):
        return normalize(match[0])
    try:
        project = tomllib.loads(Path(name, 'pyproject.toml').read_text(encoding='utf-8'))['project']
        return normalize(project['name'])
    except (OSError, ValueError, KeyError, TypeError):
        return ''


def _refuse_system_environment() -> None:
    """PEP 668: the package manager of the system owns an interpreter whose standard library has a mark."""
    mark = Path(sysconfig.get_path('stdlib', sysconfig.get_default_scheme()), 'EXTERNALLY-MANAGED')
    if sys.prefix == sys.base_prefix and mark.is_file():
        raise ConfigError(
            f'the packages of {sys.executable} belong to the system, which does not let others install any',
            hint='make an environment: `python3 -m venv .venv` and `.venv/bin/pip install synapse-hooks`, then use '
            '`.venv/bin/synapse-hooks`; or `pipx install synapse-hooks`',
        )


def _uv() -> tuple[str, ...] | None:
    # `uv run` says where it is.
    for program in (os.environ.get('UV'), shutil.which('uv')):
        if program:
            return program, 'pip'
    return (sys.executable, '-P', '-m', 'uv', 'pip') if find_spec('uv') is not None else None


def _run(command: Sequence[str]) -> tuple[int, list[str]]:
    """Run a command, with its output on stderr; returns the exit code and the last lines of the output."""
    lines: deque[str] = deque(maxlen=_KEPT)
    environment = {**os.environ, 'PYTHONUNBUFFERED': '1'}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding='utf-8',
        errors='replace',
        env=environment,
    )
    try:
        for line in _lines(process):
            write_stderr(line)
            lines.append(line)
        return process.wait(), [*lines]
    except BaseException:
        process.terminate()
        process.wait()
        raise


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    with process.stdout as output:
        for line in output:
            yield line.rstrip()


_REASONS: Final = (
    (
        r'Temporary failure in name resolution|NewConnectionError|Name or service not known|Connection refused'
        r'|ConnectTimeout|dns error|error sending request|Network is unreachable|ProxyError|Failed to fetch',
        'the package index cannot be reached',
        'check the network; another index: `-- --index-url URL`, files in a folder: `-- --no-index --find-links DIR`',
    ),
    (
        r'No matching distribution found|was not found in the (?:package registry|provided package locations)'
        r'|there are no versions of',
        'there is no such distribution, or none for this Python',
        'check the name and the version; these have short names: '
        + ', '.join(name.removeprefix('synapse-hooks-') for name in DISTRIBUTIONS),
    ),
    (
        r'externally[- ]managed',
        'the packages of this Python belong to the system',
        'make an environment with `python3 -m venv .venv`, and install synapse-hooks there',
    ),
    (r'Permission denied|Access is denied', 'the environment cannot be written', 'install as the user that owns it'),
    (r'No space left on device', 'the disk is full', 'make space, and try again'),
    (
        r'ResolutionImpossible|conflicting dependencies|No solution found',
        'its requirements cannot be met together with those of what is installed',
        'see which ones above',
    ),
)
"""What pip and uv say, what that means, and what to do. The first one that matches counts."""


def _failure(installer: str, code: int, lines: Sequence[str], names: Sequence[str]) -> InstallationFailed:
    output = '\n'.join(lines)
    reason, hint = next(
        ((reason, hint) for pattern, reason, hint in _REASONS if re.search(pattern, output)),
        (f'{installer} ended with exit code {code}', f'see what {installer} says above'),
    )
    what = ', '.join(names) or 'the installation'
    near = ''
    if len(names) == 1 and 'no such distribution' in reason:
        given = re.match(r'[A-Za-z0-9._-]*', names[0])
        # A known name that cannot be found is not mistyped: the index does not have it.
        is_known = given is not None and normalize(given[0]) in DISTRIBUTIONS
        near = '' if is_known else suggest(names[0], DISTRIBUTIONS)
    if near:
        hint = f'{near} {hint}'
    return InstallationFailed(f'{what}: {reason}', hint=hint, installer=installer, names=[*names])
