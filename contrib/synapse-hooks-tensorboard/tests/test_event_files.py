"""Event files as TensorBoard's own reader sees them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip('tensorboard')
from synapse_hooks_tensorboard import TensorBoardPlugin
from synapse_hooks_tensorboard.event_file import EventFile
from synapse_hooks_tensorboard.run_log import RunLog
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.summary.writer.record_writer import RecordWriter

from synapse_hooks.testing import SinkConformance

Point = tuple[str, int, float]


def points(folder: Path) -> list[Point]:
    accumulator = EventAccumulator(str(folder), size_guidance={'scalars': 0})
    accumulator.Reload()
    tags = accumulator.Tags()['scalars']
    return [(tag, event.step, event.value) for tag in tags for event in accumulator.Scalars(tag)]


def scalar(step: int, *, tag: str = 'loss', time: float | None = None) -> Event:
    value = Summary.Value(tag=tag, simple_value=step)
    return Event(wall_time=1000.0 + step if time is None else time, step=step, summary=Summary(value=[value]))


class TestConformance(SinkConformance):
    """The contract of sinks."""

    def make_sink(self, folder: Path) -> object:
        """A new one."""
        return TensorBoardPlugin()

    def received(self, folder: Path) -> Sequence[Sequence[Point]]:
        """What the reader finds, by folder."""
        found = [points(Path(top)) for top, _, files in os.walk(folder) if any('tfevents' in file for file in files)]
        return [run for run in found if run]


def test_records_are_those_of_tensorboard(tmp_path: Path) -> None:
    from synapse_hooks_tensorboard.event_file import record

    with (tmp_path / 'theirs').open('wb') as file:
        RecordWriter(file).write(b'content')
    assert record(b'content') == (tmp_path / 'theirs').read_bytes()
    assert masked_crc32c(b'content') > 0


def test_half_a_record_ends_a_file_and_the_next_one_is_read(tmp_path: Path) -> None:
    first = EventFile(tmp_path)
    first.write([scalar(1), scalar(2)])
    first.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    second = EventFile(tmp_path)
    again = [scalar(1), scalar(2), scalar(3)]
    second.write(second.new(again))
    second.close()
    assert [step for _, step, _ in points(tmp_path)] == [1, 2, 3]


def test_files_are_read_in_the_order_of_their_attempts(tmp_path: Path) -> None:
    for step in range(1, 4):
        file = EventFile(tmp_path)
        file.write([scalar(step)])
        file.close()
    assert len(list(tmp_path.iterdir())) == 3
    assert [step for _, step, _ in points(tmp_path)] == [1, 2, 3]


def test_a_full_disk_leaves_whole_records(tmp_path: Path) -> None:
    script = f"""
import resource, signal
from pathlib import Path
from test_event_files import EventFile, scalar
from synapse_hooks.errors import SinkUnavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = EventFile(Path({str(tmp_path)!r}))
file.write([scalar(step) for step in range(10)])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    file.write([scalar(step) for step in range(10, 100)])
except SinkUnavailable as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.write(file.new([scalar(step) for step in range(100)]))
"""
    done = subprocess.run([sys.executable, '-c', script], cwd=Path(__file__).parent, capture_output=True, text=True)
    assert 'cannot be written' in done.stdout, done.stderr
    assert [step for _, step, _ in points(tmp_path)] == list(range(100))


def test_two_runs_of_one_name_have_two_folders(tmp_path: Path) -> None:
    for number in (1, 2, 1):
        (tmp_path / f'run{number}').mkdir(exist_ok=True)
        log = RunLog(tmp_path / f'run{number}', 'run', tmp_path / 'logs')
        log.write('', [scalar(1, time=float(number))])
        log.close()
    assert sorted(path.name for path in (tmp_path / 'logs').iterdir()) == ['run', 'run-2']
    assert len(list((tmp_path / 'logs' / 'run').iterdir())) == 1
