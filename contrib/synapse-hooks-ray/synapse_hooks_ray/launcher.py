"""`--launcher ray`: a run, many, or a search over hyperparameters, on the nodes of a Ray cluster."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import ClassVar

from synapse_hooks.cli.streams import write_stderr
from synapse_hooks.errors import LaunchError
from synapse_hooks.launches import Resources, RunOutcome, RunPlan
from synapse_hooks.launching import SearchLauncher
from synapse_hooks.safe_text import summary
from synapse_hooks.searches import Search, SearchOutcome, Trial
from synapse_hooks_ray.cluster import address_of, connected, import_ray, is_disconnection
from synapse_hooks_ray.credentials import variables_of
from synapse_hooks_ray.project import project_of
from synapse_hooks_ray.settings import Settings
from synapse_hooks_ray.shipping import Shipment, pack_shipment

_lock = threading.Lock()
_shared: _Shared | None = None


class Ray(SearchLauncher):
    """Runs plans as detached actors of a Ray cluster, which outlive the driver."""

    name: ClassVar[str] = 'ray'

    def run_plan(self, plan: RunPlan, resources: Resources, cancelled: Event) -> RunOutcome:
        """Run a plan, and return when it has ended; see the base class.

        Raises:
            LaunchError: It could not be launched, or was lost too often.
            ConfigError: The settings are wrong, or the cluster is not there.
            StorageError: The storage cannot be used.
        """
        settings = Settings.of(plan)
        name = Path(plan.run_dir).name

        def inform(text: str) -> None:
            write_stderr(f'{name}: {text}')

        with connection(plan, resources.address or settings.address or None, settings) as shipment:
            from synapse_hooks_ray.following import Following
            from synapse_hooks_ray.worker import Order

            order = Order(plan, shipment.root, variables_of(plan, settings.pass_env), resources.env)
            following = Following(plan, resources, settings, order, cancelled, inform, write_stderr)
            try:
                return following.run()
            except Exception as error:
                if not is_disconnection(error):
                    raise
                raise LaunchError(
                    f'the connection to the cluster was lost: {summary(error)}',
                    hint=f'the run may go on there: `synapse-hooks resume {plan.run_dir}` finds it',
                    run_dir=plan.run_dir,
                ) from error

    def run_search(
        self,
        plan: RunPlan,
        search: Search,
        resources: Resources,
        cancelled: Event,
        report: Callable[[Trial], None],
    ) -> SearchOutcome:
        """Search with Ray Tune; see the base class.

        Raises:
            LaunchError: It cannot begin, or go on.
            ConfigError: The settings are wrong, or the cluster is not there.
        """
        from synapse_hooks_ray.search import run_search

        return run_search(plan, search, resources, cancelled, report)

    def check_search(self, search: Search) -> list[str]:
        """What Ray Tune cannot do; see the base class."""
        from synapse_hooks_ray.methods import unsupported

        return unsupported(search)


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
