"""What the project and the environment say about MLflow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from synapse_hooks.errors import ConfigError, suggest

TABLE: Final = 'mlflow'
_WHERE: Final = '[tool.synapse_hooks.settings.mlflow]'
_KINDS: Final = ('image', 'weights', 'table', 'file')
_NAMES: Final = ('tracking_uri', 'experiment', 'artifacts', 'registered_model', 'tags')


@dataclass(frozen=True)
class Settings:
    """The settings of the project for MLflow; what it leaves out comes from the environment variables of MLflow."""

    tracking_uri: str = ''
    """The server; empty where none is configured, and then nothing is sent."""
    experiment: str = 'Default'
    """The name of the experiment, which is created if there is none."""
    artifacts: frozenset[str] = frozenset(_KINDS)
    """The kinds of artifacts that are uploaded."""
    registered_model: str = ''
    """The registered model of which the trained model becomes a version; empty leaves the upload to other plugins."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the run besides those that are always set."""

    @staticmethod
    def of(settings: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings of a run: those of the project, then those of the environment.

        Args:
            settings: `context.settings`.
            environ: The environment.

        Raises:
            ConfigError: A setting is unknown, or has a value of another type.

        Example:
            >>> Settings.of({'mlflow': {'experiment': 'cats'}}, {'MLFLOW_TRACKING_URI': 'http://localhost:5000'})
            Settings(tracking_uri='http://localhost:5000', experiment='cats', ...)
        """
        table = settings.get(TABLE, {})
        for name in table:
            if name not in _NAMES:
                raise ConfigError(
                    f'{_WHERE}: unknown setting {name!r}',
                    hint=suggest(name, _NAMES) or f'known are {", ".join(_NAMES)}',
                )
        uri = _text(table, 'tracking_uri')
        if '@' in urlsplit(uri).netloc:
            raise ConfigError(
                f'{_WHERE}: tracking_uri must not contain a user name or a password',
                hint='set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN',
            )
        return Settings(
            tracking_uri=uri or environ.get('MLFLOW_TRACKING_URI', ''),
            experiment=_text(table, 'experiment') or environ.get('MLFLOW_EXPERIMENT_NAME') or 'Default',
            artifacts=_kinds(table.get('artifacts', True)),
            registered_model=_text(table, 'registered_model'),
            tags=_tags(table.get('tags', {})),
        )


def _text(table: Mapping[str, Any], name: str) -> str:
    value = table.get(name, '')
    if not isinstance(value, str):
        raise ConfigError(f'{_WHERE}: {name} must be text, got {value!r}')
    return value


def _kinds(value: Any) -> frozenset[str]:
    if isinstance(value, bool):
        return frozenset(_KINDS if value else ())
    if isinstance(value, list) and all(kind in _KINDS for kind in value):
        return frozenset(value)
    raise ConfigError(f'{_WHERE}: artifacts must be true, false or a list of {", ".join(_KINDS)}, got {value!r}')


def _tags(value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise ConfigError(f'{_WHERE}: tags must be a table, got {value!r}')
    return {str(name): str(text) for name, text in value.items()}
