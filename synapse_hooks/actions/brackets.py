"""The classes that stand in the brackets of an action: `BaseTrainAction[TrainParams, TrainResult]`."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from typing_extensions import get_original_bases


def in_brackets(cls: type, base: type) -> tuple[Any, ...]:
    """What stands for the type variables of a generic class, in a class that is derived from it.

    Args:
        cls: The derived class.
        base: The generic class.

    Returns:
        For each variable a type, or a type variable where none is given.

    Example:
        >>> from typing import Generic, TypeVar
        >>> K, V = TypeVar('K'), TypeVar('V')
        >>> class Pair(Generic[K, V]): ...
        >>> class Named(Pair[str, V]): ...
        >>> class Size(Named[int]): ...
        >>> in_brackets(Size, Pair)
        (<class 'str'>, <class 'int'>)
    """
    if cls is base:
        return tuple(getattr(base, '__parameters__', ()))
    for parent in get_original_bases(cls):
        origin = get_origin(parent) or parent
        if isinstance(origin, type) and issubclass(origin, base):
            given = dict(zip(getattr(origin, '__parameters__', ()), get_args(parent), strict=False))
            return tuple(given.get(one, one) for one in in_brackets(origin, base))
    return ()
