"""Docstrings taken apart: sections, arguments, and what stands below the fields of a class."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple


class Field(NamedTuple):
    """A field of a class, as its source has it."""

    name: str
    type: str
    default: str
    """The source of its default; empty where there is none."""
    meaning: str


def sections(doc: str) -> Iterator[tuple[str, str]]:
    """The sections of a docstring by heading; what stands before the first has none."""
    found = re.split(r'^(Args|Returns|Yields|Raises|Example):\n', doc, flags=re.MULTILINE)
    yield '', found[0].strip()
    for name, text in zip(found[1::2], found[2::2], strict=True):
        # Prose may go on below a section.
        body = re.match(r'(?:(?:[ \t].*)?\n?)*', text)
        assert body is not None
        yield name, textwrap.dedent(body[0]).strip()
        if rest := text[body.end() :].strip():
            yield '', rest


def items(text: str) -> list[str]:
    """The entries `name: text` of a section as Markdown items; what goes on in the next lines is one line."""
    lines = re.sub(r'\n +', ' ', text).splitlines()
    return [re.sub(r'^(\*{0,2}[\w, ]+): ', r'- `\1`: ', line) for line in lines]


def fields(kind: type) -> Iterator[Field]:
    """The fields that a class declares itself, with the strings below them."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    for place, node in enumerate(tree.body):
        if not isinstance(node, ast.AnnAssign):
            continue
        below = tree.body[place + 1] if place + 1 < len(tree.body) else None
        told = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else ''
        default = '' if node.value is None else ast.unparse(node.value)
        yield Field(ast.unparse(node.target), ast.unparse(node.annotation), default, one_line(str(told)))


def one_line(doc: str) -> str:
    """A docstring as one line, without sections."""
    return ' '.join(re.split(r'\n\n(?:Args|Example):', doc)[0].split())


def in_cell(text: str) -> str:
    """A text as it may stand in a cell of a table."""
    return text.replace('|', r'\|')
