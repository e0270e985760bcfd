"""The contract of a sink is held by one that keeps it, and reports what a broken one breaks."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, ClassVar

import pytest

from synapse_hooks import hookimpl
from synapse_hooks.journal import SinkState
from synapse_hooks.testing import SinkConformance


class Tracker:
    """A tracker in a SQLite file, and its sink: `fault` says what is wrong with it."""

    def __init__(self, folder: Path, fault: str = '') -> None:
        self.path, self.fault = folder / 'tracker.db', fault
        with sqlite3.connect(self.path) as database:
            database.execute('create table if not exists runs (id integer primary key)')
            unique = '' if fault == 'duplicates' else ', unique (run, name, step)'
            database.execute(f'create table if not exists points (run, name, step, value{unique})')

    @hookimpl.log_metrics
    def log_metrics(self, context, points):
        state = SinkState(context.run_dir, 'tracker')
        with sqlite3.connect(self.path) as database:
            if 'run_id' not in state or self.fault == 'forgetful':
                state['run_id'] = database.execute('insert into runs default values').lastrowid
            for point in reversed(points) if self.fault == 'reverses' else points:
                if self.fault == 'raises' and point['step'] == 7:
                    raise KeyError('step')
                if self.fault == 'loses' and point['step'] == 7:
                    continue
                for name, value in point['values'].items():
                    row = state['run_id'], name, point['step'], value
                    database.execute('insert or replace into points values (?, ?, ?, ?)', row)

    @hookimpl.sink_closed
    def sink_closed(self):
        if self.fault == 'closing':
            raise OSError('not open')


class TestTracker(SinkConformance):
    fault: ClassVar[str] = ''

    def make_sink(self, folder: Path) -> object:
        return Tracker(folder, self.fault)

    def received(self, folder: Path) -> list[list[Any]]:
        with sqlite3.connect(folder / 'tracker.db') as database:
            runs = database.execute('select id from runs').fetchall()
            return [
                database.execute('select name, step, value from points where run = ? order by rowid', run).fetchall()
                for run in runs
            ]


@pytest.mark.parametrize(
    ('fault', 'test', 'message'),
    [
        ('forgetful', 'a_resumed_run_goes_on_in_the_same_run', 'expected one run in the tracker'),
        ('duplicates', 'a_repetition_changes_nothing', 'more than once'),
        ('duplicates', 'a_kill_in_the_middle_of_a_delivery_repeats_nothing', 'more than once'),
        ('reverses', 'points_arrive_in_order', r'the loss of step \d+ before that of an earlier step'),
        ('loses', 'every_point_arrives', r'lacks the loss of the steps \[7\]'),
        ('raises', 'every_point_arrives', 'lost events, because a hook raised'),
        ('closing', 'closing_without_a_delivery_is_no_error', 'sink_closed failed'),
    ],
)
def test_a_broken_promise_is_reported(tmp_path: Path, fault: str, test: str, message: str) -> None:
    broken = type('Broken', (TestTracker,), {'fault': fault})()
    with pytest.raises(AssertionError, match=message):
        getattr(broken, f'test_{test}')(tmp_path)
