"""Bytes on disk: atomic publishing, links, archives and digests. Nothing here knows what a dataset or a model is.

Each name is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.storage.archive import pack, unpack
    from synapse_hooks.storage.archive_kinds import archive_kind
    from synapse_hooks.storage.bulk import link_all, link_tree, write_all
    from synapse_hooks.storage.digest import TreeStamp, file_digest, stamped_digest, tree_digest, tree_stamp
    from synapse_hooks.storage.disk import disk_errors
    from synapse_hooks.storage.links import LinkMode, link_or_copy
    from synapse_hooks.storage.members import Limits
    from synapse_hooks.storage.moved_paths import relocate
    from synapse_hooks.storage.names import FreeNames, folded, is_system_file, safe_name
    from synapse_hooks.storage.ownership import is_dead, owner
    from synapse_hooks.storage.pickles import check_pickles
    from synapse_hooks.storage.publishing import publish, scratch, staging, sweep, sync_below, write_atomic
    from synapse_hooks.storage.safe_open import (
        TABLE_LIMIT,
        TEXT_LIMIT,
        UnsafeFile,
        is_inside,
        open_regular,
        read_file,
        read_head,
    )
    from synapse_hooks.storage.safe_yaml import parse_yaml, read_yaml
    from synapse_hooks.storage.spool import Spool
    from synapse_hooks.storage.tree import FileEntry, walk_files
    from synapse_hooks.storage.user_paths import absolute, default_cache, working_directory

_HOMES = {
    'absolute': 'user_paths',
    'archive_kind': 'archive_kinds',
    'check_pickles': 'pickles',
    'default_cache': 'user_paths',
    'disk_errors': 'disk',
    'file_digest': 'digest',
    'FileEntry': 'tree',
    'folded': 'names',
    'FreeNames': 'names',
    'is_dead': 'ownership',
    'is_system_file': 'names',
    'is_inside': 'safe_open',
    'Limits': 'members',
    'link_all': 'bulk',
    'link_or_copy': 'links',
    'link_tree': 'bulk',
    'LinkMode': 'links',
    'open_regular': 'safe_open',
    'owner': 'ownership',
    'pack': 'archive',
    'parse_yaml': 'safe_yaml',
    'publish': 'publishing',
    'read_file': 'safe_open',
    'read_head': 'safe_open',
    'read_yaml': 'safe_yaml',
    'UnsafeFile': 'safe_open',
    'relocate': 'moved_paths',
    'safe_name': 'names',
    'scratch': 'publishing',
    'Spool': 'spool',
    'staging': 'publishing',
    'stamped_digest': 'digest',
    'sweep': 'publishing',
    'sync_below': 'publishing',
    'TABLE_LIMIT': 'safe_open',
    'TEXT_LIMIT': 'safe_open',
    'tree_digest': 'digest',
    'tree_stamp': 'digest',
    'TreeStamp': 'digest',
    'unpack': 'archive',
    'walk_files': 'tree',
    'working_directory': 'user_paths',
    'write_all': 'bulk',
    'write_atomic': 'publishing',
}

__all__ = [
    'TABLE_LIMIT',
    'TEXT_LIMIT',
    'FileEntry',
    'FreeNames',
    'Limits',
    'LinkMode',
    'Spool',
    'TreeStamp',
    'UnsafeFile',
    'absolute',
    'archive_kind',
    'check_pickles',
    'default_cache',
    'disk_errors',
    'file_digest',
    'folded',
    'is_dead',
    'is_inside',
    'is_system_file',
    'link_all',
    'link_or_copy',
    'link_tree',
    'open_regular',
    'owner',
    'pack',
    'parse_yaml',
    'publish',
    'read_file',
    'read_head',
    'read_yaml',
    'relocate',
    'safe_name',
    'scratch',
    'staging',
    'stamped_digest',
    'sweep',
    'sync_below',
    'tree_digest',
    'tree_stamp',
    'unpack',
    'walk_files',
    'working_directory',
    'write_all',
    'write_atomic',
]

import_lazily(__name__, _HOMES)
