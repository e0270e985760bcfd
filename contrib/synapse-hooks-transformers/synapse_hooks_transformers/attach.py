"""Attaching the autologger to transformers, and detaching it.

Callbacks are the interface of transformers for this, and `Trainer.add_callback` adds one; but a trainer must be known
for that, and `DEFAULT_CALLBACKS`, a list in a module, reaches only those that are made later, and stays with them. So
`Trainer.train` is replaced while a session is attached: it adds the callback for the time of the call. Only this
function knows the checkpoint from which a training resumes, too.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from synapse_hooks.autologgers.attaching import Attached
from synapse_hooks.errors import ConfigError
from synapse_hooks.safe_text import summary
from synapse_hooks_transformers.training import Training, make_callback
from synapse_hooks_transformers.values import scores

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession

_attached: Attached[Attachment] = Attached()


class Attachment:
    """Logs every `Trainer` to one session, while entered."""

    def __init__(self, session: AutologSession) -> None:
        self.session = session
        self.busy: set[int] = set()
        """The ids of the trainers that train or evaluate: what they call themselves is a part of that."""

    def __enter__(self) -> Attachment:
        trainer, arguments = _import('trainer').Trainer, _import('training_args').TrainingArguments

        def replace_all() -> None:
            _attached.replace(arguments, '__post_init__', _initializing)
            _attached.replace(trainer, 'train', _training)
            _attached.replace(trainer, 'evaluate', _evaluating('evaluate', 'val'))
            _attached.replace(trainer, 'predict', _evaluating('predict', 'final'))

        _attached.add(self, replace_all)
        return self

    def __exit__(self, *_: object) -> None:
        _attached.remove(self)

    def train(self, original: Callable[..., Any], trainer: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call `Trainer.train`, and log it."""
        training: Training | None = None
        with self.session.guard('attaching'):
            if trainer.is_world_process_zero():
                training = self.begin(trainer, named.get('resume_from_checkpoint', args[0] if args else None))
        try:
            result = original(trainer, *args, **named)
        finally:
            if training is not None:
                with self.session.guard('detaching'):
                    trainer.remove_callback(training.callback)
        if training is not None:
            training.end(trainer)
        return result

    def begin(self, trainer: Any, checkpoint: Any) -> Training:
        """Begin a training: a log, and a callback."""
        if checkpoint is True:
            checkpoint = _import('trainer_utils').get_last_checkpoint(trainer.args.output_dir)
        log = self.session.start_training('train', checkpoint=checkpoint or None, folder=trainer.args.output_dir)
        training = Training(self.session, log)
        training.callback = make_callback(training, _import('trainer_callback').TrainerCallback)
        trainer.add_callback(training.callback)
        return training

    def evaluated(self, trainer: Any, name: str, phase: str, result: Any) -> None:
        """Log what `evaluate` or `predict` returned, under a name of its own."""
        with self.session.guard(f'logging the metrics of `{name}`'):
            if trainer.is_world_process_zero():
                found = scores(result.metrics or {} if hasattr(result, 'metrics') else result)
                self.session.log_for(name).log_metrics(found, phase=phase)


def _initializing(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def __post_init__(arguments: Any) -> None:
        attachment = _attached.current()
        if attachment is not None and arguments.output_dir is None:
            arguments.output_dir = str(attachment.session.run_dir.resolve() / 'transformers')
        original(arguments)

    return __post_init__


def _training(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def train(trainer: Any, *args: Any, **named: Any) -> Any:
        attachment = _attached.current()
        if attachment is None or id(trainer) in attachment.busy:
            return original(trainer, *args, **named)
        attachment.busy.add(id(trainer))
        try:
            return attachment.train(original, trainer, args, named)
        finally:
            attachment.busy.discard(id(trainer))

    return train


def _evaluating(name: str, phase: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def evaluate(trainer: Any, *args: Any, **named: Any) -> Any:
            attachment = _attached.current()
            if attachment is None or id(trainer) in attachment.busy:
                return original(trainer, *args, **named)
            attachment.busy.add(id(trainer))
            try:
                result = original(trainer, *args, **named)
            finally:
                attachment.busy.discard(id(trainer))
            attachment.evaluated(trainer, name, phase, result)
            return result

        return evaluate

    return make


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(f'transformers.{name}')
    except (ImportError, OSError) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing in ('transformers', 'torch', 'accelerate'):
            raise ConfigError(
                f"autolog('transformers') needs the package {missing}, which is not installed",
                hint='pip install transformers torch accelerate',
                framework='transformers',
            ) from error
        raise ConfigError(
            f'transformers is installed, but cannot be imported (transformers.{name}): {summary(error)}',
            hint=f"try `python -c 'import transformers.{name}'`",
            framework='transformers',
        ) from error
