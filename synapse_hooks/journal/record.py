"""What `run.json` may hold, by type: it is checked once, when it is read.

It may have been edited by hand, or by another program. Unknown keys are kept as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from synapse_hooks.errors import ConfigError, RunError
from synapse_hooks.storage import TABLE_LIMIT, read_file

RECORD: Final = 'run.json'
VERSION: Final = 1
LONGEST_NOTE: Final = 10_000
"""Characters of a note, at most."""
_DONE: Final = ('succeeded', 'skipped')


class _Dataset(Struct):
    path: str | None = None
    config_path: str | None = None
    format: str | None = None
    digest: str | None = None


class _Checkpoint(Struct):
    path: str


class _Model(Struct):
    id: int | str


class _Stamp(Struct):
    files: int
    bytes: int
    digest: str


class _Published(Struct):
    path: str
    at_ns: int | None
    stamp: _Stamp


class _Context(Struct):
    dataset: _Dataset | None = None
    checkpoint: _Checkpoint | None = None
    model: _Model | None = None
    data_path: str | None = None
    values: dict[str, Any] | None = None


class _Inputs(Struct):
    step: str
    options: dict[str, Any]
    params: dict[str, Any]
    dataset: str | None
    plugins: dict[str, list[str]]
    code: dict[str, str]
    previous: str


class _CheckpointInputs(Struct):
    """The inputs of `resolve_checkpoint`."""

    params: dict[str, Any] = {}
    digest: str | None = None


class _Journal(Struct):
    lost: int = 0


class _Stage(Struct):
    name: str
    status: str
    digest: str = ''
    attempts: int = 0
    seconds: float = 0.0
    published: _Published | None = None
    inputs: _Inputs | None = None
    trainings: list[str] = []
    data: dict[str, Any] | UnsetType = UNSET
    context: _Context | UnsetType = UNSET


class _Trial(Struct):
    search: str
    id: str


class _Launch(Struct):
    launcher: str
    resources: dict[str, Any] = {}


class _Runtime(Struct):
    block: list[str] = []
    only: list[str] = []
    strict: bool = False
    project: str | None = None
    cwd: str | None = None
    job_id: int | str | None = None
    run_name: str | None = None
    checkpoint: Any = None
    """As it was given; it is checked when it is used."""


class _Record(Struct):
    v: int
    run: str | None = None
    status: Literal['created', 'running', 'succeeded', 'failed', 'cancelled'] = 'created'
    action: str | None = None
    target: str | None = None
    params: dict[str, Any] = {}
    plugins: dict[str, Any] = {}
    environment: dict[str, Any] = {}
    runtime: _Runtime = msgspec.field(default_factory=_Runtime)
    run_dir: str | None = None
    moved_from: list[str] = []
    workspace: str | None = None
    dataset: _Dataset | None = None
    checkpoint: _Checkpoint | None = None
    checkpoint_of: _CheckpointInputs | None = None
    model: _Model | None = None
    stages: list[_Stage] = []
    attempts: int = 0
    undelivered: dict[str, int] | None = None
    trial: _Trial | None = None
    launch: _Launch | None = None
    search: dict[str, Any] | None = None
    until: str | None = None
    journal: _Journal | None = None


def read_record(folder: Path) -> dict[str, Any]:
    """The content of the `run.json` in a folder.

    Raises:
        FileNotFoundError, NotADirectoryError: There is none.
        RunError: It is not one, a newer version wrote it, or a field is not of its type; the field is named.
    """
    try:
        record: dict[str, Any] = msgspec.json.decode(read_file(folder / RECORD, limit=TABLE_LIMIT), type=dict[str, Any])
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise unusable(folder, f'has a {RECORD} that cannot be read: {error}', 'start a new run') from error
    version = record.get('v')
    if not isinstance(version, int) or version > VERSION:
        problem = f'has a {RECORD} of version {version!r:.50}; this synapse-hooks supports {VERSION}'
        raise unusable(folder, problem, 'type `pip install --upgrade synapse-hooks`')
    try:
        known = msgspec.convert(record, _Record)
        _need_whole_stages(known)
    except (msgspec.ValidationError, RecursionError) as error:
        what, _, where = str(error).partition(' - at `$.')
        field = f' in `{where.rstrip("`")}`' if where else ''
        raise unusable(
            folder,
            f'has a {RECORD} that cannot be used{field}: {what[:1].lower()}{what[1:]}',
            f'correct {folder / RECORD}, or start a new run',
        ) from error
    return record


def checked_note(text: str) -> str:
    """A text that can be the note of a run.

    Raises:
        ConfigError: It is longer than 10,000 characters.

    Example:
        >>> checked_note(' first try ')
        'first try'
    """
    if len(text) > LONGEST_NOTE:
        raise ConfigError(f'a note has at most {LONGEST_NOTE:,} characters, got {len(text):,}', field='note')
    return text.strip()


def _need_whole_stages(record: _Record) -> None:
    """The output of a finished stage is the input of the next one."""
    for place, stage in enumerate(record.stages):
        last = record.status == 'succeeded' and stage is record.stages[-1]
        missing = [name for name in ('data', 'context') if getattr(stage, name) is UNSET]
        if missing and (last or stage.status in _DONE):
            raise msgspec.ValidationError(f'Object missing required field `{missing[0]}` - at `$.stages[{place}]`')


def unusable(path: Path, problem: str, hint: str, **facts: Any) -> RunError:
    """The error for a run directory that cannot be used."""
    return RunError(f'the run directory {path} {problem}', hint=hint, path=str(path), **facts)


def missing(path: Path) -> RunError:
    """The error for a folder without a record."""
    what = f'there is no {RECORD} in it' if path.is_dir() else 'there is no such folder'
    return unusable(path, f'cannot be read: {what}', 'see `synapse-hooks runs`; a run prints its run directory')
