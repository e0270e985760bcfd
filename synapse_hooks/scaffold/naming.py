"""The names in a new project: distribution, package, class and entry point, all from one word.

The rules of names of distributions: https://packaging.python.org/en/latest/specifications/name-normalization/
"""

from __future__ import annotations

import keyword
import re
import shlex
import sys
import unicodedata
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from synapse_hooks.errors import ConfigError
from synapse_hooks.scaffold.kinds import ProjectKind

LONGEST: Final = 30
"""Characters of a name, so that lines of code with it fit into 120 columns. A distribution may have twice as many."""

_PREFIX: Final = 'synapse-hooks-'
_DISTRIBUTION: Final = re.compile(r'[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?')
_TAKEN: Final = {
    'format': ('coco', 'dm', 'imagefolder', 'yolo'),
    'autologger': ('ultralytics',),
    'launcher': ('local',),
    'plugin': ('stages',),
    'sink': ('stages',),
}
"""Names that are built in: a plugin with one of them would be ambiguous."""
_NEEDED: Final = (
    *(
        'certifi',
        'conftest',
        'filelock',
        'hatchling',
        'httpx',
        'jinja2',
        'msgspec',
        'mypy',
        'numpy',
        'packaging',
        'pip',
    ),
    *('platformdirs', 'pluggy', 'pycurl', 'pydantic', 'pydantic_core', 'pytest', 'rich', 'ruff', 'setuptools'),
    *('synapse_hooks', 'test', 'tests', 'typing_extensions', 'yaml'),
)
"""Top-level modules that a module of the same name in the project would hide from synapse-hooks or its tests."""

_FRAMEWORKS: Final = (
    *('cv2', 'datasets', 'jax', 'keras', 'lightning', 'matplotlib', 'pandas', 'sklearn', 'scipy', 'tensorflow', 'timm'),
    *('torch', 'torchvision', 'transformers', 'ultralytics', 'xgboost'),
)
"""What an action trains with: a package of the same name would hide it, also where it is installed later."""


@dataclass(frozen=True)
class ProjectNames:
    """The names in a project.

    Example:
        >>> from synapse_hooks.scaffold.kinds import KINDS
        >>> names = ProjectNames.of(KINDS['format'], 'Acme VOC')
        >>> names.name, names.distribution, names.package, names.class_name
        ('acme-voc', 'synapse-hooks-acme-voc', 'synapse_hooks_acme_voc', 'AcmeVOCFormat')
    """

    name: str
    """The name of the plugin, which is that of its entry point: `voc`."""
    distribution: str
    """As in `pip install NAME`: `synapse-hooks-voc`."""
    package: str
    """As in `import NAME`: `synapse_hooks_voc`."""
    class_name: str
    """The class in it: `VocFormat`."""

    @property
    def variable(self) -> str:
        """The name as a part of a Python name: `acme_voc`."""
        return self.name.replace('-', '_')

    @classmethod
    def of(cls, kind: ProjectKind, name: str, distribution: str | None = None) -> ProjectNames:
        """The names for what the user typed.

        Case, blanks, dots and underscores are corrected, and the beginning `synapse-hooks-` is left out; a name that
        cannot be corrected without a guess is refused.

        Args:
            kind: What is made.
            name: As typed.
            distribution: Its name on PyPI; None makes it of `name`.

        Raises:
            ConfigError: It cannot be a name; the hint has one that can.
        """
        words = _words(kind, name)
        normal = '-'.join(words).lower()
        short = normal.replace('-', '_') if kind.name == 'autologger' else normal
        _check(kind, name, short)
        if distribution is None:
            distribution = normal if kind.name == 'action' else f'{_PREFIX}{normal}'
        package = _package(distribution)
        hidden = _hidden_by(package)
        if not hidden and package in _FRAMEWORKS:
            hidden = 'a framework'
        if kind.name == 'action' and not hidden and find_spec(package) is not None:
            hidden = 'installed here'
        if hidden:
            raise _hiding(kind, distribution, package, hidden)
        if kind.name == 'autologger' and (hidden := _hidden_by(short)):
            # The tests of the project have a module of that name, in the place of the framework.
            raise _hiding(kind, name, short, hidden)
        camel = ''.join(word[:1].upper() + word[1:] for word in words)
        has_suffix = camel.lower().endswith(kind.suffix.lower())
        # A class cannot extend one of its own name.
        suffix = '' if has_suffix and camel != kind.base else kind.suffix
        if f'{camel}{suffix}' == kind.base:
            suffix += kind.suffix
        return cls(short, distribution, package, f'{camel}{suffix}')


def _words(kind: ProjectKind, name: str) -> list[str]:
    """The words of a name, in ASCII, with their own case."""
    words = [word for word in re.split(r'[\s._-]+', name.strip()) if word]
    if [word.lower() for word in words[:2]] == _PREFIX.strip('-').split('-'):
        words = words[2:]
    if all(re.fullmatch('[A-Za-z0-9]+', word) for word in words) and words and words[0][0].isalpha():
        return words
    raise ConfigError(
        f'{name!r} cannot be the name of a project: it must have letters, digits and hyphens, and begin with a letter',
        hint=f'type {_command(kind, _proposed(kind, words))}',
        field='name',
    )


def _proposed(kind: ProjectKind, words: list[str]) -> str:
    """A name near the given one that is valid."""
    plain = unicodedata.normalize('NFKD', '-'.join(words).casefold()).encode('ascii', 'ignore').decode()
    plain = re.sub('[^a-z0-9]+', '-', plain).strip('-')[:LONGEST].strip('-')
    if plain and plain[0].isalpha():
        return plain
    first, _, rest = plain.partition('-')
    return f'{rest}-{first}' if rest and rest[0].isalpha() else f'{kind.name}-{plain}' if plain else f'my-{kind.name}'


def _check(kind: ProjectKind, given: str, name: str) -> None:
    if len(name) > LONGEST:
        raise ConfigError(
            f'{given!r} is too long: a name may have {LONGEST} characters, and this has {len(name)}',
            hint=f'type {_command(kind, name[:LONGEST].strip("-_"))}, or another short name',
            field='name',
        )
    if name in _TAKEN.get(kind.name, ()):
        raise ConfigError(
            f'the {kind.name} {name!r} is built in', hint=f'type {_command(kind, f"my-{name}")}', field='name'
        )


def _hidden_by(module: str) -> str:
    """What a module of the project would hide; empty if nothing."""
    if keyword.iskeyword(module):
        return 'a keyword of Python'
    if module in sys.stdlib_module_names:
        return 'a module of Python'
    return 'a module that synapse-hooks or its tests need' if module in _NEEDED else ''


def _hiding(kind: ProjectKind, given: str, module: str, hidden: str) -> ConfigError:
    longer = f'my-{module}'.replace('_', '-')
    return ConfigError(
        f'{given!r} cannot be the name of a project: it would have a module {module}, and that is {hidden}',
        hint=f'type {_command(kind, longer)}',
        field='name',
    )


def _package(distribution: str) -> str:
    """The package of a distribution."""
    package = re.sub(r'[-_.]+', '_', distribution).lower()
    if not _DISTRIBUTION.fullmatch(distribution) or not package.isidentifier() or len(package) > 2 * LONGEST:
        near = re.sub(r'[^A-Za-z0-9._-]+', '-', distribution).strip('._-0123456789').lower()[: 2 * LONGEST]
        raise ConfigError(
            f'{distribution!r} cannot be the name of a distribution: it must have letters, digits, hyphens, dots and '
            f'underscores, begin with a letter, end with a letter or digit, and have at most {2 * LONGEST} characters',
            hint=f'for example --distribution {near or "my-plugin"}',
            field='distribution',
        )
    return package


def _command(kind: ProjectKind, name: str) -> str:
    return f'`synapse-hooks new {kind.name} {shlex.quote(name)}`'
