"""What a distribution imports is among what it requires, or comes with that by its own requirements."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from synapse_hooks.plugins.records import normalize

ROOT = Path(__file__).parents[2]
PROJECTS = [ROOT, *sorted(file.parent for file in ROOT.glob('contrib/*/pyproject.toml'))]
BROUGHT_BY = {
    'PIL': 'pillow',
    'botocore': 's3fs',
    'cv2': 'opencv-python-headless',
    'google': 'google-crc32c',
    'grpc': 'ray',
    'mlflow': 'mlflow-skinny',
    'pydantic_core': 'pydantic',
    'requests': 'mlflow-skinny',
    'sklearn': 'scikit-learn',
    'torch': 'ultralytics',
    'yaml': 'pyyaml',
}
"""The distribution of a package that has another name, or that a requirement has as its own requirement."""
OPTIONAL = ('joblib', 'pynvml', 'trove_classifiers')
"""Imported only where they are, as joblib where scikit-learn is."""


def required(project: dict[str, Any]) -> set[str]:
    extras = project.get('optional-dependencies', {}).values()
    lines = [*project.get('dependencies', ()), *(line for lines in extras for line in lines)]
    return {normalize(Requirement(line).name) for line in lines}


def imported(package: Path) -> Iterator[tuple[str, Path]]:
    for file in package.rglob('*.py'):
        for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Import):
                yield from ((alias.name, file) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield str(node.module), file


@pytest.mark.parametrize('folder', PROJECTS, ids=lambda folder: folder.name if folder != ROOT else 'synapse-hooks')
def test_what_is_imported_is_required(folder: Path) -> None:
    project = tomllib.loads((folder / 'pyproject.toml').read_text(encoding='utf-8'))['project']
    if folder == ROOT:
        packages = [ROOT / 'synapse_hooks']
    else:
        packages = [each.parent for each in folder.glob('*/__init__.py') if each.parent.name != 'tests']
    known = {*sys.stdlib_module_names, 'synapse_hooks', *(package.name for package in packages), *OPTIONAL}
    found = [(name.partition('.')[0], file) for package in packages for name, file in imported(package)]
    assert found
    wanted = {name: file for name, file in found if name not in known}
    there = required(project)
    missing = {
        name: str(file.relative_to(ROOT))
        for name, file in wanted.items()
        if normalize(BROUGHT_BY.get(name, name)) not in there
    }
    assert missing == {}, 'add it to the dependencies, or to an extra'
