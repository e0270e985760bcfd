"""What a run ended with: the last value of each metric, in memory that does not grow with the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from synapse_hooks.errors import RunError
from synapse_hooks.journal.reader import journal_files

_RANK: Final = {'custom': 0, 'train': 1, 'val': 2, 'final': 3}
_MARK: Final = b'"metrics"'


def last_metrics(run_dir: Path) -> dict[str, float]:
    """The last value of each metric of a run, in the order in which their names came up.

    The evaluation of the finished model (`final`) goes before validation, that before training, and within a phase the
    highest step is the last. A step that was trained again after an interruption counts as the later attempt has it.
    Where the run holds several trainings, a metric is called `TRAINING/NAME`.

    Raises:
        RunError: There is no such folder.

    Example:
        >>> from synapse_hooks.journal import Journal
        >>> journal = Journal(getfixture('tmp_path'))
        >>> for step in (1, 2):
        ...     journal.record('metrics', {'phase': 'val', 'step': step, 'values': {'accuracy': step / 4}})
        >>> last_metrics(journal.run_dir)
        {'accuracy': 0.5}
    """
    if not Path(run_dir).is_dir():
        raise RunError(f'there is no run directory {str(run_dir)!r}', hint='check the path', path=str(run_dir))
    last: dict[tuple[str | None, str], tuple[tuple[float, ...], float]] = {}
    for event in _metrics(Path(run_dir)):
        step = event.step if isinstance(event.step, int | float) else -1
        place = _RANK.get(event.phase, 0), step, event.attempt
        for name, value in (*event.values.items(), *event.nonfinite.items()):
            key = event.training, name
            if value is not None and (key not in last or place >= last[key][0]):
                last[key] = place, float(value)
    several = len({training for training, _ in last if training}) > 1
    return {f'{of}/{name}' if several and of else name: value for (of, name), (_, value) in last.items()}


class _Metrics(msgspec.Struct):
    type: str
    phase: str = 'custom'
    step: int | float | str | None = None
    attempt: int = 0
    training: str | None = None
    values: dict[str, float | None] = msgspec.field(default_factory=dict)
    nonfinite: dict[str, Literal['nan', 'inf', '-inf']] = msgspec.field(default_factory=dict)


def _metrics(run_dir: Path) -> Iterator[_Metrics]:
    decode: Any = msgspec.json.Decoder(_Metrics).decode
    for path in journal_files(run_dir):
        with path.open('rb') as file:
            for line in file:
                # Most lines of a journal are something else, or metrics; decoding takes ten times as long as looking.
                if _MARK in line:
                    try:
                        event = decode(line)
                    except (msgspec.MsgspecError, UnicodeDecodeError):
                        # Torn, or of a stranger.
                        continue
                    if event.type == 'metrics':
                        yield event
