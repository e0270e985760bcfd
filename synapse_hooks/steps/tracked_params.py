"""Tracking which parameters a stage uses: a stage that has run is reused as long as these are the same."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any


class TrackedParams(dict[str, Any]):
    """The parameters of a run, as a dict that tracks which of them are read.

    Example:
        >>> params = TrackedParams({'dataset': 7, 'epochs': 3})
        >>> params['dataset'], params.used
        (7, {'dataset'})
        >>> dict(params), sorted(params.used)
        ({'dataset': 7, 'epochs': 3}, ['dataset', 'epochs'])
    """

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.used: set[str] = set()
        """The names that were read since `forget` was called."""

    def forget(self) -> None:
        """Track reads from here on."""
        self.used = set()

    def use_all(self) -> None:
        """Mark all of them as read, as they may have been."""
        self.used.update(super().keys())

    def __getitem__(self, name: str) -> Any:
        self.used.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """See `dict.get`."""
        self.used.add(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self.used.add(str(name))
        return super().__contains__(name)

    def pop(self, name: str, *default: Any) -> Any:
        """See `dict.pop`."""
        self.used.add(name)
        return super().pop(name, *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """See `dict.setdefault`."""
        self.used.add(name)
        return super().setdefault(name, default)

    def __iter__(self) -> Iterator[str]:
        self.use_all()
        return super().__iter__()

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        """See `dict.keys`."""
        self.use_all()
        return super().keys()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """See `dict.values`."""
        self.use_all()
        return super().values()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        """See `dict.items`."""
        self.use_all()
        return super().items()

    def copy(self) -> dict[str, Any]:
        """See `dict.copy`."""
        return dict(self.items())

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __eq__(self, other: object) -> bool:
        self.use_all()
        return super().__eq__(other)

    __hash__ = None

    def __repr__(self) -> str:
        return repr(self.copy())

    def __reduce__(self) -> tuple[Any, ...]:
        # In a worker, and as a copy, it is a plain dict.
        return dict, (self.copy(),)

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return self.__reduce__()
