"""A temporary environment that sees what is installed here: to build, install and test a distribution in."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import synapse_hooks.version


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    """The exit code; 124 for a process that took too long."""
    output: str
    """What it wrote to stdout and stderr."""

    @property
    def last_line(self) -> str:
        """The last line of the output that is not empty."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1] if lines else f'exit code {self.code}'


class CheckEnvironment:
    """A virtual environment in a folder.

    Args:
        folder: Where; it is created.
        seconds: How long one process may take.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder = folder
        self.seconds = seconds
        venv.EnvBuilder(symlinks=os.name != 'nt').create(folder)
        (site,) = folder.glob('lib/python*/site-packages') if os.name != 'nt' else [folder / 'Lib' / 'site-packages']
        self.site = site
        """Its site-packages."""
        ours = Path(synapse_hooks.version.__file__).parent.parent
        packages = [path for path in sys.path if Path(path).name in ('site-packages', 'dist-packages')]
        lines = [str(ours), *(f'import site; site.addsitedir({path!r})' for path in packages)]
        # After its own packages, so that what is installed here does not hide what is under test.
        (site / 'zz-outer.pth').write_text('\n'.join(lines) + '\n', encoding='utf-8')

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ('Scripts/python.exe' if os.name == 'nt' else 'bin/python')

    def run(self, *words: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
        """Run its interpreter with arguments, and wait for it.

        Args:
            *words: The arguments.
            cwd: The working directory.
            env: Variables besides the inherited ones.
        """
        return run([self.python, '-P', *words], cwd=cwd, seconds=self.seconds, env=env)

    def install(self, *words: str | Path) -> Ended:
        """Install with pip, or with uv where pip is not here.

        Args:
            *words: The arguments of `pip install`.
        """
        install = 'install', '--quiet', *words
        if find_spec('pip') is not None:
            options = '--isolated', '--disable-pip-version-check', '--python', self.python
            return run([sys.executable, '-m', 'pip', *options, *install], cwd=self.folder, seconds=self.seconds)
        if (uv := which('uv')) is not None:
            return run([uv, 'pip', *install, '--python', self.python], cwd=self.folder, seconds=self.seconds)
        return Ended(1, 'neither pip nor uv is here')


def run(words: Sequence[str | Path], *, cwd: Path, seconds: float, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command, and wait for it.

    Args:
        words: The command.
        cwd: The working directory.
        seconds: How long it may take; after that it is killed, and its exit code is 124.
        env: Variables besides the inherited ones.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith('PYTHON')}
    try:
        done = subprocess.run(
            [*map(str, words)],
            cwd=cwd,
            env={**inherited, 'PYTHONDONTWRITEBYTECODE': '1', **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding='utf-8',
            errors='replace',
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        output = error.stdout or ''
        text = output.decode(errors='replace') if isinstance(output, bytes) else output
        return Ended(124, f'{text}\nit has not ended in {seconds:g} s')
    except OSError as error:
        return Ended(127, str(error))
    return Ended(done.returncode, done.stdout)
