"""Built-in autologgers: automatic logging for a training framework, one package each.

Nothing here imports a framework before an autologger is entered.
"""

from __future__ import annotations

from typing import Final

__all__ = ['BUILTIN']

BUILTIN: Final[dict[str, str]] = {'ultralytics': 'synapse_hooks.autologgers.ultralytics:UltralyticsAutologger'}
"""Framework to the plugin that answers for it, as `module:attribute`, as in entry points."""
