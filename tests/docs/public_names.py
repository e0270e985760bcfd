"""What a release promises to keep, as lines of text: names and parameters in Python, the command line, settings.

`python -m tests.docs.public_names` adds what is new to public_names.txt, before a release. It removes nothing: a line
is removed by hand, after its deprecation.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from synapse_hooks import context, errors
from synapse_hooks.cli import COMMANDS, module_of
from synapse_hooks.cli.common import add_common
from synapse_hooks.plugins.discovery import GROUPS
from synapse_hooks.plugins.settings import _KEYS as KEYS

ROOT = Path(__file__).parents[2]
RECORDED = Path(__file__).with_name('public_names.txt')


def page_of_names() -> ModuleType:
    """docs/api.py, which lists the public names; it is in no package."""
    sys.path.insert(0, str(ROOT / 'docs'))
    try:
        return import_module('api')
    finally:
        sys.path.remove(str(ROOT / 'docs'))


def public_names() -> set[tuple[str, str]]:
    """Every public name with its module: those of docs/api.py and `synapse_hooks`, errors, and what hooks exchange."""
    api = page_of_names()
    listed = {(section.module, name) for section in api.SECTIONS for name in api._names(section)}
    listed |= {('synapse_hooks', name) for name in import_module('synapse_hooks').__all__}
    listed |= {('synapse_hooks.context', name) for name in context.__all__}
    listed |= {('synapse_hooks.hookspecs', name) for name in ('HOOK_API', 'HookSpecs')}
    return listed | {
        (errors.__name__, name)
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == errors.__name__
    }


def current() -> set[str]:
    """A line for everything that is there now."""
    lines = {line for module, name in public_names() for line in _python(module, name)}
    for command in COMMANDS:
        parser = argparse.ArgumentParser()
        import_module(module_of(command)).add_arguments(parser)
        add_common(parser)
        lines.update(_options(f'synapse-hooks {command}', parser))
    lines.update(f'setting {key}' for key in KEYS)
    lines.update(f'entry points {group}' for group in GROUPS)
    page = (ROOT / 'docs' / 'environment.md').read_text(encoding='utf-8')
    lines.update(f'variable {name}' for name in re.findall(r'\bSYNAPSE_[A-Z_]+\b', page))
    return lines


def recorded() -> set[str]:
    """The lines that a release has promised."""
    return set(RECORDED.read_text(encoding='utf-8').splitlines()) if RECORDED.exists() else set()


def _python(module: str, name: str) -> Iterator[str]:
    value = getattr(import_module(module), name)
    yield f'python {module}.{name}'
    if not inspect.isclass(value):
        yield from _parameters(f'python {module}.{name}', value)
        return
    if not issubclass(value, BaseException) and not getattr(value, '_is_protocol', False):
        yield from _parameters(f'python {module}.{name}', value)
    own = [kind for kind in value.__mro__ if kind.__module__.startswith('synapse_hooks')]
    for member in {member for kind in own for member in (*vars(kind), *getattr(kind, '__annotations__', ()))}:
        # What a test kit checks is no interface.
        if not member.startswith(('_', 'test_')):
            yield f'python {module}.{name}.{member}'


def _parameters(name: str, value: object) -> Iterator[str]:
    if callable(value):
        try:
            parameters = inspect.signature(value).parameters.values()
        except (TypeError, ValueError):
            return
        yield from (f'{name}({each.name})' for each in parameters if not each.name.startswith('_'))


def _options(command: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield command
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from _options(f'{command} {name}', inner)
        else:
            yield from (f'{command} {option}' for option in action.option_strings)


def main() -> None:
    """Add what is new."""
    lines = sorted(recorded() | current())
    RECORDED.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')


if __name__ == '__main__':
    main()
