"""Which metrics are drawn over one another."""

from __future__ import annotations

from pathlib import Path

from synapse_hooks.report.charts import Chart, charts, labels
from synapse_hooks.runs import Run
from tests.report.report_kit import Event, make_run, metrics


def of(*paths: Path) -> list[Chart]:
    return charts([Run(path).metrics() for path in paths])


def test_train_and_val_of_a_metric_share_a_chart(tmp_path: Path) -> None:
    events: list[Event] = []
    for step in (1, 2):
        events += [metrics(step, train__loss=1 / step), metrics(step, 'val', val__loss=2 / step, metrics__mAP=step / 4)]
    found = of(make_run(tmp_path / 'run', events))
    assert [chart.title for chart in found] == ['loss', 'mAP']
    assert [(curve.phase, curve.points) for curve in found[0].curves] == [
        ('train', [(1, 1.0), (2, 0.5)]),
        ('val', [(1, 2.0), (2, 1.0)]),
    ]
    assert labels(found[0], ['run']) == ['train', 'val']


def test_attempts_are_joined(tmp_path: Path) -> None:
    first, second = [metrics(step, loss=1.0) for step in (1, 2, 3)], [metrics(step, loss=0.5) for step in (3, 4)]
    (chart,) = of(make_run(tmp_path / 'run', first, second))
    assert chart.curves[0].points == [(1, 1.0), (2, 1.0), (3, 0.5), (4, 0.5)]


def test_learning_rates_come_last_and_equal_ones_are_one_curve(tmp_path: Path) -> None:
    events = [metrics(step, lr__pg0=0.1 / step, lr__pg1=0.1 / step, lr__pg2=0.3, loss=1.0) for step in (1, 2)]
    found = of(make_run(tmp_path / 'run', events))
    assert [chart.title for chart in found] == ['loss', 'learning rate']
    assert labels(found[1], ['run']) == ['train lr/pg0, lr/pg1', 'train lr/pg2']


def test_several_runs_and_trainings_are_told_apart(tmp_path: Path) -> None:
    events = [
        (type, {**payload, 'training': training})
        for training in ('fold1', 'fold2')
        for type, payload in (metrics(1, loss=1.0), metrics(2, loss=0.5))
    ]
    (chart,) = of(make_run(tmp_path / 'a', events), make_run(tmp_path / 'b', events))
    assert labels(chart, ['a', 'b']) == ['a fold1 train', 'a fold2 train', 'b fold1 train', 'b fold2 train']


def test_values_that_are_not_finite_are_no_points_but_are_known(tmp_path: Path) -> None:
    events = [metrics(step, loss=float('nan') if step == 2 else 1.0) for step in (1, 2, 3)]
    (chart,) = of(make_run(tmp_path / 'run', events))
    assert (chart.curves[0].points, chart.curves[0].missing) == ([(1, 1.0), (3, 1.0)], [2])


def test_what_has_one_value_or_no_step_has_no_curve(tmp_path: Path) -> None:
    assert of(make_run(tmp_path / 'run', [metrics(1, loss=1.0), metrics(None, accuracy=0.5)])) == []
