"""Every call of a hook of a run: recorded while it runs, and read again.

Tracer      ->  trace.jsonl   one line for each call, with its plugin, duration and outcome
read_trace  <-  trace.jsonl   the attempts of a run, as trees of calls or as a Chrome trace

Each name is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.tracing.chrome import chrome_trace
    from synapse_hooks.tracing.reader import Trace, TracedCall, read_traces
    from synapse_hooks.tracing.records import TRACE
    from synapse_hooks.tracing.tracer import Tracer
    from synapse_hooks.tracing.tree import CallNode, StageCalls, call_trees

_HOMES = {
    'TRACE': 'records',
    'CallNode': 'tree',
    'StageCalls': 'tree',
    'Trace': 'reader',
    'TracedCall': 'reader',
    'Tracer': 'tracer',
    'call_trees': 'tree',
    'chrome_trace': 'chrome',
    'read_traces': 'reader',
}

__all__ = [
    'TRACE',
    'CallNode',
    'StageCalls',
    'Trace',
    'TracedCall',
    'Tracer',
    'call_trees',
    'chrome_trace',
    'read_traces',
]

import_lazily(__name__, _HOMES)
