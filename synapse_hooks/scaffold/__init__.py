"""New projects of plugins and actions: names, templates, and the folder that is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.scaffold.author import Author
    from synapse_hooks.scaffold.kinds import KINDS, ProjectKind, project_kind
    from synapse_hooks.scaffold.naming import ProjectNames
    from synapse_hooks.scaffold.project import NewProject, write_project

_HOMES = {
    'Author': 'author',
    'KINDS': 'kinds',
    'NewProject': 'project',
    'ProjectKind': 'kinds',
    'ProjectNames': 'naming',
    'project_kind': 'kinds',
    'write_project': 'project',
}

__all__ = [
    'KINDS',
    'Author',
    'NewProject',
    'ProjectKind',
    'ProjectNames',
    'project_kind',
    'write_project',
]

import_lazily(__name__, _HOMES)
