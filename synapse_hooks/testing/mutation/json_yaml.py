"""Mutations of JSON and YAML: values of another type, keys removed, added or repeated, wrong references."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any, Final, NamedTuple

import yaml

from synapse_hooks.testing.mutation.invalid_values import DEPTH, TEXTS, Raw, odd_number, odd_text, odd_value


class _Twice(NamedTuple):
    """The values of a key that occurs twice."""

    first: Any
    second: Any


Holder = dict[Any, Any] | list[Any]
Write = Callable[[Any], str]

JSON_ONLY: Final = (
    Raw('NaN'), Raw('Infinity'), Raw('-Infinity'), Raw('"\\ud800"'), Raw('"a\\udc00b"'), Raw('"\\u0000"'), Raw('tru'),
    Raw('01'), Raw('.5'), Raw('+1'), Raw("'x'"), Raw(''), Raw('{"a": 1, "a": 2}'), Raw('"\x01"'), Raw('[1,]'),
    Raw('[' * DEPTH + ']' * DEPTH), Raw('{"a":' * DEPTH + '1' + '}' * DEPTH), Raw('[' * DEPTH),
)  # fmt: skip

YAML_ONLY: Final = (
    Raw('no'), Raw('on'), Raw('~'), Raw('null'), Raw('007'), Raw('12:30'), Raw('2026-01-01'), Raw('2026-02-30'),
    Raw('.nan'), Raw('.inf'), Raw('0x1F'), Raw('1_000'), Raw('0b1'), Raw('1e999'), Raw('!!str 5'), Raw('!!int x'),
    Raw('!!float x'), Raw('!!binary ü'), Raw('!!binary YQ=='), Raw('!!set {a, b}'), Raw('!!omap [a: 1]'),
    Raw('!!pairs [a: 1]'), Raw('!!timestamp 2026-01-01'), Raw('!!timestamp 2026-13-41'), Raw('!unknown x'),
    Raw('!!null x'), Raw('!!bool x'), Raw('!!bool 5'), Raw('!!python/object/apply:os.system [exit]'),
    Raw('!!python/name:os.system'), Raw('!!map [a]'), Raw('!!seq {a: 1}'), Raw('*nobody'), Raw('&a [*a]'),
    Raw('&a {b: *a}'), Raw('{<<: [1]}'), Raw('{<<: &a {<<: *a}}'), Raw('{[1]: 2}'), Raw('{{a: 1}: 2}'), Raw('? x'),
    Raw('- x'), Raw('a: b: c'), Raw('[a'), Raw('"a'), Raw("'a"), Raw('|\n  a'), Raw('@'), Raw('`'), Raw('%'),
    Raw('{a: 1, a: 2}'), Raw('{1: a, "1": b}'), Raw('{.nan: a}'), Raw('{null: a}'), Raw('{-1: a}'),
    Raw('{1.0: a, 1: b}'), Raw('{99999999999999999999: a}'), Raw('{1000000000: a}'), Raw('\tx'), Raw('"\\ud800"'),
    Raw('"\\0"'), Raw('190:20:30'), Raw('[' * 3000 + ']' * 3000), Raw('{a: ' * 3000 + '}' * 3000), Raw('9' * 5000),
)  # fmt: skip


_MOST_VALUES = 100_000


def change_json(content: bytes, random: Random) -> tuple[bytes, str]:
    """Change a JSON document."""
    return _changed(json.loads(content), _json, JSON_ONLY, random)


def change_yaml(content: bytes, random: Random) -> tuple[bytes, str]:
    """Change a YAML document."""
    if random.randrange(12) == 11:
        return _whole_yaml(content, random)
    try:
        document = yaml.safe_load(content)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError('it is not YAML') from error
    if _is_too_large(document):
        raise ValueError('it has too many values when its aliases are expanded')
    return _changed(document, _yaml, YAML_ONLY, random)


def _is_too_large(document: Any) -> bool:
    """Whether a document has too many values to write it, with its aliases expanded."""
    waiting, count = [document], 0
    while waiting and count <= _MOST_VALUES:
        value = waiting.pop()
        count += 1
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple | set):
            waiting += value
    return count > _MOST_VALUES


def _changed(document: Any, write: Write, special: tuple[Raw, ...], random: Random) -> tuple[bytes, str]:
    # The document is in a list, so that it can be replaced as a whole.
    root = [document]
    holder, key, path = _place(root, random)
    how = _change(root, holder, key, special, random)
    # Escaped surrogates stand for bytes that are not UTF-8.
    return write(root[0]).encode('utf-8', 'surrogateescape'), f'{path or "all of it"} {how}'


def _place(root: list[Any], random: Random) -> tuple[Holder, Any, str]:
    holder: Holder = root
    key: Any = 0
    path = ''
    while True:
        value = holder[key]
        if not isinstance(value, dict | list) or not value or random.randrange(4) == 3:
            return holder, key, path
        holder = value
        key = random.choice(list(value)) if isinstance(value, dict) else random.randrange(len(value))
        path += f'[{str(key)[:40]!r}]' if isinstance(value, dict) else f'[{key}]'


def _change(root: list[Any], holder: Holder, key: Any, special: tuple[Raw, ...], random: Random) -> str:
    value = holder[key]
    match random.randrange(12):
        case 0 if holder is not root:
            del holder[key]
            return 'is missing'
        case 1 | 2:
            holder[key] = chosen = random.choice(special)
            return f'is {_short(chosen)}'
        case 3:
            holder[key] = new = _other_type(value, random)
            return f'is {_short(new)}'
        case 4:
            # A value from elsewhere in the document, such as the id of another object.
            other, name, path = _place(root, random)
            holder[key] = copy.deepcopy(other[name])
            return f'is {path or "all of it"}'
        case 5 if isinstance(holder, list) and holder is not root:
            times = random.choice((1, 1, 2, 1000))
            holder[key:key] = [value] * (times if len(str(value)) < 1000 else 1)
            return f'is there {times + 1} times'
        case 5 if isinstance(holder, dict):
            holder[key] = _Twice(value, odd_value(random) if random.randrange(2) else value)
            return 'is there twice'
        case 6 if isinstance(holder, dict):
            name = _key(key, random)
            holder[name] = holder.pop(key)
            return f'is called {_short(name)}'
        case 7 if isinstance(holder, dict):
            name = odd_text(random)
            holder[name] = new = odd_value(random)
            return f'has {_short(name)}: {_short(new)} beside it'
        case 8:
            holder[key] = [value] if random.randrange(2) else {'x': value}
            return 'is wrapped'
        case 9 if isinstance(value, list):
            random.shuffle(value)
            return 'has another order'
        case 10 if isinstance(value, str):
            text = odd_text(random)
            holder[key] = new = value + text if random.randrange(2) else text + value
            return f'is {_short(new)}'
        case _:
            holder[key] = new = odd_number(random) if isinstance(value, int | float) else odd_value(random)
            return f'is {_short(new)}'


def _other_type(value: Any, random: Random) -> Any:
    """The value in another type."""
    if isinstance(value, str):
        number = Raw(value) if value.isdecimal() else 7
        return random.choice((number, [value], [*value], {'name': value}, value.upper(), f' {value} '))
    if isinstance(value, bool) or value is None:
        return random.choice((str(value), int(bool(value)), [value]))
    if isinstance(value, int | float):
        return random.choice(
            (str(value), -value, float(value), value + 0.5, bool(value), [value], value * 1e6, value / 1e3)
        )
    if isinstance(value, list):
        return random.choice(
            ({str(place): item for place, item in enumerate(value)}, json.dumps(str(value)), value[:1], value * 2)
        )
    return random.choice(([*value.items()], [*value.values()], [*value], str(value)))


def _key(key: Any, random: Random) -> str:
    return random.choice((f'{key}s', str(key).upper(), f' {key}', f'{key}\0', *TEXTS[:40]))


def _short(value: Any) -> str:
    text = value.text if isinstance(value, Raw) else repr(value)
    return text if len(text) < 60 else f'{text[:50]}... ({len(text):,} characters)'


def _json(value: Any) -> str:
    """JSON that may hold invalid values."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        return '{' + ', '.join(_pair(str(key), item) for key, item in value.items()) + '}'
    if isinstance(value, list | tuple):
        return '[' + ', '.join(map(_json, value)) + ']'
    if isinstance(value, str):
        # Letters beyond ASCII, both escaped and not.
        return json.dumps(value, ensure_ascii=len(value) % 2 == 0)
    return json.dumps(value, default=str)


def _pair(key: str, value: Any) -> str:
    if isinstance(value, _Twice):
        return f'{_pair(key, value.first)}, {_pair(key, value.second)}'
    return f'{json.dumps(key, ensure_ascii=False)}: {_json(value)}'


def _yaml(document: Any) -> str:
    """YAML: a line for each key, with a JSON value, which is valid YAML."""
    if not isinstance(document, dict):
        return _json(document) + '\n'
    return ''.join(
        f'{_yaml_key(key)}: {_json(item)}\n'
        for key, value in document.items()
        for item in ((value.first, value.second) if isinstance(value, _Twice) else (value,))
    )


def _yaml_key(key: Any) -> str:
    return key if isinstance(key, str) and key.isidentifier() else json.dumps(str(key), ensure_ascii=False)


def _whole_yaml(content: bytes, random: Random) -> tuple[bytes, str]:
    """Change a YAML document as a whole."""
    bomb = b''.join(b'a%d: &a%d [%s]\n' % (n + 1, n + 1, b', '.join([b'*a%d' % n] * 10)) for n in range(9))
    return random.choice(
        (
            (content + b'---\n' + content, 'has a second document'),
            (b'%YAML 9.9\n---\n' + content, 'is YAML 9.9'),
            (content + content, 'has every key twice'),
            (b'---\n...\n', 'is an empty document'),
            (b'a0: &a0 [x, x, x]\n' + bomb + content, 'has aliases of aliases'),
            (b'a0: &a0 [x, x, x]\n' + bomb + content.replace(b'names:', b'names: *a9\nother:'), 'has names of aliases'),
            (content + b'nc: 1000000000\n', 'has 1,000,000,000 classes'),
            (content.replace(b'\n', b'\n\t'), 'is indented with tabs'),
            (content.decode(errors='replace').encode('utf-16'), 'is UTF-16'),
            (content.replace(b'\n', b'\r'), 'has the line ends of old Macs'),
        )
    )
