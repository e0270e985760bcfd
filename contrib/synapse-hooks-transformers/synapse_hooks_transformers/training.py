"""One training: callbacks of transformers, turned into events of the session."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.autologgers.values import json_value
from synapse_hooks_transformers.values import metrics, scores

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession, TrainingLog

PROGRESS_SECONDS: Final = 0.5
"""The least time between two progress events within an epoch."""


class Training:
    """What one call of `Trainer.train` logs. The methods with the names of events are called by the callback."""

    def __init__(self, session: AutologSession, log: TrainingLog) -> None:
        self.session = session
        self.log = log
        self.callback: Any = None
        self.started = False
        self.evaluated: dict[str, float] = {}
        self.due = 0.0

    def end(self, trainer: Any) -> None:
        """`train` has returned."""
        with self.session.guard('logging files'):
            best = trainer.state.best_model_checkpoint
            for file in sorted(Path(best).glob('*.safetensors')) if best else ():
                self.log.log_artifact(file, kind='weights', role='best')
        with self.session.guard('ending'):
            self.log.finish()

    def on_train_begin(self, args: Any, state: Any, model: Any) -> None:
        """Everything is set up. It comes again where a smaller batch is tried after running out of memory."""
        self._progress(args, state)
        if self.started:
            return
        self.started = True
        with self.session.guard('logging parameters'):
            found = {name: json_value(value) for name, value in args.to_dict().items() if value is not None}
            config: Any = getattr(model, 'config', None)
            described = json_value(config.to_diff_dict()) if hasattr(config, 'to_diff_dict') else {}
            trainable = sum(one.numel() for one in model.parameters() if one.requires_grad)
            self.log.log_params(
                found | {'model': {'class': type(model).__name__, **described}, 'trainable_parameters': trainable}
            )

    def on_log(self, args: Any, state: Any, logs: dict[str, Any]) -> None:
        """What transformers logs, as often as it does: `logging_strategy`, `logging_steps`, `eval_strategy`."""
        with self.session.guard('logging metrics'):
            if 'train_runtime' in logs:
                self.log.log_metrics(metrics(logs), phase='final')
                return
            phase = 'val' if any(name.startswith('eval_') for name in logs) else 'train'
            values = scores(logs)
            if phase == 'val':
                self.evaluated = self.evaluated | values
            by_epoch = (args.eval_strategy if phase == 'val' else args.logging_strategy) == 'epoch'
            step = max(round(state.epoch or 0), 1) if by_epoch else state.global_step
            self.log.log_metrics(values, phase=phase, step=step, axis='epoch' if by_epoch else 'batch')

    def on_save(self, args: Any, state: Any) -> None:
        """A checkpoint is complete, a folder."""
        with self.session.guard('logging a checkpoint'):
            path = Path(args.output_dir) / f'checkpoint-{state.global_step}'
            if path.is_dir():
                self.log.log_checkpoint(
                    path,
                    epoch=max(math.ceil((state.epoch or 0) - 1e-6), 1),
                    fitness=self._fitness(args),
                    best=state.best_model_checkpoint is not None and Path(state.best_model_checkpoint) == path,
                    resumable=not args.save_only_model,
                )

    def on_step_end(self, args: Any, state: Any) -> None:
        """Runs for every step: it reads the clock only."""
        if time.monotonic() >= self.due:
            self.due = time.monotonic() + PROGRESS_SECONDS
            self._progress(args, state)

    def on_epoch_end(self, args: Any, state: Any) -> None:
        """An epoch was trained; it is evaluated next."""
        self._progress(args, state)

    def _progress(self, args: Any, state: Any) -> None:
        with self.session.guard('reporting progress'):
            if args.max_steps > 0:
                self.log.set_progress(state.global_step, args.max_steps)
            else:
                self.log.set_progress(round(state.epoch or 0, 3), math.ceil(args.num_train_epochs))

    def _fitness(self, args: Any) -> float | None:
        name = args.metric_for_best_model
        if name is None:
            return None
        value = self.evaluated.get(name if name.startswith('eval_') else f'eval_{name}')
        return value if value is None or args.greater_is_better else -value


def make_callback(training: Training | None, base: Any) -> Any:
    """A callback of transformers that calls a training, in the first process. A copy or a pickle of it does nothing.

    Args:
        training: None for one that does nothing.
        base: The class `TrainerCallback`.
    """
    wanted = {'on_train_begin': 'model', 'on_log': 'logs', 'on_save': '', 'on_step_end': '', 'on_epoch_end': ''}
    hooks = {name: _calling(name, key) for name, key in wanted.items()}
    kind = type('SynapseHooksCallback', (base,), {**hooks, 'training': training, '__reduce__': _reduce})
    return kind()


def _calling(name: str, key: str) -> Any:
    def event(callback: Any, args: Any, state: Any, control: Any, **named: Any) -> None:
        if callback.training is not None and state.is_world_process_zero:
            getattr(callback.training, name)(args, state, **({key: named[key]} if key else {}))

    event.__name__ = name
    return event


def _reduce(callback: Any) -> tuple[Any, ...]:
    return make_callback, (None, type(callback).__mro__[1])
