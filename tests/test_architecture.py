"""The shape of the code: rooms import one way, files stay small, everything public is explained."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import get_args

from synapse_hooks.data import AnyAnnotation

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / 'synapse_hooks'
MODULES = sorted(PACKAGE.rglob('*.py'))
LONGEST = 400
"""Lines; the aim is 250."""

LEVELS = (
    ('platforms', 'safe_text', 'portable', 'marker', 'version', 'deprecations'),
    ('lazy',),
    ('errors', 'searches', 'trainings', 'types'),
    ('amounts',),
    ('launches',),
    ('storage',),
    ('logged_images',),
    ('events',),
    ('context', 'hookspecs'),
    ('pages',),
    ('data', 'journal'),
    ('terminal',),
    ('geometry',),
    ('tracing',),
    ('conversion',),
    ('formats', 'backends', 'autologgers'),
    ('plugins',),
    ('steps',),
    ('insight',),
    ('runs',),
    ('report',),
    ('launching',),
    ('tuning',),
    ('actions',),
    ('demo', 'testing'),
    ('scaffold',),
    ('checking',),
    ('serve',),
    ('cli',),
)
"""A room imports rooms of earlier levels, and those of its own level that do not import it."""
LEVEL = {room: place for place, rooms in enumerate(LEVELS) for room in rooms}


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding='utf-8'))


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix('.py')


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """Every module that is imported when the code runs, at the top or inside functions, with its line."""
    typing_only = {
        inner
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith('TYPE_CHECKING')
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(parsed(file)):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{file}:{node.lineno}: imports are absolute'
            if node.module == 'synapse_hooks':
                yield from ((f'synapse_hooks.{alias.name}', node.lineno) for alias in node.names)
            else:
                yield node.module or '', node.lineno


def rooms_imported(file: Path) -> Iterator[tuple[str, int]]:
    for name, line in imports(file):
        parts = name.split('.')
        if parts[0] == 'synapse_hooks' and len(parts) > 1 and parts[1] in LEVEL:
            yield parts[1], line


def test_every_room_has_its_place() -> None:
    assert {room_of(file) for file in MODULES} - {'__init__'} == set(LEVEL)


def test_rooms_import_one_way() -> None:
    wrong = [
        f'{place(file)}:{line} imports {other}'
        for file in MODULES
        for other, line in rooms_imported(file)
        if room_of(file) in LEVEL and LEVEL[other] > LEVEL[room_of(file)]
    ]
    assert not wrong, '\n'.join(wrong)


def test_rooms_of_one_level_do_not_import_each_other_both_ways() -> None:
    edges = {(room_of(file), other) for file in MODULES for other, _ in rooms_imported(file) if room_of(file) != other}
    assert not {(one, other) for one, other in edges if (other, one) in edges}


CIRCLES_OF_TYPES = {
    ('synapse_hooks.context', 'synapse_hooks.hookspecs'),
    ('synapse_hooks.conversion.reader', 'synapse_hooks.formats.base'),
}
"""Modules whose annotations name each other: a context has the hooks, and a hook takes the context."""


def name_of(file: Path) -> str:
    return '.'.join(file.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__')


def needed_at_import(nodes: Iterable[ast.AST], types: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """The import statements that run when a module is imported, with `types` those for annotations too."""
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith('TYPE_CHECKING'):
            yield from needed_at_import([*node.body, *node.orelse] if types else node.orelse, types)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from needed_at_import(ast.iter_child_nodes(node), types)


def imports_of_modules(types: bool) -> dict[str, set[str]]:
    """Every module of the package, with those of the package that it imports."""
    names = {name_of(file) for file in MODULES}
    graph = {}
    for file in MODULES:
        found = set()
        for node in needed_at_import(parsed(file).body, types):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            else:
                # What is imported from a package is a module of it, or a name in its `__init__`.
                full = {alias: f'{node.module}.{alias.name}' for alias in node.names}
                found |= {full[alias] if full[alias] in names else str(node.module) for alias in node.names}
        graph[name_of(file)] = (found & names) - {name_of(file)}
    return graph


def circles(graph: dict[str, set[str]]) -> set[tuple[str, ...]]:
    """The modules that import each other, directly or through others: the strongly connected components."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        ahead = [start]
        while ahead:
            for name in graph[ahead.pop()] - found:
                found.add(name)
                ahead.append(name)
        return found

    reach = {name: reached(name) for name in graph}
    return {
        tuple(sorted(other for other in reach[name] if name in reach[other])) for name in graph if name in reach[name]
    }


def test_circles_of_imports_are_found() -> None:
    assert circles({'a': {'b'}, 'b': {'c'}, 'c': {'a', 'd'}, 'd': set()}) == {('a', 'b', 'c')}
    statements = """
        import a
        if TYPE_CHECKING:
            import b
        else:
            import c
        try:
            import d
        except ImportError:
            def f():
                import e
    """
    body = ast.parse(textwrap.dedent(statements)).body
    found = {
        types: {alias.name for node in needed_at_import(body, types) for alias in node.names} for types in (False, True)
    }
    assert found == {False: {'a', 'c', 'd'}, True: {'a', 'b', 'c', 'd'}}


def test_modules_do_not_import_in_circles() -> None:
    assert not circles(imports_of_modules(types=False))
    assert circles(imports_of_modules(types=True)) <= CIRCLES_OF_TYPES


def test_nothing_imports_the_front_door() -> None:
    doors = [
        f'{place(file)}:{node.lineno}'
        for file in MODULES
        for node in ast.walk(parsed(file))
        if (isinstance(node, ast.Import) and any(alias.name == 'synapse_hooks' for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == 'synapse_hooks')
    ]
    assert not doors, 'import a name from the module that defines it'


def test_nothing_in_the_package_imports_contributions_or_test_tools() -> None:
    strangers = ('contrib', 'synapse_hooks_', 'tests', 'pytest')
    # What pytest itself imports, as its plugin.
    modules = [file for file in MODULES if file != PACKAGE / 'testing' / 'pytest_plugin.py']
    found = [f'{place(file)}:{line} {name}' for file in modules for name, line in imports(file)]
    assert not [text for text in found if text.split()[1].startswith(strangers)]


def test_one_module_talks_http() -> None:
    clients = ('httpx', 'requests', 'urllib3', 'aiohttp')
    found = {place(file) for file in MODULES for name, _ in imports(file) if name.split('.')[0] in clients}
    assert found <= {'synapse_hooks/backends/synapse/http.py'}


def test_files_can_be_read_in_one_sitting() -> None:
    lengths = {place(file): len(file.read_text(encoding='utf-8').splitlines()) for file in MODULES}
    # The page that a plugin author reads has every hook on it.
    del lengths['synapse_hooks/hookspecs.py']
    assert not {name: length for name, length in lengths.items() if length > LONGEST}


def test_errors_are_caught_by_name() -> None:
    nodes = [(file, node) for file in MODULES for node in ast.walk(parsed(file))]
    bare = [
        f'{place(file)}:{node.lineno}' for file, node in nodes if isinstance(node, ast.ExceptHandler) and not node.type
    ]
    assert not bare


def test_texts_of_exceptions_are_bounded() -> None:
    """An exception may be 10 MB long, or not printable at all: `safe_text` has functions for both."""
    written = '__name__}: {error}'
    assert not [place(file) for file in MODULES if written in file.read_text(encoding='utf-8')]


def test_only_the_command_line_and_write_stderr_print() -> None:
    printing = [
        f'{place(file)}:{node.lineno}'
        for file in MODULES
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'print'
    ]
    assert not [text for text in printing if not text.startswith(('synapse_hooks/cli/', 'synapse_hooks/terminal.py:'))]


def test_everything_public_is_explained() -> None:
    missing = [f'{place(file)}:{line} {name}' for file in MODULES for name, line in undocumented(parsed(file), '')]
    missing += [place(file) for file in MODULES if ast.get_docstring(parsed(file)) is None]
    assert not missing, '\n'.join(missing)


def undocumented(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
    for child in getattr(node, 'body', []):
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or child.name.startswith('_'):
            continue
        if ast.get_docstring(child) is None and not is_told_before(child) and not overrides(child, node):
            yield f'{prefix}{child.name}', child.lineno
        if isinstance(child, ast.ClassDef):
            yield from undocumented(child, f'{prefix}{child.name}.')


def is_told_before(node: ast.AST) -> bool:
    """Whether it is a part of something that has its docstring elsewhere: an overload, the setter of a property."""
    decorators = [ast.unparse(decorator) for decorator in getattr(node, 'decorator_list', [])]
    return any(text.endswith(('overload', '.setter')) for text in decorators)


def overrides(method: ast.AST, parent: ast.AST) -> bool:
    """Whether it is the method of an annotation, and `Annotation`, `Shape` or `Area` says what it does."""
    described = {
        child.name
        for kind in parsed(PACKAGE / 'data' / 'annotation.py').body
        if isinstance(kind, ast.ClassDef)
        for child in kind.body
        if isinstance(child, ast.FunctionDef) and ast.get_docstring(child)
    }
    bases = {ast.unparse(base) for base in getattr(parent, 'bases', [])}
    return (
        not bases.isdisjoint(('Annotation', 'Shape', 'Area', 'Protocol')) and getattr(method, 'name', '') in described
    )


KINDS = frozenset(kind.__name__ for kind in get_args(AnyAnnotation))
BRANCHES_ON_KINDS = {
    'data/dataset.py': 1,  # the joints of skeletons, by class
    'data/groups.py': 1,  # `Other` has its attributes in its document
    'data/skeletons.py': 9,  # joints, groups and shapes become a skeleton
    'demo/evaluation.py': 2,  # the demo draws boxes and polygons
    'formats/coco/entry_writer.py': 2,  # a skeleton and the shape of its object are one entry
    'formats/dm/document.py': 3,  # `Other` is a row already
    'formats/dm/ids.py': 2,
    'formats/dm/v1.py': 1,
    'formats/imagefolder/sink.py': 1,  # it holds classifications only
    'formats/yolo/source.py': 1,  # whether all rows are rotated boxes
    'geometry/poses.py': 4,  # skeletons and the boxes of their objects
    'geometry/shapes.py': 6,  # what a target holds stays what it is
    'geometry/sizes.py': 1,  # a mask by columns proves the declared size
    'insight/checks.py': 1,  # pixels that the image does not have
    'insight/gallery.py': 1,  # the classes of the image, in its caption
    'testing/samples.py': 2,  # paints boxes
}
"""How often modules ask which kind an annotation is: lower these numbers, do not raise them.

What code for any kind needs is a method of `Annotation`, or, in another room, an entry of a dict of functions.
"""


def branches_on_kinds(file: Path) -> Iterator[int]:
    """The lines of `isinstance(annotation, Box)`, `case Box(...)` and `type(annotation) is Box`."""
    for node in ast.walk(parsed(file)):
        asked: list[ast.AST] = []
        if isinstance(node, ast.Call) and ast.unparse(node.func) == 'isinstance':
            asked = [node.args[1]]
        elif isinstance(node, ast.MatchClass):
            asked = [node.cls]
        elif isinstance(node, ast.Compare) and ast.unparse(node.left).startswith('type('):
            asked = [*node.comparators]
        if any(isinstance(name, ast.Name) and name.id in KINDS for part in asked for name in ast.walk(part)):
            yield node.lineno if isinstance(node, ast.expr) else node.cls.lineno


def test_code_for_any_kind_of_annotation_does_not_ask_which_one_it_is() -> None:
    for file in MODULES:
        lines = list(branches_on_kinds(file))
        allowed = BRANCHES_ON_KINDS.get(file.relative_to(PACKAGE).as_posix(), 0)
        assert len(lines) <= allowed, f'{place(file)}: lines {lines}, at most {allowed}'
    assert sum(BRANCHES_ON_KINDS.values()) < 40


def test_public_names_are_sorted() -> None:
    for file in MODULES:
        for names in offered(parsed(file)):
            assert len(set(names)) == len(names), place(file)
            # Constants, then classes, then the rest: the order that ruff keeps.
            assert names == sorted(names, key=order), f'{place(file)}: should be {sorted(names, key=order)}'


def test_rooms_say_what_they_offer() -> None:
    rooms = [file for file in MODULES if file.name == '__init__.py' and file.parent.parent == PACKAGE]
    assert {room_of(file) for file in rooms if not list(offered(parsed(file)))} <= {'cli'}


def offered(module: ast.Module) -> Iterator[list[str]]:
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '__all__':
            yield ast.literal_eval(node.value)


def order(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def test_the_repository_is_self_contained() -> None:
    folders = ('benchmarks', 'contrib', 'docs', 'synapse_hooks', 'tests')
    files = [
        file for folder in folders for file in (ROOT / folder).rglob('*') if file.suffix in ('.py', '.md', '.toml')
    ]
    # Put together here, so that this file does not mention them.
    foreign = ['/' + 'work/', '..' + '/shared', '/tmp' + '/lab']
    found = [f'{place(file)}: {text}' for file in files for text in foreign if text in file.read_text(encoding='utf-8')]
    assert not found, '\n'.join(found)


def place(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


READING_ROOMS = [PACKAGE / room for room in ('formats', 'conversion', 'geometry', 'data', 'insight', 'pages')]
READERS = sorted(
    file for folder in (*READING_ROOMS, *ROOT.glob('contrib/*/synapse_hooks_*')) for file in folder.rglob('*.py')
)
OWN_WAYS = {
    'synapse_hooks/data/images.py': 'a million images are opened with the same flags, and none is waited for',
    'synapse_hooks/data/integrity.py': 'the same, once the caller knows that they are of the dataset',
    'synapse_hooks/formats/trainer_cache.py': 'it reads a module that is installed',
    'synapse_hooks/conversion/arrivals.py': 'it reads what the process that exports has written',
    'synapse_hooks/formats/yolo/scan.py': 'it reads what it has written itself',
    'contrib/synapse-hooks-tensorboard/synapse_hooks_tensorboard/event_file.py': 'it creates a file to write',
    'contrib/synapse-hooks-ray/synapse_hooks_ray/shipping.py': 'it reads the metadata of what is installed',
    'synapse_hooks/formats/coco/sink.py': 'it puts parts together that it has written itself',
    'contrib/synapse-hooks-openimages/synapse_hooks_openimages/writing.py': 'the same',
}


def opened_past_the_door(file: Path) -> Iterator[int]:
    """The lines that open a file for reading, but for what `open_regular` has opened."""
    for node in ast.walk(parsed(file)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        modes = [str(one.value)[:1] for one in node.args if isinstance(one, ast.Constant)]
        if called == 'open' and ast.unparse(node.args[0]).startswith('open_regular('):
            continue
        if called.endswith(('read_text', 'read_bytes')) or called in ('os.open', 'open', 'PIL.Image.open'):
            if called == 'PIL.Image.open' and ast.unparse(node.args[0]) == 'opened':
                continue
            yield node.lineno
        elif called.endswith('.open') and 'r' in modes:
            yield node.lineno


def test_readers_open_what_a_dataset_names_through_one_door() -> None:
    found = {str(file.relative_to(ROOT)): list(opened_past_the_door(file)) for file in READERS}
    past = {name: lines for name, lines in found.items() if lines and name not in OWN_WAYS}
    assert not past, 'use `read_file`, `read_head` or `open_regular` of synapse_hooks.storage'
