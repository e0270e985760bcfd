"""What happened: the run directory with its record, the journal of events, and the sinks that read it.

run.update(...)      ->  run.json       what the run is, and how far it got
journal.record(...)  ->  events.jsonl   every event, in order; the truth
                             |
                         SinkPump       a thread and a cursor for each sink, and a second one for its artifacts

Each name is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.journal.evaluation import Confusion, Evaluation, log_evaluation, read_evaluation
    from synapse_hooks.journal.journal import Journal
    from synapse_hooks.journal.lane import HOOK_OF, Sink
    from synapse_hooks.journal.metrics import MetricKey, last_metrics, metrics_table
    from synapse_hooks.journal.provenance import environment, git_revision
    from synapse_hooks.journal.reader import (
        Events,
        journal_files,
        last_attempt,
        latest,
        read_events,
    )
    from synapse_hooks.journal.run_directory import KILLED, RunDirectory, current_path, is_driven, new_run_name
    from synapse_hooks.journal.sink_state import SinkState
    from synapse_hooks.journal.sinks import SinkPump
    from synapse_hooks.journal.trainings import last_checkpoint, read_trainings
    from synapse_hooks.journal.values import Redactor, secrets_of, without_secrets

_HOMES = {
    'HOOK_OF': 'lane',
    'Confusion': 'evaluation',
    'Evaluation': 'evaluation',
    'Events': 'reader',
    'Journal': 'journal',
    'MetricKey': 'metrics',
    'Redactor': 'values',
    'RunDirectory': 'run_directory',
    'Sink': 'lane',
    'SinkPump': 'sinks',
    'SinkState': 'sink_state',
    'KILLED': 'run_directory',
    'current_path': 'run_directory',
    'environment': 'provenance',
    'git_revision': 'provenance',
    'is_driven': 'run_directory',
    'journal_files': 'reader',
    'last_attempt': 'reader',
    'last_checkpoint': 'trainings',
    'last_metrics': 'metrics',
    'latest': 'reader',
    'log_evaluation': 'evaluation',
    'metrics_table': 'metrics',
    'new_run_name': 'run_directory',
    'read_evaluation': 'evaluation',
    'read_events': 'reader',
    'read_trainings': 'trainings',
    'secrets_of': 'values',
    'without_secrets': 'values',
}

__all__ = [
    'HOOK_OF',
    'KILLED',
    'Confusion',
    'Evaluation',
    'Events',
    'Journal',
    'MetricKey',
    'Redactor',
    'RunDirectory',
    'Sink',
    'SinkPump',
    'SinkState',
    'current_path',
    'environment',
    'git_revision',
    'is_driven',
    'journal_files',
    'last_attempt',
    'last_checkpoint',
    'last_metrics',
    'latest',
    'log_evaluation',
    'metrics_table',
    'new_run_name',
    'read_evaluation',
    'read_events',
    'read_trainings',
    'secrets_of',
    'without_secrets',
]

import_lazily(__name__, _HOMES)
