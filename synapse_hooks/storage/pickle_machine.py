"""What a pickle would import and call, found without running it.

A pickle is a program for a small stack machine. This one runs the program on abstract values: it follows the stack
and the memo, and keeps of each value only what decides about safety: names, short texts and short tuples.
"""

from __future__ import annotations

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Iterable, Mapping
from typing import IO, Any, Final

from synapse_hooks.storage.pickle_allowlist import CHECKED, allowed_use

MAX_STEPS: Final = 10_000_000
"""Operations that a file may take; a large model takes some hundred thousand."""
MAX_VALUES: Final = 1_000_000
"""Values that may be known at a time."""
MAX_TEXT: Final = 200
"""Characters of a text that are kept; a longer one is not a name."""
_LINE: Final = 1 << 16
_SKIP: Final = 1 << 20

_UP_TO_NEWLINE: Final = -1
_COUNTED: Final[Mapping[int, tuple[int, bool]]] = {-2: (1, False), -3: (4, True), -4: (4, False), -5: (8, False)}


class Unsafe(Exception):
    """A pickle that cannot be analysed, and must not be loaded. Its text is the reason."""


class Stopped(Exception):
    """The real machine stops here with an error."""


class AbstractValue:
    """A value of which nothing else is known."""


class Global(str):
    """What was imported, by its dotted name."""

    __slots__ = ()


VALUE: Final = AbstractValue()
"""Anything."""
FIXED: Final = AbstractValue()
"""An attribute of a class: it may be kept, and neither called nor changed."""
MARK: Final = AbstractValue()
"""The mark in the stack between the operands of operations."""
_COMPUTED: Final = Global('(a computed value)')


class Machine:
    """Reads pickles that follow each other in a stream.

    Args:
        stream: Its `read` gives the bytes; it is not sought in.
        allowed: Globals that may be used in any way, by their dotted names.
    """

    def __init__(self, stream: IO[bytes], allowed: frozenset[str] = frozenset()) -> None:
        self._stream = stream
        self._allowed = allowed
        self._steps = 0
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._filled = bytearray()
        self._count = 0
        self.refused: dict[str, str] = {}
        """Why the pickles so far are refused: each unlisted global, and the reason."""

    def begin(self) -> None:
        """Begin a new pickle."""
        self._stack, self._memo, self._filled, self._count = [], {}, bytearray(), 0

    def step(self) -> bytes:
        """The next operation; empty at the end of the stream."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise Unsafe(f'it takes more than {MAX_STEPS:,} operations')
        if len(self._stack) > MAX_VALUES or len(self._memo) > MAX_VALUES:
            raise Unsafe(f'it needs more than {MAX_VALUES:,} values at a time')
        return self._stream.read(1)

    # -- reading -------------------------------------------------------------------------------------------------

    def argument(self, size: int) -> bytes:
        """What follows an operation: `size` bytes, or what a negative number of pickletools means."""
        if size > 0:
            return self._exactly(size)
        if size == _UP_TO_NEWLINE:
            return self.line()
        width, signed = _COUNTED[size]
        count = int.from_bytes(self._exactly(width), 'little', signed=signed)
        if count < 0:
            raise Unsafe('it has a length below zero')
        if count <= MAX_TEXT * 4:
            return self._exactly(count)
        while count:
            piece = self._stream.read(min(count, _SKIP))
            if not piece:
                raise Unsafe('it is cut off')
            count -= len(piece)
        # Longer than any name.
        return bytes(MAX_TEXT * 4)

    def _exactly(self, count: int) -> bytes:
        data = self._stream.read(count)
        while len(data) < count:
            more = self._stream.read(count - len(data))
            if not more:
                raise Unsafe('it is cut off')
            data += more
        return data

    def line(self) -> bytes:
        """What comes before the next end of a line."""
        data = self._stream.readline(_LINE)
        if not data.endswith(b'\n'):
            raise Unsafe('it is cut off, or has a line without an end')
        return data[:-1]

    # -- stack and memo ------------------------------------------------------------------------------------------

    def push_tuple(self, values: Iterable[Any]) -> None:
        """Put a short tuple on the stack, of which those in it are not known: they could be nested without end."""
        self._stack.append(tuple(VALUE if isinstance(value, tuple) else value for value in values))

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self._stack.append(value)

    def pop(self) -> Any:
        """The uppermost value, for any use but a call."""
        value = self.take()
        self._check_kept(value)
        return value

    def drop(self) -> None:
        """Take away the uppermost value or mark."""
        if not self._stack:
            raise Stopped
        self._stack.pop()

    def take(self) -> Any:
        """The uppermost value, which is going to be called."""
        if not self._stack or self._stack[-1] is MARK:
            raise Stopped
        return self._stack.pop()

    def peek(self) -> Any:
        """The uppermost value, which stays."""
        if not self._stack or self._stack[-1] is MARK:
            raise Stopped
        return self._stack[-1]

    def since_mark(self) -> list[Any]:
        """All values down to the last mark, which goes too."""
        stack = self._stack
        at = len(stack) - 1
        while at >= 0 and stack[at] is not MARK:
            at -= 1
        if at < 0:
            raise Stopped
        values = stack[at + 1 :]
        del stack[at:]
        for value in values:
            self._check_kept(value)
        return values

    def put(self, index: int) -> None:
        """Remember the uppermost value under a number."""
        if not 0 <= index <= MAX_STEPS:
            raise Unsafe('its memo is numbered absurdly')
        value = self.peek()
        if index >= len(self._filled):
            self._filled.extend(bytes(index + 1 - len(self._filled)))
        self._count += not self._filled[index]
        self._filled[index] = 1
        if value is VALUE:
            self._memo.pop(index, None)
        else:
            self._memo[index] = value

    def memoize(self) -> None:
        """Remember the uppermost value under the next number."""
        self.put(self._count)

    def get(self, index: int) -> None:
        """Push what is remembered."""
        if not 0 <= index < len(self._filled) or not self._filled[index]:
            raise Stopped
        self.push(self._memo.get(index, VALUE))

    # -- what matters --------------------------------------------------------------------------------------------

    def import_global(self, module: Any, name: Any) -> None:
        """Push a global."""
        if type(module) is not str or type(name) is not str:
            raise Unsafe('it imports something whose name cannot be known beforehand')
        # The names of Python 2, which the real machine translates.
        if (module, name) in NAME_MAPPING:
            module, name = NAME_MAPPING[module, name]
        else:
            module = IMPORT_MAPPING.get(module, module)
        found = Global(f'{module}.{name}')
        # A dotted name would reach through a module that another one has imported.
        if '.' in name or allowed_use(found) is None:
            self._refuse(found, 'is not among what a checkpoint may import')
        self.push(found)

    def call(self, function: Any, arguments: Any) -> None:
        """Push what a call makes."""
        if not isinstance(function, Global):
            self._refuse(_COMPUTED, 'is called')
        elif function in CHECKED:
            if not (isinstance(arguments, tuple) and CHECKED[function](arguments)):
                self._refuse(function, 'is called with other arguments than a checkpoint has')
        elif allowed_use(function) != 'call':
            self._refuse(function, 'is called, which runs more than restoring it does')
        self.push(FIXED if function == 'builtins.getattr' else VALUE)

    def make(self, kind: Any, arguments: Any) -> None:
        """Push an object that is made without being initialised."""
        if not isinstance(kind, Global):
            self._refuse(_COMPUTED, 'is called')
        elif arguments != () and allowed_use(kind) != 'call':
            self._refuse(kind, 'is made with arguments')
        self.push(VALUE)

    def check_change(self) -> None:
        """Check the uppermost value, which is going to be changed."""
        target = self.peek()
        if isinstance(target, Global):
            self._refuse(target, 'is changed for the whole process')
        elif target is FIXED:
            self._refuse(Global('builtins.getattr'), 'gives something that is changed')

    def _check_kept(self, value: Any) -> None:
        """Check a value that is kept somewhere, which what may only be called must not be."""
        if isinstance(value, Global) and value in CHECKED:
            self._refuse(value, 'is used other than by a call that can be checked')

    def _refuse(self, name: Global, why: str) -> None:
        if name not in self._allowed:
            self.refused.setdefault(str(name), why)
