"""Connecting to Ray: a cluster by its address, or one of this machine that ends with the block.

Ray reads some variables when it is imported, so it is imported here and nowhere before.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, Final, NoReturn

from synapse_hooks.errors import LaunchError
from synapse_hooks.safe_text import summary
from synapse_hooks_ray.access import own_token, refusal, require_access

LOCAL: Final = 'local'
"""The address of a cluster that is started on this machine, and ends with the connection."""
CLIENT: Final = 'ray://'
"""How addresses of Ray Client begin: this machine need not be a node."""
_LOOPBACK: Final = ('127.0.0.1', 'localhost', '[::1]')
_OBJECT_STORE: Final = 128 << 20
_SERVER_CRASHED: Final = 'Starting Ray client server failed'
_ATTEMPTS: Final = 4
"""Bytes of a local cluster's object store: results and errors are in it, and no data."""

_lock = threading.Lock()
_connection: _Connection | None = None


class _Connection:
    """The connection of this process: Ray has one."""

    def __init__(self, address: str, runtime_env: Mapping[str, Any], ours: bool) -> None:
        self.address = address
        self.runtime_env = dict(runtime_env)
        self.ours = ours
        self.users = 0


@contextmanager
def connected(
    address: str | None = None, *, runtime_env: Mapping[str, Any] | None = None, cpus: int | None = None
) -> Iterator[Any]:
    """A connection to Ray while the block runs; the block gets the module `ray`.

    Threads share it: it ends with the last block. One that was there before, made by `ray.init`, is used and not ended.

    Args:
        address: `HOST:PORT` of the head node, `ray://HOST:PORT` of its server of Ray Client, or `local` for a cluster
            of this machine; None takes the variable `RAY_ADDRESS`, and a local cluster where that is not set either.
        runtime_env: What the workers of this job need: see `ray.init`. Another one while a block runs is an error.
        cpus: CPUs that a local cluster offers; None for those of this machine. Without meaning for another cluster.

    Raises:
        LaunchError: Ray is not installed, or there is no usable cluster at that address.
    """
    chosen = address_of(address)
    runtime_env = runtime_env or {}
    global _connection
    with _lock:
        ray = import_ray(chosen)
        if _connection is None:
            ours = not ray.is_initialized()
            if ours:
                _connect(ray, chosen, runtime_env, cpus)
            _connection = _Connection(chosen, runtime_env, ours)
        connection = _connection
        if (connection.address, connection.runtime_env) != (chosen, runtime_env) and connection.ours:
            raise LaunchError(
                f'this process is connected to Ray at {connection.address!r} already, with other files or variables',
                hint='wait until what runs there has ended, or use another process',
            )
        connection.users += 1
    try:
        yield ray
    finally:
        with _lock:
            connection.users -= 1
            if not connection.users:
                _connection = None
                if connection.ours:
                    with _signals_kept():
                        ray.shutdown()


def address_of(address: str | None = None) -> str:
    """The address of the cluster to use: the argument, the variable `RAY_ADDRESS`, or `local`.

    Raises:
        LaunchError: It is neither `HOST:PORT` nor `ray://HOST:PORT`.
    """
    chosen = address or os.environ.get('RAY_ADDRESS') or LOCAL
    where = 'the address' if address else 'RAY_ADDRESS'
    if chosen == LOCAL:
        return chosen
    host, colon, port = chosen.removeprefix(CLIENT).rpartition(':')
    is_port = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if not (host and colon and is_port) or '/' in host:
        raise LaunchError(
            f'{where} of the Ray cluster must be HOST:PORT or {CLIENT}HOST:PORT, got {chosen!r}',
            hint=f'write {LOCAL!r} for a cluster of this machine, or the address that `ray start --head` has printed',
        )
    return chosen


def variables_here() -> dict[str, str]:
    """On a node: the variable by which a process that is started finds this cluster, unless it names one already."""
    ray = sys.modules.get('ray')
    if os.environ.get('RAY_ADDRESS') or ray is None or not ray.is_initialized():
        return {}
    return {'RAY_ADDRESS': ray.get_runtime_context().gcs_address}


def import_ray(address: str = LOCAL) -> Any:
    """The module `ray`, with the variables set that it reads when it is imported.

    Raises:
        LaunchError: It is not installed, or cannot be imported.
    """
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
    if address == LOCAL or address.rpartition(':')[0] in _LOOPBACK:
        # Otherwise Ray uses the address of this machine in its network instead.
        os.environ.setdefault('RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER', '0')
    try:
        import ray
    except ImportError as error:
        raise LaunchError(
            f'Ray cannot be imported: {summary(error)}', hint='install it: `pip install "ray>=2.60"`'
        ) from error
    return ray


def _connect(ray: Any, address: str, runtime_env: Mapping[str, Any], cpus: int | None) -> None:
    options: dict[str, Any] = {'address': address, 'runtime_env': dict(runtime_env) or None}
    if address == LOCAL:
        options['num_cpus'] = cpus or len(os.sched_getaffinity(0))
        options |= {'include_dashboard': False, 'object_store_memory': _OBJECT_STORE}
    else:
        if address.startswith(CLIENT):
            _require_grpc()
        require_access(address)
    for attempt in range(_ATTEMPTS):
        try:
            with _signals_kept(), own_token() if address == LOCAL else nullcontext():
                ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:
            # What it has started until then would stay.
            with suppress(Exception), _signals_kept():
                ray.shutdown()
            # The head node forks a server for each client while other threads use gRPC: now and then that one crashes.
            if _SERVER_CRASHED not in str(error) or attempt + 1 == _ATTEMPTS:
                _explain(error, address)
        else:
            return


def _require_grpc() -> None:
    try:
        import grpc  # noqa: F401
    except ImportError as error:
        raise LaunchError(
            f'Ray Client needs grpcio: {summary(error)}', hint='install it: `pip install "synapse-hooks-ray[client]"`'
        ) from error


def _explain(error: Exception, address: str) -> NoReturn:
    if type(error).__name__ == 'AuthenticationError':
        raise refusal(address, 'has none') from error
    text = summary(error)
    where = 'of this machine cannot be started' if address == LOCAL else f'at {address} cannot be used'
    python = '.'.join(map(str, sys.version_info[:3]))
    if 'ersion mismatch' in str(error):
        hint = f'install on this machine what the cluster has; here is Python {python}, and Ray by `pip show ray`'
    elif address == LOCAL:
        hint = 'look into the logs in /tmp/ray/session_latest/logs'
    elif _SERVER_CRASHED in str(error):
        hint = 'look into that file on the head node, in /tmp/ray/session_latest/logs'
    elif address.startswith(CLIENT):
        hint = 'the head node must have been started with a server of Ray Client: `pip install "ray[client]"` there'
    else:
        hint = f'this machine must be a node of the cluster: `ray start --address={address}`; '
        hint += f'from another one, use `{CLIENT}HOST:10001`'
    raise LaunchError(f'the Ray cluster {where}: {text}', hint=hint) from error


def is_disconnection(error: Exception) -> bool:
    """Whether an error means that the connection was lost, which Ray Client has tried to make again until then."""
    return isinstance(error, ConnectionError) or type(error).__module__.partition('.')[0] == 'grpc'


@contextmanager
def _signals_kept() -> Iterator[None]:
    """While the block runs, handlers of signals may be set: afterwards they are what they were."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
