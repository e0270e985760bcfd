"""What marks a function as an answer to a hook: `hookimpl`, made in `synapse_hooks.hookspecs`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pluggy


class Marker:
    """Marks functions for pluggy, with an attribute for each hook.

    Type checkers see it as `synapse_hooks.signatures.HookImpl`, which has the signature of each hook.

    Args:
        project: The name that pluggy's manager has.
        hooks: The names of the hooks.
    """

    def __init__(self, project: str, hooks: Iterable[str]) -> None:
        self._mark = pluggy.HookimplMarker(project)
        vars(self).update({hook: partial(self._mark, specname=hook) for hook in hooks})

    def __call__(self, function: Callable[..., Any] | None = None, **options: Any) -> Any:
        """Mark `function`, or return what marks one with these options."""
        return self._mark(function, **options)
