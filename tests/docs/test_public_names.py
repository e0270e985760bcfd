"""The public names are those that docs/api.md lists: they exist, are explained, and remain. Users see no others."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.docs.examples import CONTRIB_PAGES, PAGES, ROOT
from tests.docs.public_names import current, page_of_names, public_names, recorded

NAMES = sorted(public_names())
INTERNALS = {
    'synapse-hooks-mlflow': 5,
    'synapse-hooks-ray': 29,
    'synapse-hooks-tensorboard': 3,
    'synapse-hooks-wandb': 2,
}
"""How many names that are not public each of our own distributions imports: lower these numbers, do not raise them.

They are released together with the package. Others cannot do so.
"""
IMPORT = re.compile(r'^(?:>>> | *)from (synapse_hooks(?:\.\w+)*) import (\([^)]*\)|[^\n]*)', re.MULTILINE)
IN_EXAMPLES = {
    ('synapse_hooks.conversion.validation', 'checked'),
    ('synapse_hooks.demo', 'write_base_model'),
    ('synapse_hooks.demo', 'write_scenes'),
    ('synapse_hooks.formats.dm', 'DmFormat'),
}
"""Names that examples of the documentation import although they may change."""


def test_a_public_name_can_be_imported_and_is_explained() -> None:
    found = {(module, name): getattr(import_module(module), name) for module, name in NAMES}
    own = {
        name: value
        for name, value in found.items()
        if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith('synapse_hooks')
    }
    assert len(own) > 100
    assert not [name for name, value in own.items() if not inspect.getdoc(value)]


def test_the_names_of_a_public_module_are_all_listed() -> None:
    api = page_of_names()
    for module in api.WHOLE:
        missing = set(import_module(module).__all__) - {name for _, name in NAMES}
        assert not missing, f'{module}: list them in docs/api.py, or take them out of `__all__`'
    for section in api.SECTIONS:
        offered = getattr(import_module(section.module), '__all__', None)
        assert offered is None or set(section.names.split()) <= set(offered), section.module


def test_what_a_release_has_promised_is_there() -> None:
    missing = sorted(recorded() - current())
    assert not missing, 'deprecate it first (docs/compatibility.md), or undo it:\n' + '\n'.join(missing)


@pytest.mark.parametrize('page', [*PAGES, *CONTRIB_PAGES], ids=lambda page: f'{page.parent.name}-{page.stem}')
def test_examples_import_public_names(page: Path) -> None:
    if page.name == 'api.md':
        return
    text = page.read_text(encoding='utf-8')
    found = set()
    for module, names in re.findall(
        r'^(?:>>> | *)from (synapse_hooks(?:\.\w+)*) import (\([^)]*\)|[^\n]*)', text, re.MULTILINE
    ):
        found |= {(module, name) for name in re.findall(r'\w+', re.sub(r'#.*| as \w+', '', names))}
    assert not found - set(NAMES) - IN_EXAMPLES


@pytest.mark.parametrize('folder', sorted(ROOT.glob('contrib/*/')), ids=lambda folder: folder.name)
def test_contributed_plugins_import_public_names(folder: Path) -> None:
    found = set()
    for file in folder.glob('synapse_hooks_*/**/*.py'):
        for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
            if isinstance(node, ast.ImportFrom) and (node.module or '').partition('.')[0] == 'synapse_hooks':
                found |= {(str(node.module), alias.name) for alias in node.names}
    homes = {name: import_module(module) for module, name in NAMES}
    internal = {
        (module, name)
        for module, name in found - set(NAMES)
        # The same object, by the module that defines it.
        if name not in homes or getattr(homes[name], name) is not getattr(import_module(module), name)
    }
    assert len(internal) <= INTERNALS.get(folder.name, 0), sorted(internal)
