"""Finding the actor of a run, or starting one where the cluster has room for it."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any, Final

from synapse_hooks.errors import LaunchError
from synapse_hooks.launches import Resources, RunPlan
from synapse_hooks_ray.cluster import import_ray

NAMESPACE: Final = 'synapse-hooks'
_THREADS: Final = 8
"""Calls that an actor answers at once: `report` waits, while `cancel` must not."""
PATIENCE: Final = 5.0
"""Seconds without room before the user is informed."""
_END_SECONDS: Final = 10.0
_POLL: Final = 0.2


def run_id(plan: RunPlan, created: str) -> str:
    """What the actor of a run, and its folder below `--storage`, are called: every driver of the run finds it.

    Example:
        >>> run_id(RunPlan(target='t:T', run_dir='/runs/my run'), '2026-11-30T07:00:00+00:00')
        'my-run-55ea0c9b93c4'
    """
    name = re.sub(r'[^A-Za-z0-9._-]+', '-', plan.run_dir.rstrip('/').rpartition('/')[2]).strip('.-')[:60] or 'run'
    digest = hashlib.sha256('\n'.join((plan.run_dir, created)).encode()).hexdigest()
    return f'{name}-{digest[:12]}'


def find_actor(name: str) -> Any:
    """The actor of a run that goes on; None where there is none."""
    ray = import_ray()

    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError:
        return None


def start_actor(name: str, resources: Resources) -> Any:
    """Start the actor of a run. It waits for room in the cluster; see `wait_for_room`."""
    ray = import_ray()

    from synapse_hooks_ray.worker import Worker

    amounts: dict[str, Any] = {'num_cpus': 1 if resources.num_cpus is None else resources.num_cpus}
    if resources.num_gpus:
        amounts['num_gpus'] = resources.num_gpus
    if resources.memory:
        amounts['memory'] = resources.memory
    if resources.others:
        amounts['resources'] = dict(resources.others)
    actor = ray.remote(Worker).options(
        name=name,
        namespace=NAMESPACE,
        lifetime='detached',
        max_restarts=0,
        max_concurrency=_THREADS,
        get_if_exists=True,
        **amounts,
    )
    return actor.remote()


def end_actor(actor: Any, name: str) -> None:
    """End an actor, and wait until its name is free."""
    ray = import_ray()

    ray.kill(actor)
    deadline = time.monotonic() + _END_SECONDS
    while find_actor(name) is not None and time.monotonic() < deadline:
        time.sleep(_POLL / 10)


def wait_for_room(
    answer: Any, resources: Resources, cancelled: Event, seconds: float, inform: Callable[[str], None]
) -> bool:
    """Wait until an actor has started; whether it has, which it has not when the run was cancelled.

    Args:
        answer: The reference to the answer of a call of the actor.
        resources: What it needs.
        cancelled: Set when the user cancels.
        seconds: How long to wait for a node that has this, while none of the cluster has.
        inform: Shows a sentence to the user.

    Raises:
        LaunchError: No node of the cluster has what it needs.
    """
    ray = import_ray()

    needed = _needed(resources)
    begin = possible = time.monotonic()
    is_shown = False
    while not cancelled.is_set():
        ready, _ = ray.wait([answer], timeout=_POLL)
        if ready:
            return True
        now = time.monotonic()
        if now < begin + min(PATIENCE, seconds):
            continue
        nodes = [node['Resources'] for node in ray.nodes() if node['Alive']]
        if any(_fits(needed, node) for node in nodes):
            possible = now
        elif now > possible + seconds:
            largest = '; '.join(sorted({_shown(node, needed) for node in nodes})) or 'nothing'
            raise LaunchError(
                f'no node of the cluster has {_shown(needed)}: its nodes have {largest}',
                hint='give less with `-r NAME=AMOUNT`, or add a node',
            )
        # Otherwise the worker is starting.
        if not is_shown and (text := lack(needed)):
            is_shown = True
            inform(text)
    return False


def _needed(resources: Resources) -> dict[str, float]:
    amounts = {
        'CPU': 1.0 if resources.num_cpus is None else resources.num_cpus,
        'GPU': resources.num_gpus or 0.0,
        'memory': float(resources.memory or 0),
        **resources.others,
    }
    return {name: amount for name, amount in amounts.items() if amount}


def _fits(needed: Mapping[str, float], node: Mapping[str, float]) -> bool:
    return all(node.get(name, 0.0) >= amount for name, amount in needed.items())


def lack(needed: Mapping[str, float]) -> str:
    """A sentence about what is needed and what is free; empty where the cluster has room."""
    free = _free()
    if _fits(needed, free):
        return ''
    return f'waiting for {_shown(needed)}: free in the whole cluster are {_shown(free, needed)}'


def _free() -> Mapping[str, float]:
    ray = import_ray()

    free: Mapping[str, float] = ray.available_resources()
    return free


def _shown(amounts: Mapping[str, float], names: Mapping[str, float] | None = None) -> str:
    """`CPU 2, GPU 0.5, memory 8 GB`."""
    words = []
    for name in names or amounts:
        amount = amounts.get(name, 0.0)
        words.append(f'memory {amount / 1e9:.3g} GB' if name == 'memory' else f'{name} {amount:g}')
    return ', '.join(words) or 'nothing'
