"""The connection of this process to a cluster, and what was sent there: one for all runs that go on at once."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synapse_hooks.errors import LaunchError
from synapse_hooks.launches import RunPlan
from synapse_hooks.launching import write_stderr
from synapse_hooks_ray.cluster import address_of, connected, import_ray
from synapse_hooks_ray.project import project_of
from synapse_hooks_ray.settings import Settings
from synapse_hooks_ray.shipping import Shipment, pack_shipment

_lock = threading.Lock()
_shared: _Shared | None = None


class _Shared:
    """What this process has sent to the cluster for all runs that go on at once."""

    def __init__(self, folder: tempfile.TemporaryDirectory[str], shipment: Shipment) -> None:
        self.folder, self.shipment = folder, shipment
        self.users = 0


@contextmanager
def connection(plan: RunPlan, address: str | None, settings: Settings) -> Iterator[Shipment]:
    """While the block runs, this process is connected to the cluster, which has what the plan needs.

    Threads share the connection. What was sent for the first of the runs that go on is used by all of them.

    Args:
        plan: The plan.
        address: The address of the cluster; see `synapse_hooks_ray.cluster.connected`.
        settings: What to send.

    Raises:
        LaunchError: A plugin cannot be sent, or another project was.
        ConfigError: The project is too large, or the cluster is not there.
    """
    global _shared
    with _lock:
        if _shared is None:
            folder = tempfile.TemporaryDirectory(prefix='synapse-hooks-')
            # What a program has connected to by itself has its own files already.
            is_free = settings.ship and not import_ray(address_of(address)).is_initialized()
            shipment = pack_shipment(plan, Path(folder.name), exclude=settings.exclude) if is_free else Shipment()
            _announce(shipment)
            _shared = _Shared(folder, shipment)
        shared = _shared
        root = project_of(plan)
        if shared.shipment.root is not None and root is not None and str(root) != shared.shipment.root:
            raise LaunchError(
                f'this process has sent {shared.shipment.root} to the cluster, and the run needs {root}',
                hint='launch runs of different projects from different processes',
            )
        shared.users += 1
    try:
        with connected(address, runtime_env=shared.shipment.runtime_env()):
            yield shared.shipment
    finally:
        with _lock:
            shared.users -= 1
            if not shared.users:
                _shared = None
                shared.folder.cleanup()


def _announce(shipment: Shipment) -> None:
    if shipment.plugins:
        write_stderr(f'sent to the cluster: {", ".join(shipment.plugins)}')
    if shipment.left_out:
        write_stderr(shipment.left_out)
