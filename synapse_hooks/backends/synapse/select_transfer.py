"""Selecting the fastest transfer of files that this environment has."""

from __future__ import annotations

from importlib.util import find_spec

from synapse_hooks.backends.synapse.retry import Timeouts
from synapse_hooks.backends.synapse.transfer import AddressPolicy, Transfer


def best_transfer(timeouts: Timeouts, policy: AddressPolicy) -> Transfer:
    """The fastest one that there is."""
    if has_curl():
        from synapse_hooks.backends.synapse.curl_transfer import CurlTransfer

        return CurlTransfer(timeouts, policy)
    from synapse_hooks.backends.synapse.thread_transfer import ThreadTransfer

    return ThreadTransfer(timeouts, policy)


def has_curl() -> bool:
    """Whether pycurl is installed."""
    return find_spec('pycurl') is not None
