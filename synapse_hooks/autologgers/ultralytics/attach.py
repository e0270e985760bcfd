"""Attaching the autologger to ultralytics, and detaching it.

ultralytics has no plugin interface, and its default callbacks are copied into each model when the model is made: adding
to them misses every model that exists already, and stays in every model that was made meanwhile. Every *trainer*,
however, calls two functions by name: where to write (`get_save_dir`), and which integrations to add. Those names are
exchanged while at least one session is attached, for functions that call the original and then do their own part. No
setting, no default and no model is touched, and no callback is ever copied, pickled or sent to another process.
"""

from __future__ import annotations

import functools
import importlib
import weakref
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from synapse_hooks.autologgers.attaching import Attached
from synapse_hooks.autologgers.ultralytics.files import Stamp, log_files, replay_results, resumable, stamp
from synapse_hooks.autologgers.ultralytics.relocation import keep_in_run, relocate_args, rewrite_weights
from synapse_hooks.autologgers.ultralytics.training import Training
from synapse_hooks.autologgers.ultralytics.validation import watch_validation
from synapse_hooks.errors import ConfigError
from synapse_hooks.safe_text import summary

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession

PLACERS: Final = tuple(f'ultralytics.engine.{name}' for name in ('trainer', 'validator', 'predictor', 'model'))
"""The modules that hold `get_save_dir`, each under a name of its own."""
INTEGRATIONS: Final = 'ultralytics.utils.callbacks'


class Placed(NamedTuple):
    """A training whose folder was requested."""

    name: str
    """What the user calls it, else `train`."""
    checkpoint: str | None
    """What it resumes from, or None."""
    table: Stamp
    """What its results.csv was like then."""


_attached: Attached[Attachment] = Attached()


class Attachment:
    """Logs every ultralytics training to one session, while entered. Where several are attached, a training belongs to
    the one that its own thread attached last, else to the last of all.
    """

    def __init__(self, session: AutologSession) -> None:
        self.session = session
        self.trainings: list[tuple[Training, weakref.ref[Any]]] = []
        self.placed: dict[Path, Placed] = {}

    def __enter__(self) -> Attachment:
        modules = {name: _import(name) for name in ('ultralytics', *PLACERS, INTEGRATIONS)}

        def replace_all() -> None:
            for name in PLACERS:
                _attached.replace(modules[name], 'get_save_dir', functools.partial(_placing, module=name))
            _attached.replace(modules[INTEGRATIONS], 'add_integration_callbacks', _integrating)

        _attached.add(self, replace_all)
        needed = ((PLACERS[0], 'get_save_dir'), (INTEGRATIONS, 'add_integration_callbacks'))
        if not all(_attached.has_replaced(modules[module], name) for module, name in needed):
            version = getattr(modules['ultralytics'], '__version__', '?')
            self.session.log_message(
                f'ultralytics {version} differs from the versions that this autologger supports (8.4.50 to 8.4.190): '
                'trainings will not be logged in full',
                level='warning',
                code='autolog-unsupported',
            )
        with self.session.guard('rewriting the paths in weights'):
            rewrite_weights(self.session)
        return self

    def __exit__(self, *_: object) -> None:
        _attached.remove(self)
        for training, reference in self.trainings:
            with self.session.guard('detaching'):
                training.detach(reference())
        for save_dir, placed in self.placed.items():
            with self.session.guard('reading results.csv'):
                table = save_dir / 'results.csv'
                if stamp(table) not in (None, placed.table):
                    log = self.session.start_training(placed.name, checkpoint=placed.checkpoint, folder=save_dir)
                    replay_results(log, table)
                    log_files(log, save_dir)
                    last = save_dir / 'weights' / 'last.pt'
                    if last.is_file() and not resumable(last):
                        log.finish()

    def place(self, args: Any) -> Any:
        """The arguments by which ultralytics finds the folder to write to: below the run directory, unless the user
        chose another place. The arguments themselves stay as they are, since integrations read `project` as a name of
        theirs.
        """
        if any(getattr(args, name, None) for name in ('project', 'save_dir')):
            return args
        return SimpleNamespace(
            **{'name': None, **vars(args), 'project': str(self.session.run_dir.resolve() / 'ultralytics')}
        )

    def watch(self, trainer: Any) -> None:
        """Log a training that is about to begin in this process, once."""
        # Called twice, when another program's function around ours outlived an earlier session.
        if any(reference() is trainer for _, reference in self.trainings):
            return
        placed = self.placed.pop(Path(trainer.save_dir), Placed('train', None, None))
        log = self.session.start_training(placed.name, checkpoint=placed.checkpoint, folder=trainer.save_dir)
        training = Training(self.session, log)
        training.attach(trainer)
        self.trainings.append((training, weakref.ref(trainer)))

    def is_ours(self, validator: Any) -> bool:
        """Whether a validator is that of a training, which reports what it finds."""
        trainers = (reference() for _, reference in self.trainings)
        return any(trainer is not None and getattr(trainer, 'validator', None) is validator for trainer in trainers)


def _placing(original: Callable[..., Any], module: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def get_save_dir(args: Any, *rest: Any, **named: Any) -> Any:
        attachment = _attached.current()
        if attachment is None:
            return original(args, *rest, **named)
        trains, session = module == PLACERS[0], attachment.session
        resumed = str(args.resume) if trains and getattr(args, 'resume', None) else None
        name = str(getattr(args, 'name', None) or 'train')
        with session.guard('choosing the output folder'):
            relocate_args(args, session)
            if resumed is not None:
                keep_in_run(args, session)
            args = attachment.place(args)
        save_dir = original(args, *rest, **named)
        if trains:
            attachment.placed[Path(save_dir)] = Placed(name, resumed, stamp(Path(save_dir) / 'results.csv'))
        return save_dir

    return get_save_dir


def _integrating(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def add_integration_callbacks(instance: Any, *rest: Any, **named: Any) -> Any:
        result = original(instance, *rest, **named)
        attachment = _attached.current()
        # Predictors, exporters and tuners call this too: ultralytics itself distinguishes them by this name.
        kind = type(instance).__name__
        if attachment is not None:
            with attachment.session.guard('attaching'):
                if 'Trainer' in kind:
                    attachment.watch(instance)
                elif 'Validator' in kind and not attachment.is_ours(instance):
                    watch_validation(instance, attachment.session)
        return result

    return add_integration_callbacks


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == 'ultralytics':
            raise ConfigError(
                "autolog('ultralytics') needs the package ultralytics, which is not installed",
                hint="pip install 'synapse-hooks[ultralytics]'",
                framework='ultralytics',
            ) from error
        raise ConfigError(
            f'ultralytics is installed, but cannot be imported ({name}): {summary(error)}',
            hint="try `python -c 'import ultralytics.engine.model'`; to reinstall it: "
            "pip install --force-reinstall 'synapse-hooks[ultralytics]'",
            framework='ultralytics',
        ) from error
