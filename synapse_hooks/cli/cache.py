"""What was fetched from backends, and is kept for the next run.

list     how much there is
prune    remove files that no dataset uses, the least recently used first
verify   look for files that were changed; with --deep every byte is read. They are removed, and fetched again.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Final

from synapse_hooks.cli.common import Answer, add_common
from synapse_hooks.errors import ConfigError

_UNITS: Final = {'': 1, 'K': 10**3, 'M': 10**6, 'G': 10**9, 'T': 10**12}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The action, and where the cache is."""
    actions = parser.add_subparsers(dest='action', required=True, metavar='ACTION')
    for name, text in (
        ('list', 'how much there is'),
        ('prune', 'remove files that no dataset uses'),
        ('verify', 'look for files that were changed, and remove them'),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument('--cache', metavar='DIR', type=Path, help='the cache to use')
        if name == 'prune':
            action.add_argument(
                '--to', metavar='SIZE', default='0', help='stop at so many bytes (5G, 500M); 0 removes all it can'
            )
        if name == 'verify':
            action.add_argument('--deep', action='store_true', help='read every byte')
        add_common(action, again=True)


def run(options: argparse.Namespace) -> Answer:
    """Do what is asked for."""
    from synapse_hooks.backends.synapse import Cache, default_cache

    cache = Cache(options.cache or default_cache())
    cache.sweep()
    if options.action == 'prune':
        removed, freed = cache.prune(size_of(options.to))
        return Answer(
            {'path': str(cache.root), 'removed': removed, 'bytes': freed},
            f'{_files(removed)} removed, {freed / 1e6:,.1f} MB',
            stands_alone=True,
        )
    if options.action == 'verify':
        damaged = cache.verify(deep=options.deep)
        text = '\n'.join([*(f'damaged, and removed: {name}' for name in damaged), f'{_files(len(damaged))} damaged'])
        return Answer({'path': str(cache.root), 'damaged': damaged}, text, 1 if damaged else 0)
    count, size, free = cache.measure()
    text = f'{cache.root}: {_files(count)}, {size / 1e6:,.1f} MB, of which {free / 1e6:,.1f} MB are in no dataset'
    return Answer({'path': str(cache.root), 'files': count, 'bytes': size, 'unused': free}, text)


def _files(count: int) -> str:
    return f'{count:,} file{"s" * (count != 1)}'


def size_of(text: str) -> int:
    """Bytes, of a number with a unit or without.

    Raises:
        ConfigError: It is neither.

    Example:
        >>> size_of('1.5G'), size_of('20 MB')
        (1500000000, 20000000)
    """
    match = re.fullmatch(r'(\d+(?:\.\d+)?)\s*([KMGT]?)B?', text.strip(), re.IGNORECASE)
    if match is None:
        raise ConfigError(f'--to: expected a size, got {text!r}', hint='for example `--to 5G`', field='to')
    return int(float(match[1]) * _UNITS[match[2].upper()])
