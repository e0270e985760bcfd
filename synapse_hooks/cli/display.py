"""A run in the terminal: stages, progress, losses, metrics, as they happen.

It is a plugin like any other: it answers the observers and the sinks. On a terminal there is a live bar; elsewhere, one
line for what is worth a line. All of it goes to stderr, so that stdout holds answers only.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from synapse_hooks.cli.console import on_stderr
from synapse_hooks.cli.rate import Rate
from synapse_hooks.cli.voice import sentences
from synapse_hooks.hookspecs import hookimpl

if TYPE_CHECKING:
    from synapse_hooks.context import Outcome, TrainContext

_SECONDS: Final = 2.0
"""The least time between two lines of what is measured more often than once an epoch."""
_OFTEN: Final = 10.0
"""Seconds between two lines about the progress of a stage, where there is no bar."""
_COUNTED: Final = ('export', 'convert')
"""What has so many items that their number, rate and remaining time say more than a bar."""
_STYLES: Final = {'warning': 'yellow', 'error': 'red'}
_MARKS: Final = {'succeeded': '[green]✔[/]', 'failed': '[red]✘[/]', 'cancelled': '[yellow]■[/]'}


class Display:
    """Shows a run on stderr.

    Args:
        console: Where to; None is stderr.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or on_stderr()
        self._started: dict[str, float] = {}
        self._progress: Progress | None = None
        self._task: Any = None
        self._held: dict[tuple[str, ...], Mapping[str, Any]] = {}
        self._due: dict[tuple[str, ...], float] = {}
        self._seconds = _SECONDS
        self._trainings: set[str] = set()
        self._rates: dict[str, Rate] = {}
        self._line_due = 0.0

    @hookimpl
    def run_started(self, context: TrainContext) -> None:
        """Say where the run is kept, and start the bar."""
        self.console.print('[bold]run[/]', Text(str(context.run_dir)), soft_wrap=True)
        for line in context.outlook:
            self.console.print(Text(f'  {line}', style='dim'), soft_wrap=True)
        if self.console.is_terminal:
            self._progress = Progress(
                TextColumn('{task.description:12}', markup=False),
                BarColumn(bar_width=32),
                TextColumn('{task.percentage:>3.0f}%'),
                TimeElapsedColumn(),
                TextColumn('{task.fields[detail]}', style='dim'),
                console=self.console,
                transient=True,
            )
            self._task = self._progress.add_task('', total=1.0, detail='')
            self._progress.start()

    @hookimpl
    def step_started(self, step: Any) -> None:
        """Name the stage in the bar."""
        self._started[step.name] = time.monotonic()
        if self._progress is not None:
            self._progress.update(self._task, description=step.name, detail='')

    @hookimpl
    def step_finished(self, context: TrainContext, step: Any, result: Any, error: BaseException | None) -> None:
        """One line for each stage."""
        seconds = time.monotonic() - self._started.get(step.name, time.monotonic())
        mark = _MARKS['succeeded' if error is None else 'failed']
        if result is not None and result.skipped:
            mark = '[dim]·[/]'
        detail = _detail(step.name, context, result) if error is None else f'{type(error).__name__}'
        told = [Text(f'{step.name:12} {seconds:6.1f} s'), *([Text(f' {detail}', style='dim')] if detail else [])]
        self.console.print(mark, *told, soft_wrap=True)

    @hookimpl
    def progress_changed(self, progress: Mapping[str, Any]) -> None:
        """Move the bar; where there is none, a line now and then for a stage that takes long."""
        detail = str(progress.get('training') or '')
        category, done, total = str(progress.get('category')), progress.get('curr') or 0, progress.get('total') or 0
        # The end of a step is recorded as one of one.
        is_counted = (category in _COUNTED or 'bytes' in progress) and (done, total) != (1, 1)
        if is_counted:
            rate = self._rates.setdefault(category, Rate('items'))
            detail = rate.shown(time.monotonic(), done, total, progress.get('bytes') or 0)
        if self._progress is not None:
            self._progress.update(self._task, completed=progress.get('overall', 0.0), detail=detail)
        elif is_counted and done != total:
            self._print_progress(category, detail)

    def _print_progress(self, category: str, detail: str) -> None:
        now = time.monotonic()
        # The first one is due when the stage has taken a while.
        self._line_due = self._line_due or now + _OFTEN
        if now >= self._line_due:
            self._line_due = now + _OFTEN
            self.console.print(Text(f'  {category:12} {detail}', style='dim'), soft_wrap=True)

    @hookimpl
    def log_metrics(self, points: Sequence[Mapping[str, Any]]) -> None:
        """One line for what an epoch measured, as it comes; for what batches measured, the latest every few seconds."""
        self._trainings.update(str(point['training']) for point in points if point.get('training'))
        for point in points:
            if point.get('axis') == 'epoch':
                self._print_held(at_once=True)
                self._print_point(point)
            else:
                self._held[str(point.get('training')), str(point['phase']), str(point.get('axis'))] = point
        self._print_held()

    def _print_held(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        for key in [key for key in self._held if at_once or now >= self._due.get(key, 0.0)]:
            self._due[key] = now + self._seconds
            self._print_point(self._held.pop(key))

    def _print_point(self, point: Mapping[str, Any]) -> None:
        shown = _numbers({**point['values'], **point.get('nonfinite', {})})
        if shown:
            training = point.get('training') if len(self._trainings) > 1 else None
            words = ' '.join(str(word) for word in (training, _place(point), point['phase']) if word)
            self.console.print(Text(f'  {words:14} {shown}'), soft_wrap=True)

    @hookimpl
    def log_message(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Print sentences; warnings and errors in colour."""
        for level, text in sentences([m for m in messages if m.get('code') != 'stage']):
            self.console.print(Text(text, style=_STYLES.get(level, '')), soft_wrap=True)

    @hookimpl
    def run_finished(self, outcome: Outcome) -> None:
        """Take the bar away, and print what was held back."""
        self._seconds = 0.0
        self._print_held(at_once=True)
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _detail(name: str, context: TrainContext, result: Any) -> str:
    if result is not None and result.skipped:
        return str(result.data.get('reason', 'nothing to do'))
    dataset = context.dataset
    if name in ('export', 'convert') and isinstance(dataset, Mapping):
        splits = ', '.join(f'{split} {count}' for split, count in (dataset.get('splits') or {}).items())
        return f'{dataset["format"]}{f": {splits}" if splits else ""}'
    if name == 'upload' and context.model is not None:
        return f'model {context.model["id"]}'
    return ''


def _place(point: Mapping[str, Any]) -> str:
    """`epoch 3`, `batch 120`, `12.5 s`, or nothing where the numbers belong to no moment."""
    step, axis = point.get('step'), point.get('axis')
    if step is None:
        return ''
    return f'{step:g} s' if axis == 'time' else f'{axis} {step}'


def _numbers(values: Mapping[str, float | str]) -> str:
    """`box 1.23 cls 0.87 mAP50 0.812`: losses of the training, then what is measured; the journal has the rest."""
    shown = []
    for name, value in values.items():
        if not name.startswith(('lr/', 'val/', 'time', 'fitness', 'speed')):
            short = name.removeprefix('train/').removeprefix('metrics/').replace('(B)', '').removesuffix('_loss')
            shown.append(f'{short} {float(value):<6.3g}')
    return ' '.join(shown).rstrip()
