"""What a run needs to happen somewhere else: its plan, the resources that it gets there, and how it ended.

A plan holds JSON values only. A worker rebuilds the action, the plugins and the client from it: a context, a client or
a plugin manager never travels, and neither does a token, as a worker has its own environment.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from synapse_hooks.amounts import size_of
from synapse_hooks.errors import ConfigError

VERSION: Final = 1
"""Of the plan, as a worker reads it."""


@dataclass(frozen=True)
class RunPlan:
    """A run, as it is sent to where it happens. Everything in it can be written as JSON.

    Example:
        >>> plan = RunPlan(target='train:TrainAction', run_dir='/runs/a', params={'epochs': 3})
        >>> RunPlan.from_json(plan.to_json()) == plan
        True
    """

    target: str
    """What names the action: `module:Class`, an absolute `/path/file.py:Class`, or a folder with a config.yaml."""
    run_dir: str
    """The run directory, which exists; `run.json` in it says who launched it. A worker goes on with the run in it."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """The parameters, validated. They may hold secrets: a plan travels in memory or through a pipe."""
    address: Mapping[str, str] = field(default_factory=dict)
    """The backend: `{'workspace': FOLDER}` or `{'host': URL}`."""
    plugins: Mapping[str, str] = field(default_factory=dict)
    """The plugins that may take part, `KIND:NAME` to `DISTRIBUTION VERSION`: a worker must have the same."""
    python: str = ''
    """The version of Python, `3.12.4`: a worker must have the same minor version."""
    synapse_hooks: str = ''
    """The version of synapse-hooks: a worker must have the same."""
    git: Mapping[str, Any] | None = None
    """The revision of the code, `{'sha': ..., 'dirty': ...}`, where it is in a git checkout."""
    cwd: str = ''
    """The folder in which the run was started: relative paths start there, if it exists."""
    project: str | None = None
    """The folder whose pyproject.toml configures the run; None starts at `cwd`."""
    job_id: int | str | None = None
    """The job of the backend."""
    run_name: str | None = None
    """The name that the user chose for the run and its model."""
    block: tuple[str, ...] = ()
    """As `RuntimeContext.block`."""
    only: tuple[str, ...] = ()
    """As `RuntimeContext.only`."""
    strict: bool = False
    """As `RuntimeContext.strict`."""
    allow_pickle: tuple[str, ...] = ()
    """As `RuntimeContext.allow_pickle`."""
    deadlines: Mapping[str, float] = field(default_factory=dict)
    """As `RuntimeContext.deadlines`, in seconds."""
    trace: bool = False
    """As `RuntimeContext.trace`."""
    checkpoint: Mapping[str, Any] | None = None
    """As `RuntimeContext.checkpoint`; its `path` is text."""
    resume: bool = False
    """Whether the run was begun before: a launcher that finds it at work follows it."""
    from_stage: str | None = None
    """As `RuntimeContext.from_stage`."""
    until: str | None = None
    """As `RuntimeContext.until`."""

    v: int = VERSION
    """The version of the plan itself."""

    def to_json(self) -> str:
        """The plan as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> RunPlan:
        """The plan that `to_json` wrote.

        Raises:
            ConfigError: It is not a plan, another version of synapse-hooks wrote it, or a value has another type.
        """
        import msgspec

        hint = 'give what `RunPlan.to_json` wrote, of the same version of synapse-hooks'
        try:
            plan = msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ConfigError(f'the plan of a run cannot be read: {error}', hint=hint) from error
        if plan.v != VERSION:
            raise ConfigError(f'the plan of a run must have version {VERSION}, got {plan.v}', hint=hint)
        return plan


@dataclass(frozen=True)
class Resources:
    """What a run gets where it is launched, and where that is.

    Example:
        >>> resources_of(['num_gpus=0.5', 'memory=8G', 'a100=1'], env=['LOG=debug'])
        Resources(num_gpus=0.5, memory=8000000000, others={'a100': 1.0}, env={'LOG': 'debug'})
    """

    num_cpus: float | None = None
    """Processors; None leaves it to the launcher."""
    num_gpus: float | None = None
    """GPUs, or a fraction of one; None leaves it to the launcher, which gives none."""
    memory: int | None = None
    """Bytes."""
    others: Mapping[str, float] = field(default_factory=dict)
    """Whatever else the cluster counts, by its name there."""
    address: str | None = None
    """Where the cluster is; None leaves it to the launcher."""
    storage: str | None = None
    """A URL below which run directories are kept, for workers that do not share the disk of the driver."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the run. They are written down in many places: no secrets."""

    def __repr__(self) -> str:
        given = [f'{each.name}={value!r}' for each in fields(self) if (value := getattr(self, each.name))]
        return f'Resources({", ".join(given)})'

    def to_dict(self) -> dict[str, Any]:
        """What is given, as JSON values: what run.json keeps."""
        return {name: value for name, value in asdict(self).items() if value not in (None, {})}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Resources:
        """The resources that `to_dict` wrote. What this version does not know is left out."""
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended: what `synapse-hooks train --json` prints."""

    outcome: str
    """`succeeded`, `failed` or `cancelled`."""
    run_dir: str
    """The run directory."""
    result: Any = None
    """What `execute` returned, as JSON values."""
    model: Mapping[str, Any] | None = None
    """The uploaded model."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """The last value of each metric."""
    dataset: Mapping[str, Any] | None = None
    """What export and convert left."""
    error: Mapping[str, Any] | None = None
    """Of a run that failed: `type`, `message`, and as far as they are known `step`, `plugin`, `distribution`, `cause`,
    `traceback`, `hint`."""


_MEANT: Final = {
    **dict.fromkeys(('num_cpus', 'num_cpu', 'cpus', 'cpu'), 'num_cpus'),
    **dict.fromkeys(('num_gpus', 'num_gpu', 'gpus', 'gpu'), 'num_gpus'),
    **dict.fromkeys(('memory', 'mem', 'ram'), 'memory'),
}
"""What names of resources mean that no cluster uses for its own."""


def resources_of(
    pairs: Iterable[str], *, env: Iterable[str] = (), address: str | None = None, storage: str | None = None
) -> Resources:
    """The resources that were typed.

    Args:
        pairs: `NAME=AMOUNT`: `num_cpus`, `num_gpus`, `memory` (bytes, or `8G`), or a name of the cluster.
        env: `NAME=VALUE`, environment variables.
        address: See `Resources.address`.
        storage: See `Resources.storage`.

    Raises:
        ConfigError: A pair is not one, or an amount is not a number of 0 or more.
    """
    values: dict[str, Any] = {}
    others: dict[str, float] = {}
    for pair in pairs:
        name, equals, text = (part.strip() for part in pair.partition('='))
        if not equals or not name:
            raise ConfigError(f'-r must be NAME=AMOUNT, got {pair!r}', hint='for example `-r num_gpus=1`', field='r')
        if (known := _MEANT.get(name.lower())) not in (None, name):
            raise ConfigError(
                f'-r has no {name!r}; did you mean {known!r}?', hint=f'write `-r {known}={text or 1}`', field=name
            )
        if name == 'memory':
            values[name] = size_of(text, '-r memory')
        elif name in ('num_cpus', 'num_gpus'):
            values[name] = _amount(name, text)
        else:
            others[name] = _amount(name, text)
    variables: dict[str, str] = {}
    for pair in env:
        name, equals, text = pair.partition('=')
        if not equals or not name.strip():
            raise ConfigError(f'--env must be NAME=VALUE, got {name!r}', hint='for example `--env LOG=1`', field='env')
        variables[name.strip()] = text
    return Resources(**values, others=others, env=variables, address=address, storage=storage)


def _amount(name: str, text: str) -> float:
    with suppress(ValueError):
        amount = float(text)
        if 0 <= amount < math.inf:
            return amount
    raise ConfigError(
        f'-r {name} must be a number of 0 or more, got {text!r}', hint=f'for example `-r {name}=1`', field=name
    )
