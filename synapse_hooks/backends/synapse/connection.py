"""Which Synapse backend, and with which credentials: flags, then environment, then `~/.synapse/config.json`.

The address and the tokens are decided together: a token in the file belongs to the host that the file names, and is
never sent to another one.
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from synapse_hooks.backends.synapse.url import requestable, shown
from synapse_hooks.errors import ConfigError
from synapse_hooks.safe_text import repr_of

DEFAULT_HOST: Final = 'https://api.synapse.sh'
"""Where no host is named and there are credentials for one."""
ALLOW_HTTP: Final = 'SYNAPSE_HOOKS_ALLOW_HTTP'
"""The variable that allows sending a token unencrypted to another machine."""

_SHORT: Final = 6
"""Characters below which a value is in too many texts to be hidden in them."""
_PORTS: Final = {'http': 80, 'https': 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of an address: what decides whether credentials may be sent to it.

    Example:
        >>> Origin.of('https://API.example.com/x') == Origin.of('https://api.example.com:443/y')
        True
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """The origin of an absolute URL.

        Raises:
            ValueError: It is not an absolute http or https URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError('it is not one over http or https')
        return cls(parts.scheme, parts.hostname.lower(), parts.port or _PORTS[parts.scheme])

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine."""
        if self.host == 'localhost':
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def url_host(self) -> str:
        """The host, in the form for a URL."""
        return f'[{self.host}]' if ':' in self.host else self.host

    def __str__(self) -> str:
        port = '' if self.port == _PORTS[self.scheme] else f':{self.port}'
        return f'{self.scheme}://{self.url_host}{port}'


@dataclass(frozen=True)
class Connection:
    """The address of a backend and the credentials. Its `repr` holds no secret."""

    host: str
    """The base URL, without a slash at its end."""
    access_token: str = field(default='', repr=False)
    """Of a person; sent as `Synapse-Access-Token`."""
    user_token: str = field(default='', repr=False)
    """Of a run that the platform started; sent as `Authorization`, and takes precedence over the other one."""
    tenant: str = field(default='', repr=False)
    agent: str = field(default='', repr=False)
    url_host: str = ''
    """`internal` where the platform's own network is to be used for files."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Which setting each value came from, by the value's name."""

    @property
    def origin(self) -> Origin:
        """Where credentials may be sent, and nowhere else."""
        return Origin.of(self.host)

    @property
    def token_source(self) -> str:
        """Which setting the token came from."""
        return self.sources.get('user_token' if self.user_token else 'access_token', 'a program')

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text may show; longer ones first."""
        values = (self.access_token, self.user_token, self.tenant, self.agent)
        return tuple(sorted({value for value in values if len(value) >= _SHORT}, key=len, reverse=True))

    def headers(self) -> dict[str, str]:
        """What every call to the API carries."""
        named = {
            'Authorization': self.user_token,
            'Synapse-Access-Token': '' if self.user_token else self.access_token,
            'Synapse-Tenant': self.tenant,
            'SYNAPSE-Agent': self.agent,
        }
        return {name: f'Token {value}' for name, value in named.items() if value}

    def query(self) -> dict[str, str]:
        """What every call to the API carries in its address."""
        return {'url_host': self.url_host} if self.url_host else {}


def resolve(
    host: str | None = None, env: Mapping[str, str] = os.environ, file: Path | None = None, *, job: bool = False
) -> Connection | None:
    """The backend that is configured, or None where none is.

    Args:
        host: The value of `--host`; it takes precedence over `SYNAPSE_HOST`.
        env: The environment. An empty value counts as none.
        file: The configuration file; None is `~/.synapse/config.json`.
        job: Whether a job of a backend is run: then the file's host counts, and `DEFAULT_HOST` after it.

    Raises:
        ConfigError: The address or the file is unusable, there is no token, or a token would be sent unencrypted.
    """
    as_platform = job or bool(env.get('SYNAPSE_PLUGIN_RUN_USER_TOKEN'))
    chosen, source = (host, '--host') if host else (env.get('SYNAPSE_HOST', ''), 'SYNAPSE_HOST')
    if not chosen and not as_platform:
        return None
    path = config_file(env) if file is None else file
    stored = _stored(path)
    if not chosen:
        chosen, source = stored.get('host') or DEFAULT_HOST, str(path) if stored.get('host') else 'the default'
    chosen = chosen.strip()
    origin = _origin(chosen, source)
    # Only then: the credentials in the file are for its own host.
    ours = stored if _origin(stored.get('host') or DEFAULT_HOST, str(path)) == origin else {}
    values, sources = {'host': chosen.rstrip('/')}, {'host': source}
    for name, variable in _VARIABLES.items():
        for value, where in ((env.get(variable, ''), variable), (ours.get(name, ''), str(path))):
            if value and name not in values:
                values[name], sources[name] = value.strip(), where
    connection = Connection(**values, url_host=env.get('SYNAPSE_PLUGIN_RUN_URL_HOST', ''), sources=sources)
    _check(connection, env)
    return connection


_VARIABLES: Final = {
    'access_token': 'SYNAPSE_ACCESS_TOKEN',
    'user_token': 'SYNAPSE_PLUGIN_RUN_USER_TOKEN',
    'tenant': 'SYNAPSE_PLUGIN_RUN_TENANT',
    'agent': 'SYNAPSE_PLUGIN_RUN_AGENT_TOKEN',
}


def config_file(env: Mapping[str, str] = os.environ) -> Path | None:
    """Where the configuration file is; None where there is no home."""
    home = env.get('HOME') or env.get('USERPROFILE')
    return Path(home, '.synapse', 'config.json') if home else None


def _stored(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    hint = 'fix or remove the file'
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f'{path} cannot be read: {error.strerror}', hint=hint, path=str(path)) from error
    except (ValueError, RecursionError):
        # Without the error's own text: it would quote what may be a token.
        raise ConfigError(f'{path} must be JSON', hint=hint, path=str(path)) from None
    if not isinstance(content, dict):
        raise ConfigError(f'{path} must be a JSON object', hint=hint, path=str(path))
    return {name: _text(content.get(name), name, path) for name in ('host', *_VARIABLES)}


def _text(value: Any, name: str, path: Path) -> str:
    if value is None:
        return ''
    if not isinstance(value, str):
        raise ConfigError(f'{path}: {name} must be text, got {type(value).__name__}', path=str(path), field=name)
    return value


def _origin(host: str, source: str) -> Origin:
    hint = 'give a complete URL, with https://'
    try:
        requestable(host)
        origin = Origin.of(host)
    except ValueError as error:
        problem = f'{source}: expected an address such as {DEFAULT_HOST}, got {repr_of(shown(host))}: {error}'
        raise ConfigError(problem, hint=hint, setting=source) from error
    if any(sign in host for sign in '@?#'):
        # Credentials in it would be sent, recorded and shown with the address.
        problem = f'{source}: the address of a backend must have no user, query or fragment: {shown(host)}'
        raise ConfigError(problem, hint=hint, setting=source)
    return origin


def _check(connection: Connection, env: Mapping[str, str]) -> None:
    origin = connection.origin
    if not (connection.access_token or connection.user_token):
        raise ConfigError(
            f'there is no token for {origin}',
            hint='set SYNAPSE_ACCESS_TOKEN, or put access_token beside this host into ~/.synapse/config.json',
            host=connection.host,
        )
    for name in _VARIABLES:
        value = getattr(connection, name)
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(
                f'{connection.sources[name]} must hold printable ASCII characters only',
                hint='copy the token again',
                setting=connection.sources[name],
            )
    if origin.scheme == 'http' and not origin.is_loopback and env.get(ALLOW_HTTP) != '1':
        raise ConfigError(
            f'{connection.sources["host"]} is {origin}: a token would be sent there unencrypted',
            hint=f'use https://, or set {ALLOW_HTTP}=1 where the network between is trusted',
            host=connection.host,
        )
