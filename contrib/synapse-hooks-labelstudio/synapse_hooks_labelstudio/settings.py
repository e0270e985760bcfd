"""Where the server of Label Studio is, and the token for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from synapse_hooks.errors import ConfigError, suggest

TABLE: Final = 'labelstudio'
WHERE: Final = '[tool.synapse_hooks.settings.labelstudio]'
SCHEME: Final = 'labelstudio:'
URL_VARIABLE: Final = 'LABEL_STUDIO_URL'
TOKEN_VARIABLE: Final = 'LABEL_STUDIO_API_KEY'
"""The variables that Label Studio's own SDK reads."""
_NAMES: Final = ('url', 'connections', 'unannotated', 'prefix', 'write')
"""`prefix` and `write` are those of the format."""


@dataclass(frozen=True)
class Settings:
    """The settings of an export from a server."""

    url: str
    """Of the server, without a slash at its end."""
    token: str = field(repr=False)
    """A personal access token, or a legacy one. It comes from the environment only."""
    connections: int = 8
    """How many images are downloaded at once."""
    unannotated: bool = False
    """Whether tasks without annotations are exported, too."""

    @staticmethod
    def of(settings: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings of a run.

        Args:
            settings: `context.settings`.
            environ: The environment.

        Raises:
            ConfigError: The server or the token is missing, or a setting has a value of another type.

        Example:
            >>> Settings.of({'labelstudio': {'url': 'https://labels.example/'}}, {'LABEL_STUDIO_API_KEY': 'abc'})
            Settings(url='https://labels.example', connections=8, unannotated=False)
        """
        table = settings.get(TABLE, {})
        for name in table:
            if name not in _NAMES:
                hint = suggest(name, _NAMES) or f'known are {", ".join(_NAMES)}'
                raise ConfigError(f'{WHERE}: unknown setting {name!r}', hint=hint)
        token = environ.get(TOKEN_VARIABLE, '')
        if not token.strip():
            raise ConfigError(
                'there is no token for Label Studio', hint=f'set {TOKEN_VARIABLE}: Account & Settings, Access Token'
            )
        connections = table.get('connections', Settings.connections)
        if type(connections) is not int or not 0 < connections <= 64:
            raise ConfigError(
                f'{WHERE}: connections must be a number from 1 to 64, got {connections!r}', hint='correct it'
            )
        unannotated = table.get('unannotated', False)
        if not isinstance(unannotated, bool):
            raise ConfigError(f'{WHERE}: unannotated must be true or false, got {unannotated!r}', hint='correct it')
        return Settings(_url(table, environ), token.strip(), connections, unannotated)


def project_of(dataset: str) -> int:
    """The project that `labelstudio:ID` names.

    Raises:
        ConfigError: It is not such a name.

    Example:
        >>> project_of('labelstudio:12')
        12
    """
    id = dataset.removeprefix(SCHEME).strip('/')
    if not id.isdecimal() or len(id) > 12:
        raise ConfigError(
            f'dataset must be {SCHEME}ID with the number of a project, got {dataset!r}', hint='correct it'
        )
    return int(id)


def _url(table: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    url = table.get('url') or environ.get(URL_VARIABLE, '')
    if not url:
        raise ConfigError('there is no server of Label Studio', hint=f'set {URL_VARIABLE}, or `url` in {WHERE}')
    where = f'{WHERE}: url' if table.get('url') else URL_VARIABLE
    parts = urlsplit(str(url))
    if '@' in parts.netloc:
        # It is not repeated: it has a password in it.
        raise ConfigError(f'{where} must not contain a login', hint=f'set {TOKEN_VARIABLE}')
    if not isinstance(url, str) or parts.scheme not in ('http', 'https') or not parts.netloc or parts.query:
        raise ConfigError(f'{where} must be http:// or https:// and a host, got {url!r}', hint='correct it')
    return url.rstrip('/')
