"""What pip is asked to install, and where."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parent.parent / 'pyproject.toml').read_text(encoding='utf-8'))['project']
USUAL = {
    'platform_python_implementation': 'CPython',
    'python_version': '3.13',
    'platform_machine': 'x86_64',
    'sys_platform': 'linux',
}


def wanted(**differences: str) -> set[str]:
    """The names of the dependencies in an environment."""
    requirements = map(Requirement, PROJECT['dependencies'])
    environment = {**USUAL, **differences}
    return {one.name for one in requirements if one.marker is None or one.marker.evaluate(environment)}


@pytest.mark.parametrize('version', ['3.11', '3.12', '3.13', '3.14'])
@pytest.mark.parametrize('machine', ['x86_64', 'aarch64', 'arm64', 'AMD64', 'ARM64'])
def test_libcurl_comes_where_it_has_wheels(version: str, machine: str) -> None:
    assert 'pycurl' in wanted(python_version=version, platform_machine=machine)


@pytest.mark.parametrize(
    'differences',
    [{'python_version': '3.15'}, {'platform_python_implementation': 'PyPy'}, {'platform_machine': 'riscv64'}],
)
def test_an_installation_does_without_it_elsewhere(differences: dict[str, str]) -> None:
    everywhere = {Requirement(one).name for one in PROJECT['dependencies']}
    assert wanted(**differences) == everywhere - {'pycurl'}


def test_ultralytics_writes_into_no_image() -> None:
    for extra in ('ultralytics', 'demo'):
        found = next(
            one for one in map(Requirement, PROJECT['optional-dependencies'][extra]) if one.name == 'ultralytics'
        )
        assert not found.specifier.contains('8.4.173')
        assert found.specifier.contains('8.4.174')
