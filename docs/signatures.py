"""Writes synapse_hooks/signatures.pyi: what type checkers know of `hookimpl`, from the specifications of the hooks.

A plugin's function may leave out arguments, and takes them in any order. There is no type for that, but there is one
for each set of arguments: a protocol with keyword-only arguments. The type of an answer is the union of all sets. A
method is a function that has an argument `self`.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Final

from docstrings import sections

from synapse_hooks import hookspecs
from synapse_hooks.hookspecs import HookSpecs, hook_names, semantics

STUB: Final = Path(hookspecs.__file__).with_name('signatures.pyi')
_HEAD: Final = '''\
# Written by docs/signatures.py from synapse_hooks/hookspecs.py: change that, then type `make docs`.
# ruff: noqa
"""What type checkers know of `hookimpl`: for every hook, the functions that can answer it.

A function answers with any of the hook's arguments, in any order: `takes_A_B` stands for those with the arguments A and
B, and the first in a union is the one with all arguments. At run time there is `synapse_hooks.marker.Marker`.
"""

'''
_VARIABLES: Final = """\
R = TypeVar('R', covariant=True)
F = TypeVar('F', bound=Callable[..., Any])

"""
_PLAIN: Final = '''\
class HookImpl:
    """Marks a function as an answer to a hook, which is that of its name, or that of the attribute."""

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(
        self,
        *,
        wrapper: bool = ...,
        tryfirst: bool = ...,
        trylast: bool = ...,
        optionalhook: bool = ...,
        specname: str | None = ...,
    ) -> Callable[[F], F]: ...

'''

Arguments = tuple[tuple[str, str], ...]
"""Names of arguments with the sources of their types."""


def stub() -> str:
    """The whole stub."""
    names: dict[Arguments, str] = {}
    hooks = [_hook(hook, names) for hook in hook_names()]
    protocols = [
        f'class {name}(Protocol[R]):\n    def __call__(this, /{_listed(taken)}) -> R: ...\n'
        for taken, name in names.items()
    ]
    attributes = [f'    {hook}: {hook}_marker\n    """{_first_sentence(hook)}"""\n' for hook in hook_names()]
    body = '\n'.join([*protocols, *hooks, _PLAIN + ''.join(attributes)])
    return _HEAD + '\n'.join(_imports()) + '\n\n' + _VARIABLES + body


def _hook(hook: str, names: dict[Arguments, str]) -> str:
    """The types of one hook; adds the protocols that it needs to `names`."""
    signature = inspect.signature(getattr(HookSpecs, hook))
    arguments = tuple((name, str(one.annotation)) for name, one in signature.parameters.items() if name != 'self')
    for taken in _subsets(arguments):
        if taken not in names:
            name = '_'.join(['takes', *(one for one, _ in taken)]) if taken else 'takes_nothing'
            names[taken] = f'{name}_of_{hook}' if name in names.values() else name
    union = ' | '.join(f'{names[taken]}[R]' for taken in _subsets(arguments))
    answer = _answer(hook, str(signature.return_annotation))
    lines = [
        f'{hook}_function = {union}',
        f"{hook}_answer = TypeVar('{hook}_answer', bound={hook}_function[{answer}])",
    ]
    wrapper = ''
    options = 'tryfirst: bool = ..., trylast: bool = ...'
    if semantics(hook) in ('first', 'merged'):
        got = f'list[{answer.removesuffix(" | None")}]' if semantics(hook) == 'merged' else signature.return_annotation
        given = got if semantics(hook) == 'merged' else answer
        wraps = f'{hook}_function[Generator[None, {got}, {given}]]'
        lines.append(f"{hook}_wrapper = TypeVar('{hook}_wrapper', bound={wraps})")
        wrapper = (
            '    @overload\n'
            f'    def __call__(self, *, wrapper: Literal[True], {options}) -> '
            f'Callable[[{hook}_wrapper], {hook}_wrapper]: ...\n'
        )
        options = f'wrapper: Literal[False] = ..., {options}'
    marker = (
        f'class {hook}_marker:\n'
        f'    @overload\n    def __call__(self, function: {hook}_answer, /) -> {hook}_answer: ...\n'
        f'{wrapper}'
        f'    @overload\n    def __call__(self, *, {options}) -> Callable[[{hook}_answer], {hook}_answer]: ...\n'
    )
    return '\n'.join([*lines, marker])


def _subsets(arguments: Arguments) -> Iterator[Arguments]:
    """Every set of arguments, the largest first, each without and with `self`."""
    for size in range(len(arguments), -1, -1):
        for taken in combinations(arguments, size):
            yield taken
            yield (('self', 'Any'), *taken)


def _listed(taken: Arguments) -> str:
    return ''.join([', *', *(f', {name}: {kind}' for name, kind in taken)]) if taken else ''


def _answer(hook: str, returned: str) -> str:
    """What a function may return: of the hooks that the nearest answers, None declines."""
    declines = semantics(hook) == 'first' and returned != 'Any' and not returned.endswith('None')
    return f'{returned} | None' if declines else returned


def _first_sentence(hook: str) -> str:
    text = dict(sections(inspect.getdoc(getattr(HookSpecs, hook)) or ''))['']
    return ' '.join(text.split('\n\n')[0].split())


def _imports() -> list[str]:
    """The imports of the specifications, but for what only the module itself needs, and those of the stub."""
    found = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(inspect.getsource(hookspecs)))
        if isinstance(node, ast.ImportFrom) and node.module not in ('__future__', 'typing', 'synapse_hooks.marker')
        if node.module != 'synapse_hooks.signatures'
    ]
    found.append('from collections.abc import Callable, Generator')
    found.append('from typing import Any, Literal, Protocol, TypeVar, overload')
    return sorted(found)
