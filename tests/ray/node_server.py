"""A Ray cluster of two nodes on the loopback address: a process of its own, which takes commands by lines of JSON.

It prints `{"address": ..., "client": ...}` (for Ray Client) when the cluster is up, and one line after each command. It
ends with all of its nodes when stdin is closed.

    {"do": "add", "cpus": 2, "resources": {"gpu_box": 1}}   ->  {"node": 2}
    {"do": "kill", "node": 2}                               ->  {"killed": 2}     by SIGKILL, all of its processes
    {"do": "nodes"}                                         ->  {"alive": [0, 1]}
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

CPUS = 2
_STORE = 100 << 20
_CONFIG = {'health_check_initial_delay_ms': 0, 'health_check_period_ms': 500, 'health_check_failure_threshold': 4}
"""A node that was killed is given up after 2 seconds, and not after 15."""


def main(temp_dir: str) -> None:
    """Serve until there are no more commands."""
    # What Ray prints is not an answer.
    out = os.fdopen(os.dup(1), 'w', encoding='utf-8')
    os.dup2(2, 1)
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    with socket.create_server(('127.0.0.1', 0)) as unused:
        port = unused.getsockname()[1]
    common = {'node_ip_address': '127.0.0.1', 'object_store_memory': _STORE}

    def add(number: int, cpus: int, gpus: int, resources: dict[str, float]) -> Any:
        # With `node0`, `node1`, ... a task can be placed on one of them.
        head = {'temp_dir': temp_dir, 'include_dashboard': False, 'ray_client_server_port': port}
        more = {**head, '_system_config': _CONFIG} if number == 0 else {}
        own = {f'node{number}': 1.0, **resources}
        return cluster.add_node(num_cpus=cpus, num_gpus=gpus, resources=own, **common, **more)

    def answer(content: dict[str, Any]) -> None:
        out.write(json.dumps(content) + '\n')
        out.flush()

    try:
        nodes = {number: add(number, CPUS, 0, {}) for number in range(2)}
        answer({'address': cluster.address, 'client': f'ray://127.0.0.1:{port}'})
        for line in sys.stdin:
            command = json.loads(line)
            if command['do'] == 'add':
                number = max(nodes) + 1 if nodes else 0
                nodes[number] = add(
                    number, command.get('cpus', CPUS), command.get('gpus', 0), command.get('resources', {})
                )
                answer({'node': number})
            elif command['do'] == 'kill':
                kill(cluster, nodes.pop(command['node']))
                answer({'killed': command['node']})
            else:
                answer({'alive': sorted(nodes)})
    finally:
        cluster.shutdown()


def kill(cluster: Any, node: Any) -> None:
    """End a node, and its agents, which would otherwise go on for seconds with what they prepare for the next job."""
    (raylet,) = (info.process.pid for info in node.all_processes['raylet'])
    agents = [pid for pid in children(raylet) if b'agent' in Path(f'/proc/{pid}/cmdline').read_bytes()]
    cluster.remove_node(node, allow_graceful=False)
    for pid in agents:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(one) for one in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]


if __name__ == '__main__':
    main(sys.argv[1])
