"""Attaching the autologger to Lightning, and detaching it.

Lightning's own place for callbacks of others is the entry point group `lightning.pytorch.callbacks_factory`. It is
called when a `Trainer` is made, in every program of the environment: trainers made before would be missed, and the
callback would stay with a trainer. So methods of `Trainer` are replaced while a session is attached. `fit` adds a
callback for the time of the call.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.autologgers.attaching import Attached
from synapse_hooks.autologgers.values import numbers
from synapse_hooks.errors import ConfigError
from synapse_hooks.safe_text import summary
from synapse_hooks_lightning.training import Training, make_callback

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession

PACKAGES: Final = {'lightning': 'lightning.pytorch', 'pytorch_lightning': 'pytorch_lightning'}
"""Both names of Lightning: what `pip` installs under one is not the same as under the other."""

_attached: Attached[Attachment] = Attached()


class Attachment:
    """Logs every `Trainer` to one session, while entered."""

    def __init__(self, session: AutologSession) -> None:
        self.session = session
        self.trainings: dict[int, Training] = {}
        """Those that are in progress, by the id of their trainer."""

    def __enter__(self) -> Attachment:
        wanted = _import(self.session.framework)
        modules = {wanted, *filter(None, map(sys.modules.get, PACKAGES.values()))}

        def replace_all() -> None:
            for module in modules:
                for name, make in REPLACEMENTS.items():
                    _attached.replace(module.Trainer, name, make)

        _attached.add(self, replace_all)
        return self

    def __exit__(self, *_: object) -> None:
        missed = [
            name
            for name in PACKAGES.values()
            if (module := sys.modules.get(name)) and not _attached.has_replaced(module.Trainer, 'fit')
        ]
        _attached.remove(self)
        for name in missed:
            framework = next(key for key, value in PACKAGES.items() if value == name)
            self.session.log_message(
                f'{name} was imported after autolog({self.session.framework!r}), so its trainings were not logged; '
                f'call autolog({framework!r})',
                level='warning',
                code='autolog-unsupported',
            )

    def fit(self, original: Callable[..., Any], trainer: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call `Trainer.fit`, and log it."""
        if not self.wants(trainer):
            return original(trainer, *args, **named)
        training: Training | None = None
        with self.session.guard('attaching'):
            checkpoint = named.get('ckpt_path', args[4] if len(args) > 4 else None)
            training = self.begin(trainer, checkpoint)
        try:
            result = original(trainer, *args, **named)
        finally:
            if training is not None:
                self.trainings.pop(id(trainer), None)
                training.detach(trainer)
        if training is not None:
            training.end(trainer)
        return result

    def wants(self, trainer: Any) -> bool:
        """Whether `fit` is a training of its own: on the first rank, and not a search for a learning rate."""
        searching = any(getattr(callback, '_early_exit', False) for callback in trainer.callbacks)
        return trainer.is_global_zero and not searching and id(trainer) not in self.trainings

    def begin(self, trainer: Any, checkpoint: Any) -> Training:
        """Begin a training: a log, and a callback at the end of the trainer's list."""
        if type(trainer.strategy.launcher).__name__ == '_SubprocessScriptLauncher':
            self.session.log_message(
                f'{type(trainer.strategy).__name__} starts this program again for each device, which a run does not '
                "support: use strategy='ddp_fork' or 'ddp_spawn', or one device",
                level='warning',
                code='autolog-unsupported',
            )
        # Lightning has words for some checkpoints, such as `last`: that is the one of this run, if there is one.
        if checkpoint is not None and not Path(checkpoint).exists():
            checkpoint = self.session.resume_from
        folder = getattr(trainer.loggers[0], 'log_dir', None) if trainer.loggers else None
        log = self.session.start_training('train', checkpoint=checkpoint, folder=folder)
        training = Training(self.session, log)
        training.callback = make_callback(training, _package(trainer).Callback)
        trainer.callbacks.append(training.callback)
        self.trainings[id(trainer)] = training
        return training

    def evaluated(self, trainer: Any, name: str, phase: str, results: Any) -> None:
        """Log what `validate` or `test` returned, under a name of its own."""
        with self.session.guard(f'logging the metrics of `{name}`'):
            if trainer.is_global_zero and results:
                log = self.session.log_for(name)
                log.log_metrics({key: value for one in results for key, value in numbers(one).items()}, phase=phase)


def _initializing(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def __init__(trainer: Any, *args: Any, **named: Any) -> None:
        attachment = _attached.current()
        if attachment is not None and named.get('default_root_dir') is None:
            named['default_root_dir'] = str(attachment.session.run_dir.resolve() / 'lightning')
        original(trainer, *args, **named)

    return __init__


def _fitting(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def fit(trainer: Any, *args: Any, **named: Any) -> Any:
        attachment = _attached.current()
        if attachment is None:
            return original(trainer, *args, **named)
        return attachment.fit(original, trainer, args, named)

    return fit


def _saving(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def save_checkpoint(trainer: Any, filepath: Any, *args: Any, **named: Any) -> Any:
        attachment = _attached.current()
        training = None if attachment is None else attachment.trainings.get(id(trainer))
        result = original(trainer, filepath, *args, **named)
        if training is not None and trainer.is_global_zero:
            training.saved(trainer, filepath, bool(named.get('weights_only', args[0] if args else False)))
        return result

    return save_checkpoint


def _evaluating(name: str, phase: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def evaluate(trainer: Any, *args: Any, **named: Any) -> Any:
            results = original(trainer, *args, **named)
            attachment = _attached.current()
            if attachment is not None:
                attachment.evaluated(trainer, name, phase, results)
            return results

        return evaluate

    return make


REPLACEMENTS: Final = {
    '__init__': _initializing,
    'fit': _fitting,
    'save_checkpoint': _saving,
    'validate': _evaluating('validate', 'val'),
    'test': _evaluating('test', 'final'),
}


def _package(trainer: Any) -> ModuleType:
    """The package that a trainer is of; its class may be one of the user's."""
    names = {kind.__module__.partition('.')[0] for kind in type(trainer).__mro__}
    return sys.modules[next(module for package, module in PACKAGES.items() if package in names)]


def _import(framework: str) -> ModuleType:
    """Lightning under the name of the framework, else under the other one."""
    packages = sorted(PACKAGES, key=lambda name: name != framework)
    found = next((name for name in packages if importlib.util.find_spec(name)), None)
    if found is None:
        raise ConfigError(
            f'autolog({framework!r}) needs PyTorch Lightning, which is not installed',
            hint=f'pip install {framework.replace("_", "-")}',
            framework=framework,
        )
    try:
        return importlib.import_module(PACKAGES[found])
    except (ImportError, OSError) as error:
        raise ConfigError(
            f'{found} is installed, but cannot be imported: {summary(error)}',
            hint=f"try `python -c 'import {PACKAGES[found]}'`",
            framework=framework,
        ) from error
