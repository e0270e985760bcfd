"""The process of a run: its output, its end, and that nothing of it survives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from synapse_hooks_ray.child import Child, Output, environment

_PATIENCE = 20.0


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, 'it takes too long'
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] not in 'ZX'
    except FileNotFoundError:
        return False


def started(code: str, text: str = '', output: Output | None = None) -> Child:
    return Child([sys.executable, '-c', code], text, environment(), None, output or Output())


# Starts a process in a session of its own, as torchrun does, and writes the numbers of both.
_FAMILY = """
import os, subprocess, sys, time
inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)
print(os.getpid(), inner.pid, file=sys.stderr, flush=True)
{then}
"""


def test_a_command_gets_its_text_and_its_output_is_read() -> None:
    output = Output()
    child = started('import sys; print(sys.stdin.read(), file=sys.stderr); print(1); print("last")', 'plän', output)
    assert child.wait(_PATIENCE)
    assert (child.code, child.last_line) == (0, 'last')
    assert output.since(0) == (['plän'], 1)
    assert 'plän' not in ' '.join(Path(f'/proc/{os.getpid()}/cmdline').read_text().split('\0'))


def test_the_exit_code_is_that_of_the_command() -> None:
    child = started('import sys; sys.exit(7)')
    assert child.wait(_PATIENCE)
    assert child.code == 7
    child = started('import os; os.kill(os.getpid(), 9)')
    assert child.wait(_PATIENCE)
    assert child.code == 128 + 9


def test_terminate_interrupts_the_command_alone_and_its_end_ends_its_family() -> None:
    output = Output()
    child = started(_FAMILY.format(then='time.sleep(600)'), output=output)
    until(lambda: output.since(0)[0])
    pids = [int(pid) for pid in output.since(0)[0][0].split()]
    child.terminate(grace=600)
    assert child.wait(_PATIENCE)
    assert child.code == 128 + signal.SIGTERM
    assert not any(map(is_alive, pids))


def test_a_command_that_ignores_sigterm_is_killed() -> None:
    output = Output()
    then = 'import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, file=sys.stderr); time.sleep(600)'
    child = started(_FAMILY.format(then=then), output=output)
    until(lambda: len(output.since(0)[0]) == 2)
    pids = [int(pid) for pid in output.since(0)[0][0].split()]
    child.terminate(grace=0.2)
    assert child.wait(_PATIENCE)
    assert child.code == 128 + signal.SIGKILL
    until(lambda: not any(map(is_alive, pids)))


def test_a_parent_that_is_killed_takes_everything_with_it(tmp_path: Path) -> None:
    script = tmp_path / 'parent.py'
    script.write_text(
        'import sys, time\n'
        'from synapse_hooks_ray.child import Child, Output, environment\n'
        'output = Output()\n'
        f'command = [sys.executable, "-c", {_FAMILY.format(then="time.sleep(600)")!r}]\n'
        'child = Child(command, "", environment(), None, output)\n'
        'print(*output.since(0, wait=20)[0], child.pid, flush=True)\n'
        'time.sleep(600)\n'
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment(), text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 3
    assert all(map(is_alive, pids))
    parent.kill()
    parent.wait()
    until(lambda: not any(map(is_alive, pids)))


def test_output_is_bounded_and_lost_lines_are_skipped() -> None:
    output = Output()
    for number in range(5000):
        output.add(b'%d\n' % number)
    lines, following = output.since(10)
    assert (lines[0], lines[-1], following) == ('3000', '4999', 5000)
    assert output.since(4998) == (['4998', '4999'], 5000)
    output.add(b' 10%\r 20%\r 30%\r\n')
    output.add(b'x' * 100_000)
    assert [len(line) for line in output.since(5000)[0]] == [4, 8192]


def test_control_sequences_of_terminals_are_left_out() -> None:
    output = Output()
    output.add(b'\x1b[31m1/3\x1b[0m\r\x1b[K\x1b[34m\x1b[1mtrain: \x1b[0m3/3 \xe2\x9c\x94\r\n')
    assert output.since(0) == (['train: 3/3 \u2714'], 1)


def test_the_folder_of_the_project_is_not_on_the_import_path(tmp_path: Path) -> None:
    sys.path.insert(0, str(tmp_path))
    try:
        assert str(tmp_path) in environment()['PYTHONPATH'].split(os.pathsep)
        env = environment({'A': '1', 'B': '1'}, {'B': '2'}, but=tmp_path)
    finally:
        sys.path.remove(str(tmp_path))
    assert str(tmp_path) not in env['PYTHONPATH'].split(os.pathsep)
    assert (env['A'], env['B']) == ('1', '2')
