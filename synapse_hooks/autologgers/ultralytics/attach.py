"""How the autologger gets into ultralytics, and out again.

ultralytics has no plugin interface, and its default callbacks are copied into each model when the model is made: adding
to them misses every model that exists already, and stays in every model that was made meanwhile. Every *trainer*,
however, asks two functions by name: where to write (`get_save_dir`), and which integrations to add. Those names are
exchanged while at least one session is attached, for functions that call the original and then do their own part. No
setting, no default and no model is touched, and no callback of ours is ever copied, pickled or sent to another process.
"""

from __future__ import annotations

import functools
import importlib
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.autologgers.ultralytics.files import Stamp, log_files, replay_results, stamp
from synapse_hooks.autologgers.ultralytics.training import Training
from synapse_hooks.errors import ConfigError, summary

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession

PLACERS: Final = tuple(f'ultralytics.engine.{name}' for name in ('trainer', 'validator', 'predictor', 'model'))
"""The modules that hold `get_save_dir`, each under a name of its own."""
INTEGRATIONS: Final = 'ultralytics.utils.callbacks'

_lock = threading.Lock()
_attached: list[Attachment] = []
_exchanged: list[tuple[ModuleType, str, Callable[..., Any], Callable[..., Any]]] = []


class Attachment:
    """Logs every ultralytics training to one session, while entered. Where several are attached, a training belongs to
    the one that its own thread attached last, else to the last of all.
    """

    def __init__(self, session: AutologSession) -> None:
        self.session = session
        self.thread = 0
        self.trainings: list[tuple[Training, weakref.ref[Any]]] = []
        self.placed: dict[Path, Stamp] = {}

    def __enter__(self) -> Attachment:
        modules = {name: _import(name) for name in ('ultralytics', *PLACERS, INTEGRATIONS)}
        self.thread = threading.get_ident()
        with _lock:
            if not _exchanged:
                for name in PLACERS:
                    _exchange(modules[name], 'get_save_dir', _placing)
                _exchange(modules[INTEGRATIONS], 'add_integration_callbacks', _integrating)
            found = {(module.__name__, name) for module, name, _, _ in _exchanged}
            _attached.append(self)
        if not found >= {(PLACERS[0], 'get_save_dir'), (INTEGRATIONS, 'add_integration_callbacks')}:
            version = getattr(modules['ultralytics'], '__version__', '?')
            self.session.log_message(
                f'ultralytics {version} is not laid out as the versions this autologger knows (8.4.50 to 8.4.190): '
                'trainings will not be logged in full',
                level='warning',
                code='autolog-unsupported',
            )
        return self

    def __exit__(self, *_: object) -> None:
        with _lock:
            _attached.remove(self)
            if not _attached:
                _restore()
        for training, reference in self.trainings:
            with self.session.guard('detaching'):
                training.detach(reference())
        for save_dir, before in self.placed.items():
            with self.session.guard('reading results.csv'):
                table = save_dir / 'results.csv'
                if stamp(table) not in (None, before):
                    replay_results(self.session, table)
                    log_files(self.session, save_dir)

    def place(self, args: Any) -> Any:
        """The arguments by which ultralytics finds the folder to write to: below the run directory, unless the user
        chose. The arguments themselves stay as they are, since integrations read `project` as a name of theirs.
        """
        if any(getattr(args, name, None) for name in ('project', 'name', 'save_dir')):
            return args
        return SimpleNamespace(
            **{'name': None, **vars(args), 'project': str(self.session.run_dir.resolve() / 'ultralytics')}
        )

    def watch(self, trainer: Any) -> None:
        """Log a training that is about to begin in this process, once."""
        # Twice asked, when somebody's function around ours outlived an earlier session.
        if any(reference() is trainer for _, reference in self.trainings):
            return
        training = Training(self.session)
        training.attach(trainer)
        self.trainings.append((training, weakref.ref(trainer)))
        self.placed.pop(Path(trainer.save_dir), None)


def _current() -> Attachment | None:
    own = threading.get_ident()
    attached = list(_attached)
    return next((one for one in reversed(attached) if one.thread == own), attached[-1] if attached else None)


def _placing(original: Callable[..., Any], module: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def get_save_dir(args: Any, *rest: Any, **named: Any) -> Any:
        attachment = _current()
        if attachment is None:
            return original(args, *rest, **named)
        with attachment.session.guard('choosing the output folder'):
            args = attachment.place(args)
        save_dir = original(args, *rest, **named)
        if module == PLACERS[0]:
            attachment.placed[Path(save_dir)] = stamp(Path(save_dir) / 'results.csv')
        return save_dir

    return get_save_dir


def _integrating(original: Callable[..., Any], module: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def add_integration_callbacks(instance: Any, *rest: Any, **named: Any) -> Any:
        result = original(instance, *rest, **named)
        attachment = _current()
        # Validators, predictors, exporters and tuners pass here too: ultralytics itself tells them by this name.
        if attachment is not None and 'Trainer' in type(instance).__name__:
            with attachment.session.guard('attaching'):
                attachment.watch(instance)
        return result

    return add_integration_callbacks


def _exchange(module: ModuleType, name: str, make: Callable[[Callable[..., Any], str], Callable[..., Any]]) -> None:
    original = getattr(module, name, None)
    if callable(original):
        ours = make(original, module.__name__)
        setattr(module, name, ours)
        _exchanged.append((module, name, original, ours))


def _restore() -> None:
    for module, name, original, ours in _exchanged:
        # Somebody may have put a function of theirs around ours: with nobody attached, ours only passes on.
        if getattr(module, name, None) is ours:
            setattr(module, name, original)
    _exchanged.clear()


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
            hint="try `python -c 'import ultralytics.engine.model'`; to install it anew: "
            "pip install --force-reinstall 'synapse-hooks[ultralytics]'",
            framework='ultralytics',
        ) from error
