"""Attaching an autologger to a framework that has no place for it: functions of the framework are replaced meanwhile.

_attached: Attached[Attachment] = Attached()

def fitting(original):
    @functools.wraps(original)
    def fit(model, *args, **named):
        attachment = _attached.current()
        ...                                  # the autologger's part, in `with session.guard(...)`
        return original(model, *args, **named)
    return fit

class Attachment:
    def __enter__(self):
        _attached.add(self, lambda: _attached.replace(acme.Model, 'fit', fitting))

    def __exit__(self, *_):
        _attached.remove(self)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, TypeVar

T = TypeVar('T')

_ABSENT: Final = object()


class Replaced(NamedTuple):
    """A function that was replaced."""

    owner: Any
    """The class or module that has it."""
    name: str
    before: Any
    """What the owner had under that name."""
    ours: Any
    """What it has now."""


class Attached(Generic[T]):
    """The sessions of a process that are attached to one framework, and what was replaced in it for them.

    Functions are replaced when the first session comes, and restored when the last one goes. Sessions may come and go
    in any order, and in several threads.

    Example:
        >>> class Model:
        ...     def fit(self):
        ...         return 'fitted'
        >>> def fitting(original):
        ...     return lambda model: f'{original(model)} for {attached.current()}'
        >>> attached = Attached()
        >>> attached.add('a run', lambda: attached.replace(Model, 'fit', fitting))
        >>> Model().fit()
        'fitted for a run'
        >>> attached.remove('a run')
        >>> Model().fit()
        'fitted'
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._members: list[tuple[T, int]] = []
        self._replaced: dict[tuple[int, str], Replaced] = {}

    def add(self, member: T, replace_all: Callable[[], object]) -> None:
        """Attach a session.

        Args:
            member: What `current` returns for it.
            replace_all: Called to call `replace` for each function. If it raises, the session is not attached, and
                everything is restored unless another session is attached.
        """
        with self._lock:
            try:
                replace_all()
            except BaseException:
                if not self._members:
                    self._restore()
                raise
            self._members.append((member, threading.get_ident()))

    def remove(self, member: T) -> None:
        """Detach a session; the last one restores everything."""
        with self._lock:
            self._members = [(one, thread) for one, thread in self._members if one != member]
            if not self._members:
                self._restore()

    def current(self) -> T | None:
        """The session that the calling thread attached last; else the one that any thread attached last; else None."""
        own, members = threading.get_ident(), list(self._members)
        mine = [one for one, thread in members if thread == own]
        if mine:
            return mine[-1]
        return members[-1][0] if members else None

    def replace(self, owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> bool:
        """Replace a function of a class or module, until the last session is detached; once, if called repeatedly.

        Args:
            owner: The class or module; or a cell of a closure, whose function is `cell_contents`.
            name: The name of the function.
            make: Called with the original; returns what takes its place.

        Returns:
            Whether there was such a function.
        """
        original = getattr(owner, name, None)
        if not callable(original):
            return False
        with self._lock:
            if not self.has_replaced(owner, name):
                ours = make(original)
                self._replaced[id(owner), name] = Replaced(owner, name, _own(owner, name), ours)
                setattr(owner, name, ours)
        return True

    def has_replaced(self, owner: Any, name: str) -> bool:
        """Whether a function is replaced now."""
        return (id(owner), name) in self._replaced

    def _restore(self) -> None:
        for owner, name, before, ours in reversed(self._replaced.values()):
            # Another program may have put its function around ours: with no session attached, ours only passes on.
            if _own(owner, name) is not ours:
                continue
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
        self._replaced.clear()


def _own(owner: Any, name: str) -> Any:
    """What an object itself has under a name, rather than what it inherits."""
    return vars(owner).get(name, _ABSENT) if hasattr(owner, '__dict__') else getattr(owner, name)
