"""Whatever is logged becomes JSON, and nothing that is logged raises."""

import base64
import enum
import json
from collections import OrderedDict, deque
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from unittest.mock import MagicMock

import pytest
from pydantic import BaseModel

from synapse_hooks.journal import secrets_of
from synapse_hooks.journal.values import Redactor, encode, shortened


class Result(BaseModel):
    weights: Path
    tags: set[str] = {'a'}


@dataclass
class Point:
    x: int


class Colour(enum.Enum):
    RED = 'red'


class Text(str):
    pass


@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        (Path('a/b'), 'a/b'),
        ({1, 2}, [1, 2]),
        ((1, 'a'), [1, 'a']),
        (deque([1]), [1]),
        (range(3), [0, 1, 2]),
        ({}.keys(), []),
        (MappingProxyType({'a': 1}), {'a': 1}),
        (OrderedDict(a=1), {'a': 1}),
        (Result(weights=Path('w.pt')), {'weights': 'w.pt', 'tags': ['a']}),
        (Point(3), {'x': 3}),
        (Colour.RED, 'red'),
        (Text('x'), 'x'),
        (2**100, 2**100),
        (float('nan'), None),
        (float('inf'), None),
        (ValueError('no'), 'ValueError: no'),
        (Point, f'{__name__}.Point'),
        (1j, '1j'),
        ({1: 'a', None: 'b'}, {'1': 'a', 'None': 'b'}),
        ('\ud800x', '?x'),
    ],
    ids=str,
)
def test_values(value, expected):
    assert json.loads(encode(value)) == expected
    assert json.loads(encode({'deep': [value]})) == {'deep': [expected]}


def test_numpy():
    np = pytest.importorskip('numpy')
    values = {'a': np.float32(0.5), 'b': np.int64(3), 'c': np.arange(3), 'd': np.float64('nan'), 'e': np.bool_(True)}
    assert json.loads(encode(values)) == {'a': 0.5, 'b': 3, 'c': [0, 1, 2], 'd': None, 'e': True}
    assert json.loads(encode(np.zeros((100, 100)))) == 'ndarray of shape (100, 100)'
    assert json.loads(encode({np.int64(1): 2})) == {'1': 2}


class Hostile:
    def __getattr__(self, name):
        raise RuntimeError('keep out')

    def __repr__(self):
        raise RuntimeError('keep out')


def test_hostile_values_cost_only_themselves():
    circle: list = [1]
    circle.append(circle)
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    event = {
        'bad': Hostile(),
        'mock': MagicMock(),
        'circle': circle,
        'deep': deep,
        'good': 1,
        'bytes': SimpleNamespace(),
    }
    told = json.loads(encode(event))
    assert told['good'] == 1
    assert told['bad'] == '<unprintable Hostile>'
    assert told['circle'] == [1, '[...]']
    assert '[...]' in json.dumps(told['deep'])


def test_the_last_resort_of_shortening_keeps_what_the_event_is():
    event = {'type': 'message', 'seq': 5, 'a': [['x' * 60] * 60] * 60, 'b': 'y' * 100}
    short = shortened(encode(event), 2000)
    assert len(short) <= 2000
    assert json.loads(short)['type'] == 'message'
    assert json.loads(short)['truncated'] == len(encode(event))


def test_short_lines_are_left_alone():
    line = b'{"a":1}'
    assert shortened(line, 7) is line
    assert Redactor(['canary'])(line) is line


def test_the_longest_secret_goes_first():
    assert Redactor(['abcdef', 'abcdef-ghi'])(b'["abcdef-ghi"]') == b'["<redacted>"]'


def test_secrets_of_the_environment():
    environ = {
        'SYNAPSE_ACCESS_TOKEN': 'access-1234',
        'SYNAPSE_PLUGIN_RUN_USER_TOKEN': ' user-token-1 ',
        'SYNAPSE_PLUGIN_RUN_TENANT': 'tenant-1',
        'AWS_SECRET_ACCESS_KEY': 'aws-secret-1',
        'DB_PASSWORD': 'access-1234',
        'SHORT_TOKEN': 'yes',
        'EMPTY_TOKEN': '',
        'TOKENIZERS_PARALLELISM': 'disabled',
        'HOME': '/home/somebody',
    }
    assert sorted(secrets_of(environ)) == ['access-1234', 'aws-secret-1', 'tenant-1', 'user-token-1']


@pytest.mark.parametrize('secret', ['canary-7f3e9b/+=x&y', '135792468013', 'n\udcff-not-utf-8??>>'])
@pytest.mark.parametrize('before', ['', 'u:', 'user:', 'me:'])
def test_secrets_in_base64_are_redacted_wherever_they_begin(secret: str, before: str) -> None:
    for encoded in (base64.b64encode, base64.urlsafe_b64encode):
        sent = encoded(f'{before}{secret}!'.encode(errors='surrogateescape')).decode()
        assert sent not in Redactor([secret])(encode({'text': f'Basic {sent}'})).decode()
