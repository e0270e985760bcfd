"""The source by which the project and the action answer a hook, as a digest for each of its files.

What counts is the code that can have a part in the answer: the files of the functions that answer, and the project's
own modules that these import. Of each file everything counts but

- functions that answer other hooks, and the methods of other steps and of other actions: editing `execute` changes
  nothing about `convert`;
- plain functions at the top of a file whose names are not used by what counts.

A name is used when it occurs anywhere in the code that counts, also as an attribute or as text; so a function that is
reached by `getattr` counts as well. Comments and layout never count. Installed libraries count by their versions.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any, Final

Answer = Callable[..., Any] | type
"""A function that answers, or a class all of which answers."""
Place = tuple[Path, int]
"""A file, and the line at which a function begins, its decorators included."""

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_LIBRARIES: Final = tuple({Path(sysconfig.get_path(name)).resolve() for name in ('stdlib', 'purelib', 'platlib')})


@dataclass(frozen=True)
class _Unit:
    """A piece of a file: a statement, the head of a class, or a statement of its body."""

    line: int
    """Where it begins, as code objects have it: with its decorators."""
    name: str
    """Of a function; else empty."""
    is_plain: bool
    """Whether it is a function at the top of the file, without decorators."""
    text: str
    names: frozenset[str]
    imports: tuple[tuple[str, int], ...]
    """Module and level (dots before it) of each import, also of those inside functions and by `import_module`."""


class SourceDigests:
    """The project's and the action's own source.

    Args:
        root: The project's folder; files below it are called by their path from there, others by their name.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._seen: set[Path] = set()

    def digests(self, answers: Iterable[Answer], others: Iterable[Place] = ()) -> dict[str, str]:
        """For each file that has a part in the answers, a digest of what counts in it.

        Args:
            answers: The functions that answer, and classes of steps.
            others: Where functions begin that do not count, though they are in the same files.
        """
        starts, digests = set(), {}
        for answer in answers:
            file = source_file(answer)
            if file is None:
                # Typed into an interpreter or a notebook: there is no source file.
                digests[f'<{getattr(answer, "__qualname__", answer)}>'] = _digest(_compiled(answer))
            else:
                starts.add(file)
        for file, text in sorted(_counted(starts, frozenset(others))):
            self._seen.add(file)
            name = self._name(file)
            digests[name] = _digest(digests.get(name, '') + text)
        return digests

    def files(self) -> dict[str, str]:
        """A digest of the whole content of every file that was read."""
        digests: dict[str, str] = {}
        for file in sorted(self._seen):
            with suppress(OSError):
                name = self._name(file)
                digests[name] = _digest(digests.get(name, '') + file.read_text(encoding='utf-8', errors='replace'))
        return digests

    def _name(self, file: Path) -> str:
        if self._root is not None and file.is_relative_to(self._root):
            return file.relative_to(self._root).as_posix()
        return file.name


def source_file(answer: Answer) -> Path | None:
    """The file in which a function or a class is written; None where there is none."""
    if isinstance(answer, type):
        return _source(getattr(sys.modules.get(answer.__module__), '__file__', None))
    code = getattr(plain_function(answer), '__code__', None)
    return None if code is None else _source(code.co_filename)


@lru_cache(maxsize=4096)
def _source(name: str | None) -> Path | None:
    file = None if name is None else Path(name)
    return file.resolve() if file is not None and file.suffix == '.py' and file.is_file() else None


@lru_cache(maxsize=4096)
def is_own(file: Path) -> bool:
    """Whether a file is one that the user edits: it is neither a library's nor of this package."""
    parts = {'site-packages', 'dist-packages'} & set(file.parts)
    return not parts and not any(file.is_relative_to(folder) for folder in (*_LIBRARIES, _PACKAGE))


def plain_function(answer: Answer) -> Any:
    """The function behind guards, decorators and methods."""
    unwrapped = inspect.unwrap(answer)
    return inspect.unwrap(getattr(unwrapped, '__func__', unwrapped))


def places(answer: Answer) -> Iterator[Place]:
    """Where a function begins, or each function of a class."""
    functions = vars(answer).values() if isinstance(answer, type) else (answer,)
    for function in functions:
        function = function.fget if isinstance(function, property) else function
        code = getattr(plain_function(function), '__code__', None) if callable(function) else None
        file = None if code is None else _source(code.co_filename)
        if code is not None and file is not None:
            yield file, code.co_firstlineno


def _counted(starts: set[Path], dropped: frozenset[Place]) -> list[tuple[Path, str]]:
    """The files that count, each with the text of what counts in it."""
    homes = frozenset(home for file in starts if (home := _home(file)) is not None)
    kept: dict[Path, list[_Unit]] = {}
    waiting: dict[str, list[tuple[Path, _Unit]]] = {}
    names: set[str] = set()
    files, new = sorted(starts), list[tuple[Path, _Unit]]()
    while files or new:
        while new:
            file, unit = new.pop()
            kept[file].append(unit)
            for module, level in unit.imports:
                files += [imported for imported in _modules(module, level, file, homes) if imported not in kept]
            for name in unit.names - names:
                new += waiting.pop(name, ())
            names |= unit.names
        if files:
            file = files.pop()
            if file in kept:
                continue
            kept[file] = []
            for unit in _units(file):
                may_go = (unit.is_plain and not unit.name.startswith('__')) or (file, unit.line) in dropped
                if may_go and unit.name not in names:
                    waiting.setdefault(unit.name, []).append((file, unit))
                else:
                    new.append((file, unit))
    return [(file, '\n'.join(unit.text for unit in sorted(units, key=_line))) for file, units in kept.items()]


def _line(unit: _Unit) -> int:
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
        elif isinstance(part, ast.Call):
            imports += _imported_by_name(part)
        elif isinstance(part, ast.Import):
            imports += [(alias.name, 0) for alias in part.names]
        elif isinstance(part, ast.ImportFrom):
            base = part.module or ''
            imports += [(base, part.level)]
            imports += [(f'{base}.{alias.name}'.lstrip('.'), part.level) for alias in part.names]
            # An import is used where its name is; `as` gives another name to it.
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


def _imported_by_name(call: ast.Call) -> Iterator[tuple[str, int]]:
    """`importlib.import_module('name')`, where the name is written down."""
    named = getattr(call.func, 'attr', getattr(call.func, 'id', ''))
    if named in ('import_module', '__import__') and call.args:
        module = getattr(call.args[0], 'value', None)
        if isinstance(module, str):
            name = module.lstrip('.')
            yield name, len(module) - len(name)


@lru_cache(maxsize=1024)
def _home(file: Path) -> Path | None:
    """The folder of the package, or of the loose files, to which a file belongs; None in the midst of libraries."""
    folder = file.parent
    if (folder / '__init__.py').exists():
        while (folder.parent / '__init__.py').exists():
            folder = folder.parent
        return None if folder == _PACKAGE else folder
    return folder if is_own(file) else None


def _modules(module: str, level: int, importer: Path, homes: Iterable[Path]) -> list[Path]:
    """The files that an import reads, as far as they are the user's own."""
    files = _imported_files(module, level, importer.parent, tuple(sys.path))
    return [file for file in files if is_own(file) or any(file.is_relative_to(home) for home in homes)]


@lru_cache(maxsize=8192)
def _imported_files(module: str, level: int, folder: Path, path: tuple[str, ...]) -> tuple[Path, ...]:
    """Every file along a dotted name that is imported by a file in `folder`."""
    parts = tuple(filter(None, module.split('.')))
    if level:
        return _files((folder, *folder.parents)[min(level, len(folder.parents) + 1) - 1], parts)
    if not parts or parts[0] in sys.stdlib_module_names:
        return ()
    return _files(folder, parts) or _files(_folder_of(parts[0], path), parts)


def _files(folder: Path | None, parts: tuple[str, ...]) -> tuple[Path, ...]:
    files = []
    for part in parts if folder is not None else ():
        assert folder is not None
        folder = folder / part
        files += [file.resolve() for file in (folder.with_name(f'{part}.py'), folder / '__init__.py') if file.is_file()]
    return tuple(files)


@lru_cache(maxsize=1024)
def _folder_of(name: str, _path: tuple[str, ...]) -> Path | None:
    """Where a top-level module is found on the path, without importing it."""
    with suppress(ImportError, ValueError, AttributeError):
        spec = importlib.util.find_spec(name)
        where = None if spec is None else spec.origin or next(iter(spec.submodule_search_locations or ()), None)
        if where and where not in ('built-in', 'frozen'):
            place = Path(where)
            return place.parents[1] if place.name == '__init__.py' else place.parent
    return None


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
