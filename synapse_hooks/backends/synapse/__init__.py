"""A Synapse backend over HTTP. Nothing is imported before it is used: a workspace needs no HTTP library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.backends.synapse.cache import Cache
    from synapse_hooks.backends.synapse.client import SynapseClient
    from synapse_hooks.backends.synapse.connection import Connection, resolve

_HOMES = {
    'Cache': 'cache',
    'Connection': 'connection',
    'SynapseClient': 'client',
    'resolve': 'connection',
}

__all__ = ['Cache', 'Connection', 'SynapseClient', 'resolve']

import_lazily(__name__, _HOMES)
