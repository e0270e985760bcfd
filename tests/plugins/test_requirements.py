"""What plugins require and this environment does not have."""

from __future__ import annotations

import sys
from pathlib import Path

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


def test_unmet_requirements_are_those_of_this_system_without_extras(
    needy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(needy)
    unmet = unmet_requirements('Acme.Needy')
    assert unmet.pop('pluggy>=99')[0].isdecimal()
    assert unmet == {'acme-absent[fast]>=2,<3': 'not installed', 'acme-here': 'not installed'}
    assert unmet_requirements('no-such-distribution') == {}


def test_doctor_names_what_a_plugin_requires_and_how_to_install_it(needy: Path, plugin_project: PluginProject) -> None:
    doctor = plugin_project.hooks('doctor', code=1, env={'PYTHONPATH': str(needy)}).out
    assert 'ok    plugin needy: ' in doctor
    assert 'FAIL  requirements of acme-needy: pluggy>=99: ' in doctor
    assert "→ pip install 'pluggy>=99' 'acme-absent[fast]>=2,<3' acme-here" in doctor
