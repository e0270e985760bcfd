"""What plugins require and this environment does not have."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from unittest.mock import Mock

import pytest

from synapse_hooks.plugins.requirements import unmet_requirements
from synapse_hooks.testing import PluginProject

METADATA = """Metadata-Version: 2.4
Name: acme-needy
Version: 1.0
Requires-Dist: pluggy>=1
Requires-Dist: pluggy>=99
Requires-Dist: acme-absent[fast]>=2,<3
Requires-Dist: acme-optional; extra == "more"
Requires-Dist: acme-elsewhere; sys_platform == "plan9"
Requires-Dist: acme-here; sys_platform == "SYSTEM"
Requires-Dist: !not a requirement
"""


@pytest.fixture
def needy(tmp_path: Path) -> Path:
    """A folder for the path, with an installed plugin that lacks requirements."""
    folder = tmp_path / 'site'
    info = folder / 'acme_needy-1.0.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text(METADATA.replace('SYSTEM', sys.platform), encoding='utf-8')
    (info / 'entry_points.txt').write_text('[synapse_hooks]\nneedy = needy\n', encoding='utf-8')
    (folder / 'needy.py').write_text(
        'from synapse_hooks import hookimpl\n@hookimpl\ndef run_started(context): pass\n', encoding='utf-8'
    )
    return folder


def install(folder: Path, name: str, lines: str) -> None:
    """A distribution in a folder, with these lines of metadata."""
    info = folder / f'{name.replace("-", "_")}-1.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(f'Metadata-Version: 2.4\nName: {name}\n{lines}', encoding='utf-8')


def test_unmet_requirements_are_those_of_this_system_without_extras(
    needy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(needy)
    unmet = unmet_requirements('Acme.Needy')
    assert unmet.pop('pluggy>=99')[0].isdecimal()
    assert unmet == {'acme-absent[fast]>=2,<3': 'not installed', 'acme-here': 'not installed'}
    assert unmet_requirements('no-such-distribution') == {}


@pytest.mark.parametrize(
    'marker', ['platform_machine ~= "x86_64"', 'os_name === "posix"', 'python_version ~= "x"', '"x" in extras']
)
def test_markers_that_cannot_be_evaluated_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marker: str
) -> None:
    install(tmp_path, 'acme-odd', f'Version: 1\nRequires-Dist: acme-absent; {marker}\nRequires-Dist: acme-other\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert unmet_requirements('acme-odd') == {'acme-other': 'not installed'}


def test_addresses_are_shown_without_login_and_met_by_any_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        'acme-absent[fast] @ https://user:sec@ret@host/x;v=1.whl ; python_version > "3"',
        'acme-tagged @ git+https://token@host/x.git@v1',
        'pluggy @ https://user:secret@host/pluggy-99.whl',
    ]
    install(tmp_path, 'acme-direct', 'Version: 1\n' + ''.join(f'Requires-Dist: {line}\n' for line in lines))
    monkeypatch.syspath_prepend(tmp_path)
    assert unmet_requirements('acme-direct') == {
        'acme-absent[fast] @ https://host/x;v=1.whl': 'not installed',
        'acme-tagged @ git+https://host/x.git@v1': 'not installed',
    }


@pytest.mark.parametrize('raised', [None, KeyError('Version'), FileNotFoundError('METADATA')])
def test_what_has_no_version_meets_no_specifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception | None
) -> None:
    install(tmp_path, 'acme-bare', '')
    install(tmp_path, 'acme-user', 'Version: 1\nRequires-Dist: acme-bare\nRequires-Dist: Acme.Bare>=1\n')
    monkeypatch.syspath_prepend(tmp_path)
    if raised is not None:
        monkeypatch.setattr(metadata, 'version', Mock(side_effect=raised))
    assert unmet_requirements('acme-user') == {'Acme.Bare>=1': 'without a version'}


def test_doctor_names_what_a_plugin_requires_and_how_to_install_it(needy: Path, plugin_project: PluginProject) -> None:
    doctor = plugin_project.hooks('doctor', code=1, env={'PYTHONPATH': str(needy)}).out
    assert 'ok    plugin needy: ' in doctor
    assert 'FAIL  requirements of acme-needy: pluggy>=99: ' in doctor
    assert "→ pip install 'pluggy>=99' 'acme-absent[fast]>=2,<3' acme-here" in doctor
