"""Every error that synapse_hooks raises on purpose.

    SynapseHooksError                 something went wrong, and the message says what to do about it
    ├── ConfigError                   a setting, a flag or an environment variable is unusable        exit 2
    ├── ParamsError                   the parameters of a run do not fit its action                   exit 2
    ├── TargetError                   the target of `train` cannot be imported or used                exit 2
    ├── SelectionError                a plugin that was selected by name cannot be used               exit 2
    │   ├── PluginMissing             no plugin provides it
    │   ├── PluginBlocked             a setting keeps it out
    │   ├── PluginBroken              it fails to import, or its hooks are invalid
    │   ├── PluginIncompatible        it was written for another version of synapse_hooks
    │   └── PluginAmbiguous           two distributions provide it
    ├── NoAnswer                      every plugin that was called for a stage declined               exit 2
    ├── WrongAnswer                   a plugin's answer does not have the type that the hook requires
    ├── StepFailed                    a step of the run failed; the cause is its `__cause__`
    ├── DeadlineExceeded              a stage took longer than its deadline
    ├── CleanupFailed                 the run is over, but cleaning up after it was not complete
    ├── JournalIncomplete             the run succeeded, but its journal could not be written
    ├── LaunchError                   a run cannot be launched, or a worker differs from the driver
    ├── LaunchedRunFailed             a run failed where it was launched
    ├── InstallationFailed            pip or uv has failed
    ├── RunError                      a run directory cannot be used (missing, in use, not a run)
    ├── DataError                     the data are not what they should be
    │   ├── UnreadableItem            one file of a dataset cannot be read
    │   ├── DatasetInvalid            a dataset cannot be used as it is (no images, no split, ...)
    │   └── LossRefused               a conversion would lose annotations, and strict was set
    ├── StorageError                  bytes on disk
    │   ├── ArchiveRefused            an archive holds what must not be unpacked
    │   ├── PickleRefused             a checkpoint would run code when it is loaded
    │   └── DiskFull                  no space left
    └── BackendError                  a dataset, model or job is not available
        ├── AccessDenied              the token is wrong, or does not allow that
        ├── BackendUnavailable        the backend does not answer; trying again later may help
        └── RecordNotFound            there is no record of that id
    SinkUnavailable                   raised *by a sink*: keep the events and try again later
    Terminated (KeyboardInterrupt)    SIGTERM or SIGHUP arrived

An error carries its facts as attributes, so that a program need not parse its text, and it can be pickled with its
facts, notes and causes, so that a process can pass it to another (`portable`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Final, TypeVar

from synapse_hooks.portable import PortableException
from synapse_hooks.safe_text import text_of

_LONGEST: Final = 10_000
"""Characters of a problem, at most."""


class SynapseHooksError(PortableException):
    """The root of the tree: `str()` is the problem, and after it on a line of its own what to do.

    Args:
        problem: One sentence that names the cause and says what was expected. Of more than 10,000 characters the
            middle is left out.
        hint: What the reader should type or change next; empty when there is nothing to add.
        **facts: What the sentence is made of (`path=`, `name=`, `field=`, ...); each becomes an attribute.

    Example:
        >>> error = SynapseHooksError('no config', hint='run `synapse-hooks doctor`', path='a.toml')
        >>> print(error)
        no config
          → run `synapse-hooks doctor`
        >>> error.path
        'a.toml'
    """

    exit_code = 1
    """The exit code of the command line for this error."""

    def __init__(self, problem: str, *, hint: str = '', **facts: Any) -> None:
        # It quotes the content of datasets, which may be of any length.
        problem = text_of(problem, _LONGEST)
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
        self.facts = facts

    def __getattr__(self, name: str) -> Any:
        # __getattr__ also runs while unpickling, before `facts` exists.
        facts = self.__dict__.get('facts', {})
        if name in facts:
            return facts[name]
        raise AttributeError(f'{type(self).__name__} has no attribute {name!r}')

    def __str__(self) -> str:
        return f'{self.problem}\n  → {self.hint}' if self.hint else self.problem


class ConfigError(SynapseHooksError):
    """A setting, a flag or an environment variable is unusable."""

    exit_code = 2


class ParamsError(SynapseHooksError):
    """The parameters of a run do not fit its action. `faults` holds one `{field, value, rule}` for each of them."""

    exit_code = 2


class TargetError(SynapseHooksError):
    """The target of `train` cannot be imported, or is not an action."""

    exit_code = 2


class SelectionError(SynapseHooksError):
    """A plugin that was selected by name cannot be used. `kind` (format, autologger, plugin) and `name` identify it."""

    exit_code = 2


class PluginMissing(SelectionError):
    """No plugin has the name that was selected. `available` lists the names that exist."""


class PluginBlocked(SelectionError):
    """A setting keeps the plugin out. `setting` names it."""


class PluginBroken(SelectionError):
    """It fails to import (the reason is the `__cause__`), or its hooks are invalid (`faults` lists every fault)."""


class PluginIncompatible(SelectionError):
    """The plugin's distribution requires another synapse-hooks: `requirement`; the installed one is `version`."""


class PluginAmbiguous(SelectionError):
    """Two distributions provide the same name. `candidates` lists them; the hint holds the line that pins one."""


class NoAnswer(SynapseHooksError):
    """Every plugin that was called for a stage declined. `hook` is the stage, `asked` the plugins that were called."""

    exit_code = 2


class WrongAnswer(SynapseHooksError):
    """A plugin's answer has not the type that the hook promises. `hook` names it."""


class StepFailed(SynapseHooksError):
    """A step of a run failed; its cause is the `__cause__`, with its own frames.

    Attributes `step`, `attempt` (from 1), `plugin` and `distribution` (both None where no plugin is to blame), and
    `run_dir` (a string, for `synapse-hooks resume`). The exit code is that of the cause.
    """

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """2 when the cause is a matter of configuration or selection, else 1."""
        cause = self.__cause__
        return cause.exit_code if isinstance(cause, SynapseHooksError) else 1


class DeadlineExceeded(SynapseHooksError):
    """A stage took longer than its deadline and was ended. It has `step` and `seconds`. It is not tried again."""


class CleanupFailed(SynapseHooksError):
    """Cleaning up after a run was not complete; the `__cause__` is an ExceptionGroup of everything that went wrong."""


class JournalIncomplete(SynapseHooksError):
    """The run succeeded, but its journal could not be written. `lost` counts the events that it lacks."""


class LaunchError(SynapseHooksError):
    """A run cannot be launched, or where it was launched something differs: plugins, versions, folders."""


class LaunchedRunFailed(SynapseHooksError):
    """A run failed where it was launched. `run_dir` has its record; `traceback` is that of the worker, as text."""


class InstallationFailed(SynapseHooksError):
    """pip or uv has failed to install or to uninstall a distribution."""


class RunError(SynapseHooksError):
    """A run directory cannot be used: it is missing, in use by another process, or not a run."""


class DataError(SynapseHooksError):
    """The data are not what they should be."""


class UnreadableItem(DataError):
    """One file of a dataset cannot be read. `path` names it."""


class DatasetInvalid(DataError):
    """A dataset cannot be used as it is: no images, no labels, no such split."""


class LossRefused(DataError):
    """A conversion would lose annotations, and strict was set. `losses` holds the counts."""


class StorageError(SynapseHooksError):
    """Bytes on disk are not where, or not what, they should be."""


class ArchiveRefused(StorageError):
    """An archive holds a member that must not be unpacked. `path` and `member` name it."""


class PickleRefused(StorageError):
    """A checkpoint is a pickle that would run code when it is loaded. `path` names it, `names` what it imports."""


class DiskFull(StorageError):
    """No space is left on the device. Nothing half-written stays behind under its final name."""


class BackendError(SynapseHooksError):
    """A dataset, model or job is not available from the backend."""


class AccessDenied(BackendError):
    """The backend answered 401 (wrong token) or 403 (no permission). It has `status` and `url`."""


class BackendUnavailable(BackendError):
    """The backend could not be reached, or did not answer in time, however often it was tried."""


class RecordNotFound(BackendError):
    """There is no record of that id. It has `kind` (dataset, model, job) and `id`; `known` lists those that exist."""


class SinkUnavailable(Exception):
    """For sinks to raise: what they deliver to cannot be reached now. The events are kept and offered again later."""


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP arrived. Code that handles Ctrl-C handles this too, but the exit code is 143."""


def suggest(name: str, known: Iterable[str]) -> str:
    """The sentence `did you mean 'x'?` for a near name, else the empty string.

    Args:
        name: The unknown name.
        known: The names that there are.

    Example:
        >>> suggest('ylo', ['yolo', 'coco'])
        "did you mean 'yolo'?"
    """
    from difflib import get_close_matches

    near = get_close_matches(str(name), [str(item) for item in known], n=1, cutoff=0.6)
    return f'did you mean {near[0]!r}?' if near else ''


_D = TypeVar('_D', bound=DataError)


def cannot_read(kind: type[_D], error: OSError, file: str | os.PathLike[str] | None = None) -> _D:
    """An `OSError` about a file or folder of a dataset, as an error of this package; raise it from `error`.

    Args:
        kind: `DatasetInvalid` or `UnreadableItem`.
        error: The error of the operating system.
        file: The culprit; None for the one that `error` names.

    Example:
        >>> print(cannot_read(UnreadableItem, PermissionError(13, 'Permission denied'), 'a.jpg'))
        a.jpg cannot be read: permission denied
          → give yourself the permission to read it
    """
    name = os.fsdecode(error.filename if file is None else file)
    denied = isinstance(error, PermissionError)
    hint = 'give yourself the permission to read it' if denied else 'check the path, and the disk'
    reason = error.strerror or str(error)
    return kind(
        f'{name} cannot be read: {reason[:1].lower()}{reason[1:]}', hint=getattr(error, 'hint', hint), path=name
    )
