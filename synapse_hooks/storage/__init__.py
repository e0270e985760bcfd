"""Bytes on disk: atomic publishing, links, archives and digests. Nothing here knows what a dataset or a model is."""

from synapse_hooks.storage.archive import archive_kind, pack, unpack
from synapse_hooks.storage.behind import Behind, write_new
from synapse_hooks.storage.digest import TreeStamp, file_digest, tree_digest, tree_stamp
from synapse_hooks.storage.disk import disk_errors
from synapse_hooks.storage.links import LinkMode, link_known, link_or_copy, link_tree
from synapse_hooks.storage.members import Limits
from synapse_hooks.storage.names import folded, safe_name
from synapse_hooks.storage.owner import is_dead, owner
from synapse_hooks.storage.publishing import publish, scratch, staging, sweep, write_atomic
from synapse_hooks.storage.spool import Spool
from synapse_hooks.storage.tree import FileEntry, walk_files

__all__ = [
    'Behind',
    'FileEntry',
    'Limits',
    'LinkMode',
    'Spool',
    'TreeStamp',
    'archive_kind',
    'disk_errors',
    'file_digest',
    'folded',
    'is_dead',
    'link_known',
    'link_or_copy',
    'link_tree',
    'owner',
    'pack',
    'publish',
    'safe_name',
    'scratch',
    'staging',
    'sweep',
    'tree_digest',
    'tree_stamp',
    'unpack',
    'walk_files',
    'write_atomic',
    'write_new',
]
