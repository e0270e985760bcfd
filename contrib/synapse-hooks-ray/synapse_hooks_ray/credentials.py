"""The variables of the driver that the process of a run gets: in memory, from process to process, and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

from synapse_hooks.backends.synapse.connection import resolve
from synapse_hooks.launches import RunPlan

_SETTINGS: Final = (
    'SYNAPSE_HOOKS_BLOCK',
    'SYNAPSE_HOOKS_ONLY',
    'SYNAPSE_HOOKS_TRUST',
    'SYNAPSE_HOOKS_ALLOW_BROKEN',
    'SYNAPSE_HOOKS_MAX_ATTEMPTS',
    'SYNAPSE_HOOKS_SYSTEM_SECONDS',
    'SYNAPSE_HOOKS_KEEP_CONVERSIONS',
    'SYNAPSE_HOOKS_FILE_HOSTS',
    'SYNAPSE_HOOKS_ALLOW_HTTP',
    'SYNAPSE_PLUGIN_RUN_URL_HOST',
)
"""What configures a run by the environment, and names no folder."""


def variables_of(plan: RunPlan, names: Sequence[str] = (), env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that configure a run, the credentials of its backend, wherever the driver has them, and `names`.

    Raises:
        ConfigError: The backend is a host, and there is no token for it.
    """
    found = {name: env[name] for name in (*_SETTINGS, *names) if name in env}
    host = plan.address.get('host')
    connection = resolve(host, env, job=plan.job_id is not None) if host else None
    if connection is not None:
        found |= {
            'SYNAPSE_ACCESS_TOKEN': connection.access_token,
            'SYNAPSE_PLUGIN_RUN_USER_TOKEN': connection.user_token,
            'SYNAPSE_PLUGIN_RUN_TENANT': connection.tenant,
            'SYNAPSE_PLUGIN_RUN_AGENT_TOKEN': connection.agent,
        }
    return {name: value for name, value in found.items() if value}
