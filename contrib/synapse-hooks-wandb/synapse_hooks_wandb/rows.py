"""Events of a run as rows of the history in wandb."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_AXES: Final = {'epoch': 'epoch', 'batch': 'batch', 'time': 'seconds'}


def front_of(event: Mapping[str, Any]) -> str:
    """What names begin with: the rank and the training, where it is not the usual one.

    Example:
        >>> front_of({'rank': 0, 'training': 'train'}), front_of({'rank': 1, 'training': 'fold2'})
        ('', 'rank1/fold2/')
    """
    rank, training = event.get('rank', 0), event.get('training')
    return (f'rank{rank}/' if rank else '') + (f'{training}/' if training not in (None, 'train') else '')


def axis_of(event: Mapping[str, Any]) -> str:
    """The name of the number that the curves of a metric are drawn over: `epoch`, `batch` or `seconds`."""
    axis = str(event.get('axis', 'epoch'))
    return _AXES.get(axis, axis)


def metrics_row(event: Mapping[str, Any]) -> dict[str, float]:
    """A `metrics` event, with the number that it is drawn over.

    Example:
        >>> metrics_row({'phase': 'val', 'axis': 'epoch', 'step': 3, 'values': {'accuracy': 0.5}})
        {'val/accuracy': 0.5, 'epoch': 3}
    """
    phase = event.get('phase', 'custom')
    front = front_of(event) + ('' if phase == 'custom' else f'{phase}/')
    numbers = {**event.get('values', {}), **event.get('nonfinite', {})}
    row = {f'{front}{name}': float(value) for name, value in numbers.items()}
    return row | ({} if event.get('step') is None else {axis_of(event): event['step']})


def system_row(event: Mapping[str, Any]) -> dict[str, float]:
    """A `system` event, over the seconds since the attempt began.

    Example:
        >>> system_row({'seconds': 15.0, 'values': {'cpu_percent': 50.0}})
        {'machine/cpu_percent': 50.0, 'seconds': 15.0}
    """
    return {f'machine/{name}': value for name, value in event['values'].items()} | {'seconds': event['seconds']}


def image_name(artifact: Mapping[str, Any]) -> str:
    """The name of an image in the history."""
    return f'{front_of(artifact)}{artifact.get("role") or "images"}'


def image_axis(artifact: Mapping[str, Any]) -> dict[str, float]:
    """The epoch of an image, if it has one."""
    return {} if artifact.get('step') is None else {'epoch': artifact['step']}


def config_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a training: those of the usual one by themselves, others below its name."""
    front = front_of(event).rstrip('/')
    return {front: event['values']} if front else dict(event['values'])
