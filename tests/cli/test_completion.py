"""The Tab key in real shells, and what `completion` says where it cannot work."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from synapse_hooks.cli import COMMANDS
from tests.support.environments import Environment

needs_argcomplete = pytest.mark.skipif(
    find_spec('argcomplete') is None, reason="argcomplete is not installed: pip install 'synapse-hooks[completion]'"
)


def shell(name: str) -> str:
    """The path of a shell; the test is skipped where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f'{name} is not installed')
    return found


@pytest.fixture
def own(bare: Environment, project: Path, data: Path) -> Environment:
    """An environment whose commands are on the PATH, and a workspace with a dataset."""
    bare.hooks('workspace', 'import', data, '--name', 'ducks')
    bare.hooks('train', 'actions:Count', '-p', 'dataset=ducks', '--name', 'first')
    return bare.at(project, PATH=f'{bare.root / "bin"}{os.pathsep}{os.environ["PATH"]}')


# COMP_* is what bash sets before it calls the function that `complete` names.
_BASH = r"""
eval "$(synapse-hooks completion bash)"
COMP_LINE="$1" COMP_POINT=${#1} COMP_TYPE=9
read -ra COMP_WORDS <<< "$1"
[[ "$1" == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
[[ "$(complete -p synapse-hooks)" =~ -F\ ([^ ]+) ]]
"${BASH_REMATCH[1]}" synapse-hooks "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def in_bash(environment: Environment, line: str) -> set[str]:
    ended = environment.run(shell('bash'), '--norc', '--noprofile', '-c', _BASH, 'bash', line)
    assert ended.code == 0, ended
    return set(ended.out.split())


def in_fish(environment: Environment, line: str) -> set[str]:
    script = 'synapse-hooks completion fish | source; complete -C $argv[1]'
    ended = environment.run(shell('fish'), '--no-config', '-c', script, line)
    assert ended.code == 0, ended
    return {row.partition('\t')[0].strip() for row in ended.out.splitlines()}


@needs_argcomplete
@pytest.mark.parametrize('offered', [in_bash, in_fish])
@pytest.mark.parametrize(
    ('line', 'expected'),
    [
        ('synapse-hooks ', set(COMMANDS)),
        ('synapse-hooks co', {'convert', 'completion'}),
        ('synapse-hooks workspace ', {'init', 'import', 'add-model', 'list', 'rename', 'export', 'remove'}),
        ('synapse-hooks workspace import --na', {'--name'}),
        ('synapse-hooks convert a b --s', {'--split', '--stratify', '--strict'}),
        ('synapse-hooks convert a b --to ', {'dm', 'yolo', 'coco', 'imagefolder'}),
        ('synapse-hooks hooks upl', {'upload', 'uploaded'}),
        ('synapse-hooks inspect du', {'ducks'}),
        ('synapse-hooks runs ', {'show', 'compare', 'note', 'remove', 'prune'}),
        ('synapse-hooks runs show fir', {'first'}),
        ('synapse-hooks workspace rename dataset du', {'ducks'}),
        ('synapse-hooks inspect act', {'actions.py'}),
        ('synapse-hooks formats --block ultra', {'ultralytics'}),
        ('synapse-hooks completion ', {'bash', 'zsh', 'fish'}),
    ],
)
def test_the_tab_key(
    offered: Callable[[Environment, str], set[str]], line: str, expected: set[str], own: Environment
) -> None:
    found = offered(own, line)
    assert found & expected == expected
    assert line.endswith(' ') or found == expected


@needs_argcomplete
def test_the_tab_key_of_an_interactive_zsh(own: Environment) -> None:
    with Typist([shell('zsh'), '-f', '-i'], own) as typist:
        typist.types('autoload -Uz compinit; compinit -D -u; eval "$(synapse-hooks completion zsh)"; echo rea""dy\n')
        typist.sees('ready\r\n')
        typist.types('synapse-hooks conv\t')
        typist.sees('convert ')


class Typist:
    """Somebody at a terminal in front of a shell."""

    def __init__(self, command: list[str], environment: Environment) -> None:
        self.command, self.environment = command, environment

    def __enter__(self) -> Typist:
        self.ours, theirs = pty.openpty()
        env = {**os.environ, **self.environment.env, 'TERM': 'dumb', 'PS1': '$ '}
        self.process = subprocess.Popen(
            self.command, cwd=self.environment.cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
        )
        os.close(theirs)
        os.set_blocking(self.ours, False)
        self.shown = ''
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)

    def types(self, text: str) -> None:
        self.shown = ''
        os.write(self.ours, text.encode())

    def sees(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while text not in self.shown:
            assert time.monotonic() < deadline, f'{text!r} was expected:\n{self.shown}'
            try:
                self.shown += os.read(self.ours, 1 << 16).decode(errors='replace')
            except BlockingIOError:
                time.sleep(0.02)


@pytest.fixture
def without_argcomplete(bare: Environment, project: Path) -> Environment:
    """An environment in which argcomplete cannot be imported, whatever is installed."""
    (project / 'hidden').mkdir()
    (project / 'hidden' / 'argcomplete.py').write_text('raise ImportError("not here")\n', encoding='utf-8')
    return bare.at(project, PYTHONPATH=str(project / 'hidden'))


def test_without_argcomplete_it_says_what_to_install(without_argcomplete: Environment) -> None:
    ended = without_argcomplete.hooks('completion', 'bash', code=2)
    assert ended.err == (
        "error: completion needs argcomplete, which is not installed\n  → pip install 'synapse-hooks[completion]'\n"
    )


def test_a_shell_that_still_asks_gets_nothing(without_argcomplete: Environment) -> None:
    ended = without_argcomplete.hooks(code=1, _ARGCOMPLETE='1', COMP_LINE='synapse-hooks ', COMP_POINT='14')
    assert (ended.out, ended.err) == ('', '')


def test_other_shells_are_named(bare: Environment) -> None:
    assert "invalid choice: 'csh' (choose from 'bash', 'zsh', 'fish')" in bare.hooks('completion', 'csh', code=2).err
