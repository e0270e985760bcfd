"""Logging of a run: each call is one event, passed to a recorder. The journal is one.

`Logging` has the methods. The context of a run has them, the log of one of its trainings (`TrainingLog`), and what an
autologger works with (`AutologSession`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from synapse_hooks.logged_images import ImageRefused, LoggedImages
from synapse_hooks.safe_text import summary, text_of
from synapse_hooks.trainings import Trainings


class Recorder(Protocol):
    """Takes what happens, one event at a time, and never blocks on a network. The journal is one."""

    def record(self, type: str, payload: Mapping[str, Any]) -> None:
        """Append an event; `payload` holds JSON values only."""


@dataclass(slots=True)
class NullRecorder:
    """Forgets everything: the recorder of a context that belongs to no run."""

    def record(self, type: str, payload: Mapping[str, Any]) -> None:
        """Do nothing."""


class Logging:
    """The methods by which a run logs events. Each returns at once; sinks read them from the journal."""

    recorder: Recorder
    """Where it is written."""
    run_dir: Path
    """The run directory."""
    trainings: Trainings
    """The trainings of the run."""
    images: LoggedImages
    """The images of the run that were logged, and how many there may be."""
    _names: tuple[str, ...] = ()
    """What the folders of images are named after, before their own name."""

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters of the training. A later value for the same name wins; both stay in the journal."""
        self.recorder.record('params', {'values': dict(params)})

    def log_metrics(
        self, values: Mapping[str, float], *, phase: str = 'custom', step: int | None = None, axis: str = 'epoch'
    ) -> None:
        """Record numbers.

        Args:
            values: Name to number. Not-a-number and infinity are kept apart, under `nonfinite`; what is not a number at
                all is left out, with a warning.
            phase: `train`, `val`, `final` (the evaluation of the finished model) or `custom`.
            step: Where on the axis: an epoch from 1, a batch from 1, or seconds.
            axis: `epoch`, `batch` or `time`.
        """
        finite, nonfinite = {}, {}
        for name, value in values.items():
            try:
                number = float(value)
            except Exception:  # a number of the user's may raise anything: a tensor of many values, or an int too large
                # It may be the last of a hundred epochs.
                text = f'the metric {name!r} was left out: {text_of(value)} is not a number'
                self.log_message(text, level='warning')
                continue
            if number - number == 0:
                finite[name] = number
            else:
                nonfinite[name] = str(number)
        payload: dict[str, Any] = {'phase': phase, 'axis': axis, 'step': step, 'values': finite}
        if nonfinite:
            payload['nonfinite'] = nonfinite
        self.recorder.record('metrics', payload)

    def log_message(self, text: str, *, level: str = 'info', code: str | None = None) -> None:
        """Record a sentence for people. `level` is `debug`, `info`, `warning` or `error`; `code` is for programs."""
        self.recorder.record(
            'message', {'level': level, 'code': code, 'text': text if isinstance(text, str) else text_of(text)}
        )

    def log_artifact(self, path: str | Path, *, kind: str = 'file', role: str | None = None) -> None:
        """Record a file that the run made: `kind` is `image`, `weights`, `table`, `file`; `role` e.g. `best`."""
        file = Path(path)
        size = file.stat().st_size if file.is_file() else None
        self.recorder.record('artifact', {'kind': kind, 'role': role, 'path': self._place(file), 'size': size})

    def log_image(self, name: str, image: Any, *, step: float | None = None, caption: str | None = None) -> Path | None:
        """Save an image into the run directory, and record it as an artifact of the kind `image`: a sample of the
        predictions of an epoch, for instance. Nothing is raised: what cannot be saved is left out, with a warning.

        A run keeps a limited number of images of each name, and bytes of all; see the setting `images`. The first one
        that is left out is reported.

        Args:
            name: What it shows: `predictions`, for instance. It is the role of the artifact.
            image: PNG or JPEG, as bytes or as the path of a file, which is copied; an image of Pillow; or an array of
                numpy: (height, width) or (height, width, channels), uint8, or floats from 0 to 1.
            step: The epoch, from 1, or the batch. Several images of one name and step are numbered.
            caption: A sentence about it.

        Returns:
            Its file, or None where it was left out.
        """
        try:
            file = self.images.save(self.run_dir, (*self._names, str(name)), step, image)
        except Exception as error:  # a full disk, a closed file, an array of the user's that raises anything
            reason = text_of(error) if isinstance(error, ImageRefused) else summary(error)
            if self.images.is_new((str(name), reason)):
                text = f'an image {text_of(name)!r} was left out: {reason}; this is reported once'
                self.log_message(text, level='warning', code='image-left-out')
            return None
        payload = {'kind': 'image', 'role': str(name), 'path': self._place(file), 'size': file.stat().st_size}
        described = {'step': step, 'caption': caption}
        self.recorder.record('artifact', payload | {key: one for key, one in described.items() if one is not None})
        return file

    def log_checkpoint(
        self, path: str | Path, *, epoch: int, fitness: float | None = None, best: bool = False, resumable: bool = True
    ) -> None:
        """Record a checkpoint from which an interrupted training can be resumed. `epoch` counts from 1.

        The file must stay whole from then on: give each checkpoint a name of its own, or write a temporary file
        and rename it.
        """
        self.recorder.record(
            'checkpoint',
            {'path': self._place(path), 'epoch': epoch, 'fitness': fitness, 'best': best, 'resumable': resumable},
        )

    def set_progress(
        self, current: float, total: float, category: str = 'train', *, transferred: int | None = None
    ) -> None:
        """Record how far something is: `current` of `total` (0 where unknown) in `category`.

        `transferred` are the bytes that came or went over a network for it so far; a display shows their rate.
        """
        moved = {} if transferred is None else {'bytes': transferred}
        self.recorder.record('progress', {'category': category, 'curr': current, 'total': total, **moved})

    def start_training(
        self, name: str = 'train', *, checkpoint: str | Path | None = None, folder: str | Path | None = None
    ) -> TrainingLog:
        """Begin one of the trainings of the run.

        Args:
            name: Its name. A run that is resumed identifies a training by its name, so one that is given should not
                depend on what was trained before. `train`, `train2`, ... number the trainings of an attempt.
            checkpoint: What it starts from. A training that resumes from its own checkpoint keeps its name.
            folder: Where the framework keeps its files.

        Returns:
            A log for this training; also a context manager, which ends the training where no error does.

        Example:
            >>> from synapse_hooks.context import RuntimeContext, TrainContext
            >>> with TrainContext({}, RuntimeContext(), hooks=None).start_training('fold1') as fold:
            ...     fold.log_metrics({'loss': 0.5}, phase='train', step=1)
            >>> fold.name
            'fold1'
        """
        log = self.log_for(name, checkpoint=checkpoint)
        place = None if folder is None else self._place(folder)
        log.recorder.record('training', {'status': 'started', 'folder': place})
        return log

    def log_for(self, name: str, *, checkpoint: str | Path | None = None) -> TrainingLog:
        """A log under a name of its own, for what is not a training (a validation on its own): it cannot be resumed."""
        taken = self.trainings.begin(name, checkpoint=checkpoint)
        earlier = self.trainings.get(taken)
        resume_from = None if earlier is None else earlier.resume_from
        recorder = _Named(self.recorder, taken)
        return TrainingLog(taken, recorder, self.run_dir, self.trainings, resume_from, images=self.images)

    def _place(self, path: str | Path) -> str:
        """A path as the journal keeps it: relative where it is in the run directory, which may be moved."""
        here, base = Path(path).absolute(), self.run_dir.absolute()
        for file, folder in ((here, base), (here.resolve(), base.resolve())):
            if file.is_relative_to(folder):
                return str(file.relative_to(folder))
        return str(path)


@dataclass(slots=True)
class _Named:
    """Records everything under the name of a training."""

    recorder: Recorder
    training: str

    def record(self, type: str, payload: Mapping[str, Any]) -> None:
        self.recorder.record(type, {**payload, 'training': self.training})


@dataclass(eq=False)
class TrainingLog(Logging):
    """One training of a run: what is logged here carries its name."""

    name: str
    """The fields that are added to every event that is logged here."""
    recorder: Recorder
    """Where it is written; the methods below use it."""
    run_dir: Path
    """The run directory."""
    trainings: Trainings
    """All trainings of the run."""
    resume_from: Path | None = None
    """The last checkpoint of this training in an earlier attempt of the run, or None."""
    images: LoggedImages = field(default_factory=LoggedImages, repr=False)
    """The images of the run, of all its trainings."""

    def __post_init__(self) -> None:
        self._names = (self.name,)

    def finish(self) -> None:
        """The training has come to its end. It is not resumed any more, even if the run fails later."""
        self.trainings.finish(self.name)
        self.recorder.record('training', {'status': 'finished'})

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            self.finish()


@dataclass(eq=False)
class AutologSession(Logging):
    """What an autologger gets to work with: where to write, and the logging methods.

    A failure inside an autologger must never end the training: wrap every callback's body in `with session.guard():`.
    """

    framework: str
    """The name of the framework, as `autolog` was called with it."""
    recorder: Recorder
    """Where it is written; the methods below use it."""
    run_dir: Path
    """The run directory: send the training's output below it."""
    resume_from: Path | None = None
    """The checkpoint of the training that was interrupted, or None."""
    trainings: Trainings = field(default_factory=Trainings)
    """What earlier attempts of the run left of each training, by name."""
    moved_from: tuple[Path, ...] = ()
    """Where the run directory was before it was moved or copied; files of the framework may name these places."""
    images: LoggedImages = field(default_factory=LoggedImages, repr=False)
    """The images of the run that were logged, and how many there may be."""
    _failed: set[str] = field(default_factory=set, repr=False)

    def guard(self, what: str = 'callback') -> AbstractContextManager[None]:
        """A context that turns an exception into one warning for each kind of error, so that the training continues."""
        return _Guard(self, what)


class _Guard:
    """A class, not a generator, for speed: it is entered for every training batch."""

    __slots__ = ('session', 'what')

    def __init__(self, session: AutologSession, what: str) -> None:
        self.session = session
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if error is None or isinstance(error, KeyboardInterrupt):
            return False
        key = f'{self.what}:{kind.__name__}'
        if key not in self.session._failed:
            self.session._failed.add(key)
            # What failed may be the recorder itself.
            with suppress(Exception):
                self.session.log_message(
                    f'autolog {self.session.framework!r}: {self.what} failed: {summary(error)}; training continues',
                    level='warning',
                    code='autolog-failed',
                )
        return True
