"""Events of a run as TensorBoard has them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.data.images import image_size
from synapse_hooks.storage import read_file, safe_name

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

LARGEST_IMAGE: Final = 20 << 20
"""Bytes of an image file that is shown."""
_RGB: Final = 3
_MARKDOWN: Final = re.compile(r'([\\`*_{}\[\]()#+\-.!|<>~])')


def folder_of(event: Mapping[str, Any]) -> str:
    """The folder of a metric: TensorBoard shows it as a run, so that trainings lie over one another.

    Example:
        >>> folder_of({'training': 'train', 'axis': 'epoch'}), folder_of({'training': 'fold2', 'axis': 'batch'})
        ('', 'fold2/batch')
    """
    rank, training, axis = event.get('rank', 0), event.get('training'), event.get('axis', 'epoch')
    parts = [f'rank{rank}'] if rank else []
    parts += [safe_name(training)] if training not in (None, 'train') else []
    return '/'.join([*parts, *([axis] if axis != 'epoch' else [])])


def seconds(event: Mapping[str, Any]) -> float:
    """When an event was recorded, in seconds since 1970."""
    return datetime.fromisoformat(event['ts']).timestamp()


def scalars(point: Mapping[str, Any]) -> Event:
    """A `metrics` event: `train/loss`, `val/accuracy`; those of the phase `custom` by their name alone."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    phase = point.get('phase', 'custom')
    front = '' if phase == 'custom' else f'{phase}/'
    numbers = {**point.get('values', {}), **point.get('nonfinite', {})}
    values = [Summary.Value(tag=f'{front}{name}', simple_value=float(value)) for name, value in numbers.items()]
    return Event(wall_time=seconds(point), step=round(point.get('step') or 0), summary=Summary(value=values))


def figures(event: Mapping[str, Any], started: float) -> Event:
    """A `system` event; its step counts the seconds since the run began, also of earlier attempts."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    values = [Summary.Value(tag=f'system/{name}', simple_value=value) for name, value in event['values'].items()]
    time = seconds(event)
    return Event(wall_time=time, step=max(0, round(time - started)), summary=Summary(value=values))


def image(artifact: Mapping[str, Any]) -> Event:
    """An image.

    Raises:
        UnreadableItem, OSError: It is missing, too large, or not an image.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata

    path = Path(artifact['path'])
    width, height = image_size(path)
    content = Summary.Image(
        width=width, height=height, colorspace=_RGB, encoded_image_string=read_file(path, limit=LARGEST_IMAGE)
    )
    described = SummaryMetadata(summary_description=escaped(str(artifact.get('caption') or '')))
    value = Summary.Value(tag=str(artifact.get('role') or path.stem), image=content, metadata=described)
    step = round(artifact.get('step') or 0)
    return Event(wall_time=seconds(artifact), step=step, summary=Summary(value=[value]))


def text(tag: str, content: str, time: float, step: int) -> Event:
    """A text in Markdown."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.text.metadata import create_summary_metadata

    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    tensor = TensorProto(dtype=DT_STRING, string_val=[content.encode(errors='replace')], tensor_shape=shape)
    value = Summary.Value(tag=tag, metadata=create_summary_metadata(tag, ''), tensor=tensor)
    return Event(wall_time=time, step=step, summary=Summary(value=[value]))


def restart(time: float, step: int) -> Event:
    """Lets TensorBoard forget what it has of this step and later ones, because they are trained again."""
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog

    return Event(wall_time=time, step=step, session_log=SessionLog(status=SessionLog.START))


def hyperparameters(params: Mapping[str, Any], run: str, time: float) -> Event:
    """The row of a run in the table of hyperparameters."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb

    values = {
        name: value if isinstance(value, bool | int | float | str) else _text(value) for name, value in flat(params)
    }
    return Event(wall_time=time, step=0, summary=hparams_pb(values, trial_id=run, start_time_secs=time))


def table(params: Mapping[str, Any]) -> str:
    """Parameters as a table in Markdown.

    Example:
        >>> print(table({'lr': 0.1, 'optimizer': {'name': 'sgd'}}))
        | parameter | value |
        | --- | --- |
        | lr | 0\\.1 |
        | optimizer\\.name | sgd |
    """
    rows = [f'| {escaped(name)} | {escaped(_text(value))} |' for name, value in flat(params)]
    return '\n'.join(['| parameter | value |', '| --- | --- |', *rows])


def flat(params: Mapping[str, Any], above: str = '') -> Iterator[tuple[str, Any]]:
    """Parameters with dotted names in place of nested tables; what is None is left out.

    Example:
        >>> list(flat({'lr': 0.1, 'optimizer': {'name': 'sgd'}, 'splits': None}))
        [('lr', 0.1), ('optimizer.name', 'sgd')]
    """
    for name, value in params.items():
        if isinstance(value, Mapping):
            yield from flat(value, f'{above}{name}.')
        elif value is not None:
            yield f'{above}{name}', value


def escaped(content: str) -> str:
    """A text that Markdown shows as it is, in one line."""
    return _MARKDOWN.sub(r'\\\1', ' '.join(content.split()))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
