"""Exceptions that travel to another process. What cannot be pickled, or not be rebuilt there, arrives as text.

Python pickles an exception as its class and `args`, without its cause. Here the attributes, the notes and the chain of
causes travel too, and each in bytes of its own: one whose class cannot be imported in the other process does not keep
the others from arriving.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, NamedTuple

from synapse_hooks.safe_text import repr_of, summary, text_of

_PLAIN: Final = (str, int, float, bool, type(None))
_MOST_CAUSES: Final = 20


class PortableException(Exception):
    """An exception that can be pickled, whatever the arguments of its class and the values of its attributes are.

    A value that cannot be pickled, or not be unpickled in the other process, becomes its `repr`. A class that cannot be
    imported there becomes the nearest of its base classes that can be, and a cause that cannot a `RemoteError`.

    Example:
        >>> class Odd(PortableException):
        ...     def __init__(self, *, number: int) -> None:
        ...         super().__init__(f'odd: {number}')
        ...         self.number = number
        >>> arrived = pickle.loads(pickle.dumps(Odd(number=3)))
        >>> str(arrived), arrived.number
        ('odd: 3', 3)
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, ([_pack(error) for error in _chain(self)],)


class RemoteError(PortableException):
    """Represents an exception of another process that cannot be rebuilt here: its type, its message and its notes."""


class Carrier(PortableException):
    """Brings an exception of any class to another process, with what is set on it, which some classes forget.

    Example:
        >>> import json
        >>> error = json.JSONDecodeError('no value', '', 0)
        >>> error.add_note('of a.json')
        >>> pickle.loads(pickle.dumps(Carrier(error))).carried.__notes__
        ['of a.json']
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(summary(error))
        self.__cause__ = error

    @property
    def carried(self) -> BaseException:
        """The exception."""
        return self.__cause__ or self


def portable(error: BaseException) -> BaseException:
    """The exception itself if it can be pickled and unpickled, else a `RemoteError` with its text.

    Example:
        >>> error = OSError('no such device')
        >>> portable(error) is error
        True
        >>> error.device = lambda: None
        >>> portable(error)
        RemoteError('OSError: no such device')
    """
    return error if is_portable(error) else _replacement(error)


def is_portable(value: object) -> bool:
    """Whether a value can be pickled and unpickled."""
    try:
        pickle.loads(pickle.dumps(value))
    except Exception:
        return False
    return True


class _Packed(NamedTuple):
    """An exception without its cause."""

    content: bytes | None
    """The exception in bytes, unless it is a `PortableException`; what follows replaces it where they do not load."""
    classes: list[bytes]
    """Its class and the base classes of this, nearest first."""
    args: list[Any]
    attributes: dict[str, Any]


class _Value(NamedTuple):
    """A value in bytes, and the text that replaces it where they do not load."""

    content: bytes | None
    text: str


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and its causes. The chain may be a circle."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen and len(seen) <= _MOST_CAUSES:
        seen.add(id(error))
        yield error
        error = error.__cause__


def _pack(error: BaseException) -> _Packed:
    content = None
    if not isinstance(error, PortableException):
        content, error = _pickled(error), _replacement(error)
    classes = [_pickled(kind) for kind in type(error).__mro__ if issubclass(kind, PortableException)]
    attributes = {name: _pack_value(value, nested=True) for name, value in vars(error).items()}
    args = [_pack_value(value) for value in error.args]
    return _Packed(content, [kind for kind in classes if kind is not None], args, attributes)


def _unpack(packed: _Packed) -> BaseException:
    attributes = {name: _unpack_value(value) for name, value in packed.attributes.items()}
    error = _loaded(packed.content)
    if isinstance(error, BaseException):
        # Some classes forget them, such as JSONDecodeError.
        vars(error).update(attributes | vars(error))
        return error
    kind = next(kind for kind in map(_loaded, packed.classes) if kind is not None)
    made: BaseException = kind.__new__(kind, *map(_unpack_value, packed.args))
    vars(made).update(attributes)
    return made


def _rebuilt(packed: list[_Packed]) -> BaseException:
    chain = [_unpack(one) for one in packed]
    for error, cause in pairwise(chain):
        error.__cause__ = cause
    return chain[0]


def _pack_value(value: Any, *, nested: bool = False) -> Any:
    """A value as it is if it is plain, else in bytes; if `nested`, the values of a dict one by one."""
    if type(value) in _PLAIN:
        return value
    if nested and type(value) is dict:
        return {name: _pack_value(inner) for name, inner in value.items()}
    return _Value(_pickled(value), repr_of(value))


def _unpack_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unpack_value(inner) for name, inner in value.items()}
    if not isinstance(value, _Value):
        return value
    found = _loaded(value.content)
    return value.text if found is None else found


def _replacement(error: BaseException) -> RemoteError:
    replacement = RemoteError(_text(error))
    vars(replacement).update(vars(error))
    return replacement


def _text(error: BaseException) -> str:
    """An exception in one line; of a group, each of its exceptions."""
    if isinstance(error, BaseExceptionGroup):
        return text_of('; '.join(map(_text, error.exceptions)))
    return summary(error)


def _pickled(value: Any) -> bytes | None:
    try:
        return pickle.dumps(value)
    except Exception:
        return None


def _loaded(content: bytes | None) -> Any:
    """What was pickled; None where it cannot be loaded here. The modules that it imports may raise anything."""
    try:
        return None if content is None else pickle.loads(content)
    except Exception:
        return None
