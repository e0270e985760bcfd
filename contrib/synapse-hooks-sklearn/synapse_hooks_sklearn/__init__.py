"""Automatic logging for scikit-learn.

attach.py  ->  fitting.py     what is replaced in scikit-learn; one fit, cross-validation or search
                   |
               values.py      parameters, learning curves, tables
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from synapse_hooks import hookimpl

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession

__all__ = ['SklearnAutologger']


class SklearnAutologger:
    """The plugin: answers `autolog` for the framework `sklearn`."""

    @hookimpl
    def autolog(self, framework: str, session: AutologSession) -> AbstractContextManager[Any] | None:
        """A context manager that logs each fit, search and cross-validation inside of it to `session`.

        Raises:
            ConfigError: On entering, when scikit-learn is not installed or cannot be imported.

        Example:
            >>> SklearnAutologger().autolog('keras', None) is None
            True
        """
        if framework != 'sklearn':
            return None
        # scikit-learn is imported when it is entered.
        from synapse_hooks_sklearn.attach import Attachment

        return Attachment(session)
