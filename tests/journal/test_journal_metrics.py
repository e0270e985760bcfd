"""The last value of each metric, in memory that does not grow with the run."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path

import pytest

from synapse_hooks.errors import RunError
from synapse_hooks.journal import Journal, last_metrics


def test_final_goes_before_val_before_train_and_then_the_highest_step(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for phase, step, value in [
        ('val', 1, 0.1),
        ('val', 3, 0.3),
        ('val', 2, 0.2),
        ('train', 9, 0.9),
        ('custom', None, 0.0),
    ]:
        journal.record('metrics', {'phase': phase, 'axis': 'epoch', 'step': step, 'values': {'map': value}})
    journal.record('metrics', {'phase': 'train', 'step': 1, 'values': {'loss': 4.0}, 'nonfinite': {'lr': 'nan'}})
    journal.record('metrics', {'phase': 'train', 'step': 2, 'values': {'loss': 2.0, 'none': None}})
    found = last_metrics(tmp_path)
    assert list(found) == ['map', 'loss', 'lr']
    assert (found['map'], found['loss']) == (0.3, 2.0)
    assert math.isnan(found['lr'])
    journal.record('metrics', {'phase': 'final', 'values': {'map': 0.7}})
    assert last_metrics(tmp_path)['map'] == 0.7


def test_a_step_that_was_trained_again_counts_as_the_later_attempt_has_it(tmp_path: Path) -> None:
    for value in (0.1, 0.2):
        journal = Journal(tmp_path)
        journal.record('metrics', {'phase': 'val', 'step': 5, 'values': {'map': value}})
        journal.close()
    assert last_metrics(tmp_path) == {'map': 0.2}


def test_of_several_trainings_each_has_its_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.record('metrics', {'phase': 'final', 'step': 9, 'values': {'map': 0.9}, 'training': 'train'})
    assert last_metrics(tmp_path) == {'map': 0.9}
    journal.record('metrics', {'phase': 'val', 'step': 1, 'values': {'map': 0.1}, 'training': 'train2'})
    journal.record('metrics', {'phase': 'custom', 'values': {'size': 3.0}})
    assert last_metrics(tmp_path) == {'train/map': 0.9, 'train2/map': 0.1, 'size': 3.0}


def test_what_is_torn_or_foreign_is_passed_over(tmp_path: Path) -> None:
    Journal(tmp_path).record('metrics', {'phase': 'val', 'step': 1, 'values': {'map': 0.1}})
    with (tmp_path / 'events.jsonl').open('a') as file:
        file.write('{"type":"metrics","values":5}\n{"type":"metrics","nonfinite":{"map":"many"}}\n')
        file.write('"metrics"\n{"type":"message","text":"\\"metrics\\""}\n{"type":"metrics","val')
    assert last_metrics(tmp_path) == {'map': 0.1}


def test_there_may_be_no_journal_but_there_must_be_a_run(tmp_path: Path) -> None:
    assert last_metrics(tmp_path) == {}
    with pytest.raises(RunError, match='there is no run directory'):
        last_metrics(tmp_path / 'absent')


def test_memory_does_not_grow_with_the_run(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for step in range(5000):
        journal.record('metrics', {'phase': 'train', 'axis': 'batch', 'step': step, 'values': {'loss': 1.0}})
    tracemalloc.start()
    last_metrics(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000
