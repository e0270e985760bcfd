"""What is cached for later runs: files fetched from backends, and conversions.

list     show what is cached
prune    remove what is not in use, the least recently used first
verify   remove what has changed; with --deep every byte of the files is read
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse_hooks.amounts import size_of
from synapse_hooks.cli.amounts import count_text, size_text
from synapse_hooks.cli.common import CommandResult, add_common

if TYPE_CHECKING:
    from synapse_hooks.backends.synapse import Cache
    from synapse_hooks.storage.folder_cache import CachedFolder, FolderCache


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The action, and where the cache is."""
    actions = parser.add_subparsers(dest='action', required=True, metavar='ACTION')
    for name, text in (
        ('list', 'show what is cached'),
        ('prune', 'remove files that no dataset uses, and conversions that no run is using'),
        ('verify', 'remove what has changed'),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument('--cache', metavar='DIR', type=Path, help='the cache to use')
        if name == 'prune':
            action.add_argument(
                '--to',
                metavar='SIZE',
                default='0',
                help='the size to reduce the cache to (5G, 500M); 0 removes all that is not in use',
            )
        if name == 'verify':
            action.add_argument('--deep', action='store_true', help='read every byte of the files')
        add_common(action, subcommand=True)


def run(options: argparse.Namespace) -> CommandResult:
    """Run the action."""
    from synapse_hooks.backends.synapse import Cache
    from synapse_hooks.storage.folder_cache import CONVERSIONS, FolderCache
    from synapse_hooks.storage.user_paths import default_cache

    files = Cache(options.cache or default_cache())
    conversions = FolderCache(files.root / CONVERSIONS)
    files.sweep()
    conversions.sweep()
    if options.action == 'prune':
        return _prune(files, conversions, size_of(options.to, '--to'))
    if options.action == 'verify':
        return _verify(files, conversions, deep=options.deep)
    return _list(files, conversions)


def _list(files: Cache, conversions: FolderCache) -> CommandResult:
    count, size, free = files.measure()
    kept = [_conversion(conversions, each) for each in conversions.entries()]
    kept_bytes = sum(each['bytes'] for each in kept)
    lines = [
        f'{files.root}: {count_text(count, "file")}, {size_text(size)}, of which {size_text(free)} are in no dataset',
        f'{count_text(len(kept), "conversion")}, {size_text(kept_bytes)} besides the images of datasets',
        *map(_line, kept),
    ]
    data = {'path': str(files.root), 'files': count, 'bytes': size, 'unused': free, 'conversions': kept}
    return CommandResult(data, '\n'.join(lines))


def _prune(files: Cache, conversions: FolderCache, to: int) -> CommandResult:
    # Conversions first: converting again costs less than fetching again, and files that a conversion links to stay.
    converted, converted_bytes = conversions.prune(max(0, to - files.measure()[1]))
    removed, freed = files.prune(max(0, to - conversions.measure()))
    in_use = sum(conversions.users(kept.path) > 0 for kept in conversions.entries())
    lines = [
        f'{count_text(removed, "file")} removed, {size_text(freed)}',
        f'{count_text(converted, "conversion")} removed, {size_text(converted_bytes)}',
        *([f'{count_text(in_use, "conversion")} in use by runs, and not removed'] if in_use else ()),
    ]
    bytes_ = freed + converted_bytes
    data = {'path': str(files.root), 'removed': removed, 'conversions': converted, 'in_use': in_use, 'bytes': bytes_}
    return CommandResult(data, '\n'.join(lines), has_side_effects=True)


def _verify(files: Cache, conversions: FolderCache, *, deep: bool) -> CommandResult:
    count, entries = files.measure()[0], len(conversions.entries())
    damaged, changed = files.verify(deep=deep), [str(kept.data) for kept in conversions.verify()]
    lines = [
        *(f'damaged, and removed: {name}' for name in damaged),
        *(f'changed, and not used again: {path}' for path in changed),
        f'{len(damaged):,} of {count_text(count, "file")} damaged, '
        f'{len(changed):,} of {count_text(entries, "conversion")} changed',
    ]
    data = {'path': str(files.root), 'damaged': damaged, 'changed': changed}
    return CommandResult(data, '\n'.join(lines), int(bool(damaged or changed)))


def _conversion(conversions: FolderCache, kept: CachedFolder) -> dict[str, Any]:
    from datetime import UTC, datetime

    from synapse_hooks.storage.folder_cache import own_bytes

    dataset = kept.record['dataset']
    return {
        'path': str(kept.data),
        'from': kept.record['from'],
        'to': dataset['format'],
        'images': sum((dataset.get('splits') or {}).values()),
        'bytes': own_bytes(kept.data),
        'run': kept.record['run'],
        'created': kept.record['created'],
        'last_used': datetime.fromtimestamp(kept.last_used, UTC).isoformat(timespec='seconds'),
        'users': conversions.users(kept.path),
    }


def _line(kept: dict[str, Any]) -> str:
    text = (
        f'  {kept["from"]} to {kept["to"]}, {kept["images"]:,} images, {size_text(kept["bytes"])}, by run {kept["run"]}'
    )
    in_use = ', in use' if kept['users'] else ''
    return f'{text}, last used {kept["last_used"][:10]}{in_use}\n    {kept["path"]}'
