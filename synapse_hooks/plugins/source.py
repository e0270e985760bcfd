"""The source by which the project and the action answer a hook, as a digest for each of its files.

What counts is the code that can have a part in the answer: the files of the functions that answer, and the project's
own modules that these import. Of each file everything counts but

- functions that answer other hooks, and the methods of other steps and of other actions: editing `execute` changes
  nothing about `convert`;
- plain functions at the top of a file whose names are not used by what counts.

A name is used when it stands anywhere in the code that counts, also as an attribute or as text; so a function that is
reached by `getattr` counts as well. Comments and layout never count. Installed libraries count by their versions.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
import sysconfig
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any, Final

Answer = Callable[..., Any] | type
"""A function that answers, or a class all of which answers."""

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_LIBRARIES: Final = tuple({Path(sysconfig.get_path(name)).resolve() for name in ('stdlib', 'purelib', 'platlib')})


@dataclass(frozen=True)
class _Unit:
    """A piece of a file: a statement, the head of a class, or what stands in its body."""

    line: int
    """Where it begins, as code objects have it: with its decorators."""
    name: str
    """Of a function; else empty."""
    is_plain: bool
    """Whether it is a function at the top of the file, without decorators."""
    text: str
    names: frozenset[str]
    imports: tuple[tuple[str, int], ...]
    """Module and level (dots before it) of each import, also of those inside functions."""


class OwnCode:
    """The project's and the action's own source.

    Args:
        root: The project's folder; files below it are called by their path from there, others by their name.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._seen: set[Path] = set()

    def digests(self, answers: Iterable[Answer], others: Iterable[Answer] = ()) -> dict[str, str]:
        """For each file that has a part in the answers, a digest of what counts in it.

        Args:
            answers: The functions that answer, and classes of steps.
            others: Functions that do not count, though they are in the same files.
        """
        starts, found = set(), {}
        for answer in answers:
            file = source_file(answer)
            if file is None:
                # Typed into an interpreter or a notebook: there is no source to read again.
                found[f'<{getattr(answer, "__qualname__", answer)}>'] = _digest(_compiled(answer))
            else:
                starts.add(file)
        for file, text in sorted(_counted(starts, {place for other in others for place in places(other)})):
            self._seen.add(file)
            name = self._name(file)
            found[name] = _digest(found.get(name, '') + text)
        return found

    def files(self) -> dict[str, str]:
        """A digest of the whole content of every file that was looked at."""
        found: dict[str, str] = {}
        for file in sorted(self._seen):
            with suppress(OSError):
                name = self._name(file)
                found[name] = _digest(found.get(name, '') + file.read_text(encoding='utf-8', errors='replace'))
        return found

    def _name(self, file: Path) -> str:
        if self._root is not None and file.is_relative_to(self._root):
            return file.relative_to(self._root).as_posix()
        return file.name


def source_file(answer: Answer) -> Path | None:
    """The file in which a function or a class is written; None where there is none."""
    module = sys.modules.get(answer.__module__) if isinstance(answer, type) else None
    code = getattr(plain_function(answer), '__code__', None)
    name = getattr(module, '__file__', None) if code is None else code.co_filename
    file = None if name is None else Path(name)
    return file.resolve() if file is not None and file.suffix == '.py' and file.is_file() else None


def is_own(file: Path) -> bool:
    """Whether a file belongs to somebody who edits it: it is neither a library's nor of this package."""
    parts = {'site-packages', 'dist-packages'} & set(file.parts)
    return not parts and not any(file.is_relative_to(folder) for folder in (*_LIBRARIES, _PACKAGE))


def plain_function(answer: Answer) -> Any:
    """The function behind guards, decorators and methods."""
    unwrapped = inspect.unwrap(answer)
    return inspect.unwrap(getattr(unwrapped, '__func__', unwrapped))


def places(answer: Answer) -> Iterator[tuple[Path, int]]:
    """Where a function begins, or each function of a class."""
    functions = vars(answer).values() if isinstance(answer, type) else (answer,)
    for function in functions:
        function = function.fget if isinstance(function, property) else function
        code = getattr(plain_function(function), '__code__', None) if callable(function) else None
        if code is not None:
            yield Path(code.co_filename).resolve(), code.co_firstlineno


def _counted(starts: set[Path], dropped: set[tuple[Path, int]]) -> list[tuple[Path, str]]:
    """The files that count, each with the text of what counts in it."""
    homes = {home for file in starts if (home := _home(file)) is not None}
    kept: dict[Path, list[_Unit]] = {}
    waiting: list[tuple[Path, _Unit]] = []
    names: set[str] = set()
    new = sorted(starts)
    while new:
        file = new.pop()
        if file in kept:
            continue
        kept[file] = []
        for unit in _units(file):
            may_go = (file, unit.line) in dropped or (unit.is_plain and not unit.name.startswith('__'))
            waiting.append((file, unit)) if may_go and unit.name not in names else kept[file].append(unit)
        while True:
            names.update(name for units in kept.values() for unit in units for name in unit.names)
            used = [(where, unit) for where, unit in waiting if unit.name in names]
            if not used:
                break
            waiting = [(where, unit) for where, unit in waiting if unit.name not in names]
            for where, unit in used:
                kept[where].append(unit)
        for where, units in kept.items():
            for unit in units:
                for module, level in unit.imports:
                    new += [found for found in _modules(module, level, where, homes) if found not in kept]
    return [(file, '\n'.join(unit.text for unit in sorted(units, key=_place))) for file, units in kept.items()]


def _place(unit: _Unit) -> int:
    return unit.line


def _units(file: Path) -> tuple[_Unit, ...]:
    status = file.stat()
    return _parsed(file, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=512)
def _parsed(file: Path, _changed: int, _size: int) -> tuple[_Unit, ...]:
    source = file.read_bytes()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return (_Unit(0, '', False, hashlib.sha256(source).hexdigest(), frozenset(), ()),)
    return tuple(_split(tree))


def _split(tree: ast.Module) -> Iterator[_Unit]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            body, node.body = node.body, []
            yield _unit(node)
            yield from map(_unit, body)
        else:
            yield _unit(node, is_top=True)


def _unit(node: ast.stmt, *, is_top: bool = False) -> _Unit:
    names: set[str] = set()
    imports: list[tuple[str, int]] = []
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            names.add(part.id)
        elif isinstance(part, ast.Attribute):
            names.add(part.attr)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isidentifier():
            names.add(part.value)
        elif isinstance(part, ast.Import):
            imports += [(alias.name, 0) for alias in part.names]
        elif isinstance(part, ast.ImportFrom):
            base = part.module or ''
            imports += [(base, part.level)]
            imports += [(f'{base}.{alias.name}'.lstrip('.'), part.level) for alias in part.names]
            # What is imported is used where its name stands; another name is one for it.
            names.update(alias.name for alias in part.names if alias.asname)
    decorators = getattr(node, 'decorator_list', [])
    is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return _Unit(
        min([node.lineno, *(decorator.lineno for decorator in decorators)]),
        getattr(node, 'name', '') if is_function else '',
        is_function and is_top and not decorators,
        ast.dump(node),
        frozenset(names),
        tuple(imports),
    )


def _home(file: Path) -> Path | None:
    """The folder of the package, or of the loose files, to which a file belongs; None in the midst of libraries."""
    folder = file.parent
    if (folder / '__init__.py').exists():
        while (folder.parent / '__init__.py').exists():
            folder = folder.parent
        return None if folder == _PACKAGE else folder
    return folder if is_own(file) else None


def _modules(module: str, level: int, importer: Path, homes: Iterable[Path]) -> Iterator[Path]:
    """The files that an import reads, as far as they are somebody's own."""
    parts = tuple(filter(None, module.split('.')))
    if level:
        folder = importer.parents[min(level, len(importer.parents)) - 1]
        candidates = _files(folder, parts)
    elif parts and parts[0] not in sys.stdlib_module_names:
        beside = list(_files(importer.parent, parts))
        candidates = iter(beside or _files(*_top(parts)))
    else:
        return
    for file in candidates:
        if is_own(file) or any(file.is_relative_to(home) for home in homes):
            yield file


def _files(folder: Path | None, parts: tuple[str, ...]) -> Iterator[Path]:
    """Every file along a dotted name that starts in `folder`."""
    for part in parts if folder is not None else ():
        assert folder is not None
        folder = folder / part
        for file in (folder.with_name(f'{part}.py'), folder / '__init__.py'):
            if file.is_file():
                yield file.resolve()


@lru_cache(maxsize=1024)
def _folder_of(name: str, _path: Hashable) -> Path | None:
    with suppress(ImportError, ValueError, AttributeError):
        spec = importlib.util.find_spec(name)
        where = None if spec is None else spec.origin or next(iter(spec.submodule_search_locations or ()), None)
        if spec is not None and where and where not in ('built-in', 'frozen'):
            place = Path(where)
            return place.parents[1] if place.name == '__init__.py' else place.parent
    return None


def _top(parts: tuple[str, ...]) -> tuple[Path | None, tuple[str, ...]]:
    """Where a top-level module is found on the path, without importing it."""
    return _folder_of(parts[0], tuple(sys.path)), parts


def _compiled(answer: Answer) -> str:
    """The code of a function or of a class's functions, where there is no source."""
    functions = vars(answer).values() if isinstance(answer, type) else (answer,)
    codes = [getattr(plain_function(function), '__code__', None) for function in functions if callable(function)]
    return '\n'.join(_code(code) for code in codes if code is not None)


def _code(code: CodeType) -> str:
    constants = [
        _code(value) if isinstance(value, CodeType) else repr(sorted(map(repr, value)) if _is_set(value) else value)
        for value in code.co_consts
    ]
    return repr((code.co_name, code.co_code, code.co_names, constants))


def _is_set(value: object) -> bool:
    return isinstance(value, frozenset)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]
