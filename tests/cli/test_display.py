"""What a run prints while it goes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from synapse_hooks.cli import display as module
from synapse_hooks.cli.display import Display


class Printed:
    """A display, and the lines that it printed so far; its clock moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.text = io.StringIO()
        self.display = Display(Console(file=self.text, width=200))

    def log(
        self, *values: float, phase: str = 'train', axis: str = 'epoch', first: int | None = 1, **more: Any
    ) -> None:
        self.display.log_metrics(
            [
                {
                    'phase': phase,
                    'axis': axis,
                    'step': None if first is None else first + n,
                    'values': {'loss': value},
                    **more,
                }
                for n, value in enumerate(values)
            ]
        )

    @property
    def lines(self) -> list[str]:
        return [' '.join(line.split()) for line in self.text.getvalue().splitlines()]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Printed]:
    shown = Printed()
    with monkeypatch.context() as patch:
        patch.setattr(module.time, 'monotonic', lambda: shown.now)
        yield shown


def test_metrics_are_printed_as_they_come(printed: Printed) -> None:
    printed.log(0.5)
    assert printed.lines == ['epoch 1 train loss 0.5']
    printed.log(0.25, phase='val')
    printed.log(0.125, phase='final', first=None)
    assert printed.lines[1:] == ['epoch 1 val loss 0.25', 'final loss 0.125']


def test_what_is_secondary_is_omitted_beside_other_metrics_only(printed: Printed) -> None:
    printed.log(0, values={'loss': 0.5, 'lr/pg0': 0.1, 'val/loss': 0.25})
    printed.log(0, phase='val', values={'val/loss': 0.25, 'lr/pg0': 0.1})
    assert printed.lines == ['epoch 1 train loss 0.5', 'epoch 1 val val/loss 0.25 lr/pg0 0.1']


def test_what_is_not_finite_is_printed_too(printed: Printed) -> None:
    printed.log(0.5, nonfinite={'grad': 'nan'})
    assert printed.lines == ['epoch 1 train loss 0.5 grad nan']


def test_of_batches_the_latest_is_printed_every_few_seconds(printed: Printed) -> None:
    for first in range(1, 1001, 100):
        printed.log(*[0.5] * 100, axis='batch', first=first)
        printed.now += 0.5
    assert printed.lines == [f'batch {last} train loss 0.5' for last in (100, 500, 900)]
    printed.display.run_finished('succeeded')
    assert printed.lines[3:] == ['batch 1000 train loss 0.5']


def test_what_batches_measured_stands_before_their_epoch(printed: Printed) -> None:
    printed.log(0.5, axis='batch')
    printed.log(0.4, axis='batch', first=2)
    printed.log(0.3)
    assert printed.lines == ['batch 1 train loss 0.5', 'batch 2 train loss 0.4', 'epoch 1 train loss 0.3']


def test_seconds_are_called_so(printed: Printed) -> None:
    printed.log(0.5, axis='time', first=12)
    assert printed.lines == ['12 s train loss 0.5']


def test_a_long_export_prints_a_line_now_and_then(printed: Printed) -> None:
    for second in range(35):
        event = {'category': 'export', 'step': 'export', 'curr': 100 * second, 'total': 3400, 'bytes': second * 2e6}
        printed.display.progress_changed({**event, 'overall': 0.1})
        printed.now += 1
    assert printed.lines == [
        'export 1,000 of 3,400 items, 100/s, 2.0 MB/s, 0:24 left',
        'export 2,000 of 3,400 items, 100/s, 2.0 MB/s, 0:14 left',
        'export 3,000 of 3,400 items, 100/s, 2.0 MB/s, 0:04 left',
    ]


def test_progress_of_a_training_prints_no_lines(printed: Printed) -> None:
    for second in range(35):
        printed.display.progress_changed({'category': 'train', 'curr': second, 'total': 100, 'overall': 0.1})
        printed.now += 1
    assert printed.lines == []


def test_a_terminal_shows_what_is_exported_and_what_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    display = Display(Console(file=text, width=120, force_terminal=True, color_system=None))
    display.run_started(SimpleNamespace(run_dir='run', outlook=()))  # type: ignore[arg-type]
    clock = [0.0]
    monkeypatch.setattr(module.time, 'monotonic', lambda: clock[0])
    display.step_started(SimpleNamespace(name='export'))
    for clock[0], done in ((0.0, 0), (1.0, 500)):
        event = {'category': 'export', 'step': 'export', 'curr': done, 'total': 3000, 'bytes': done * 20_000}
        display.progress_changed({**event, 'overall': 0.02})
    display.run_finished('succeeded')
    assert '500 of 3,000 items, 500/s, 10.0 MB/s, 0:05 left' in text.getvalue()
