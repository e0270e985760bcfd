"""Automatic logging for PyTorch Lightning 2.x, imported as `lightning` or as `pytorch_lightning`.

attach.py  ->  training.py     the functions of `Trainer` that are replaced; the callback of one training
                   |
      metrics.py, params.py, checkpoints.py     what is read from a trainer
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from synapse_hooks import hookimpl

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession

__all__ = ['LightningAutologger']


class LightningAutologger:
    """The plugin: answers `autolog` for the frameworks `lightning` and `pytorch_lightning`."""

    @hookimpl
    def autolog(self, framework: str, session: AutologSession) -> AbstractContextManager[Any] | None:
        """A context manager that logs each `Trainer.fit`, `validate` and `test` inside of it to `session`.

        Raises:
            ConfigError: On entering, when Lightning is not installed or cannot be imported.

        Example:
            >>> LightningAutologger().autolog('keras', None) is None
            True
        """
        if framework not in ('lightning', 'pytorch_lightning'):
            return None
        # Torch and Lightning are imported when it is entered.
        from synapse_hooks_lightning.attach import Attachment

        return Attachment(session)
