"""Delivering events that sinks of a run have not received, and ending runs whose process was killed.

A process that is killed reports nothing to its job. While a run with a job is on its way, a small file below the
client's folder marks it; the next run on this machine finds those of dead processes, and ends their jobs.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from synapse_hooks.context import RuntimeContext, TrainContext
from synapse_hooks.errors import RunError, SynapseHooksError
from synapse_hooks.journal import KILLED, Journal, RunDirectory, SinkPump, last_metrics, secrets_of
from synapse_hooks.plugins import JobReporter, PluginSink, PluginWarning, build, load_settings
from synapse_hooks.storage import is_dead, owner, write_atomic

_ACTIVE: Final = 'active'


_JOB: Final = 'project-JobReporter'


def undelivered_text(name: str, count: int, reason: str | None) -> str:
    """A message about events that a sink has not received.

    Example:
        >>> undelivered_text('acme-tracker', 1, 'Connection refused')
        "the sink 'acme-tracker' has not received 1 event: Connection refused"
        >>> undelivered_text('project-JobReporter', 17, None)
        'the job has not received 17 events'
    """
    who = 'the job' if name == _JOB else f'the sink {name!r}'
    return f'{who} has not received {count:,} event{"s" * (count != 1)}' + (f': {reason}' if reason else '')


def warn_of_failures(pump: SinkPump) -> None:
    """Warn of sinks that failed when they were closed. Nothing is raised, not even where warnings are made errors."""
    for name, failure in pump.failures.items():
        with suppress(PluginWarning):
            warnings.warn(f'the sink {name!r} failed in sink_closed: {failure}', PluginWarning, stacklevel=2)


def deliver(
    ctx: RuntimeContext, directory: RunDirectory, *, deadline: float = 30.0
) -> tuple[dict[str, int], dict[str, str]]:
    """Deliver what is left of a run's journal to its job and to the installed and the project's plugins.

    Args:
        ctx: The client, the job, and what plugins may take part.
        directory: The run, which no other process drives.
        deadline: Seconds to keep trying a sink that cannot be reached.

    Returns:
        How many events each sink still has not received, and why, where that is known.
    """
    plugins = build(
        load_settings(ctx.project, block=ctx.block, only=ctx.only),
        extra=ctx.plugins if ctx.job_id is None else (*ctx.plugins, JobReporter()),
        installed=None if ctx.discover else (),
        refuse=False,
    )
    redact = secrets_of(os.environ)
    # Nothing is run: this is not another attempt.
    journal = Journal.join(directory.path, run=directory.name, redact=redact)
    context = TrainContext(
        params=dict(directory.read()['params']),
        runtime_ctx=ctx,
        hooks=plugins.calls,
        recorder=journal,
        run_dir=directory.path,
        trial=directory.read().get('trial'),
        settings=plugins.settings.settings,
    )
    pump = SinkPump(journal, [PluginSink(adapter, context) for adapter in plugins.sink_adapters()])
    try:
        undelivered = pump.close(deadline, insist=True)
    finally:
        journal.close()
    warn_of_failures(pump)
    late = {name: count for name, count in undelivered.items() if count}
    directory.update(undelivered=late)
    return late, pump.reasons


@contextmanager
def marked_active(ctx: RuntimeContext, directory: RunDirectory) -> Iterator[None]:
    """While the block runs, a file marks this process as the owner of a run with a job."""
    if ctx.job_id is None or ctx.client is None:
        yield
        return
    marker = Path(ctx.client.root, _ACTIVE, f'{directory.name}-{os.getpid()}.json')
    note = {'run_dir': str(directory.path), 'job': ctx.job_id, 'owner': owner(), 'backend': _backend(ctx)}
    with suppress(OSError, SynapseHooksError):
        write_atomic(marker, msgspec.json.encode(note), durable=False)
    try:
        yield
    finally:
        with suppress(OSError):
            marker.unlink(missing_ok=True)


def end_dead_runs(ctx: RuntimeContext) -> list[Path]:
    """Record the end of runs whose process is dead, and report it to their jobs. Nothing is raised.

    Args:
        ctx: For its client: only runs with jobs of the same one are read.

    Returns:
        The run directories.
    """
    markers = [] if ctx.client is None else sorted(Path(ctx.client.root, _ACTIVE).glob('*.json'))
    ended = []
    for marker in markers:
        with suppress(OSError, ValueError, msgspec.MsgspecError, SynapseHooksError):
            note: dict[str, Any] = msgspec.json.decode(marker.read_bytes(), type=dict[str, Any])
            if ctx.resume and Path(note['run_dir']) == ctx.run_dir:
                # It is being resumed: this is not its end.
                continue
            if note.get('backend') != _backend(ctx):
                # Its job is of another backend, where the same number is another job.
                continue
            if is_dead(note['owner'], marker.stat().st_mtime):
                if _end(ctx, Path(note['run_dir']), note['job']):
                    ended.append(Path(note['run_dir']))
                marker.unlink(missing_ok=True)
    return ended


def _backend(ctx: RuntimeContext) -> dict[str, str]:
    return dict(getattr(ctx.client, 'address', {}))


def _end(ctx: RuntimeContext, run_dir: Path, job: int | str) -> bool:
    try:
        directory = RunDirectory.open(run_dir)
    except RunError:
        return False
    with directory.locked():
        if directory.read()['status'] != 'running':
            return False
        directory.update(status='failed', error=KILLED, metrics=last_metrics(directory.path))
        journal = Journal.join(directory.path, run=directory.name, redact=secrets_of(os.environ))
        journal.record('run_end', {'status': 'failed', 'error': KILLED, 'model': None})
        journal.close()
        deliver(RuntimeContext(client=ctx.client, job_id=job, discover=False), directory, deadline=5.0)
    return True
