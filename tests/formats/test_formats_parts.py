"""An executor that runs tasks again: what lost runs have written, or still write, is not part of the dataset."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.context import Dataset
from synapse_hooks.conversion import BaseExecutor
from synapse_hooks.conversion.checked_executor import TaskFailed
from synapse_hooks.conversion.parts import WritePart
from synapse_hooks.errors import StorageError
from synapse_hooks.formats import ReadContext
from synapse_hooks.formats.dm import DmFormat
from synapse_hooks.formats.dm.source import DmSource
from synapse_hooks.testing import convert_dataset
from tests.formats.format_kit import add_item, box, tree

Report = Callable[[int], None]


class Lost(Exception):
    """The worker is gone."""


class Unreliable(BaseExecutor):
    """Loses the first run of every task, in the middle of what it does, and lets it write on after the second one."""

    name = 'unreliable'
    repeats = True
    workers = 3

    def __init__(self) -> None:
        # It is shared with the copy that runs the tasks.
        self.events: list[str] = []

    def map(self, tasks: Sequence[Callable[[Report], Any]], report: Report) -> list[Any]:
        return [self._run(pickle.dumps(task)) for task in tasks]

    def close(self) -> None:
        self.events.append('closed')

    def _run(self, content: bytes) -> Any:
        def lose(count: int) -> None:
            raise Lost

        try:
            # The task is wrapped by what checks executors.
            lost = pickle.loads(content)
            lost(lose if isinstance(lost.task, WritePart) else _ignore)
        except TaskFailed:
            self.events.append('lost')
        result = pickle.loads(content)(_ignore)
        # The lost one is still at work on a node that is out of reach.
        pickle.loads(content)(_ignore)
        return result


def _ignore(count: int) -> None:
    pass


@pytest.fixture
def dm(tmp_path: Path) -> Path:
    for number in range(90):
        add_item(tmp_path / 'dm' / 'train', f'{number:03}', {'bounding_box': [box(1, 1, 5, 5, f'class{number % 3}')]})
        add_item(tmp_path / 'dm' / 'valid', f'v{number:03}', {'bounding_box': [box(1, 1, 5, 5, 'class0')]})
    return tmp_path / 'dm'


@pytest.mark.parametrize('target', ['yolo', 'coco'])
def test_tasks_that_run_several_times_write_the_same_dataset(dm: Path, target: str, tmp_path: Path) -> None:
    source: Dataset = {'path': dm, 'format': 'dm'}
    executor = Unreliable()
    settings = {'executor': 'unreliable'}
    serial = convert_dataset(source, target, tmp_path / 'serial', settings={target: {'executor': 'serial'}})
    made = convert_dataset(source, target, tmp_path / 'made', executor, settings={target: settings})
    assert tree(made.path) == tree(serial.path)
    assert executor.events == ['lost', 'lost', 'closed']
    assert made.dataset['digest'] == serial.dataset['digest']
    assert sorted(path.name for path in tmp_path.iterdir()) == ['dm', 'made', 'serial']


def test_a_machine_that_does_not_see_the_folder_is_named(dm: Path, tmp_path: Path) -> None:
    class Elsewhere(Unreliable):
        name = 'elsewhere'

        def map(self, tasks: Sequence[Callable[[Report], Any]], report: Report) -> list[Any]:
            for task in tasks:
                part = task.task  # type: ignore[attr-defined]
                assert isinstance(part, WritePart)
                part.parts = tmp_path / 'missing'
            return [task(_ignore) for task in tasks]

    with pytest.raises(StorageError, match='is not the folder into which') as caught:
        convert_dataset(
            {'path': dm, 'format': 'dm'},
            'yolo',
            tmp_path / 'out',
            Elsewhere(),
            settings={'yolo': {'executor': 'elsewhere'}},
        )
    assert 'same path' in caught.value.hint


class FailingSource(DmSource):
    elsewhere = False

    def read(self, shard: Any) -> Any:
        if self.elsewhere:
            raise ZeroDivisionError('in the source')
        return super().read(shard)


class FailingFormat(DmFormat):
    name = 'failing'

    def source(self, path: Path, context: ReadContext) -> Any:
        return FailingSource(path, context)


class Pickling(Unreliable):
    name = 'pickling'

    def map(self, tasks: Sequence[Callable[[Report], Any]], report: Report) -> list[Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FailingSource, 'elsewhere', True)
            return [pickle.loads(pickle.dumps(task))(report) for task in tasks]


def test_an_error_of_the_format_that_reads_is_its_own_in_another_process_too(dm: Path, tmp_path: Path) -> None:
    settings = {'yolo': {'executor': 'pickling'}}
    source: Dataset = {'path': dm, 'format': 'failing'}
    with pytest.raises(ZeroDivisionError) as caught:
        convert_dataset(source, 'yolo', tmp_path / 'out', Pickling(), FailingFormat(), settings=settings)
    notes = caught.value.__notes__
    assert notes[-1] == "raised by the project (plugin 'FailingFormat') in hook 'open_dataset'"
    assert "while executor 'pickling' was running 2 tasks" in notes
