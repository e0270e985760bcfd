"""The type arguments of an action: the classes in `BaseTrainAction[TrainParams, TrainResult]`."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from typing_extensions import get_original_bases


def type_arguments(cls: type, base: type) -> tuple[Any, ...]:
    """The arguments for the type variables of a generic class, in a class that is derived from it.

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
        >>> type_arguments(Size, Pair)
        (<class 'str'>, <class 'int'>)
    """
    if cls is base:
        return tuple(getattr(base, '__parameters__', ()))
    for parent in get_original_bases(cls):
        origin = get_origin(parent) or parent
        if isinstance(origin, type) and issubclass(origin, base):
            given = dict(zip(getattr(origin, '__parameters__', ()), get_args(parent), strict=False))
            return tuple(given.get(one, one) for one in type_arguments(origin, base))
    return ()
