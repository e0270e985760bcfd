"""Show which plugins were called in a run that was started with --trace: every call of a hook, with its duration.

The calls are a tree: what is below a call was called in it, by a wrapper around it or by a plugin that called a hook.
Calls that are alike are one line. --chrome writes a file for https://ui.perfetto.dev or chrome://tracing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.errors import ConfigError

if TYPE_CHECKING:
    from synapse_hooks.tracing import CallNode, Trace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, its attempt, and the file."""
    parser.add_argument(
        'run',
        metavar='RUN',
        nargs='?',
        default='last',
        help='a name, a unique beginning of one, the id or name of a model, `last` (the default), or a run directory',
    )
    parser.add_argument('--workspace', metavar='DIR', type=Path, help='where the runs are')
    parser.add_argument(
        '--attempt', metavar='N', type=int, help='which attempt of a run that was resumed; the last one'
    )
    parser.add_argument('--chrome', metavar='FILE', type=Path, help='write a trace for Perfetto or chrome://tracing')


def run(options: argparse.Namespace) -> CommandResult:
    """Read the trace, show it or write the file."""
    from synapse_hooks.cli.trace_text import trace_text
    from synapse_hooks.runs import Runs
    from synapse_hooks.tracing import call_trees, read_traces

    found = Runs(options.workspace).find(options.run)
    traces = read_traces(found.path)
    trace = _chosen(traces, options.attempt)
    stages = call_trees(trace)
    data = {
        'run': found.name,
        'path': str(found.path),
        'attempt': trace.attempt,
        'attempts': [each.attempt for each in traces],
        'started': trace.started,
        'seconds': trace.seconds,
        'complete': trace.is_complete,
        'lost': trace.lost,
        'unreadable_lines': trace.unreadable,
        'stages': [
            {'step': stage.step or None, 'seconds': stage.seconds, 'calls': [_node(node) for node in stage.nodes]}
            for stage in stages
        ],
        'not_traced': list(trace.not_traced),
        'chrome': None,
    }
    if options.chrome is None:
        return CommandResult(data, trace_text(found.name, trace, stages, [each.attempt for each in traces]))
    _write_chrome(options.chrome, trace, found.name, found.path)
    return CommandResult(
        {**data, 'chrome': str(options.chrome)},
        f'{options.chrome}: open it at https://ui.perfetto.dev, or in Chromium at chrome://tracing',
    )


def _chosen(traces: list[Trace], attempt: int | None) -> Trace:
    if attempt is None:
        return traces[-1]
    for trace in reversed(traces):
        if trace.attempt == attempt:
            return trace
    numbers = ', '.join(str(trace.attempt) for trace in traces)
    raise ConfigError(f'--attempt {attempt} was not traced', hint=f'the attempts with a trace are {numbers}')


def _write_chrome(file: Path, trace: Trace, name: str, run_dir: Path) -> None:
    from synapse_hooks.storage import disk_errors, write_atomic
    from synapse_hooks.tracing import chrome_trace

    if file.is_dir():
        raise ConfigError(f'--chrome {file} is a folder', hint=f'name a file: {file / "trace.json"}')
    if file.exists() and file.resolve().is_relative_to(run_dir.resolve()):
        raise ConfigError(f'--chrome {file} is a file of the run', hint='name a new file, or one in another folder')
    with disk_errors(file):
        write_atomic(file, json.dumps(chrome_trace(trace, name), ensure_ascii=True))


def _node(node: CallNode) -> dict[str, Any]:
    function = node.function
    return {
        'hook': function.hook,
        'plugin': function.plugin,
        'kind': function.kind,
        'rank': function.rank,
        'distribution': function.distribution,
        'version': function.version,
        'wrapper': function.wrapper,
        'outcome': node.outcome,
        'error': node.error,
        'thread': node.thread or None,
        'calls': node.calls,
        'seconds': round(node.seconds, 9),
        'own_seconds': round(node.own_seconds, 9),
        'longest': round(node.longest, 9),
        'inner': [_node(inner) for inner in node.inner],
    }
