"""The import names of synapse-sdk, for actions that were written for it.

The folder `import_names` has a package `synapse_sdk`. A file `synapse_hooks_sdk_compat.pth` in site-packages appends
that folder to Python's path: nothing is imported at start-up, and no file of synapse-sdk is overwritten. Where
synapse-sdk is installed as well, its own package is imported, in any order on the path: see `installed_sdk`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NoReturn

__all__ = ['installed_sdk']

NAME: Final = 'synapse_sdk'
IMPORT_NAMES: Final = Path(__file__).resolve().parent / 'import_names'
_HINT: Final = (
    'synapse-hooks-sdk-compat has the names for training only; use what is in `synapse_hooks`, or install synapse-sdk '
    'itself and run the action with it'
)


def installed_sdk() -> ModuleSpec | None:
    """Where synapse-sdk itself would be imported from; None where it is not installed."""
    others = [entry for entry in sys.path if not _is_ours(entry)]
    for finder in sys.meta_path:
        find: Any = finder.find_spec
        found = find(NAME, others) if finder is PathFinder else find(NAME, None)
        # A folder without __init__.py has no origin.
        if found is not None and found.origin is not None and not _is_ours(Path(found.origin).parent.parent):
            return found  # type: ignore[no-any-return]
    return None


def start(module: ModuleType) -> None:
    """Called when the package `synapse_sdk` of this distribution is imported: synapse-sdk itself takes its place."""
    spec = installed_sdk()
    if spec is None or spec.loader is None:
        sys.meta_path.append(_Missing())
        return
    real = sys.modules[module.__name__] = module_from_spec(spec)
    spec.loader.exec_module(real)


def missing_names(module: str) -> Callable[[str], Any]:
    """A `__getattr__` for a module of `import_names`, which says what is there in the error for a name that is not."""

    def __getattr__(name: str) -> NoReturn:
        # Python looks up names with underscores, and submodules before it imports them.
        if name.startswith('__') or IMPORT_NAMES.joinpath(*module.split('.'), name).is_dir():
            raise AttributeError(f'module {module!r} has no attribute {name!r}')
        raise ImportError(f'{module!r} has no {name!r} here: {_HINT}', name=module)

    return __getattr__


class _Missing:
    """The last finder: a module of `synapse_sdk` that comes to it is not there."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.startswith(f'{NAME}.') and _is_ours(Path(str(sys.modules[NAME].__file__)).parent.parent):
            raise ModuleNotFoundError(f'No module named {name!r}: {_HINT}', name=name)


def _is_ours(folder: str | Path) -> bool:
    # Also of another copy: an environment may see the packages of the one below it.
    return Path(folder or '.').resolve().parts[-2:] == IMPORT_NAMES.parts[-2:]
