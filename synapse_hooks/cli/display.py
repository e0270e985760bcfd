"""A run in the terminal: stages, progress, losses, metrics, as they happen.

It is a plugin like any other: it implements observer and sink hooks. On a terminal there is a progress bar; elsewhere
there are lines. All of it goes to stderr, so that stdout holds results only.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from synapse_hooks.cli.console import on_stderr
from synapse_hooks.cli.rate import Rate
from synapse_hooks.cli.reporter import visible_messages
from synapse_hooks.hookspecs import hookimpl

if TYPE_CHECKING:
    from synapse_hooks.context import Outcome, TrainContext

_METRIC_SECONDS: Final = 2.0
"""Seconds between two lines of metrics that are logged more often than once an epoch."""
_PROGRESS_SECONDS: Final = 10.0
"""Seconds between two lines about the progress of a stage, if there is no bar."""
_COUNTED_STAGES: Final = ('export', 'convert')
"""Stages whose progress is shown as number of items, rate and remaining time."""
_STYLES: Final = {'warning': 'yellow', 'error': 'red'}
_SECONDARY: Final = ('lr/', 'val/', 'time', 'fitness', 'speed')
"""Beginnings of metrics that are omitted beside others, as ultralytics logs a dozen in each epoch."""
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
        self._pending: dict[tuple[str, ...], Mapping[str, Any]] = {}
        self._due: dict[tuple[str, ...], float] = {}
        self._seconds = _METRIC_SECONDS
        self._trainings: set[str] = set()
        self._rates: dict[str, Rate] = {}
        self._line_due = 0.0

    @hookimpl
    def run_started(self, context: TrainContext) -> None:
        """Print the run directory, and start the bar."""
        self.begin(context.run_dir, context.outlook)

    def begin(self, run_dir: Path, outlook: Iterable[str] = ()) -> None:
        """Print the run directory and what will be done, and start the bar."""
        self.console.print('[bold]run[/]', Text(str(run_dir)), soft_wrap=True)
        for line in outlook:
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
        self.begin_stage(step.name)

    def begin_stage(self, name: str) -> None:
        """Name the stage in the bar."""
        self._started[name] = time.monotonic()
        if self._progress is not None:
            self._progress.update(self._task, description=name, detail='')

    @hookimpl
    def step_finished(self, context: TrainContext, step: Any, result: Any, error: BaseException | None) -> None:
        """One line for each stage."""
        seconds = time.monotonic() - self._started.get(step.name, time.monotonic())
        status = 'succeeded' if error is None else 'failed'
        if result is not None and result.skipped:
            status = 'skipped'
        detail = _detail(step.name, context, result) if error is None else f'{type(error).__name__}'
        self.end_stage(step.name, status, seconds, detail)

    def end_stage(self, name: str, status: str, seconds: float, detail: str = '') -> None:
        """One line for a stage.

        Args:
            name: Its name.
            status: How it ended: `succeeded`, `failed`, `cancelled`, or anything else for one that was not run.
            seconds: How long it took.
            detail: What else to say.
        """
        from synapse_hooks.runs.summary import duration_text

        words = [Text(f'{name:12} {duration_text(seconds):>8}'), *([Text(f' {detail}', style='dim')] if detail else [])]
        self.console.print(_MARKS.get(status, '[dim]·[/]'), *words, soft_wrap=True)

    @hookimpl
    def progress_changed(self, progress: Mapping[str, Any]) -> None:
        """Move the bar; without a bar, print a line every ten seconds for a stage that takes long."""
        detail = str(progress.get('training') or '')
        category, done, total = str(progress.get('category')), progress.get('curr') or 0, progress.get('total') or 0
        # The end of a step is recorded as 1 of 1.
        is_counted = (category in _COUNTED_STAGES or 'bytes' in progress) and (done, total) != (1, 1)
        if is_counted:
            rate = self._rates.setdefault(category, Rate('items'))
            detail = rate.update(time.monotonic(), done, total, progress.get('bytes') or 0)
        if self._progress is not None:
            self._progress.update(self._task, completed=progress.get('overall', 0.0), detail=detail)
        elif is_counted and done != total:
            self._print_progress(category, detail)

    def _print_progress(self, category: str, detail: str) -> None:
        now = time.monotonic()
        # The first line comes after one interval: most stages are shorter.
        self._line_due = self._line_due or now + _PROGRESS_SECONDS
        if now >= self._line_due:
            self._line_due = now + _PROGRESS_SECONDS
            self.console.print(Text(f'  {category:12} {detail}', style='dim'), soft_wrap=True)

    @hookimpl
    def log_metrics(self, points: Sequence[Mapping[str, Any]]) -> None:
        """One line for the metrics of each epoch; of the metrics of batches, the latest ones every two seconds."""
        self._trainings.update(str(point['training']) for point in points if point.get('training'))
        for point in points:
            if point.get('axis') == 'epoch':
                self._print_pending(at_once=True)
                self._print_metrics(point)
            else:
                self._pending[str(point.get('training')), str(point['phase']), str(point.get('axis'))] = point
        self._print_pending()

    def _print_pending(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        for key in [key for key in self._pending if at_once or now >= self._due.get(key, 0.0)]:
            self._due[key] = now + self._seconds
            self._print_metrics(self._pending.pop(key))

    def _print_metrics(self, point: Mapping[str, Any]) -> None:
        shown = _numbers({**point['values'], **point.get('nonfinite', {})})
        if shown:
            training = point.get('training') if len(self._trainings) > 1 else None
            words = ' '.join(str(word) for word in (training, _place(point), point['phase']) if word)
            self.console.print(Text(f'  {words:14} {shown}'), soft_wrap=True)

    @hookimpl
    def log_message(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Print messages; warnings and errors in colour."""
        for level, text in visible_messages([m for m in messages if m.get('code') != 'stage']):
            self.console.print(Text(text, style=_STYLES.get(level, '')), soft_wrap=True)

    @hookimpl
    def run_finished(self, outcome: Outcome) -> None:
        """Remove the bar, and print the metrics that are pending."""
        self.end()

    def end(self) -> None:
        """The same, however the run ended."""
        self._seconds = 0.0
        self._print_pending(at_once=True)
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
    """`epoch 3`, `batch 120`, `12.5 s`, or nothing where the metrics have no step."""
    step, axis = point.get('step'), point.get('axis')
    if step is None:
        return ''
    return f'{step:g} s' if axis == 'time' else f'{axis} {step}'


def _numbers(values: Mapping[str, float | str]) -> str:
    """`box 1.23 cls 0.87 mAP50 0.812`: losses of the training, then the other metrics; the journal has all of them."""
    shown = []
    # Where nothing else was logged, these are what the user wants to see.
    for name in [name for name in values if not name.startswith(_SECONDARY)] or values:
        short = name.removeprefix('train/').removeprefix('metrics/').replace('(B)', '').removesuffix('_loss')
        shown.append(f'{short} {float(values[name]):<6.3g}')
    return ' '.join(shown).rstrip()
