"""A development server: the protocol of a Synapse backend over a workspace, for this machine only.

It needs the extra `serve` (starlette and uvicorn).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.serve.app import application

__all__ = ['application']

import_lazily(__name__, {'application': 'app'})
