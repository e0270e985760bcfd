"""The context of a run."""

from typing import TYPE_CHECKING

from synapse_hooks_sdk_compat import missing_names

from synapse_hooks import RuntimeContext

__all__ = ['RuntimeContext']

if not TYPE_CHECKING:
    __getattr__ = missing_names(__name__)
