"""Keys and values as MLflow accepts them. Its rules are in `mlflow/utils/validation.py`.

A key consists of letters, digits and `_-. /`, is at most 250 characters long, and is a normal relative path. Colons are
left out: servers on Windows refuse them.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, TypeVar

LONGEST_KEY: Final = 250
LONGEST_PARAM: Final = 6000
LONGEST_TAG: Final = 5000
METRICS_PER_BATCH: Final = 1000
PARAMS_PER_BATCH: Final = 100
BYTES_PER_BATCH: Final = 500_000
"""A server refuses requests of more than 1,000,000 bytes; JSON escapes need some of them."""
_CLASS: Final = re.compile(r'(.+)\(([\w-]+)\)')
_FORBIDDEN: Final = re.compile(r'[^\w\-. /]')


def key_of(name: str) -> str:
    """A name as a key of a metric, parameter or tag. Different names have different keys.

    `mAP50(B)`, as ultralytics calls it, becomes `mAP50_B`; any other name that has to be changed gets a part of its
    digest.

    Example:
        >>> key_of('train/loss')
        'train/loss'
        >>> key_of('metrics/mAP50(B)')
        'metrics/mAP50_B'
        >>> key_of('loss: 50%')
        'loss_ 50_-9a2d2d'
    """
    found = _CLASS.fullmatch(name)
    plain = f'{found[1]}_{found[2]}' if found else name
    key = _FORBIDDEN.sub('_', plain)
    key = '/'.join(part for part in posixpath.normpath(key).split('/') if part not in ('', '.', '..'))
    if key and key == plain and len(key) <= LONGEST_KEY:
        return key
    mark = f'-{sha256(name.encode(errors="surrogatepass")).hexdigest()[:6]}'
    return f'{key[: LONGEST_KEY - len(mark)]}{mark}'


def place_of(event: Mapping[str, Any]) -> str:
    """What the key of an event's parameters begins with: its rank and its training, where it is not the usual one.

    Example:
        >>> place_of({'rank': 0, 'training': 'train'}), place_of({'rank': 1, 'training': 'fold2'})
        ('', 'rank1/fold2/')
    """
    rank, training = event.get('rank', 0), event.get('training')
    return (f'rank{rank}/' if rank else '') + (f'{training}/' if training not in (None, 'train') else '')


def metric_keys(event: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a `metrics` event by their key: `val/mAP50_B`, `batch/train/loss`, `fold2/train/loss`.

    Metrics of the phase `custom` have no phase in front. Not-a-number and infinity are among them.

    Example:
        >>> metric_keys({'phase': 'train', 'axis': 'batch', 'values': {'loss': 0.5}, 'nonfinite': {'box': 'inf'}})
        {'batch/train/loss': 0.5, 'batch/train/box': inf}
    """
    axis, phase = event.get('axis', 'epoch'), event.get('phase', 'custom')
    front = place_of(event) + (f'{axis}/' if axis != 'epoch' else '') + (f'{phase}/' if phase != 'custom' else '')
    values = event.get('values', {}), event.get('nonfinite', {})
    return {key_of(front + name): float(value) for part in values for name, value in part.items()}


def params_of(values: Mapping[str, Any], front: str = '') -> dict[str, str]:
    """Parameters by key, as text: nested tables by dotted names, lists as JSON; what is None is left out.

    Example:
        >>> params_of({'lr': 0.1, 'optimizer': {'name': 'sgd', 'betas': [1, 2]}, 'splits': None})
        {'lr': '0.1', 'optimizer.name': 'sgd', 'optimizer.betas': '[1, 2]'}
    """
    return {key_of(front + name): cut(value, LONGEST_PARAM) for name, value in _flat(values)}


def _flat(values: Mapping[str, Any], above: str = '') -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f'{above}{name}.')
        elif value is not None:
            yield f'{above}{name}', value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def cut(text: str, longest: int) -> str:
    """The beginning of a text that is too long, with `...` at its end.

    Example:
        >>> cut('abcdefgh', 6)
        'abc...'
    """
    return text if len(text) <= longest else f'{text[: longest - 3]}...'


T = TypeVar('T')


def batches(items: Iterable[tuple[T, int]], count: int) -> Iterator[list[T]]:
    """Divide items, each with its size in bytes, into batches that MLflow takes.

    Args:
        items: The items and their sizes.
        count: How many there may be in a batch.

    Example:
        >>> list(batches([('a', 1), ('b', 499_999), ('c', 1)], count=100))
        [['a', 'b'], ['c']]
    """
    batch: list[T] = []
    total = 0
    for item, size in items:
        if batch and (len(batch) == count or total + size > BYTES_PER_BATCH):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += size
    if batch:
        yield batch
