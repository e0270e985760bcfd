"""A conversion that is stopped in its middle: Ctrl-C, SIGTERM, SIGKILL, of itself or of a worker process."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.formats.format_kit import png
from tests.support.environments import Environment, Running

SLOW = """
import os
import time
from pathlib import Path
from synapse_hooks.conversion.contract import ItemSource
from synapse_hooks.data import Box, Sample
from synapse_hooks.data.batch import Batch
from synapse_hooks.formats import Format


class Numbers(ItemSource):
    '''Four shards. Each of two processes takes two, and waits in the second one.'''

    count = 512

    def __init__(self, waits):
        self.waits = waits

    def read(self, shard):
        yield Batch.of_samples(list(self.samples(shard)))

    def samples(self, shard):
        for number in shard:
            if number in (203, 501) and self.waits():
                wait(f'waiting{number}')
            split = 'train' if number < 256 else 'valid'
            yield Sample(f'{number:03}', image=Path('one.png'), split=split, annotations=[Box(1, 1, 5, 5, label='car')])


class Slow(Format):
    name = 'slow'

    def source(self, path, context):
        return Numbers(lambda: True)

    def write(self, samples, info, out):
        for sample in samples:
            self.link_image(sample, out / sample.file_name)
            wait('writing')


class Again(Slow):
    '''The first look, which the parent has, does not wait.'''

    name = 'again'

    def source(self, path, context):
        return Numbers(lambda: os.getpid() != parent)


def wait(mark):
    Path(mark).touch()
    while not Path('go').exists():
        time.sleep(0.01)


parent = os.getpid()
slow = Slow()
again = Again()
"""
WORDS = ('convert', 'source', 'out', '--to', 'yolo', '--from', 'slow', '--json')


@pytest.fixture
def slow(bare: Environment, project: Path) -> Environment:
    """A project whose own format waits in the middle."""
    (project / 'pyproject.toml').write_text(
        '[tool.synapse_hooks]\nplugins = ["slow:slow", "slow:again"]\n', encoding='utf-8'
    )
    (project / 'slow.py').write_text(SLOW, encoding='utf-8')
    (project / 'source').mkdir()
    (project / 'one.png').write_bytes(png(9, 9))
    return bare


def processes(project: Path) -> set[int]:
    """The processes of a conversion in `project`, parent and workers."""
    found = set()
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            words = (folder / 'cmdline').read_bytes().split(b'\0')
            if b'convert' in words and (folder / 'cwd').resolve() == project:
                found.add(int(folder.name))
        except OSError:
            continue
    return found


def left(project: Path) -> set[str]:
    """What is in the project besides what was there and the marks of the format."""
    names = {file.name for file in project.iterdir()}
    marks = {'waiting203', 'waiting501', 'writing', '__pycache__'}
    return names - {'pyproject.toml', 'actions.py', 'slow.py', 'source', 'one.png'} - marks


def in_the_middle(running: Running, project: Path, workers: int) -> set[int]:
    """Wait until every worker waits; the processes then."""
    marks = ['waiting203', 'waiting501'][:workers]
    running.until(lambda: all((project / mark).exists() for mark in marks))
    found = processes(project)
    assert len(found) == (1 if workers == 1 else 1 + workers)
    assert any(name.startswith('.out.staging-') for name in left(project))
    return found


def gone(project: Path) -> bool:
    """Whether all of its processes end soon."""
    deadline = time.monotonic() + 10
    while processes(project) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not processes(project)


def runs_again(slow: Environment, project: Path, *words: str) -> None:
    """The same command, with nothing to stop it."""
    (project / 'go').touch()
    assert slow.hooks(*WORDS, *words).json['losses']['written'] == {'box': 512}
    assert left(project) == {'out', 'go'}


@pytest.mark.parametrize('workers', [1, 2])
@pytest.mark.parametrize(('number', 'code'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=['Ctrl-C', 'SIGTERM'])
def test_an_interrupted_conversion_leaves_nothing_and_runs_again(
    number: signal.Signals, code: int, workers: int, slow: Environment, project: Path
) -> None:
    with slow.started(*WORDS, '--workers', str(workers)) as running:
        in_the_middle(running, project, workers)
        ended = running.end(number)
        assert ended.code == code, ended
        assert not processes(project)
    assert ended.json['error']['type'] == {130: 'KeyboardInterrupt', 143: 'Terminated'}[code]
    assert ended.err.startswith('cancelled')
    assert not left(project)
    runs_again(slow, project, '--workers', str(workers))


def test_a_signal_to_all_processes_is_the_parents_to_answer(slow: Environment, project: Path) -> None:
    with slow.started(*WORDS, '--workers', '2') as running:
        for pid in in_the_middle(running, project, 2):
            # The parent may have ended the others by the time it is their turn.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        ended = running.end()
        assert ended.code == 143, ended
        assert not processes(project)
    assert not left(project)


@pytest.mark.parametrize('which', [0, 1])
def test_a_worker_that_is_killed_is_a_clear_error(which: int, slow: Environment, project: Path) -> None:
    with slow.started(*WORDS, '--workers', '2') as running:
        found = in_the_middle(running, project, 2)
        os.kill(sorted(found - {running.process.pid})[which], signal.SIGKILL)
        ended = running.end()
        assert not processes(project)
    assert ended.code == 1, ended
    assert 'error: a worker process ended unexpectedly (signal 9)\n  → ' in ended.err
    assert 'Traceback' not in ended.err
    assert not left(project)
    runs_again(slow, project)


def test_workers_end_with_their_parent_and_what_it_left_is_swept_the_next_time(
    slow: Environment, project: Path
) -> None:
    with slow.started(*WORDS, '--workers', '2') as running:
        in_the_middle(running, project, 2)
        running.end(signal.SIGKILL)
        assert gone(project)
    assert [name.startswith('.out.staging-') for name in left(project)] == [True]
    runs_again(slow, project, '--workers', '2')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGKILL], ids=['Ctrl-C', 'SIGKILL'])
def test_a_third_party_writer_leaves_no_reader_process(
    number: signal.Signals, slow: Environment, project: Path
) -> None:
    with slow.started('convert', 'source', 'out', '--to', 'slow', '--from', 'again', '--workers', '2') as running:
        running.until(lambda: (project / 'writing').exists() and (project / 'waiting203').exists())
        assert len(processes(project)) == 2
        running.end(number)
        assert gone(project)
    assert bool(left(project)) == (number == signal.SIGKILL)
