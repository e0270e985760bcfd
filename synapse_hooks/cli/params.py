"""Parameters of a command: `-p NAME=VALUE` arguments and files, both read as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synapse_hooks.errors import ConfigError, ParamsError
from synapse_hooks.safe_text import repr_of
from synapse_hooks.storage import parse_yaml
from synapse_hooks.storage.safe_yaml import YAML_LIMIT


def read_yaml_file(option: str, file: Path) -> Any:
    """What a YAML or JSON file holds.

    Args:
        option: The option that names it, for errors.
        file: The file.

    Raises:
        ConfigError: It cannot be read.
        ParamsError: It is not valid YAML.
    """
    try:
        with file.open('rb') as opened:
            # Not `read_file`: the user names this file, so a pipe is fine.
            return parse_yaml(opened.read(YAML_LIMIT + 1))
    except OSError as error:
        raise ConfigError(f'{option} {file}: {error.strerror}', hint='check the path', path=str(file)) from error
    except ValueError as error:
        raise ParamsError(f'{option} {file} is not YAML: {error}', hint='fix that line', path=str(file)) from error


def read_params(file: Path | None, words: list[str]) -> dict[str, Any]:
    """Parameters from a file and from `NAME=VALUE` arguments, which take precedence.

    Raises:
        ConfigError: The file cannot be read.
        ParamsError: A value is not valid YAML, or the file is not a mapping.
    """
    values: dict[str, Any] = {}
    if file is not None:
        loaded = read_yaml_file('--params', file)
        if loaded is not None and not isinstance(loaded, dict):
            raise ParamsError(
                f'--params {file} holds a {type(loaded).__name__}, not names with values',
                hint='write one `name: value` a line',
                path=str(file),
            )
        values.update(loaded or {})
    for word in words:
        name, equals, text = word.partition('=')
        if not equals or not name:
            raise ParamsError(f'-p {word!r} is not NAME=VALUE', hint='for example `-p epochs=10`', field=name)
        try:
            values[name] = parse_yaml(text)
            if isinstance(values[name], dict) and any(':' in str(key) for key in values[name]):
                raise ParamsError(
                    f'-p {name}: {text!r} has no space after a colon', hint='write {a: 1, b: 2}', field=name
                )
        except ValueError as error:
            raise ParamsError(
                f'-p {name}: {repr_of(text)} is not YAML: {error}', hint='put it into quotes', field=name
            ) from error
    return values
