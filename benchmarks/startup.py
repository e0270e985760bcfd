"""Start-up beside 200 other distributions, 50 of them with plugins of ours, against the same beside none.

Whole processes, in environments that have what synapse-hooks needs and nothing else. The other distributions are what
an installer leaves of them: the 50 have a small module each, a format or a plugin.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from figures import ROOT, Figure, finish, in_turns, parser
from packaging.requirements import Requirement

OTHERS, OURS = 150, 50
FORMAT = """from synapse_hooks.formats import Format


class Small(Format):
    name = '{name}'

    def read(self, context):
        yield from ()
"""
PLUGIN = """from synapse_hooks import hookimpl


@hookimpl
def cleanup(context, outcome):
    pass
"""
ACTION = """from synapse_hooks import BaseTrainAction, BaseTrainParams


class Empty(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path, checkpoint):
        return {}
"""
README = 'What this distribution is for, at some length.\n' * 150
COMMANDS: dict[str, tuple[tuple[str, ...], dict[str, str], float | None]] = {
    '--help': (('--help',), {}, 1.1),
    'plugins': (('plugins',), {}, 1.3),
    'formats': (('formats',), {}, 1.3),
    'hooks': (('hooks',), {}, 1.3),
    'train, an empty run': (('train', 'empty.py:Empty', '-p', 'data_path=data'), {}, 1.3),
    'the Tab key': ((), {'_ARGCOMPLETE': '1', 'COMP_LINE': 'synapse-hooks convert --to ', 'COMP_POINT': '27'}, 1.3),
}
"""The words, the environment variables, and the aim."""


def measure(rounds: int) -> list[Figure]:
    """Every command in both environments, in turn."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, 'project')
        (folder / 'data').mkdir(parents=True)
        (folder / 'empty.py').write_text(ACTION, 'utf-8')
        alone, beside = environment(Path(scratch, 'alone')), environment(Path(scratch, 'beside'))
        install_others(next(beside.parents[1].glob('lib/*/site-packages')))
        programs = {
            (name, command): partial(started, command, folder, *COMMANDS[name][:2])
            for name in COMMANDS
            for command in (alone, beside)
        }
        for program in programs.values():
            # Bytecode is written, and the disk's cache is warm.
            program()
        times = in_turns(programs, rounds)
    figures = []
    for name, (_, _, aim) in COMMANDS.items():
        (took, busy), (more, busier) = times[name, alone], times[name, beside]
        note = f'processor time {busier / busy:.2f}x; {1000 * more:.0f} ms to {1000 * took:.0f} ms; medians of {rounds}'
        figures.append(Figure(f'{name}, beside {OTHERS + OURS} distributions / alone', more / took, 'x', aim, note))
    return figures


def environment(root: Path) -> Path:
    """A new environment with synapse-hooks and what it requires, as links; returns the command."""
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(root)], check=True)
    site = next(root.glob('lib/*/site-packages'))
    for name in required('synapse-hooks'):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if not file.parts[0].endswith(('.pth', '__pycache__'))}:
            source = Path(str(found.locate_file(top)))
            if top != '..' and source.exists() and not (site / top).exists():
                (site / top).symlink_to(source.resolve())
    (site / 'here.pth').write_text(f'{ROOT}\n', 'utf-8')
    command = root / 'bin' / 'synapse-hooks'
    command.write_text(
        f'#!{root}/bin/python\nimport sys\nfrom synapse_hooks.cli import main\nsys.exit(main())\n', 'utf-8'
    )
    command.chmod(0o755)
    return command


def required(root: str) -> set[str]:
    """A distribution, what it requires, and argcomplete."""
    found: set[str] = set()
    waiting = [root, 'argcomplete']
    while waiting:
        name = re.sub(r'[-_.]+', '-', waiting.pop()).lower()
        if name in found:
            continue
        try:
            requirements = [Requirement(text) for text in distribution(name).requires or ()]
        except PackageNotFoundError:
            continue
        found.add(name)
        waiting += [one.name for one in requirements if one.marker is None or one.marker.evaluate({'extra': ''})]
    return found


def install_others(site: Path) -> None:
    """What installers leave of the other distributions."""
    for number in range(OTHERS):
        install(site, f'other_{number}', '[console_scripts]\nother = other:main\n' if number % 3 == 0 else '', '')
    for number in range(OURS):
        name = f'acme_{number}'
        if number % 2:
            install(site, name, f'[synapse_hooks]\nacme-{number} = {name}\n', PLUGIN)
        else:
            entry_points = f'[synapse_hooks.formats]\nacme-{number} = {name}:Small\n'
            install(site, name, entry_points, FORMAT.format(name=f'acme-{number}'))


def install(site: Path, name: str, entry_points: str, code: str) -> None:
    """What an installer leaves of a distribution."""
    folder = site / f'{name}-1.0.dist-info'
    folder.mkdir()
    headers = f'Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nRequires-Dist: synapse-hooks>=0.1\n'
    (folder / 'METADATA').write_text(f'{headers}\n{README}', 'utf-8')
    (folder / 'RECORD').write_text(''.join(f'{name}/module_{number}.py,,\n' for number in range(50)), 'utf-8')
    if entry_points:
        (folder / 'entry_points.txt').write_text(entry_points, 'utf-8')
    if code:
        (site / f'{name}.py').write_text(code, 'utf-8')


def started(command: Path, folder: Path, words: tuple[str, ...], variables: dict[str, str]) -> None:
    """Run a command to its end."""
    kept = {name: value for name, value in os.environ.items() if name not in ('PYTHONPATH', 'PYTHONDONTWRITEBYTECODE')}
    env = {
        **kept,
        'SYNAPSE_WORKSPACE': str(folder / 'workspace'),
        '_ARGCOMPLETE_STDOUT_FILENAME': os.devnull,
        **variables,
    }
    subprocess.run(
        [str(command), *words], check=True, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def main() -> int:
    """As a script: `--rounds N`."""
    made = parser(__doc__)
    made.add_argument('--rounds', type=int, default=11)
    options = made.parse_args()
    return finish(measure(options.rounds), as_json=options.json)


if __name__ == '__main__':
    sys.exit(main())
