"""Writes a project of templates: rendered in a temporary folder, which is renamed when it is complete.

`templates/shared` has the files of all projects, and `templates/KIND` those of one kind. A file `NAME.jinja` becomes
NAME. In paths, `PACKAGE` and `NAME` are replaced by those of the project, and `dot-` at the beginning by a dot. Each
README includes `readme.jinja` of its kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.errors import ConfigError
from synapse_hooks.scaffold.author import Author, is_address, is_one_line
from synapse_hooks.scaffold.kinds import ProjectKind
from synapse_hooks.scaffold.naming import ProjectNames
from synapse_hooks.storage import staging
from synapse_hooks.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES: Final = Path(__file__).parent / 'templates'
SUFFIX: Final = '.jinja'
_INCLUDED: Final = 'readme.jinja'


@dataclass(frozen=True)
class NewProject:
    """What a project is to be."""

    kind: ProjectKind
    names: ProjectNames
    author: Author = field(default_factory=Author)
    description: str = ''
    """One line for PyPI; empty for one that is made of the kind and the name."""

    @property
    def summary(self) -> str:
        """The description, with a full stop."""
        text = self.description.strip() or f'{self.kind.summary} {self.names.name} for synapse-hooks'
        return text if text.endswith(('.', '!', '?')) else f'{text}.'

    @property
    def main_file(self) -> Path:
        """The file with the code of the plugin or the action, relative to the folder."""
        return Path(self.names.package, '__init__.py' if self.kind.group else 'train.py')


def write_project(project: NewProject, folder: Path) -> list[str]:
    """Write a project.

    Args:
        project: What to write.
        folder: The folder that is made; it must be absent or empty.

    Returns:
        The files, relative to the folder, sorted.

    Raises:
        ConfigError: jinja2 is not installed, or a text cannot be used.
        StorageError: Something is in the folder, or it cannot be written.
    """
    _check_texts(project)
    environment = _environment()
    with staging(folder) as staged:
        files = dict(_rendered(environment, project))
        for name, text in files.items():
            file = staged / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding='utf-8')
    return sorted(files)


def _rendered(environment: Environment, project: NewProject) -> Iterator[tuple[str, str]]:
    """Every file of the project with its text. A file of the kind goes before a shared one of the same name."""
    values = _values(project)
    for folder in ('shared', project.kind.name):
        for template in sorted((TEMPLATES / folder).rglob(f'*{SUFFIX}')):
            if template.name == _INCLUDED:
                continue
            name = template.relative_to(TEMPLATES / folder).as_posix().removesuffix(SUFFIX)
            name = name.replace('PACKAGE', project.names.package).replace('NAME', project.names.variable)
            source = environment.get_template(template.relative_to(TEMPLATES).as_posix())
            yield re.sub('^dot-', '.', name), source.render(values)


def _values(project: NewProject) -> dict[str, Any]:
    kind, names = project.kind, project.names
    return {
        'author': project.author,
        'class_name': names.class_name,
        'distribution': names.distribution,
        'group': kind.group,
        'kind': kind.name,
        'listing': kind.listing,
        'name': names.name,
        'package': names.package,
        'summary': project.summary,
        'variable': names.variable,
        'version': '.'.join(__version__.split('.')[:2]),
    }


def _environment() -> Environment:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise ConfigError(f'new needs more packages: {error}', hint="pip install 'synapse-hooks[new]'") from error
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        # The files are Python, TOML and Markdown.
        autoescape=False,
    )
    environment.filters['toml'] = toml_string
    return environment


def toml_string(text: str) -> str:
    """A text as a string of TOML.

    Example:
        >>> print(toml_string('say "hi"'))
        "say \\"hi\\""
    """
    return json.dumps(text, ensure_ascii=False).replace('\x7f', '\\u007f')


def _check_texts(project: NewProject) -> None:
    texts = {'description': project.description, 'author': project.author.name}
    for name, text in texts.items():
        if text and not is_one_line(text):
            raise ConfigError(f'--{name} must be one line of text, got {text!r}', hint='write one line', field=name)
    if project.author.email and not is_address(project.author.email):
        raise ConfigError(
            f'--email must be an address, got {project.author.email!r}',
            hint='for example ada@example.org',
            field='email',
        )
