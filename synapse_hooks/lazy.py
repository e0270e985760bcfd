"""Names of a package that are imported on first use (PEP 562), so that what is not used costs nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from synapse_hooks.platforms import UNSUPPORTED, is_supported


def import_lazily(package: str, homes: Mapping[str, str]) -> None:
    """Give a package a `__getattr__` that imports its names on first use. Its `__init__` calls this.

    An assignment to `__getattr__` in `__init__` would do the same, but type checkers would then accept any name.

    Args:
        package: The package's `__name__`.
        homes: For every public name, the module that has it: in the package (`{'BaseFormat': 'base'}`), or with its
            full name. No public name may be that of a module of the package: Python would put the module in its place.

    Example:
        import_lazily(__name__, {'BaseFormat': 'base'})
    """

    def load(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f'module {package!r} has no attribute {name!r}')
        if not is_supported():
            raise ImportError(UNSUPPORTED)
        value = getattr(import_module(home if home.startswith('synapse_hooks.') else f'{package}.{home}'), name)
        # From now on it is an attribute of the package.
        setattr(sys.modules[package], name, value)
        return value

    vars(sys.modules[package])['__getattr__'] = load
