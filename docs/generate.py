"""Writes what is taken from the code: pages, tables in pages, signatures.pyi, and plugins/known.py.

python docs/generate.py            write them
python docs/generate.py --check    exit with 1 where they are not current
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from api import api_pages
from directory import KNOWN, known_plugins, plugins_page
from docstrings import fields, in_cell, items, one_line, sections
from signatures import STUB, stub

from synapse_hooks import context, errors
from synapse_hooks.hookspecs import HookSpecs, describe, hook_names, semantics

HERE = Path(__file__).parent
DICTIONARIES = (
    *(context.Dataset, context.Checkpoint, context.Changes, context.Model, context.Event, context.ParamsEvent),
    *(context.MetricsEvent, context.MessageEvent, context.ArtifactEvent, context.ProgressEvent),
    *(context.SystemEvent, context.RunStartEvent, context.RunEndEvent),
)
INTRODUCTION = """\
# Hooks

<!-- Written by docs/generate.py from synapse_hooks/hookspecs.py: change that, then type `make docs`. -->

Every hook, in the order in which a run calls it. A plugin answers one by a function of the same name, marked with
`@hookimpl`, that takes any of its arguments by name; or by a function of any name, marked with `@hookimpl.HOOK`, which
[type checkers check](override-a-stage.md#check-it-with-a-type-checker). How to bring such a function into a run is on
the page [override a stage](override-a-stage.md).

The examples stand below these imports:

```python
from pathlib import Path

from synapse_hooks import hookimpl
```
"""


def pages() -> dict[Path, str]:
    """Each page that is generated, whole or in part, with what it should say."""
    in_part = [HERE / name for name in ('errors.md', 'reliability.md')]
    return {
        HERE / 'hooks.md': hooks_page(),
        **{HERE / name: text for name, text in api_pages().items()},
        HERE / 'plugins.md': plugins_page(),
        STUB: stub(),
        KNOWN: known_plugins(),
        **{page: with_parts(page.read_text(encoding='utf-8')) for page in in_part},
    }


def hooks_page() -> str:
    """The reference of all hooks."""
    hooks = hook_names()
    rows = [f'| [`{hook}`](#{hook}) | {semantics(hook)} | {_answer_of(hook)} |' for hook in hooks]
    meanings = {semantics(hook): describe(hook) for hook in hooks}
    parts = [
        INTRODUCTION,
        '| hook | answers | returns |\n| --- | --- | --- |\n' + '\n'.join(rows) + '\n',
        'The second column says how answers are put together:\n',
        '\n'.join(f'- **{name}**: {meaning}.' for name, meaning in meanings.items()) + '\n',
        *(_hook(hook) for hook in hooks),
        '## What hooks exchange\n',
        'Plain dictionaries, documented in `synapse_hooks.context`. Keys in italics may be left out.\n',
        *(_dictionary(kind) for kind in DICTIONARIES),
    ]
    return '\n'.join(parts)


def _hook(hook: str) -> str:
    function = getattr(HookSpecs, hook)
    parts = dict(sections(inspect.getdoc(function) or ''))
    body = [f'## {hook}\n', f'```text\n{hook}{_signature(function)}\n```\n', f'*{semantics(hook)}.* {parts.pop("")}\n']
    example = parts.pop('Example')
    for name, text in parts.items():
        body.append('\n'.join(items(text)) + '\n' if name == 'Args' else f'**{name}** {text}\n')
    return '\n'.join([*body, f'```python\n{_without_prompts(example)}\n```\n'])


def _signature(function: Callable[..., Any]) -> str:
    """The arguments and what is returned; on several lines where one is too long."""
    signature = inspect.signature(function)
    arguments = [str(argument).replace("'", '') for name, argument in signature.parameters.items() if name != 'self']
    line = f'({", ".join(arguments)}) -> {signature.return_annotation}'
    return line if len(line) < 70 else '(\n    ' + ',\n    '.join(arguments) + f',\n) -> {signature.return_annotation}'


def _without_prompts(example: str) -> str:
    return '\n'.join(line[4:] for line in example.splitlines())


def _answer_of(hook: str) -> str:
    annotation = str(inspect.signature(getattr(HookSpecs, hook)).return_annotation)
    return '' if annotation == 'None' else f'`{annotation}`'.replace('|', r'\|')


def _dictionary(kind: type) -> str:
    """A TypedDict as a table; what its keys mean stands in strings below them."""
    rows = []
    for field in fields(kind):
        optional = re.fullmatch(r'NotRequired\[(.*)\]', field.type)
        key = f'*{field.name}*' if optional or not getattr(kind, '__total__', True) else field.name
        shown = in_cell(optional[1] if optional else field.type)
        rows.append(f'| {key} | `{shown}` | {in_cell(field.meaning)} |')
    title = f'### {kind.__name__}\n\n{inspect.getdoc(kind)}\n'
    return '\n'.join([title, '| key | type | meaning |', '| --- | --- | --- |', *rows, ''])


def with_parts(page: str) -> str:
    """The page with its generated parts renewed: what stands between `<!-- begin NAME -->` and `<!-- end -->`."""
    parts = {'tree': _tree, 'facts': _facts, 'cells': _cells}
    return re.sub(
        r'(?<=<!-- begin )(\w+)( -->\n).*?(?=<!-- end -->)',
        lambda found: f'{found[1]}{found[2]}{parts[found[1]]()}',
        page,
        flags=re.DOTALL,
    )


def _tree() -> str:
    drawn = re.findall(r'^    (\S.*|[├└│ ]+.*)$', errors.__doc__ or '', flags=re.MULTILINE)
    return '\n```text\n' + '\n'.join(line.rstrip() for line in drawn) + '\n```\n\n'


def _cells() -> str:
    """The fault matrix, with the tests that hold it."""
    sys.path.insert(0, str(HERE.parent))
    from tests.faults.matrix import table

    return f'\n{table()}\n\n'


def _facts() -> str:
    """What errors carry: their docstrings without the first sentence, which the tree has."""
    rows = []
    for kind in public_errors():
        _, _, more = in_cell(one_line(inspect.getdoc(kind) or '')).partition('. ')
        if '`' in more:
            rows.append(f'| `{kind.__name__}` | {more} |')
    return '\n' + '\n'.join(['| error | carries |', '| --- | --- |', *rows]) + '\n\n'


def public_errors() -> list[type[BaseException]]:
    """Every exception of synapse_hooks.errors, in its order."""
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == errors.__name__
    ]


def main() -> int:
    """Write the pages, or compare them; returns the exit code."""
    current = pages()
    stale = [path for path, text in current.items() if not path.exists() or path.read_text(encoding='utf-8') != text]
    removed = [path for path in (HERE / 'api').glob('*.md') if path not in current]
    if '--check' in sys.argv[1:]:
        for path in [*stale, *removed]:
            print(f'{path.relative_to(HERE.parent)} is not current: type `make docs`')
        return 1 if stale or removed else 0
    for path in removed:
        path.unlink()
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(current[path], encoding='utf-8')
        print(f'wrote {path.relative_to(HERE.parent)}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
