"""Unexpected values for documents."""

from __future__ import annotations

from random import Random
from typing import Any, Final, NamedTuple


class Raw(NamedTuple):
    """Text that is written into a document without quotes or escapes."""

    text: str


DEPTH: Final = 20_000
"""A nesting depth that exceeds the recursion limit of any parser."""

TEXTS: Final = (
    '', 'x', ' ', '0', '1', '-1', '1.5', 'null', 'true', 'nan', 'inf', '-inf', '1e999', '1e5', '0x10', '1_0', '٣', '½',
    '٣.٥', '2026-02-30', '12:30', '.', '..', '/', '../../../../etc/passwd', '/etc/passwd', '/dev/zero', 'C:\\x\\y.png',
    '\\\\host\\x', 'file:///etc/passwd', 'a/b/c', 'a//b', './a', 'a\0b', 'a\nb', 'a\r', 'a\tb', '\x1b[31mred', '\x7f',
    '\x85', '\u2028', '\u202egnp.exe', '\ufeff', '\U0001f600', 'e\u0301', '%2e%2e%2f', '~', '-', '--help', '*', '[a]',
    '{0}', '%s', '$HOME', "'", '"', '<a>', '&amp;', '#', ':', ',', '\udcff', 'CON', 'x' * 300, 'x' * 100_000,
    'ü' * 200, 'a/' * 200, '../' * 50, '9' * 400, '9' * 5000, '1' * 20, '-' + '9' * 30,
)  # fmt: skip
"""The simplest first: a failure that is minimized ends at one of these."""

NUMBERS: Final = (
    0, 1, -1, 2, 0.5, -0.5, 1e-320, 1e15, 1e16, 1e100, 1e200, 1.7e308, -1.7e308, 255, 256, 65_536, 2**31 - 1, 2**31,
    2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63), -(2**63) - 1, 10**30, Raw('9' * 400), Raw('9' * 5000),
    Raw('1e309'), Raw('-1e309'), Raw('-0'), Raw('-0.0'), Raw('0.1e-400'), Raw('1E5'),
)  # fmt: skip


def odd_text(random: Random) -> str:
    """A random text."""
    return random.choice(TEXTS)


def odd_number(random: Random) -> Any:
    """A random number, or the text of one."""
    return random.choice(NUMBERS)


def odd_value(random: Random) -> Any:
    """A random value of any type that a document can hold."""
    kind = random.randrange(5)
    if kind == 0:
        return random.choice((None, True, False, [], {}, [None], [[]], [[], []], {'': None}, {'x': {}}))
    if kind == 1:
        return odd_number(random)
    if kind == 2:
        return odd_text(random)
    if kind == 3:
        return [random.choice(NUMBERS[:12]) for _ in range(random.choice((1, 2, 3, 4, 5, 6, 8, 17)))]
    return {odd_text(random): odd_text(random) for _ in range(random.choice((1, 2, 5)))}
