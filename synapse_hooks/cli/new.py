"""Write a new project: a plugin or a train action, with tests that pass, ready to be published.

KIND is one of
  format      a dataset format that reads and writes
  autologger  logs what a training framework reports
  sink        sends what a run logs to a tracker
  plugin      changes or observes the stages of a run
  launcher    runs actions somewhere else
  action      a train action, with plugins of its own project
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from synapse_hooks.cli.amounts import count_text
from synapse_hooks.cli.common import CommandResult
from synapse_hooks.errors import ConfigError
from synapse_hooks.plugins.known import DISTRIBUTIONS
from synapse_hooks.storage import disk_errors
from synapse_hooks.terminal import write_stderr

if TYPE_CHECKING:
    from synapse_hooks.scaffold import NewProject


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Kind, name, folder, and the metadata."""
    parser.add_argument('kind', metavar='KIND', help='what to write: see above')
    parser.add_argument('name', metavar='NAME', help='the name of the plugin (for an autologger: of the framework)')
    parser.add_argument(
        '--into', metavar='DIR', type=Path, help='the folder to make; by default that of the distribution'
    )
    parser.add_argument(
        '--distribution', metavar='DIST', help='the name on PyPI; by default synapse-hooks-NAME, and NAME for an action'
    )
    parser.add_argument('--description', metavar='TEXT', default='', help='what it does, in one line, for PyPI')
    parser.add_argument('--author', metavar='TEXT', help='the name of the author; by default that of git')
    parser.add_argument('--email', metavar='ADDRESS', help='the address of the author; by default that of git')


def run(options: argparse.Namespace) -> CommandResult:
    """Write the project, and say what to type next."""
    from synapse_hooks.scaffold import KINDS, Author, NewProject, ProjectNames, project_kind, write_project

    if options.kind not in KINDS and options.name in KINDS:
        meant = f'`synapse-hooks new {options.name} {shlex.quote(options.kind)}`'
        raise ConfigError(f'{options.kind!r} is not a kind of project: KIND comes first', hint=f'type {meant}')
    kind = project_kind(options.kind)
    names = ProjectNames.of(kind, options.name, options.distribution)
    place = options.into or Path(names.distribution)
    folder = Path.cwd() / place
    _check_folder(folder)
    git = Author.from_git(Path.cwd())
    author = Author(
        *(
            configured if given is None else given
            for given, configured in zip((options.author, options.email), (git.name, git.email), strict=True)
        )
    )
    if names.distribution in DISTRIBUTIONS:
        write_stderr(
            f'warning: {names.distribution} exists: `synapse-hooks install {names.distribution}` installs it; '
            'to publish your own, choose another name with --distribution'
        )
    project = NewProject(kind, names, author, options.description)
    files = write_project(project, folder)
    commands = _next_commands(project, place)
    data = {
        'kind': kind.name,
        'name': names.name,
        'distribution': names.distribution,
        'package': names.package,
        'class': names.class_name,
        'folder': str(folder),
        'files': files,
        'next': commands,
    }
    module = '.'.join(project.main_file.with_suffix('').parts).removesuffix('.__init__')
    lines = [
        f'wrote {count_text(len(files), "file")} into {place}',
        f'  distribution {names.distribution}, {kind.name} {names.name}, class {module}.{names.class_name}',
        'next:',
        *(f'  {command}' for command in commands),
        f'Then write your own code into {place / project.main_file}.',
    ]
    return CommandResult(data, '\n'.join(lines), has_side_effects=True)


def _check_folder(folder: Path) -> None:
    """Refuse a folder whose content would be lost or hidden, or that cannot be looked at."""
    if folder.resolve() == Path.cwd().resolve():
        raise ConfigError(
            'the working directory cannot be the folder of the project: the folder is put in place when it is complete',
            hint='`cd` to the folder above it, and name it with --into DIR',
            field='into',
        )
    with disk_errors(folder):
        is_used = folder.is_dir() and any(folder.iterdir())
    if is_used:
        raise ConfigError(
            f'{folder} is not empty', hint='choose another folder with --into DIR, or empty this one', field='into'
        )


def _next_commands(project: NewProject, place: Path) -> list[str]:
    """What to type to see the project work."""
    commands = [f'cd {shlex.quote(str(place))}', "python -m pip install --editable '.[test,check]'", 'python -m pytest']
    if project.kind.listing:
        return [*commands, f'synapse-hooks {project.kind.listing}']
    target = f'{project.names.package}.train:{project.names.class_name}'
    return [*commands, f'synapse-hooks train {target} -p dataset=NAME']
