"""A Python file that is imported by its path: a plugin or an action of the project.

It is imported as a script is: the file's folder is first on `sys.path` from then on, so that it imports its
neighbours by their names (also later, inside a function), and the module has the name by which its neighbours would
import it. So a file is one module, whichever module imports it, and in whichever order.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def import_file(file: Path) -> ModuleType:
    """The module of `file`: imported now, unless it is here already.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: It is not a Python module, or it imports a neighbour as if it were in a package.
        Exception: From the file itself.
    """
    file = file.resolve()
    if not file.is_file():
        raise FileNotFoundError(f'there is no file {file}')
    prepend_to_path(file.parent)
    known = _imported(file)
    if known is not None:
        return known
    name = _name(file)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f'{file} is not a Python module')
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(name, None)
        if isinstance(error, ImportError) and 'no known parent package' in str(error):
            error.msg += '; a file imports its neighbours by their names: `import helper`, not `from . import helper`'
        raise
    return module


def import_module(name: str, folder: Path) -> ModuleType:
    """The module called `name`, looked for in `folder` before anywhere else.

    Raises:
        ImportError: There is none.
        Exception: From the module itself.
    """
    file = folder / f'{name}.py'
    if file.is_file():
        # A module of that name may be here already, from another project.
        return import_file(file)
    prepend_to_path(folder)
    return importlib.import_module(name)


def prepend_to_path(folder: Path) -> None:
    """Make modules importable from `folder`: before those of the same name elsewhere, unless it is on `sys.path`, where
    it keeps its place.
    """
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _imported(file: Path) -> ModuleType | None:
    """The module that was imported from `file`, under any name."""
    for module in list(sys.modules.values()):
        # Some modules import others on access to an attribute that they lack.
        origin = getattr(module, '__dict__', {}).get('__file__')
        if origin is not None and str(origin).endswith(file.name) and Path(origin).resolve() == file:
            return module
    return None


def _name(file: Path) -> str:
    """The file's own name; if that is taken, one that no other module has."""
    if file.stem not in sys.modules and file.stem not in sys.stdlib_module_names and file.stem.isidentifier():
        return file.stem
    return f'{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}'
