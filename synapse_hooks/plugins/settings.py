"""Which plugins may take part: flags, then environment, then the project's pyproject.toml, then the default.

The decision is made by name before anything is imported. The first of these levels that mentions a plugin
decides; within a level, `block` is stronger than `only`.

    [tool.synapse_hooks]
    plugins = ["hooks.py", "package.module"]       # the project's own, nearest first
    block = ["acme-voc"]                           # plugins or distributions
    only = []
    trust = "listed"                               # no installed plugin whose distribution is not in `only` or `pin`
    pin.formats.yolo = "acme-yolo"                 # of two distributions that provide a name, this one
    settings.acme = { registry = "https://..." }   # what plugins read from context.settings
    allow_broken = ["hooks.py"]                    # continue without these of `plugins` when they are broken
    max_attempts = 10                              # how often a step may be tried, where `retry_step` requests it
    deadline.export = 3600                         # seconds that a stage may take
    keep_conversions = "20G"                       # bytes of conversions that are kept for other runs; 0 for none
    images = { per_name = 32, total = "100M" }     # how many images of a name a run keeps, and bytes of all
    system_seconds = 15                            # between two records of processor, memory and GPU use; 0 for none
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from synapse_hooks.amounts import seconds_of, size_of
from synapse_hooks.errors import ConfigError, suggest
from synapse_hooks.logged_images import PER_NAME, TOTAL
from synapse_hooks.plugins.records import Kind, Plugin, normalize
from synapse_hooks.storage.user_paths import working_directory

_KEYS: Final = (
    'plugins',
    'block',
    'only',
    'trust',
    'pin',
    'settings',
    'allow_broken',
    'max_attempts',
    'deadline',
    'keep_conversions',
    'system_seconds',
    'images',
)
MAX_ATTEMPTS: Final = 10
"""How often a step may be tried, unless a setting overrides it."""
_TRUST: Final = 'SYNAPSE_HOOKS_TRUST'
_KEEP: Final = 'SYNAPSE_HOOKS_KEEP_CONVERSIONS'
_SYSTEM: Final = 'SYNAPSE_HOOKS_SYSTEM_SECONDS'
SYSTEM_SECONDS: Final = 15.0
"""Seconds between two records of what a run uses of its machine, unless a setting overrides it."""
_PIN_TABLES: Final[dict[str, Kind]] = {
    'formats': 'format',
    'autologgers': 'autologger',
    'executors': 'executor',
    'launchers': 'launcher',
}
_PIN_KEYS: Final[dict[Kind, str]] = {kind: table for table, kind in _PIN_TABLES.items()}


@dataclass(frozen=True)
class Level:
    """What one source of settings contains about plugins."""

    block_setting: str
    """How to name the setting in a sentence: `--block`, `SYNAPSE_HOOKS_BLOCK`, `block in /x/pyproject.toml`."""
    only_setting: str
    block: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    typed: bool = False
    """Whether it was typed for this very call, so that a name that no plugin has is a mistake."""


@dataclass(frozen=True)
class Settings:
    """The settings of a run, as `load_settings` gathers them."""

    levels: tuple[Level, ...] = ()
    root: Path | None = None
    """The project's folder: that of the nearest pyproject.toml."""
    plugins: tuple[str, ...] = ()
    pins: Mapping[Kind, Mapping[str, str]] = field(default_factory=dict)
    """For each kind, name to distribution."""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`[tool.synapse_hooks.settings.PLUGIN]`."""
    allow_broken: tuple[str, ...] = ()
    """Plugins or distributions of the project without which a run may continue when they are broken."""
    max_attempts: int = MAX_ATTEMPTS
    """How often a step may be tried, the first attempt included."""
    deadlines: Mapping[str, float] = field(default_factory=dict)
    """Seconds that stages may take, by name."""
    keep_conversions: int | None = None
    """Bytes of conversions that are kept for other runs; with 0 none is kept or used; None is the default."""
    system_seconds: float = SYSTEM_SECONDS
    """Seconds between two records of what a run uses of its machine; 0 for none."""
    images: tuple[int, int] = (PER_NAME, TOTAL)
    """How many logged images of one name a run keeps, and how many bytes of all."""
    unlisted: str = ''
    """The setting that blocks every installed plugin whose distribution the project does not name; else empty."""
    listed: tuple[str, ...] = ()
    """What the project's `only` names."""

    def blocked_by(self, plugin: Plugin) -> str | None:
        """The setting that keeps `plugin` out, as a phrase; None when it may take part."""
        if reason := self._kept_out_by(plugin):
            return reason
        # No flag extends it: the user of a command need not know what else is installed.
        return self.unlisted if self.unlisted and plugin.rank == 'installed' and not self._lists(plugin) else None

    def how_to_allow(self, plugin: Plugin) -> str:
        """What to write into pyproject.toml to have a plugin of `unlisted` take part."""
        if plugin.kind in _PIN_KEYS:
            name = plugin.name if re.fullmatch(r'[A-Za-z0-9_-]+', plugin.name) else json.dumps(plugin.name)
            line = f'pin.{_PIN_KEYS[plugin.kind]}.{name} = {json.dumps(plugin.distribution)}'
        else:
            # `only` blocks the project's own as well.
            names = dict.fromkeys((*(self.listed or self.plugins), str(plugin.distribution)))
            line = f'only = {json.dumps(list(names))}'
        return f'if you trust it, write into pyproject.toml: [tool.synapse_hooks] {line}'

    def _lists(self, plugin: Plugin) -> bool:
        # By the distribution: any other one could have a plugin of the same name.
        own = normalize(plugin.distribution or '')
        return own in {normalize(name) for name in self.listed} or self.is_pinned(plugin)

    def _kept_out_by(self, plugin: Plugin) -> str | None:
        for level in self.levels:
            if plugin.named({normalize(name) for name in level.block}):
                return level.block_setting
            if level.only:
                if plugin.named({normalize(name) for name in level.only}):
                    return None
                if plugin.rank != 'built-in':
                    return level.only_setting
        return None

    def requires(self, plugin: Plugin) -> bool:
        """Whether a run without the plugin would be a surprise: the project lists or pins it, or `--only` names it."""
        if self.is_on_command_line(plugin):
            return True
        wanted = plugin.rank == 'project' or self.is_pinned(plugin)
        return wanted and not plugin.named({normalize(name) for name in self.allow_broken})

    def is_on_command_line(self, plugin: Plugin) -> bool:
        """Whether `--only` names the plugin, for this very call."""
        return plugin.named({normalize(name) for level in self.levels if level.typed for name in level.only})

    def is_pinned(self, plugin: Plugin) -> bool:
        """Whether the project pins the plugin's name to the plugin's distribution."""
        pins = {normalize(name): pin for name, pin in self.pins.get(plugin.kind, {}).items()}
        pin = pins.get(normalize(plugin.name))
        return pin is not None and normalize(pin) == normalize(plugin.distribution or '')

    def check_names(self, plugins: Sequence[Plugin]) -> None:
        """Refuse names typed as flags that mean no plugin at all.

        Raises:
            ConfigError: `--block` or `--only` names nothing that is here.
        """
        known = sorted({plugin.name for plugin in plugins} | {p.distribution for p in plugins if p.distribution})
        for level in self.levels:
            if not level.typed:
                continue
            for setting, names in ((level.block_setting, level.block), (level.only_setting, level.only)):
                for name in names:
                    if not any(plugin.named({normalize(name)}) for plugin in plugins):
                        hint = ' '.join(filter(None, (suggest(name, known), '`synapse-hooks plugins` lists them')))
                        raise ConfigError(f'{setting}: there is no plugin or distribution called {name!r}', hint=hint)


def load_settings(
    start: Path | None = None,
    *,
    block: Sequence[str] = (),
    only: Sequence[str] = (),
    env: Mapping[str, str] = os.environ,
) -> Settings:
    """Gather the settings of a run.

    Args:
        start: Where to look for pyproject.toml, from here up; None is the working directory.
        block: Names from `--block`.
        only: Names from `--only`.
        env: The environment (`SYNAPSE_HOOKS_BLOCK`, `SYNAPSE_HOOKS_ONLY`, `SYNAPSE_HOOKS_ALLOW_BROKEN`: names with
            commas between them; `SYNAPSE_HOOKS_MAX_ATTEMPTS`: a number; `SYNAPSE_HOOKS_TRUST`: `listed` or `all`;
            `SYNAPSE_HOOKS_KEEP_CONVERSIONS`: bytes; `SYNAPSE_HOOKS_SYSTEM_SECONDS`: a number).

    Raises:
        ConfigError: pyproject.toml cannot be read, or its table holds what it should not.
    """
    flags = Level('--block', '--only', tuple(block), tuple(only), typed=True)
    variables = Level(
        'SYNAPSE_HOOKS_BLOCK',
        'SYNAPSE_HOOKS_ONLY',
        _split(env.get('SYNAPSE_HOOKS_BLOCK', '')),
        _split(env.get('SYNAPSE_HOOKS_ONLY', '')),
    )
    broken = _split(env.get('SYNAPSE_HOOKS_ALLOW_BROKEN', ''))
    attempts = env.get('SYNAPSE_HOOKS_MAX_ATTEMPTS')
    most = None if attempts is None else _attempts(attempts, 'SYNAPSE_HOOKS_MAX_ATTEMPTS')
    keep = size_of(env[_KEEP], _KEEP) if env.get(_KEEP) else None
    system = seconds_of(env[_SYSTEM], _SYSTEM, least=0) if env.get(_SYSTEM) else None
    trust = env.get(_TRUST)
    unlisted = _TRUST if trust and _is_listed(trust, _TRUST) else ''
    file = _nearest_pyproject((start or working_directory()).resolve())
    if file is None:
        return Settings(
            levels=(flags, variables),
            allow_broken=broken,
            max_attempts=most or MAX_ATTEMPTS,
            keep_conversions=keep,
            system_seconds=SYSTEM_SECONDS if system is None else system,
            unlisted=unlisted,
        )
    table = _read_table(file)
    project = Level(
        f'`block` in {file}', f'`only` in {file}', _names(table, 'block', file), _names(table, 'only', file)
    )
    by_file = _is_listed(table.get('trust', 'all'), f'{file}: trust')
    return Settings(
        levels=(flags, variables, project),
        root=file.parent,
        plugins=_names(table, 'plugins', file),
        pins=_pins(table, file),
        settings=_tables(table, 'settings', file),
        allow_broken=(*broken, *_names(table, 'allow_broken', file)),
        max_attempts=most or _attempts(table.get('max_attempts', MAX_ATTEMPTS), f'{file}: max_attempts'),
        deadlines={
            name: seconds_of(value, f'{file}: deadline.{name}')
            for name, value in _mapping(table, 'deadline', file).items()
        },
        keep_conversions=_kept(table, file) if keep is None else keep,
        system_seconds=seconds_of(table.get('system_seconds', SYSTEM_SECONDS), f'{file}: system_seconds', least=0)
        if system is None
        else system,
        images=_images(table, file),
        unlisted=unlisted if trust else f'`trust` in {file}' if by_file else '',
        listed=project.only,
    )


def _is_listed(value: Any, setting: str) -> bool:
    if value not in ('all', 'listed'):
        raise ConfigError(
            f"{setting} must be 'listed' or 'all', got {value!r}", hint="the default is 'all'", field='trust'
        )
    return bool(value == 'listed')


def _attempts(value: Any, setting: str) -> int:
    text = str(value).strip()
    is_number = text.isascii() and text.isdecimal() and len(text) <= 7
    if not is_number or not 1 <= int(text) <= 1_000_000:
        raise ConfigError(
            f'{setting} must be a whole number from 1 to 1000000, got {value!r}',
            hint=f'for example {MAX_ATTEMPTS}, which is the default',
            field='max_attempts',
        )
    return int(text)


def _kept(table: Mapping[str, Any], file: Path) -> int | None:
    value = table.get('keep_conversions')
    return None if value is None else size_of(value, f'{file}: keep_conversions')


def _images(table: Mapping[str, Any], file: Path) -> tuple[int, int]:
    limits = _mapping(table, 'images', file)
    for key in limits:
        if key not in ('per_name', 'total'):
            hint = 'the keys are per_name and total'
            raise ConfigError(f'{file}: images has no key {key!r}', hint=hint, path=str(file), field='images')
    return (
        size_of(limits.get('per_name', PER_NAME), f'{file}: images.per_name'),
        size_of(limits.get('total', TOTAL), f'{file}: images.total'),
    )


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.replace(',', ' ').split())


def _nearest_pyproject(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        if (folder / 'pyproject.toml').is_file():
            return folder / 'pyproject.toml'
    return None


def _read_table(file: Path) -> Mapping[str, Any]:
    import tomllib

    try:
        document = tomllib.loads(file.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f'{file} cannot be read: {error}', hint='fix the file', path=str(file)) from error
    tool = document.get('tool', {})
    table = tool.get('synapse_hooks', {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise ConfigError(f'{file}: [tool.synapse_hooks] must be a table, not {table!r}', path=str(file))
    for key in table:
        if key not in _KEYS:
            hint = ' '.join(filter(None, (suggest(key, _KEYS), f'the keys are {", ".join(_KEYS)}')))
            raise ConfigError(f'{file}: [tool.synapse_hooks] has no key {key!r}', hint=hint, path=str(file), field=key)
    return table


def _names(table: Mapping[str, Any], key: str, file: Path) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(
            f'{file}: [tool.synapse_hooks] {key} must be a list of strings, not {value!r}',
            hint=f'write {key} = ["..."]',
            path=str(file),
            field=key,
        )
    return tuple(value)


def _mapping(table: Mapping[str, Any], key: str, file: Path) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise ConfigError(
            f'{file}: [tool.synapse_hooks] {key} must be a table, not {value!r}', path=str(file), field=key
        )
    return value


def _tables(table: Mapping[str, Any], key: str, file: Path) -> Mapping[str, Mapping[str, Any]]:
    value = table.get(key, {})
    if not isinstance(value, dict) or not all(isinstance(item, dict) for item in value.values()):
        raise ConfigError(
            f'{file}: [tool.synapse_hooks.{key}] must hold one table for each name, not {value!r}',
            path=str(file),
            field=key,
        )
    return value


def _pins(table: Mapping[str, Any], file: Path) -> Mapping[Kind, Mapping[str, str]]:
    tables = _tables(table, 'pin', file)
    for key in tables:
        if key not in _PIN_TABLES:
            raise ConfigError(
                f'{file}: [tool.synapse_hooks.pin] has no table {key!r}',
                hint=f'{suggest(key, _PIN_TABLES)} the tables are {", ".join(_PIN_TABLES)}'.strip(),
                path=str(file),
                field=key,
            )
    return {_PIN_TABLES[key]: {name: str(value) for name, value in names.items()} for key, names in tables.items()}
