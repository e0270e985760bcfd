"""The fastest way to move files that this environment has."""

from __future__ import annotations

from importlib.util import find_spec

from synapse_hooks.backends.synapse.transfer import Network, Pace, Transfer


def best_transfer(pace: Pace, network: Network) -> Transfer:
    """The fastest one that there is."""
    if has_curl():
        from synapse_hooks.backends.synapse.curl import CurlTransfer

        return CurlTransfer(pace, network)
    from synapse_hooks.backends.synapse.threads import ThreadTransfer

    return ThreadTransfer(pace, network)


def has_curl() -> bool:
    """Whether pycurl is installed."""
    return find_spec('pycurl') is not None
