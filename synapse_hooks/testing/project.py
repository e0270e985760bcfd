"""A project in a folder, whose commands run as a user types them.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_RUN: Final = 'import sys; from synapse_hooks.cli import main; sys.argv[0] = "synapse-hooks"; sys.exit(main())'


@dataclass(frozen=True)
class CommandOutput:
    """How a command ended."""

    words: tuple[str, ...]
    """The words after `synapse-hooks`."""
    code: int
    """The exit code; negative if a signal ended it."""
    out: str
    """What it wrote to stdout."""
    err: str
    """What it wrote to stderr."""

    @property
    def json(self) -> dict[str, Any]:
        """The last line of stdout, for a command with `--json`.

        Raises:
            AssertionError: It is not a JSON object.
        """
        lines = self.out.splitlines()
        try:
            value = json.loads(lines[-1]) if lines else None
        except ValueError:
            value = None
        assert isinstance(value, dict), f'the last line of stdout must be a JSON object: use `--json`\n{self}'
        return value

    def __str__(self) -> str:
        shown = shlex.join(('synapse-hooks', *self.words))
        return f'$ {shown}\n{self.out}{self.err}exit code {self.code}'


class PluginProject:
    """A folder with files of a test, in which it runs `synapse-hooks ...` in processes of their own.

    The workspace and the cache of these processes are below the folder; plugins that are installed take part, as they
    do for users.

    Args:
        folder: Where; it is created, with an empty pyproject.toml, so that no project above it is found.

    Example:
        >>> project = PluginProject(getfixture('tmp_path') / 'project')
        >>> _ = project.write({'shout.py': '''
        ...     from synapse_hooks import hookimpl
        ...
        ...     @hookimpl
        ...     def run_started(context):
        ...         context.log_message('HELLO')
        ... ''', 'pyproject.toml': '''
        ...     [tool.synapse_hooks]
        ...     plugins = ["shout.py"]
        ... '''})
        >>> plugins = project.hooks('plugins', '--json').json['plugins']
        >>> next(plugin['hooks'] for plugin in plugins if plugin['rank'] == 'project')
        ['run_started']
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        """The working directory of the commands."""
        self.env: dict[str, str | None] = {
            'SYNAPSE_WORKSPACE': str(self.folder / '.workspace'),
            'SYNAPSE_HOOKS_CACHE': str(self.folder / '.cache'),
            'PYTHONDONTWRITEBYTECODE': '1',
        }
        """Variables for the commands besides the inherited ones; None removes one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / 'pyproject.toml').touch()

    def write(self, files: Mapping[str, str]) -> Path:
        """Write files of text, without the indentation that their lines share.

        Args:
            files: The text of each, by its path in the folder.

        Returns:
            The folder.
        """
        for name, text in files.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text.removeprefix('\n')), encoding='utf-8')
        return self.folder

    def hooks(
        self, *words: str | Path, code: int | None = 0, timeout: float = 120.0, env: Mapping[str, str | None] = {}
    ) -> CommandOutput:
        """Run `synapse-hooks WORDS` in the folder, and wait for it.

        Args:
            *words: The words.
            code: The expected exit code; None takes any.
            timeout: Seconds it may take.
            env: Variables for this command besides those of `self.env`.

        Raises:
            AssertionError: It ended with another exit code, or not in time; the message has its output.
        """
        shown = tuple(map(str, words))
        changed = {**os.environ, **self.env, **env}
        try:
            done = subprocess.run(
                [sys.executable, '-c', _RUN, *shown],
                cwd=self.folder,
                env={name: value for name, value in changed.items() if value is not None},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding='utf-8',
                errors='replace',
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f'`{shlex.join(("synapse-hooks", *shown))}` has not ended in {timeout:g} s') from error
        ended = CommandOutput(shown, done.returncode, done.stdout, done.stderr)
        if code is not None and ended.code != code:
            raise AssertionError(f'expected the exit code {code}, got {ended.code}\n{ended}')
        return ended
