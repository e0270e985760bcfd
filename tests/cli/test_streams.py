"""Whoever watches a command cannot harm it: its exit code tells how the work ended."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from synapse_hooks.cli.streams import ProtectedStream
from tests.support.environments import Environment

NOISY = """
import logging, multiprocessing, os, subprocess, sys, threading, warnings
from synapse_hooks import BaseTrainAction, BaseTrainParams, hookimpl


class Params(BaseTrainParams):
    broken: bool = False
    replaced: str = ''


class Write:
    def write(self, text):
        pass


class Fail:
    def write(self, text):
        raise RuntimeError('no more')

    flush = write


class Noisy(BaseTrainAction[Params]):
    '''Talks all the time, by every means.'''

    def execute(self, data_path, checkpoint):
        for number in range(50):
            print('training', number, flush=True)
            print('training', number, file=sys.stderr)
        os.write(1, b'below Python') if 'QUIET' not in os.environ else None
        logging.getLogger('noisy').warning('a log')
        warnings.warn('a warning')
        self.log_message('a message')
        self.log_metrics({'loss': 0.5}, phase='val', step=1)
        for start in (threading.Thread, multiprocessing.get_context('fork').Process):
            worker = start(target=print, args=('in a worker',), kwargs={'flush': True})
            worker.start()
            worker.join()
            assert getattr(worker, 'exitcode', 0) == 0
        sys.stdout.write('not flushed')
        if self.params.replaced:
            sys.stdout = sys.stderr = {'None': None, 'Write': Write(), 'Fail': Fail()}[self.params.replaced]
        if self.params.broken:
            raise ValueError('broken')
        (self.context.output_dir / 'best.pt').write_text('x')
        return {'weights_path': self.context.output_dir / 'best.pt'}


class Observer:
    @hookimpl
    def step_started(self):
        raise ValueError('an observer')


def observer():
    return Observer()
"""
ENDINGS = {
    'both pipes closed': '2>&1 | true',
    'stderr on a full disk': '2>{full}',
    'stdout on a full disk': '>{full}',
    'both on a full disk': '>{full} 2>&1',
    'stdout closed': '>&-',
    'stderr closed': '2>&-',
    'all closed': '<&- >&- 2>&-',
}


@pytest.fixture
def noisy(bare: Environment, project: Path, full: Path) -> Environment:
    (project / 'noisy.py').write_text(NOISY, encoding='utf-8')
    # QUIET: bytes written below Python to a closed pipe are the training's own failure.
    return bare.at(project, QUIET='1', PYTHONWARNINGS='default')


def shell(environment: Environment, command: str) -> tuple[int, str]:
    """The exit code of the command (the first one of a pipe), and what reached the shell's stderr."""
    script = f'{environment.root}/bin/synapse-hooks {command}; exit ${{PIPESTATUS[0]}}'
    ended = environment.run('bash', '-c', script)
    return ended.code, ended.err


@pytest.mark.parametrize('ending', ENDINGS)
def test_a_training_ends_as_it_would_with_somebody_watching(
    ending: str, noisy: Environment, project: Path, data: Path, full: Path
) -> None:
    words = ENDINGS[ending].format(full=full)
    for broken, code, status in (('false', 0, 'succeeded'), ('true', 1, 'failed')):
        run = project / f'run-{broken}'
        command = f'train noisy.py:Noisy -p data_path={data} -p broken={broken} --run-dir {run} {words}'
        ended, said = shell(noisy, command)
        assert ended == code, said
        assert json.loads((run / 'run.json').read_text())['status'] == status
        assert 'Exception ignored' not in said


@pytest.mark.parametrize('replaced', ['None', 'Write', 'Fail'])
def test_a_training_may_leave_anything_in_place_of_the_streams(
    replaced: str, noisy: Environment, project: Path, data: Path
) -> None:
    for broken, code, outcome in (('false', 0, 'succeeded'), ('true', 1, 'failed')):
        words = ('-p', f'data_path={data}', '-p', f'broken={broken}', '-p', f'replaced={replaced!r}', '--run-dir')
        ended = noisy.hooks('train', 'noisy.py:Noisy', *words, project / f'run-{broken}', '--json', code=code)
        assert ended.json['outcome'] == outcome


@pytest.mark.parametrize('ending', ['both pipes closed', 'both on a full disk', 'all closed'])
def test_a_conversion_an_import_and_a_resumption_do_too(
    ending: str, noisy: Environment, project: Path, data: Path, full: Path
) -> None:
    words = ENDINGS[ending].format(full=full)
    assert shell(noisy, f'convert {data} out --to coco --from dm --json {words}')[0] == 0
    assert sorted(file.name for file in (project / 'out').iterdir())
    assert shell(noisy, f'workspace import {data} --name d {words}')[0] == 0
    assert shell(noisy, f'train noisy.py:Noisy -p data_path={data} -p broken=true --run-dir run {words}')[0] == 1
    record = json.loads((project / 'run' / 'run.json').read_text())
    record['params']['broken'] = False
    (project / 'run' / 'run.json').write_text(json.dumps(record))
    assert shell(noisy, f'resume run {words}')[0] == 0
    assert shell(noisy, f'resume run --json {words}')[0] == 0


@pytest.mark.parametrize('ending', [ending for ending in ENDINGS if 'disk' not in ending])
def test_a_listing_without_a_reader_is_not_a_failure(ending: str, noisy: Environment) -> None:
    for command in ('formats', 'formats --json', 'formats --help', '--version'):
        code, said = shell(noisy, f'{command} {ENDINGS[ending]}')
        assert (code, said) == (0, '')


@pytest.mark.parametrize('number', [None, signal.SIGHUP], ids=['nohup', 'SIGHUP'])
def test_a_terminal_that_goes_away(
    number: signal.Signals | None, noisy: Environment, project: Path, data: Path
) -> None:
    """With the signal that comes with it, the run is cancelled and can go on; under nohup it goes on at once."""
    main, terminal = pty.openpty()
    action = '\nimport time, pathlib\nclass Patient(Noisy):\n    def execute(self, data_path, checkpoint):\n'
    action += '        pathlib.Path("started").touch()\n        while not pathlib.Path("go").exists():\n'
    action += '            time.sleep(0.01)\n        return super().execute(data_path, checkpoint)\n'
    (project / 'noisy.py').write_text(NOISY + action, encoding='utf-8')
    words = ('train', 'noisy.py:Patient', '-p', f'data_path={data}', '--run-dir', 'run')
    process = subprocess.Popen(
        [noisy.root / 'bin' / 'synapse-hooks', *words],
        cwd=project,
        env={**os.environ, **noisy.env},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN if number is None else signal.SIG_DFL),
    )
    os.close(terminal)
    while not (project / 'started').exists():
        assert process.poll() is None
        os.read(main, 1000)
    os.close(main)
    if number is None:
        # Ignored, as it was when the process started.
        process.send_signal(signal.SIGHUP)
        (project / 'go').touch()
    else:
        for _ in range(3):
            process.send_signal(number)
    assert process.wait(60) == (0 if number is None else 143)
    record = json.loads((project / 'run' / 'run.json').read_text())
    assert record['status'] == ('succeeded' if number is None else 'cancelled')
    assert not (project / 'run' / '.staging').exists()
    if number is not None:
        (project / 'go').touch()
        assert noisy.hooks('resume', 'run', '--json').json['outcome'] == 'succeeded'


@pytest.mark.parametrize('unbuffered', ['', '1'])
def test_what_is_printed_arrives_in_order_and_when_it_should(unbuffered: str, noisy: Environment) -> None:
    code = (
        'import sys; from synapse_hooks.cli.streams import protect; protect()\n'
        'print("x" * 300_000); sys.stdout.buffer.write(b"bytes\\n"); print(sys.stdout.name, end=" "); '
        'sys.stderr.write("now"); input(); print("end \\udce9")'
    )
    process = subprocess.Popen(
        [noisy.python, '-c', code],
        env={**os.environ, 'PYTHONUNBUFFERED': unbuffered, 'PYTHONIOENCODING': 'ascii'},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    if unbuffered:
        expected = b'x' * 300_000 + b'\nbytes\n<stdout> '
        assert process.stdout.read(len(expected)) == expected
    rest, said = process.communicate(b'go\n', timeout=60)
    assert rest.endswith(b'<stdout> end \\udce9\n' if not unbuffered else b'end \\udce9\n')
    assert said == b'now'


def test_a_stream_forgets_a_full_disk_but_not_a_reader_that_went(full: Path, tmp_path: Path) -> None:
    with full.open('wb') as file:
        stream = ProtectedStream(file.fileno())
        stream.write('lost')
        assert stream.failure() is not None
        with (tmp_path / 'room').open('wb') as room:
            os.dup2(room.fileno(), file.fileno())
        stream.write('kept 승')
        assert stream.failure() is None
        stream.close()
        stream.write(' and more')
        stream.flush()
    assert (tmp_path / 'room').read_text() == 'kept 승 and more'
    reading, writing = os.pipe()
    os.close(reading)
    stream = ProtectedStream(writing)
    for _ in range(2):
        stream.write('lost')
        assert isinstance(stream.failure(), BrokenPipeError)
    # Whoever else writes there is not harmed either.
    assert os.write(writing, b'lost') == 4
    os.close(writing)
