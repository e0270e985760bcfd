"""Automatic logging for the `Trainer` of Hugging Face transformers.

attach.py  ->  training.py     the functions of `Trainer` that are replaced; the callback of one training
                   |
               values.py       the metrics among what is logged
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from synapse_hooks import hookimpl

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession

__all__ = ['TransformersAutologger']


class TransformersAutologger:
    """The plugin: answers `autolog` for the framework `transformers`."""

    @hookimpl
    def autolog(self, framework: str, session: AutologSession) -> AbstractContextManager[Any] | None:
        """A context manager that logs each `Trainer.train`, `evaluate` and `predict` inside of it to `session`.

        Raises:
            ConfigError: On entering, when transformers or torch is not installed, or cannot be imported.

        Example:
            >>> TransformersAutologger().autolog('keras', None) is None
            True
        """
        if framework != 'transformers':
            return None
        # Torch and transformers are imported when it is entered.
        from synapse_hooks_transformers.attach import Attachment

        return Attachment(session)
