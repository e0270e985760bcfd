"""What the project says about S3. Credentials are not settings: they come from where AWS's own tools look for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from synapse_hooks.errors import ConfigError, suggest
from synapse_hooks.storage import absolute, default_cache

TABLE: Final = 's3'
WHERE: Final = '[tool.synapse_hooks.settings.s3]'
SCHEME: Final = 's3://'
_CHAIN: Final = 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE'


@dataclass(frozen=True)
class Address:
    """A place in S3: a bucket, and what the keys in it begin with."""

    bucket: str
    prefix: str
    """Without slashes at its ends; empty for the whole bucket."""

    def __str__(self) -> str:
        return f'{SCHEME}{self.bucket}/{self.prefix}'.rstrip('/')

    @property
    def path(self) -> str:
        """As s3fs has it: `bucket/prefix`."""
        return f'{self.bucket}/{self.prefix}'.rstrip('/')

    def __truediv__(self, name: str) -> Address:
        """A place below it."""
        return Address(self.bucket, f'{self.prefix}/{name}'.lstrip('/'))

    @classmethod
    def parse(cls, text: str, where: str) -> Address:
        """The place that `s3://BUCKET/PREFIX` names.

        Args:
            text: The address.
            where: What has it, for messages.

        Raises:
            ConfigError: It is not such an address.

        Example:
            >>> str(Address.parse('s3://data/street/2026/', 'dataset'))
            's3://data/street/2026'
        """
        bucket, _, prefix = text.removeprefix(SCHEME).partition('/')
        if '@' in bucket:
            # The text is not repeated: it may have a password in it.
            raise ConfigError(f'{where}: an address of S3 must not contain a login', hint=_CHAIN)
        if not text.startswith(SCHEME) or not bucket or '?' in bucket:
            raise ConfigError(f'{where} must be s3://BUCKET/PREFIX, got {text!r}', hint='correct the address')
        return cls(bucket, prefix.strip('/'))


@dataclass(frozen=True)
class Settings:
    """The settings of a run."""

    endpoint_url: str | None = None
    """The server, where it is not AWS's; None leaves it to AWS_ENDPOINT_URL and the profile."""
    region: str | None = None
    profile: str | None = None
    anonymous: bool = False
    """Whether requests are not signed, for public buckets."""
    models: Address | None = None
    """Where models are uploaded to; None leaves them to other plugins."""
    format: str | None = None
    """The format of datasets; None detects it."""
    connections: int = 16
    """How many objects are transferred at once."""
    verify: bool = True
    """Whether the content of what is downloaded must have the MD5 that its ETag says."""
    cache: Path | None = None
    """Where downloaded objects are kept; None: `s3` in the cache of synapse-hooks."""

    @property
    def cache_folder(self) -> Path:
        """Where downloaded objects are kept."""
        return self.cache or default_cache() / TABLE

    @staticmethod
    def of(settings: Mapping[str, Mapping[str, Any]]) -> Settings:
        """The settings of a project.

        Args:
            settings: `context.settings`.

        Raises:
            ConfigError: A setting is unknown, or has a value of another type.

        Example:
            >>> str(Settings.of({'s3': {'models': 's3://models/street'}}).models)
            's3://models/street'
        """
        table = settings.get(TABLE, {})
        for name in table:
            if name not in Settings.__dataclass_fields__:
                known = ', '.join(Settings.__dataclass_fields__)
                hint = suggest(name, Settings.__dataclass_fields__) or f'known are {known}'
                raise ConfigError(f'{WHERE}: unknown setting {name!r}', hint=hint)
        models, cache = _text(table, 'models'), _text(table, 'cache')
        return Settings(
            endpoint_url=_endpoint(table),
            region=_text(table, 'region'),
            profile=_text(table, 'profile'),
            anonymous=_flag(table, 'anonymous', False),
            models=None if models is None else Address.parse(models, f'{WHERE}: models'),
            format=_text(table, 'format'),
            connections=_count(table, 'connections', Settings.connections),
            verify=_flag(table, 'verify', True),
            cache=None if cache is None else absolute(cache, f'{WHERE}: cache'),
        )


def _text(table: Mapping[str, Any], name: str) -> str | None:
    value = table.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f'{WHERE}: {name} must be text, got {value!r}', hint='correct it')
    return value or None


def _flag(table: Mapping[str, Any], name: str, default: bool) -> bool:
    value = table.get(name, default)
    if not isinstance(value, bool):
        raise ConfigError(f'{WHERE}: {name} must be true or false, got {value!r}', hint='correct it')
    return value


def _count(table: Mapping[str, Any], name: str, default: int) -> int:
    value = table.get(name, default)
    if type(value) is not int or not 0 < value <= 256:
        raise ConfigError(f'{WHERE}: {name} must be a number from 1 to 256, got {value!r}', hint='correct it')
    return int(value)


def _endpoint(table: Mapping[str, Any]) -> str | None:
    url = _text(table, 'endpoint_url')
    if url is None:
        return None
    parts = urlsplit(url)
    if '@' in parts.netloc:
        raise ConfigError(f'{WHERE}: endpoint_url must not contain a login', hint=_CHAIN)
    if parts.scheme not in ('http', 'https') or not parts.netloc:
        raise ConfigError(f'{WHERE}: endpoint_url must be http:// or https://, got {url!r}', hint='correct it')
    return url
