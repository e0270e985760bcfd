"""A validation on its own, `model.val()`: its metrics and plots, under a name of their own."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse_hooks.autologgers.ultralytics.classes import evaluation_of
from synapse_hooks.autologgers.ultralytics.files import log_files
from synapse_hooks.autologgers.values import numbers
from synapse_hooks.journal.evaluation import log_evaluation

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession


def watch_validation(validator: Any, session: AutologSession) -> None:
    """Record what a validator finds that belongs to no training, as `val`, `val2`, ... or as the user calls it."""

    def on_val_end(validator: Any) -> None:
        with session.guard('logging a validation'):
            log = session.log_for(str(getattr(validator.args, 'name', None) or 'val'))
            found = numbers(validator.metrics.results_dict)
            found.pop('fitness', None)
            log.log_metrics(found, phase='val')
            log_files(log, Path(validator.save_dir))
            by_class = evaluation_of(validator)
            if by_class is not None:
                log_evaluation(log, log.name, by_class)

    # The list is the model's own, which other validations share.
    validator.callbacks = defaultdict(list, {event: [*functions] for event, functions in validator.callbacks.items()})
    validator.callbacks['on_val_end'].append(on_val_end)
