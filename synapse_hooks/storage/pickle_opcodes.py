"""The operations of pickles, each as what it does to abstract values (`pickle_machine`).

Wherever the real machine would stop with an error, this one may stop too: what comes after is never run.
"""

from __future__ import annotations

import codecs
import pickletools
from collections.abc import Callable, Mapping
from typing import Any, Final

from synapse_hooks.storage.pickle_machine import MARK, MAX_TEXT, VALUE, Global, Machine, Stopped, Unsafe

_Operation = Callable[[Machine, bytes], None]


def _push_value(machine: Machine, _: bytes) -> None:
    machine.push(VALUE)


def _push_text(machine: Machine, data: bytes) -> None:
    machine.push(_decoded(data, 'utf-8'))


def _push_ascii(machine: Machine, data: bytes) -> None:
    machine.push(_decoded(data, 'ascii'))


def _push_escaped(machine: Machine, data: bytes) -> None:
    machine.push(_decoded(data, 'raw-unicode-escape'))


def _push_quoted(machine: Machine, data: bytes) -> None:
    data = data.strip()
    if len(data) < 2 or data[:1] != data[-1:] or data[:1] not in (b'"', b"'"):
        raise Stopped
    try:
        machine.push(_decoded(codecs.escape_decode(data[1:-1])[0], 'ascii'))
    except ValueError as error:
        raise Unsafe('it has a text that cannot be read') from error


def _decoded(data: bytes, encoding: str) -> Any:
    if len(data) > MAX_TEXT:
        return VALUE
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return VALUE


def _number(data: bytes) -> int:
    try:
        return int(data.decode('ascii'))
    except ValueError as error:
        raise Unsafe('its memo is numbered by what is not a number') from error


def _tuple(count: int) -> _Operation:
    def act(machine: Machine, _: bytes) -> None:
        values = [machine.pop() for _ in range(count)]
        machine.push_tuple(reversed(values))

    return act


def _tuple_since_mark(machine: Machine, _: bytes) -> None:
    values = machine.since_mark()
    if len(values) <= 4:
        machine.push_tuple(values)
    else:
        machine.push(VALUE)


def _of_mark(machine: Machine, _: bytes) -> None:
    machine.since_mark()
    machine.push(VALUE)


def _into(machine: Machine, _: bytes) -> None:
    machine.since_mark()
    machine.check_change()


def _changes(count: int) -> _Operation:
    def act(machine: Machine, data: bytes) -> None:
        for _ in range(count):
            machine.pop()
        machine.check_change()

    return act


def _pop(machine: Machine, _: bytes) -> None:
    machine.drop()


def _pop_mark(machine: Machine, _: bytes) -> None:
    machine.since_mark()


def _pass(machine: Machine, _: bytes) -> None:
    pass


def _stop(machine: Machine, _: bytes) -> None:
    machine.pop()


def _global(machine: Machine, data: bytes) -> None:
    module, name = data.decode('utf-8', 'replace'), machine.line().decode('utf-8', 'replace')
    machine.import_global(module, name)


def _stack_global(machine: Machine, _: bytes) -> None:
    name, module = machine.pop(), machine.pop()
    machine.import_global(module, name)


def _reduce(machine: Machine, _: bytes) -> None:
    arguments = machine.pop()
    machine.call(machine.take(), arguments)


def _instance(machine: Machine, data: bytes) -> None:
    arguments = machine.since_mark()
    _global(machine, data)
    machine.call(machine.take(), tuple(arguments))


def _object(machine: Machine, _: bytes) -> None:
    values = machine.since_mark()
    if not values:
        raise Stopped
    machine.call(values[0], tuple(values[1:]))


def _new(machine: Machine, _: bytes) -> None:
    arguments = machine.pop()
    machine.make(machine.take(), arguments)


def _new_keywords(machine: Machine, _: bytes) -> None:
    machine.pop()
    machine.pop()
    machine.make(machine.take(), None)


def _extension(machine: Machine, _: bytes) -> None:
    raise Unsafe('it uses the extension registry, which hides what is imported')


def _persistent(machine: Machine, _: bytes) -> None:
    key = machine.pop()
    # Files of torch before 1.6 name a class once in this way, and then use it as any other.
    is_class = isinstance(key, tuple) and len(key) > 1 and key[0] == 'module' and isinstance(key[1], Global)
    machine.push(key[1] if is_class else VALUE)


_OPERATIONS: Final[Mapping[str, _Operation]] = {
    **dict.fromkeys(('INT', 'BININT', 'BININT1', 'BININT2', 'LONG', 'LONG1', 'LONG4'), _push_value),
    **dict.fromkeys(('FLOAT', 'BINFLOAT', 'NONE', 'NEWTRUE', 'NEWFALSE', 'PERSID', 'NEXT_BUFFER'), _push_value),
    **dict.fromkeys(('BINBYTES', 'SHORT_BINBYTES', 'BINBYTES8', 'BYTEARRAY8'), _push_value),
    **dict.fromkeys(('EMPTY_LIST', 'EMPTY_DICT', 'EMPTY_SET'), _push_value),
    **dict.fromkeys(('BINUNICODE', 'SHORT_BINUNICODE', 'BINUNICODE8'), _push_text),
    **dict.fromkeys(('BINSTRING', 'SHORT_BINSTRING'), _push_ascii),
    **dict.fromkeys(('LIST', 'DICT', 'FROZENSET'), _of_mark),
    **dict.fromkeys(('APPENDS', 'SETITEMS', 'ADDITEMS'), _into),
    **dict.fromkeys(('EXT1', 'EXT2', 'EXT4'), _extension),
    'STRING': _push_quoted,
    'UNICODE': _push_escaped,
    'EMPTY_TUPLE': lambda machine, _: machine.push(()),
    'TUPLE1': _tuple(1),
    'TUPLE2': _tuple(2),
    'TUPLE3': _tuple(3),
    'TUPLE': _tuple_since_mark,
    'MARK': lambda machine, _: machine.push(MARK),
    'POP': _pop,
    'POP_MARK': _pop_mark,
    'DUP': lambda machine, _: machine.push(machine.peek()),
    'APPEND': _changes(1),
    'SETITEM': _changes(2),
    'PUT': lambda machine, data: machine.put(_number(data)),
    'BINPUT': lambda machine, data: machine.put(data[0]),
    'LONG_BINPUT': lambda machine, data: machine.put(int.from_bytes(data, 'little')),
    'MEMOIZE': lambda machine, _: machine.memoize(),
    'GET': lambda machine, data: machine.get(_number(data)),
    'BINGET': lambda machine, data: machine.get(data[0]),
    'LONG_BINGET': lambda machine, data: machine.get(int.from_bytes(data, 'little')),
    'GLOBAL': _global,
    'STACK_GLOBAL': _stack_global,
    'REDUCE': _reduce,
    'INST': _instance,
    'OBJ': _object,
    'NEWOBJ': _new,
    'NEWOBJ_EX': _new_keywords,
    'BUILD': _changes(1),
    'BINPERSID': _persistent,
    'PROTO': _pass,
    'FRAME': _pass,
    'READONLY_BUFFER': _pass,
    'STOP': _stop,
}


def _size(opcode: Any) -> int:
    """What follows an operation: bytes, or one of the negative numbers of pickletools."""
    return 0 if opcode.arg is None else int(opcode.arg.n)


# GLOBAL and INST have two lines; the second is read by what they do.
_BY_CODE: Final[dict[bytes, tuple[int, _Operation]]] = {
    opcode.code.encode('latin-1'): (_size(opcode), _OPERATIONS[opcode.name]) for opcode in pickletools.opcodes
}


def run_pickle(machine: Machine) -> bool:
    """Follow one pickle to its end; False where there is none, or where it would stop with an error.

    Raises:
        Unsafe: It cannot be followed.
    """
    machine.begin()
    while byte := machine.step():
        known = _BY_CODE.get(byte)
        if known is None:
            return False
        size, act = known
        try:
            act(machine, machine.argument(size) if size else b'')
        except Stopped:
            return False
        if byte == b'.':
            return True
    return False
