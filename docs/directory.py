"""The page plugins.md and the names that `synapse-hooks install` knows, from the distributions in contrib/."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final, NamedTuple

from docstrings import in_cell

from synapse_hooks.plugins.discovery import GROUPS
from synapse_hooks.plugins.records import normalize

ROOT: Final = Path(__file__).parents[1]
KNOWN: Final = ROOT / 'synapse_hooks' / 'plugins' / 'known.py'
_PREFIX: Final = 'synapse-hooks-'
_TITLES: Final = {
    'synapse_hooks.formats': 'Formats',
    'synapse_hooks.autologgers': 'Autologgers',
    'synapse_hooks': 'Trackers and other plugins',
    'synapse_hooks.launchers': 'Launchers',
    'synapse_hooks.executors': 'Executors',
    '': 'Without an entry point',
}
_INTRODUCTION: Final = """\
# Plugins

<!-- Written by docs/generate.py from contrib/*/pyproject.toml and README.md: change those, then type `make docs`. -->

The plugins that are developed together with synapse-hooks, each a distribution of its own. `synapse-hooks install` puts
one into the environment of the command, with pip or uv, and lists what it brought:

<!-- not run: it needs a package index -->
```console
$ synapse-hooks install voc
voc is synapse-hooks-voc
...
name  kind    state   from
voc   format  active  synapse-hooks-voc 0.2.0
```

`synapse-hooks uninstall voc` removes it. Short names are those in the tables below; every other name goes to pip as it
is. Most plugins of others are on PyPI under a name that begins with `synapse-hooks-`.
[A converter in ten minutes](ten-minutes.md) makes one.
"""
_KNOWN: Final = '''\
"""The plugins that are developed together with synapse-hooks.

Written by docs/generate.py from contrib/*/pyproject.toml: type `make docs`.
"""

from __future__ import annotations

from typing import Final

from synapse_hooks.plugins.records import Kind

DISTRIBUTIONS: Final = (
%s)
"""The distributions."""

KNOWN: Final[dict[Kind, dict[str, str]]] = {
%s}
"""By kind and name of a plugin, the distribution that has it. Names are normalized."""
'''


class Distribution(NamedTuple):
    """A distribution in contrib/."""

    name: str
    summary: str
    entries: dict[str, list[str]]
    """The names of its plugins, by entry-point group; the group is empty where it has none."""
    readme: str

    @property
    def short(self) -> str:
        """The end of its name: `voc`."""
        return self.name.removeprefix(_PREFIX)


def distributions() -> list[Distribution]:
    """Every distribution, by name."""
    found = []
    for file in sorted(ROOT.glob('contrib/*/pyproject.toml')):
        project = tomllib.loads(file.read_text(encoding='utf-8'))['project']
        groups = {group: sorted(names) for group, names in project.get('entry-points', {}).items() if group in GROUPS}
        readme = file.with_name('README.md').read_text(encoding='utf-8')
        found.append(Distribution(project['name'], project['description'], groups or {'': []}, readme))
    return found


def plugins_page() -> str:
    """The directory: a table for each kind, then each distribution with its first example."""
    every = distributions()
    parts = [_INTRODUCTION]
    for group, title in _TITLES.items():
        rows = [
            _row(one, name) for one in every for name in one.entries.get(group, ()) or ([''] * (group in one.entries))
        ]
        if rows:
            table = ['| name | what it is | to install it |', '| --- | --- | --- |', *rows]
            parts.append(f'## {title}\n\n' + '\n'.join(table) + '\n')
    parts += ['## The distributions\n', *map(_section, every)]
    return '\n'.join(parts)


def _row(one: Distribution, name: str) -> str:
    shown = f'[`{name or one.name}`](#{one.name})'
    return f'| {shown} | {in_cell(one.summary)} | `synapse-hooks install {one.short}` |'


def _section(one: Distribution) -> str:
    names = [f'{GROUPS[group]} `{name}`' for group, names in sorted(one.entries.items()) if group for name in names]
    brings = f'It brings {_listed(names)}.' if names else 'It has no entry point.'
    link = f'[its page](../contrib/{one.name}/README.md)'
    return f'### {one.name}\n\n{one.summary} {brings} More is on {link}.\n{_example(one.readme)}'


def _listed(names: list[str]) -> str:
    return ', '.join(names[:-1]) + (' and ' if len(names) > 1 else '') + names[-1]


def _example(readme: str) -> str:
    """The first example: an indented block, or a fenced one with its title."""
    found = re.search(
        r'^(?P<title>\*\*`[^`\n]+`\*\*\n\n)?(?:<!--.*?-->\n)?```(?P<language>\w*)\n(?P<fenced>.*?)^```$'
        r'|(?P<indented>(?:^    [^\n]*\n|^\n(?=    ))+)',
        readme,
        re.DOTALL | re.MULTILINE,
    )
    if found is None:
        return ''
    text = found['fenced'] or re.sub('^    ', '', found['indented'] or '', flags=re.MULTILINE).strip('\n') + '\n'
    language = found['language'] or 'bash'
    return (
        f'\n{found["title"] or ""}<!-- not run: the distribution is not installed here -->\n```{language}\n{text}```\n'
    )


def known_plugins() -> str:
    """The module `synapse_hooks.plugins.known`."""
    every = distributions()
    kinds = []
    for group, kind in sorted(GROUPS.items(), key=lambda entry: entry[1]):
        names = {normalize(name): one.name for one in every for name in one.entries.get(group, ())}
        lines = ''.join(f'        {name!r}: {distribution!r},\n' for name, distribution in sorted(names.items()))
        if names:
            kinds.append(f'    {kind!r}: {{\n{lines}    }},\n')
    return _KNOWN % (''.join(f'    {one.name!r},\n' for one in every), ''.join(kinds))
