"""Messages and progress of commands: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

from tests.formats.format_kit import add_item, box
from tests.support.environments import Environment
from tests.support.terminals import read_terminal

PACE = re.compile(r'^4 images in \d+\.\d s \([\d,.]+ images/s\)$', re.MULTILINE)


def at_a_terminal(environment: Environment, *words: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout, and what a terminal gets that stands for stderr."""
    ours, theirs = pty.openpty()
    script = environment.root / 'bin' / 'synapse-hooks'
    inherited = {name: value for name, value in os.environ.items() if not name.startswith('PYTHON')}
    process = subprocess.Popen(
        [script, *words],
        cwd=environment.cwd,
        env={**inherited, 'TERM': 'xterm', 'COLUMNS': '120'},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = read_terminal(ours)
    out, _ = process.communicate(timeout=60)
    return process.returncode, out.decode(), shown


def test_a_pipe_gets_plain_lines_and_the_pace(bare: Environment, data: Path) -> None:
    add_item(
        data / 'train', 'train0', {'bounding_box': [box(1, 1, 5, 5)], 'keypoint': [box(1, 1, 1, 1) | {'data': [3, 3]}]}
    )
    ended = bare.hooks('convert', data, 'out', '--to', 'yolo')
    lines = ended.err.splitlines()
    assert lines[0].endswith("looks like 'dm'")
    assert lines[1].startswith('warning: dm to yolo: ')
    assert PACE.search(ended.err)
    assert '\x1b' not in ended.err
    assert ended.out == 'out/dataset.yaml (train 2, valid 2)\n'


def test_a_terminal_gets_a_bar_and_colours(bare: Environment, data: Path) -> None:
    add_item(
        data / 'train', 'train0', {'bounding_box': [box(1, 1, 5, 5)], 'keypoint': [box(1, 1, 1, 1) | {'data': [3, 3]}]}
    )
    code, out, shown = at_a_terminal(bare, 'convert', data, 'out', '--to', 'yolo')
    assert code == 0, shown
    assert out == 'out/dataset.yaml (train 2, valid 2)\n'
    assert 'reading' in shown
    assert '4 of 4 images' in shown
    assert '\x1b[33mwarning: dm to yolo: ' in shown
    assert PACE.search(shown.replace('\r', '').replace('\x1b[2K', '\n'))
    # The cursor is there again, and the bar is not.
    assert shown.rindex('\x1b[?25h') > shown.rindex('4 of 4 images')


def test_an_import_that_converts_reports_its_throughput(bare: Environment, project: Path, data: Path) -> None:
    bare.hooks('convert', data, 'yolo', '--to', 'yolo')
    assert PACE.search(bare.hooks('workspace', 'import', 'yolo', '--name', 'a').err)
    assert not PACE.search(bare.hooks('workspace', 'import', data, '--name', 'b').err)
    _, out, shown = at_a_terminal(bare, 'workspace', 'import', project / 'yolo', '--name', 'c')
    assert out.strip().isdigit()
    assert 'images' in shown


def test_an_inspection_has_the_same_bar(bare: Environment, data: Path) -> None:
    code, out, shown = at_a_terminal(bare, 'inspect', data)
    assert code == 0
    assert 'no problems found' in out or 'problems: ' in out
    assert 'reading' in shown
    assert "looks like 'dm'" in bare.hooks('inspect', data).err
