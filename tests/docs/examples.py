"""The examples of the documentation: found in the pages, and run as a reader would run them.

Blocks of Python run in the order of the page, in one namespace. Of a console block, the lines `$ synapse-hooks ...` run
(and pytest, touch, rm, ls, cp, pip install of a folder). What they print is compared where the page shows it: `...`
stands for anything, and times and folders are not compared.

A paragraph that is nothing but a file's name, as in **`hooks.py`**, is the title of the block below it: the block, in
any language, is written to that file first. An HTML comment on the line before a block says more:

    <!-- exit: 2 -->               the commands of the block end with that code
    <!-- e2e -->                   heavy: runs only where e2e tests do
    <!-- not run: the reason -->   the block is not run

Several of these stand in one comment, with semicolons between them.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]
CONTRIB_PAGES = sorted((ROOT / 'contrib').glob('*/README.md'))

_BLOCK = re.compile(
    r'^(?:\*\*`(?P<file>[^`\n]+)`\*\*\n\n)?'
    r'(?:<!-- (?P<note>[^\n]+?) -->\n)?(?P<fence>`{3,})(?P<language>\w*)\n(?P<text>.*?)^(?P=fence)$',
    re.DOTALL | re.MULTILINE,
)
_COMMAND = re.compile(r'^\$ (?P<line>(?:\w+=\S+ )*(?:synapse-hooks|pytest|touch|rm|ls|cp|pip install \./)\b.*)$')
_SECONDS = re.compile(r'\b\d+\.\d+ s\b(?: \([\d,.]+ images/s\))?')
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Checker(doctest.OutputChecker):
    """Compares without what pytest adds to an AssertionError: it rewrites the test kit where that is installed."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        """Whether an example printed, or raised, what is expected."""
        return super().check_output(want, re.sub(r'(?<=\n)\s*assert .*', '', got, flags=re.DOTALL), optionflags)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    place: str
    """`README.md:12`, for whoever has to fix it."""
    language: str
    text: str
    note: str = ''
    file: str | None = None
    """The file that the title names."""

    @property
    def notes(self) -> dict[str, str]:
        """What the comment says: `{'exit': '2'}`, `{'e2e': ''}`."""
        pairs = (part.partition(':') for part in self.note.split(';') if part.strip())
        return {key.strip(): value.strip() for key, _, value in pairs}


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding='utf-8')
    return [
        Block(
            f'{page.name}:{text.count(chr(10), 0, found.start("text"))}',
            found['language'],
            found['text'],
            found['note'] or '',
            found['file'],
        )
        for found in _BLOCK.finditer(text)
    ]


class Reader:
    """Somebody who types in every example of a page, in an empty folder with a workspace beside it.

    Args:
        page: The page.
        folder: The working directory.
    """

    def __init__(self, page: Path, folder: Path) -> None:
        self.blocks = [block for block in blocks(page) if 'not run' not in block.notes]
        # A module, so that the classes of a page have one.
        self.module = ModuleType(f'page_{page.stem.replace("-", "_")}')
        self.folder = folder

    def check(self, block: Block) -> None:
        """Do what a block says."""
        if block.file is not None:
            target = self.folder / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding='utf-8')
        if block.language == 'python':
            self._run_python(block)
        elif block.language == 'console':
            for line, output in commands(block.text):
                self._run_command(block, line, output)

    def _run_python(self, block: Block) -> None:
        if '>>> ' in block.text:
            parsed = doctest.DocTestParser().get_doctest(block.text, vars(self.module), block.place, block.place, 0)
            runner = doctest.DebugRunner(checker=Checker(), optionflags=FLAGS)
            try:
                runner.run(parsed, clear_globs=False)
            except doctest.DocTestFailure as failure:
                raise AssertionError(
                    f'{block.place}: {failure.example.source}expected:\n{failure.example.want}got:\n{failure.got}'
                ) from None
            vars(self.module).update(parsed.globs)
        else:
            exec(compile(block.text, block.place, 'exec'), vars(self.module))

    def _run_command(self, block: Block, line: str, expected: str) -> None:
        done = subprocess.run(
            line, shell=True, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        told = f'{block.place}: $ {line}\nended with {done.returncode} and said:\n{done.stdout}'
        # Beside the command that fails there may be others that prepare it.
        code = int(block.notes.get('exit', 0)) if 'synapse-hooks' in line else 0
        assert done.returncode == code, told
        if expected.strip():
            shown = done.stdout.replace(str(self.folder), '/home/me/project')
            shown = shown.replace(os.environ['SYNAPSE_WORKSPACE'], '/home/me/.local/share/synapse-hooks/workspace')
            # A line of dots stands for any number of lines, none too: metrics come when they come.
            expected = expected.replace('\n...\n', '...\n')
            wanted, got = (_SECONDS.sub('0.0 s', text) for text in (expected, shown))
            assert doctest.OutputChecker().check_output(wanted, got, FLAGS), f'{told}\nexpected:\n{expected}'


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Every command of a console block that is run, with the output that the page shows for it."""
    for part in re.split(r'^(?=\$ )', text, flags=re.MULTILINE):
        first, _, output = part.partition('\n')
        while first.endswith('\\'):
            more, _, output = output.partition('\n')
            first = first.removesuffix('\\') + more.strip()
        found = _COMMAND.match(first)
        if found:
            yield found['line'], output
