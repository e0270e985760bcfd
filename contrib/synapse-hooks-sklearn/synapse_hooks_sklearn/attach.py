"""Attaching the autologger to scikit-learn, and detaching it.

scikit-learn 1.9 has callbacks, which must be set on each estimator, and which few estimators support. So the functions
`fit` and `fit_predict` of each class are replaced while a session is attached: of the classes that are there, and of
each that is defined or imported later. What a fit calls itself is a part of it.

`cross_validate` is mostly imported by name, so another function in its module would not be called. It is a function
around the one that does the work, and that one is replaced.
"""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CellType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.autologgers.attaching import Attached
from synapse_hooks.errors import ConfigError
from synapse_hooks.safe_text import summary
from synapse_hooks_sklearn.fitting import Fitting, is_model, log_cross_validation

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession

METHODS: Final = ('fit', 'fit_predict')
QUIET: Final = ('cross_val_predict', 'learning_curve', 'permutation_test_score', 'validation_curve')
"""Functions that fit many times, and whose fits are not trainings."""

_attached: Attached[Attachment] = Attached()
_own = threading.local()
_in_progress: list[int] = []
"""The threads with a fit that is logged."""


class Attachment:
    """Logs every fit to one session, while entered."""

    def __init__(self, session: AutologSession) -> None:
        self.session = session

    def __enter__(self) -> Attachment:
        base, selection = _import('sklearn.base').BaseEstimator, _import('sklearn.model_selection')

        def replace_all() -> None:
            _attached.replace(base, '__init_subclass__', _defining)
            for kind in _subclasses(base):
                _replace(kind)
            _attached.replace(*_worker(selection.cross_validate), _validating)
            for name in QUIET:
                _attached.replace(*_worker(getattr(selection, name)), _calling)

        _attached.add(self, replace_all)
        return self

    def __exit__(self, *_: object) -> None:
        _attached.remove(self)

    def fit(self, original: Callable[..., Any], estimator: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call a `fit`, and log it."""
        fitting: Fitting | None = None
        with self.session.guard('logging parameters'):
            if is_model(estimator):
                fitting = Fitting(self.session, self.session.start_training())
                fitting.begin(estimator)
        with _inside():
            result = original(estimator, *args, **named)
            if fitting is not None:
                with self.session.guard('logging a fit'):
                    fitting.end(estimator, *_data(args, named))
        return result


def _fitting(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def fit(estimator: Any, *args: Any, **named: Any) -> Any:
        attachment = current()
        if attachment is None:
            return original(estimator, *args, **named)
        return attachment.fit(original, estimator, args, named)

    return fit


def _validating(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def cross_validate(*args: Any, **named: Any) -> Any:
        attachment = current()
        if attachment is None:
            return original(*args, **named)
        with _inside():
            results = original(*args, **named)
            with attachment.session.guard('logging a cross-validation'):
                log_cross_validation(attachment.session, args[0] if args else named['estimator'], results)
        return results

    return cross_validate


def _calling(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def function(*args: Any, **named: Any) -> Any:
        if current() is None:
            return original(*args, **named)
        with _inside():
            return original(*args, **named)

    return function


def current() -> Attachment | None:
    """The session for a fit that begins in this thread; None within another fit, or where none is attached."""
    if getattr(_own, 'depth', 0) or (_in_progress and _in_worker()):
        return None
    return _attached.current()


@contextmanager
def _inside() -> Iterator[None]:
    _own.depth = getattr(_own, 'depth', 0) + 1
    _in_progress.append(threading.get_ident())
    try:
        yield
    finally:
        _in_progress.remove(threading.get_ident())
        _own.depth -= 1


def _in_worker() -> bool:
    """Whether this is a thread of joblib, in which a fit calls others."""
    from joblib.parallel import get_active_backend

    return bool(getattr(get_active_backend()[0], 'nesting_level', 0))


def _data(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """X and y of a call of `fit`, and what else was given."""
    given = list(args[:2]) + [named[name] for name in ('X', 'y')[len(args[:2]) :] if named.get(name) is not None]
    return tuple(one for one in given if one is not None), named


def _defining(original: Callable[..., Any]) -> Any:
    # Python makes a class method of this function where it is defined in a class, not where it is set.
    def __init_subclass__(cls: type[Any], /, **named: Any) -> None:
        original.__func__(cls, **named)  # type: ignore[attr-defined]
        _replace(cls)

    return classmethod(__init_subclass__)


def _replace(kind: type) -> None:
    for name in METHODS:
        if isinstance(vars(kind).get(name), FunctionType):
            _attached.replace(kind, name, _fitting)


def _subclasses(kind: type) -> Iterator[type]:
    seen: set[type] = set()
    waiting = [kind]
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            yield one
            waiting += type.__subclasses__(one)


def _worker(function: Callable[..., Any]) -> tuple[CellType, str]:
    """Where the decorated function keeps the one that does the work: a cell, as the owner of an attribute."""
    inner = getattr(function, '__wrapped__', None)
    for cell in getattr(function, '__closure__', None) or ():
        if cell.cell_contents is inner:
            return cell, 'cell_contents'
    raise ConfigError(
        f"autolog('sklearn') does not support scikit-learn {_import('sklearn').__version__}: "
        f'{getattr(function, "__name__", function)} is not what it was in the versions from 1.5 to 1.9',
        hint="pip install 'scikit-learn>=1.5,<1.10'",
        framework='sklearn',
    )


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == 'sklearn':
            raise ConfigError(
                "autolog('sklearn') needs the package scikit-learn, which is not installed",
                hint='pip install scikit-learn',
                framework='sklearn',
            ) from error
        raise ConfigError(
            f'scikit-learn is installed, but cannot be imported ({name}): {summary(error)}',
            hint=f"try `python -c 'import {name}'`",
            framework='sklearn',
        ) from error
