"""Any value as JSON: what the journal and run.json write, without ever raising.

A logging call is in the middle of a user's training. So a value that is not JSON becomes the nearest thing that
is, and the worst case is a `repr`.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Any, Final

import msgspec

from synapse_hooks.safe_text import summary

REDACTED: Final = '<redacted>'
MASKED: Final = '**********'
"""What pydantic writes for a `SecretStr`."""
_MANY: Final = 1000
_DEEP: Final = 50
_SHORTEST_SECRET: Final = 6
_URL_SAFE: Final = str.maketrans('+/', '-_')
_SECRET_NAME: Final = re.compile(
    r'SYNAPSE_PLUGIN_RUN_TENANT|'
    r'(.*_)?(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|(API|ACCESS|SECRET|PRIVATE)_KEY|CREDENTIALS)',
    re.IGNORECASE,
)


def encode(value: Any) -> bytes:
    """`value` as one line of strict JSON; it never raises an Exception.

    Paths become strings, sets and arrays lists, numpy and torch scalars numbers, models and dataclasses objects; not a
    number and infinity become null, and anything else its `repr`.

    Example:
        >>> from pathlib import PurePosixPath
        >>> encode({'path': PurePosixPath('a/b'), 'rate': float('nan'), 'what': 1j})
        b'{"path":"a/b","rate":null,"what":"1j"}'
    """
    try:
        return _ENCODER.encode(value)
    except Exception:  # an object of the user's may raise anything while it is encoded; logging goes on
        return _ENCODER.encode(_rebuilt(value, frozenset()))


def is_hidden(value: object) -> bool:
    """Whether a recorded value, or a part of it, is a secret that was not recorded.

    Example:
        >>> is_hidden(['a', '<redacted>']), is_hidden('**********'), is_hidden('a')
        (True, True, False)
    """
    text = str(value)
    return REDACTED in text or MASKED in text


def number_of(value: object) -> float | None:
    """A JSON value as a float; None for what is not a number. An integer that is too large for a float is infinite.

    Example:
        >>> number_of(3), number_of('3'), number_of(-(10**400))
        (3.0, None, -inf)
    """
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """The values of the environment that no file of a run may hold, for `redact=`.

    These are the values of `SYNAPSE_PLUGIN_RUN_TENANT` and of every variable whose name ends in TOKEN, SECRET,
    PASSWORD, PASSPHRASE, API_KEY, ACCESS_KEY, SECRET_KEY, PRIVATE_KEY or CREDENTIALS (`SYNAPSE_ACCESS_TOKEN`,
    `SYNAPSE_PLUGIN_RUN_USER_TOKEN`, ...). Values of less than 6 characters are left out: replacing them would spoil
    ordinary words.

    Example:
        >>> secrets_of({'SYNAPSE_ACCESS_TOKEN': 'canary-1234', 'HOME': '/home/me', 'HF_TOKEN': 'no'})
        ['canary-1234']
    """
    values = (value.strip() for name, value in environ.items() if _SECRET_NAME.fullmatch(name))
    return sorted({value for value in values if len(value) >= _SHORTEST_SECRET}, key=lambda value: (-len(value), value))


def forms_of(secret: str) -> tuple[str, ...]:
    """The forms that a secret may have in a text: as it is, in a `repr`, in JSON, in a URL, in Base64 as HTTP sends it.

    Example:
        >>> forms_of('canary')
        ('canary', 'Y2FuYXJ5', 'NhbmFye', 'jYW5hcn')
        >>> forms_of('a/b c')[:2]
        ('a/b c', 'a%2Fb%20c')
    """
    encoded = _in_base64(secret)
    if secret.isalnum():
        return (secret, *encoded)
    from urllib.parse import quote

    in_json = json.dumps(secret, ensure_ascii=False)[1:-1]
    return tuple(
        dict.fromkeys((secret, repr(secret)[1:-1], in_json, quote(secret, safe='', errors='surrogateescape'), *encoded))
    )


def _in_base64(secret: str) -> Iterator[str]:
    """The letters that it alone decides, wherever it begins in what is encoded: `Basic` sends `user:secret`."""
    data = secret.encode(errors='surrogateescape')
    for before in range(3):
        letters = b64encode(bytes(before) + data).decode()
        sure = letters[-(-8 * before // 6) : 8 * (before + len(data)) // 6]
        yield sure
        if '+' in sure or '/' in sure:
            yield sure.translate(_URL_SAFE)


def _numbers_of(secret: str) -> list[int | float]:
    found: list[int | float] = []
    for kind in (int, float):
        with suppress(ValueError):
            found.append(kind(secret))
    return found


def without_secrets(value: Any, environ: Mapping[str, str]) -> Any:
    """`value` as JSON values, without the secrets of the environment: what may be kept with a model or a job.

    Example:
        >>> without_secrets({'key': 'canary-1234', 'epochs': 3}, {'SYNAPSE_ACCESS_TOKEN': 'canary-1234'})
        {'key': '<redacted>', 'epochs': 3}
    """
    return msgspec.json.decode(Redactor(secrets_of(environ))(encode(value)))


class Redactor:
    """Replaces secrets in encoded JSON by `<redacted>`: in strings, in keys, and where a number is one.

    Example:
        >>> Redactor(['canary'])(b'{"text":"the canary sings"}')
        b'{"text":"the <redacted> sings"}'
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        # The longest first, so that a secret which contains another one is removed completely.
        self.secrets = tuple(sorted({secret for secret in secrets if secret}, key=len, reverse=True))
        self._forms = tuple(form for secret in self.secrets for form in forms_of(secret))
        self._needles = tuple(encode(form)[1:-1] for form in self._forms)
        self._numbers = frozenset(number for secret in self.secrets for number in _numbers_of(secret))

    def __call__(self, line: bytes) -> bytes:
        """`line` without secrets; the same object when it holds none, which costs next to nothing."""
        # A loop takes half the time of `any`, and this is for every line of a journal.
        for needle in self._needles:
            if needle in line:
                # A match may be a part of a number or span an escape, so the bytes only show where to look.
                return _ENCODER.encode(self.clean(msgspec.json.decode(line)))
        return line

    def clean(self, value: Any) -> Any:
        """JSON values without secrets: in texts, in keys, and a number that is one.

        Example:
            >>> Redactor(['135792']).clean({'key': 135792, 'count': 1357920, 'of 135792': [135792.0]})
            {'key': '<redacted>', 'count': 1357920, 'of <redacted>': ['<redacted>']}
        """
        if isinstance(value, str):
            for form in self._forms:
                value = value.replace(form, REDACTED)
            return value
        if isinstance(value, list):
            return [self.clean(item) for item in value]
        if isinstance(value, dict):
            return {self.clean(key): self.clean(item) for key, item in value.items()}
        return REDACTED if type(value) in (int, float) and value in self._numbers else value


def shortened(line: bytes, size: int) -> bytes:
    """An encoded object in at most `size` bytes: long strings, lists and objects in it are cut, each with a marker.

    The result has `truncated`, the number of bytes before.

    Example:
        >>> shortened(b'{"type":"message","text":"' + b'x' * 70 + b'yz"}', 99)[-50:]
        b'xxxxxxxxxx[... 8 characters cut]","truncated":100}'
    """
    if len(line) <= size:
        return line
    event = msgspec.json.decode(line)
    for longest in (16384, 4096, 1024, 256, 64):
        shorter = _ENCODER.encode({**_cut(event, longest), 'truncated': len(line)})
        if len(shorter) <= size:
            return shorter
    scalars = {key: _cut(item, 64) for key, item in event.items() if not isinstance(item, list | dict)}
    return _ENCODER.encode({**dict(list(scalars.items())[:32]), 'truncated': len(line)})


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, str) and len(value) > longest:
        return f'{value[:longest]}[... {len(value) - longest} characters cut]'
    if isinstance(value, list):
        rest = [f'[... {len(value) - longest} items cut]'] if len(value) > longest else []
        return [_cut(item, longest) for item in value[:longest]] + rest
    if isinstance(value, dict):
        kept = {_cut(key, longest): _cut(value[key], longest) for key in list(value)[:longest]}
        return {**kept, '...': f'[{len(value) - longest} entries cut]'} if len(value) > longest else kept
    return value


def _nearest(value: Any) -> Any:
    """What msgspec encodes in place of a value of a type that it does not support."""
    for kind in (str, int, float):  # a subclass, numpy.float64 for one
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, BaseException):
        return summary(value)
    if isinstance(value, type):
        return f'{value.__module__}.{value.__qualname__}'
    # The answers are checked: a test's mock has every method, and each answers with another mock, without end.
    if callable(dump := getattr(value, 'model_dump', None)) and isinstance(fields := _dumped(dump), dict):
        return fields
    if callable(getattr(value, 'tolist', None)) and isinstance(shape := getattr(value, 'shape', None), tuple):
        # numpy and torch, scalars included
        return value.tolist() if math.prod(shape) <= _MANY else f'{type(value).__name__} of shape {tuple(shape)}'
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Collection):
        return list(value)
    return repr(value)


def _dumped(dump: Callable[..., Any]) -> Any:
    try:
        return dump(mode='json')
    except Exception:  # pydantic fails on a model with one value that it cannot encode, such as an array
        return dump()


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_nearest)


def _rebuilt(value: Any, within: frozenset[int]) -> Any:
    """`value` rebuilt from plain types, part by part, so that one bad part does not affect the others."""
    if isinstance(value, str):
        return str(value).encode('utf-8', 'replace').decode()
    if id(value) in within or len(within) > _DEEP:
        return '[...]'
    inside = within | {id(value)}
    if isinstance(value, dict):
        return {str(_rebuilt(key, inside)): _rebuilt(item, inside) for key, item in list(value.items())}
    if isinstance(value, list | tuple | set | frozenset):
        return [_rebuilt(item, inside) for item in list(value)]
    try:
        return msgspec.json.decode(_ENCODER.encode(value))
    except Exception:  # see encode()
        with suppress(Exception):
            if isinstance(fields := _nearest(value), dict):
                return _rebuilt(fields, inside)
        return f'<unprintable {type(value).__name__}>'
