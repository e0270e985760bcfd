"""The file of a sweep: the parameters of each run."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from synapse_hooks.errors import ConfigError, ParamsError
from synapse_hooks.safe_text import repr_of
from synapse_hooks.storage import parse_yaml, read_file, read_yaml
from synapse_hooks.storage.safe_yaml import YAML_LIMIT

MOST_RUNS: Final = 10_000
"""Of one sweep."""


def read_sweep(file: Path) -> list[dict[str, Any]]:
    """The parameters of each run of a sweep.

    Args:
        file: YAML or JSON: a list of mappings, one for each run; or one mapping of names to lists, for every
            combination of their values. CSV: a line of names, then a line for each run, of YAML values.

    Raises:
        ConfigError: It cannot be read.
        ParamsError: It holds something else, no run, or more than `MOST_RUNS`.

    Example:
        >>> file = getfixture('tmp_path') / 'sweep.yaml'
        >>> _ = file.write_text('lr: [0.1, 0.01]\\nepochs: [5]')
        >>> read_sweep(file)
        [{'lr': 0.1, 'epochs': 5}, {'lr': 0.01, 'epochs': 5}]
    """
    try:
        found = _of_csv(file) if file.suffix.lower() == '.csv' else read_yaml(file)
    except OSError as error:
        raise ConfigError(f'{file}: {error.strerror}', hint='check the path', path=str(file)) from error
    except ValueError as error:
        raise ParamsError(f'{file} cannot be read: {error}', hint='fix that line', path=str(file)) from error
    if isinstance(found, Mapping):
        found = _combinations(found, file)
    if not isinstance(found, list) or not found:
        raise _not_a_sweep(file, found)
    _bound(len(found), file)
    for row in found:
        if not isinstance(row, Mapping) or not all(isinstance(name, str) for name in row):
            raise _not_a_sweep(file, row)
    return [dict(row) for row in found]


def _of_csv(file: Path) -> list[dict[str, Any]]:
    text = read_file(file, limit=YAML_LIMIT).decode('utf-8-sig')
    try:
        rows = list(csv.reader(io.StringIO(text, newline=''), strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    names = [name.strip() for name in rows[0]] if rows else []
    if len(set(names)) < len(names):
        raise ValueError(f'line 1 has a name twice: {", ".join(names)}')
    values = [row for row in rows[1:] if row]
    for number, row in enumerate(values, 2):
        if len(row) != len(names):
            raise ValueError(f'line {number} must have {len(names)} values, got {len(row)}')
    return [{name: parse_yaml(value) for name, value in zip(names, row, strict=True)} for row in values]


def _combinations(lists: Mapping[Any, Any], file: Path) -> list[dict[Any, Any]]:
    for name, values in lists.items():
        if not isinstance(values, list) or not values:
            raise ParamsError(
                f'{file}: {name} must be a list of values, got {repr_of(values)}',
                hint=f'write `{name}: [{repr_of(values)}]`',
                path=str(file),
            )
    _bound(math.prod(map(len, lists.values())), file)
    return [dict(zip(lists, chosen, strict=True)) for chosen in itertools.product(*lists.values())]


def _bound(count: int, file: Path) -> None:
    if count > MOST_RUNS:
        raise ParamsError(
            f'{file}: a sweep may have {MOST_RUNS:,} runs, got {count:,}',
            hint='leave out values; `synapse-hooks tune` samples a space instead',
            path=str(file),
        )


def _not_a_sweep(file: Path, found: object) -> ParamsError:
    return ParamsError(
        f'{file}: expected a list with the parameters of each run, got {repr_of(found)}',
        hint='write `- {epochs: 5, lr: 0.1}` for each run, or `lr: [0.1, 0.01]` for every combination',
        path=str(file),
    )
