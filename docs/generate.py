"""Writes what the documentation takes from the code: hooks.md as a whole, and the tables of errors.md.

python docs/generate.py            write them
python docs/generate.py --check    exit with 1 where they are not current
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from synapse_hooks import context, errors
from synapse_hooks.hookspecs import HookSpecs, describe, hook_names, semantics

HERE = Path(__file__).parent
DICTIONARIES = (context.Dataset, context.Checkpoint, context.Model)
INTRODUCTION = """\
# Hooks

<!-- Written by docs/generate.py from synapse_hooks/hookspecs.py: change that, then type `make docs`. -->

Every hook, in the order in which a run calls it. A plugin answers one by a function of the same name, marked with
`@hookimpl`, that takes any of its arguments by name. How to bring such a function into a run is on the page
[override a stage](override-a-stage.md).

The examples stand below these imports:

```python
from pathlib import Path

from synapse_hooks import hookimpl
```
"""


def pages() -> dict[Path, str]:
    """Each page that is generated, whole or in part, with what it should say."""
    errors_page = HERE / 'errors.md'
    return {HERE / 'hooks.md': hooks_page(), errors_page: with_parts(errors_page.read_text(encoding='utf-8'))}


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
    sections = dict(_sections(inspect.getdoc(function) or ''))
    signature = str(inspect.signature(function)).replace('self, ', '').replace("'", '')
    body = [f'## {hook}\n', f'```text\n{hook}{signature}\n```\n', f'*{semantics(hook)}.* {sections.pop("")}\n']
    example = sections.pop('Example')
    for name, text in sections.items():
        body.append(_arguments(text) if name == 'Args' else f'**{name}** {text}\n')
    return '\n'.join([*body, f'```python\n{_without_prompts(example)}\n```\n'])


def _sections(doc: str) -> Iterator[tuple[str, str]]:
    """The sections of a docstring by heading; what stands before the first has none."""
    found = re.split(r'^(Args|Returns|Raises|Example):\n', doc, flags=re.MULTILINE)
    yield '', found[0].strip()
    for name, text in zip(found[1::2], found[2::2], strict=True):
        yield name, textwrap.dedent(text).strip()


def _arguments(text: str) -> str:
    items = re.sub(r'\n +', ' ', text).splitlines()
    return '\n'.join(re.sub(r'^(\w+): ', r'- `\1`: ', item) for item in items) + '\n'


def _without_prompts(example: str) -> str:
    return '\n'.join(line[4:] for line in example.splitlines())


def _answer_of(hook: str) -> str:
    annotation = str(inspect.signature(getattr(HookSpecs, hook)).return_annotation)
    return '' if annotation == 'None' else f'`{annotation}`'.replace('|', r'\|')


def _dictionary(kind: type) -> str:
    """A TypedDict as a table; what its keys mean stands in strings below them."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    rows = []
    for place, node in enumerate(tree.body):
        if not isinstance(node, ast.AnnAssign):
            continue
        below = tree.body[place + 1] if place + 1 < len(tree.body) else None
        said = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else ''
        name, type = ast.unparse(node.target), ast.unparse(node.annotation)
        optional = re.fullmatch(r'NotRequired\[(.*)\]', type)
        key = f'*{name}*' if optional else name
        shown = (optional[1] if optional else type).replace('|', r'\|')
        rows.append(f'| {key} | `{shown}` | {_one_line(str(said))} |')
    title = f'### {kind.__name__}\n\n{inspect.getdoc(kind)}\n'
    return '\n'.join([title, '| key | type | meaning |', '| --- | --- | --- |', *rows, ''])


def with_parts(page: str) -> str:
    """The page with its generated parts renewed: what stands between `<!-- begin NAME -->` and `<!-- end -->`."""
    parts = {'tree': _tree, 'facts': _facts}
    return re.sub(
        r'(?<=<!-- begin )(\w+)( -->\n).*?(?=<!-- end -->)',
        lambda found: f'{found[1]}{found[2]}{parts[found[1]]()}',
        page,
        flags=re.DOTALL,
    )


def _tree() -> str:
    drawn = re.findall(r'^    (\S.*|[├└│ ]+.*)$', errors.__doc__ or '', flags=re.MULTILINE)
    return '\n```text\n' + '\n'.join(line.rstrip() for line in drawn) + '\n```\n\n'


def _facts() -> str:
    """What errors carry: their docstrings without the first sentence, which the tree has."""
    rows = []
    for kind in public_errors():
        _, _, more = _one_line(inspect.getdoc(kind) or '').partition('. ')
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


def _one_line(doc: str) -> str:
    """A docstring as one line, without sections."""
    return ' '.join(re.split(r'\n\n(?:Args|Example):', doc)[0].split()).replace('|', r'\|')


def main() -> int:
    """Write the pages, or compare them; returns the exit code."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding='utf-8') != text]
    if '--check' in sys.argv[1:]:
        for path in stale:
            print(f'{path.name} is not current: type `make docs`')
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages()[path], encoding='utf-8')
        print(f'wrote {path.name}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
