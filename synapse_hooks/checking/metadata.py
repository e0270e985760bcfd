"""The look at the metadata and the files of an installed distribution."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from synapse_hooks.checking.report_card import Status
from synapse_hooks.plugins.discovery import DISTRIBUTION, GROUPS
from synapse_hooks.plugins.records import normalize
from synapse_hooks.plugins.requirements import requirement_here
from synapse_hooks.version import __version__

_TEXTS: Final = ('text/markdown', 'text/x-rst', 'text/plain')
_SHORTEST: Final = 200
"""Characters of a README that says anything."""
_TESTS: Final = frozenset(('test', 'tests', 'testing', 'docs', 'examples', 'benchmarks', 'scripts'))


class Finding(NamedTuple):
    """The outcome of one look."""

    name: str
    status: Status
    detail: str = ''
    hint: str = ''


def look(distribution: Distribution, others: Iterable[Distribution] | None = None) -> Iterator[Finding]:
    """Look at the packaging of an installed distribution.

    Args:
        distribution: Which.
        others: The other distributions, whose top-level names must be others; None takes all of this environment.
    """
    yield _version(distribution)
    yield _summary(distribution)
    yield _python(distribution)
    yield _synapse_hooks(distribution)
    yield _other_requirements(distribution)
    yield _groups(distribution)
    yield _readme(distribution)
    yield _licence(distribution)
    yield _classifiers(distribution)
    yield _typed(distribution)
    yield _top_level(distribution, distributions() if others is None else others)


def top_level(distribution: Distribution) -> dict[str, list[PurePosixPath]]:
    """The names that it adds to what can be imported, each with its files."""
    names: dict[str, list[PurePosixPath]] = {}
    for file in distribution.files or ():
        path = PurePosixPath(str(file))
        first = path.parts[0]
        if first in ('..', '__pycache__') or first.endswith(('.dist-info', '.egg-info', '.data', '.pth')):
            continue
        name = first.removesuffix('.py') if len(path.parts) == 1 else first
        if len(path.parts) > 1 or path.suffix in ('.py', '.so', '.pyd'):
            names.setdefault(name.partition('.')[0], []).append(path)
    return names


def _version(distribution: Distribution) -> Finding:
    text = distribution.version
    try:
        version = Version(text)
    except InvalidVersion:
        return Finding('version', 'failed', f'{text!r} is not a version', 'write one as in PEP 440: 1.0, 1.0.dev1')
    if version.local:
        return Finding('version', 'failed', f'{text} is local: PyPI refuses it', f'write {version.public}')
    if version == Version('0'):
        return Finding('version', 'failed', text, 'write a version above 0: 0.1.0')
    return Finding('version', 'ok', text)


def _summary(distribution: Distribution) -> Finding:
    text = (distribution.metadata['Summary'] or '').strip()
    if not text or text == 'UNKNOWN':
        return Finding(
            'summary', 'failed', 'there is none', 'write `description = "..."` in [project]: search shows it'
        )
    return Finding('summary', 'ok', text)


def _python(distribution: Distribution) -> Finding:
    name, text = 'Requires-Python', distribution.metadata['Requires-Python']
    if not text:
        return Finding(name, 'failed', 'there is none', 'write `requires-python = ">=3.11"` in [project]')
    try:
        specifier = SpecifierSet(text)
    except InvalidSpecifier:
        return Finding(name, 'failed', f'{text!r} is not valid', 'write `requires-python = ">=3.11"` in [project]')
    if specifier.contains('3.10'):
        hint = 'write `requires-python = ">=3.11"`: synapse-hooks needs it'
        return Finding(name, 'warning', f'{text} allows versions that synapse-hooks does not', hint)
    if any(one.operator in ('<', '<=', '==', '~=') for one in specifier):
        hint = 'write a lower bound only: an upper one makes pip take an older version of the distribution'
        return Finding(name, 'warning', f'{text} has an upper bound', hint)
    return Finding(name, 'ok', text)


def _synapse_hooks(distribution: Distribution) -> Finding:
    name = f'Requires-Dist {DISTRIBUTION}'
    minor = '.'.join(__version__.split('.')[:2])
    hint = f'write `dependencies = ["{DISTRIBUTION}>={minor}"]` in [project]'
    ours = [one for one in _requirements(distribution) if normalize(one.name) == DISTRIBUTION]
    if not ours:
        return Finding(name, 'failed', 'it is not required: pip would not install it', hint)
    specifier = ours[0].specifier
    if any(one.operator in ('==', '===') and not one.version.endswith('.*') for one in specifier):
        return Finding(name, 'failed', f'{specifier} pins one version: two plugins could not be together', hint)
    if not specifier.contains(__version__, prereleases=True):
        return Finding(name, 'failed', f'{specifier} does not contain {__version__}, which is here', hint)
    if not any(one.operator in ('>=', '>', '~=', '==') for one in specifier):
        return Finding(name, 'failed', 'it has no lower bound', hint)
    return Finding(name, 'ok', str(specifier))


def _other_requirements(distribution: Distribution) -> Finding:
    name = 'other requirements'
    invalid = [text for text in distribution.requires or () if _parsed(text) is None]
    if invalid:
        return Finding(name, 'failed', f'{invalid[0]!r} is not a requirement', 'write it as in PEP 508: `name>=1.0`')
    others = [one for one in _requirements(distribution) if normalize(one.name) != DISTRIBUTION]
    links = [one.name for one in others if one.url]
    if links:
        hint = 'require it by name: PyPI refuses requirements of URLs'
        return Finding(name, 'failed', f'{links[0]} is required by a URL', hint)
    missing = []
    for one in others:
        installed = next((found.version for found in distributions(name=one.name)), None)
        if installed is None or not one.specifier.contains(installed, prereleases=True):
            missing.append(str(one))
    if missing:
        quoted = ' '.join(f"'{text}'" for text in missing)
        return Finding(name, 'not run', f'not installed here: {", ".join(missing)}', f'pip install {quoted}')
    return Finding(name, 'ok', ', '.join(map(str, others)) or 'none')


def _groups(distribution: Distribution) -> Finding:
    name = 'groups of entry points'
    odd = sorted({one.group for one in distribution.entry_points if one.group.startswith('synapse_hooks')} - {*GROUPS})
    if odd:
        return Finding(name, 'failed', f'there is no group {odd[0]!r}', f'the groups are {", ".join(GROUPS)}')
    own = [one for one in distribution.entry_points if one.group in GROUPS]
    # Import names, as those of synapse-sdk, are not plugins.
    if not own and (paths := [str(file) for file in distribution.files or () if file.suffix == '.pth']):
        return Finding(name, 'ok', f'none, but {paths[0]}')
    if not own:
        hint = f'write [project.entry-points."synapse_hooks.formats"] or another of {", ".join(GROUPS)}'
        return Finding(name, 'failed', 'it has no plugins', hint)
    return Finding(name, 'ok', ', '.join(sorted({one.group for one in own})))


def _readme(distribution: Distribution) -> Finding:
    metadata: Any = distribution.metadata
    text = str(metadata.get_payload() or metadata.get('Description') or '').strip()
    kind = (metadata.get('Description-Content-Type') or 'text/x-rst').partition(';')[0].strip().lower()
    hint = (
        'write README.md with what it does, how to install it and an example, and `readme = "README.md"` in [project]'
    )
    if len(text) < _SHORTEST:
        return Finding('README', 'failed', f'it has {len(text)} characters' if text else 'there is none', hint)
    if kind not in _TEXTS:
        return Finding(
            'README', 'failed', f'PyPI does not render {kind!r}', 'write `readme = "README.md"` in [project]'
        )
    if kind == 'text/markdown' and len(re.findall(r'^ {0,3}(?:```|~~~)', text, re.MULTILINE)) % 2:
        return Finding('README', 'failed', 'a block of code is not closed', 'add the ``` that is missing')
    links = re.findall(r'\]\((?!https?:|mailto:|#)([^)\s]+)\)', text)
    if links:
        hint = 'write the whole URL: PyPI has no other files of the repository'
        return Finding('README', 'warning', f'the link {links[0]!r} is broken on PyPI', hint)
    return Finding('README', 'ok', f'{len(text):,} characters')


def _licence(distribution: Distribution) -> Finding:
    metadata: Any = distribution.metadata
    named = metadata.get('License-Expression') or metadata.get('License') or ''
    classifiers = [text for text in metadata.get_all('Classifier') or () if text.startswith('License ::')]
    if not (named or classifiers):
        return Finding('licence', 'failed', 'there is none', 'write `license = "Apache-2.0"` (or another) in [project]')
    if not metadata.get_all('License-File'):
        hint = 'put the text into LICENSE, and write `license-files = ["LICENSE"]` in [project]'
        return Finding('licence', 'warning', f'{named or classifiers[0]}; its text is not in the wheel', hint)
    return Finding('licence', 'ok', named.partition('\n')[0] or classifiers[0])


def _classifiers(distribution: Distribution) -> Finding:
    given = distribution.metadata.get_all('Classifier') or []
    try:
        from trove_classifiers import classifiers
    except ImportError:
        known: frozenset[str] = frozenset(given)
    else:
        known = frozenset(classifiers)
    unknown = [text for text in given if text not in known and not text.startswith('Private ::')]
    if unknown:
        hint = 'take one of https://pypi.org/classifiers: PyPI refuses others'
        return Finding('classifiers', 'failed', f'{unknown[0]!r} does not exist', hint)
    if not any(text.startswith('Programming Language :: Python') for text in given):
        hint = 'write `classifiers = ["Programming Language :: Python :: 3"]` in [project]'
        return Finding('classifiers', 'warning', 'none names Python', hint)
    return Finding('classifiers', 'ok', f'{len(given)}')


def _typed(distribution: Distribution) -> Finding:
    names = top_level(distribution)
    packages = {name: files for name, files in names.items() if any(len(file.parts) > 1 for file in files)}
    single = sorted(names.keys() - packages.keys())
    if single:
        hint = f'make {single[0]}.py the folder {single[0]}/ with __init__.py and an empty py.typed'
        return Finding('py.typed', 'warning', f'{single[0]} is a single module: type checkers ignore its types', hint)
    untyped = [name for name, files in packages.items() if not any(file.name == 'py.typed' for file in files)]
    if untyped:
        hint = f'add an empty file {untyped[0]}/py.typed, and see that the wheel has it'
        return Finding('py.typed', 'warning', f'{untyped[0]} has none: type checkers ignore its types', hint)
    return Finding('py.typed', 'ok', ', '.join(sorted(packages)))


def _top_level(distribution: Distribution, others: Iterable[Distribution]) -> Finding:
    name, own = 'top-level names', top_level(distribution)
    if not own:
        return Finding(
            name, 'warning', 'no files are recorded: it is an editable installation', 'check its folder instead'
        )
    for one in sorted(own):
        if one in _TESTS:
            hint = 'leave it out of the wheel: for hatchling, `packages = ["NAME"]` in [tool.hatch.build.targets.wheel]'
            return Finding(name, 'failed', f'it installs {one!r} for all programs', hint)
        if one in sys.stdlib_module_names:
            return Finding(name, 'failed', f'{one!r} hides a module of Python', f'rename it: {one}_plugin')
    for other in others:
        if normalize(other.name or '') == normalize(distribution.name):
            continue
        if shared := sorted(own.keys() & _claimed(other)):
            hint = 'give the package a name of its own, such as that of the distribution'
            return Finding(name, 'failed', f'{other.name} has {shared[0]!r} too', hint)
    return Finding(name, 'ok', ', '.join(sorted(own)))


def _claimed(distribution: Distribution) -> set[str]:
    """The names that it lists as its own; reading the files of all distributions would take seconds."""
    listed = distribution.read_text('top_level.txt')
    if listed is not None:
        return set(listed.split())
    folder = getattr(distribution, '_path', None)
    record = folder / 'RECORD' if isinstance(folder, Path) else None
    if record is None or not record.is_file() or record.stat().st_size > 1 << 20:
        return set()
    return set(top_level(distribution))


def _requirements(distribution: Distribution) -> list[Requirement]:
    return [one for text in distribution.requires or () if (one := requirement_here(text)) is not None]


def _parsed(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None
