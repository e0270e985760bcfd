"""`--launcher ray`: a run, many, or a search over hyperparameters, on the nodes of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import ClassVar

from synapse_hooks.errors import LaunchError
from synapse_hooks.launches import Resources, RunOutcome, RunPlan
from synapse_hooks.launching import SearchLauncher, write_stderr
from synapse_hooks.safe_text import summary
from synapse_hooks.searches import Search, SearchOutcome, Trial
from synapse_hooks_ray.cluster import is_disconnection
from synapse_hooks_ray.connection import connection
from synapse_hooks_ray.credentials import variables_of
from synapse_hooks_ray.settings import Settings


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
