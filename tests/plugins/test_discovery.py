"""What is installed is found, however damaged something else is."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from synapse_hooks.plugins import PluginWarning, Settings, build
from synapse_hooks.plugins.discovery import installed_plugins
from synapse_hooks.plugins.metadata import Installed, entry_points_text, metadata_folders, read_installed

METADATA = b'Metadata-Version: 2.1\nName: acme-half\nVersion: 1\n'
GOOD = b'[synapse_hooks]\nhalf = json\n'


@pytest.mark.parametrize(('metadata', 'entry_points'), [(b'', GOOD), (METADATA, b'[synapse_hooks]\nno equals sign\n')])
def test_damaged_metadata_are_one_broken_plugin(
    metadata: bytes, entry_points: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [plugin.name for plugin in installed_plugins()]
    folder = tmp_path / 'acme_half-1.dist-info'
    folder.mkdir()
    (folder / 'entry_points.txt').write_bytes(entry_points)
    if metadata:
        (folder / 'METADATA').write_bytes(metadata)
    monkeypatch.setattr(sys, 'path', [*sys.path, str(tmp_path)])
    found = installed_plugins()
    assert sorted(plugin.name for plugin in found) == sorted([*before, folder.name])
    with pytest.warns(PluginWarning, match='acme_half-1.dist-info is damaged: its metadata cannot be read'):
        plugins = build(Settings())
    assert next(plugin for plugin in plugins.records if plugin.name == folder.name).state == 'broken'


def test_a_stranger_whose_entry_points_are_no_text_is_none_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(installed_plugins())
    folder = tmp_path / 'other-1.dist-info'
    folder.mkdir()
    (folder / 'METADATA').write_bytes(METADATA)
    (folder / 'entry_points.txt').write_bytes(b'\xff\xfe')
    monkeypatch.setattr(sys, 'path', [*sys.path, str(tmp_path)])
    assert len(installed_plugins()) == before


def test_a_plugin_in_an_archive_on_the_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / 'acme.zip', 'w') as archive:
        archive.writestr('acme_half-1.dist-info/METADATA', METADATA)
        archive.writestr('acme_half-1.dist-info/entry_points.txt', GOOD)
    monkeypatch.setattr(sys, 'path', [*sys.path, str(tmp_path / 'acme.zip'), str(tmp_path / 'nowhere')])
    assert 'half' in [plugin.name for plugin in installed_plugins()]


@pytest.mark.parametrize(
    ('requirement', 'asked_for'),
    [
        ('synapse-hooks', ''),
        ('synapse-hooks>=0.1', ''),
        ('Synapse_Hooks >= 0.0.1', ''),
        ('synapse-hooks (>=0.1)', ''),
        ('synapse-hooks>=99', '>=99'),
        ('Synapse_Hooks >= 99', '>=99'),
        ('synapse-hooks>=0.1,<0.1', '<0.1,>=0.1'),
        ('synapse-hooks[all]==99.*', '==99.*'),
        ('synapse-hooks>=99; extra == "x"', ''),
        ('synapse-hooks>=99; python_version > "3"', '>=99'),
        ('synapse-hooks-voc>=99', ''),
        ('synapse-hooks.voc>=99', ''),
        ('synapse-hooks >', ''),
        ('synapse-hooks>=99; platform_machine ~= "x86_64"', ''),
    ],
)
def test_which_version_of_ours_a_plugin_asks_for(
    requirement: str, asked_for: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / 'acme_half-1.dist-info'
    folder.mkdir()
    (folder / 'entry_points.txt').write_bytes(GOOD)
    (folder / 'METADATA').write_bytes(METADATA + f'Requires-Dist: {requirement}\n'.encode())
    monkeypatch.setattr(sys, 'path', [*sys.path, str(tmp_path)])
    (found,) = (plugin for plugin in installed_plugins() if plugin.name == 'half')
    assert (found.state, found.requires) == ('incompatible' if asked_for else 'available', asked_for)


# -- read without importlib.metadata -----------------------------------------------------------------------------------


def facts(distribution: Installed | Distribution) -> tuple[object, ...]:
    entry_points = sorted((entry.group, entry.name, entry.value) for entry in distribution.entry_points)
    return distribution.name, distribution.version, list(distribution.requires or ()), entry_points


def test_what_is_installed_here_is_read_as_importlib_reads_it() -> None:
    places = [str(place) for place in sys.path if Path(place).is_dir()]
    folders = [folder for place in places for folder in metadata_folders(place) if folder.endswith('.dist-info')]
    read = [(folder, read_installed(folder, entry_points_text(folder))) for folder in folders]
    quick = [(folder, found) for folder, found in read if isinstance(found, Installed)]
    assert len(quick) > 0.9 * len(read) > 0
    for folder, found in quick:
        assert facts(found) == facts(Distribution.at(folder)), folder


@pytest.mark.parametrize(
    ('metadata', 'entry_points', 'is_quick'),
    [
        (METADATA, GOOD, True),
        (METADATA.replace(b'\n', b'\r\n'), GOOD.replace(b'\n', b'\r\n'), True),
        (METADATA + b'License: one\n        two\nRequires-Dist: a>1\nrequires-dist: b\n\nVersion: 9\n', GOOD, True),
        (METADATA + 'Summary: 승용차\u2028and more\n'.encode(), b'# a comment\n\n[ synapse_hooks ]\nhalf=json\n', True),
        (METADATA, b'[synapse_hooks]\nhalf = json:load [extra]\n[console_scripts]\na-b = c:d\n', True),
        (METADATA + b'Version: 2\n', GOOD, False),
        (METADATA + b'Keywords: \xff\n', GOOD, False),
        (METADATA + b'no header\nRequires-Dist: a\n', GOOD, False),
        (b' begins with a blank\n' + METADATA, GOOD, False),
    ],
)
def test_metadata_are_read_quickly_where_importlib_reads_the_same(
    metadata: bytes, entry_points: bytes, is_quick: bool, tmp_path: Path
) -> None:
    folder = tmp_path / 'acme_half-1.dist-info'
    folder.mkdir()
    (folder / 'METADATA').write_bytes(metadata)
    (folder / 'entry_points.txt').write_bytes(entry_points)
    found = read_installed(str(folder), entry_points_text(str(folder)))
    assert isinstance(found, Installed) == is_quick
    if is_quick:
        assert facts(found) == facts(Distribution.at(folder))


def test_plugins_are_found_without_importing_importlib_metadata(tmp_path: Path) -> None:
    folder = tmp_path / 'acme_half-1.dist-info'
    folder.mkdir()
    (folder / 'METADATA').write_bytes(METADATA)
    (folder / 'entry_points.txt').write_bytes(GOOD)
    code = (
        'import sys\nfrom synapse_hooks.plugins.discovery import installed_plugins\n'
        "assert 'half' in [plugin.name for plugin in installed_plugins()]\n"
        "assert 'importlib.metadata' not in sys.modules\nassert 'email' not in sys.modules\n"
    )
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, [str(tmp_path), os.environ.get('PYTHONPATH')]))}
    subprocess.run([sys.executable, '-c', code], check=True, env=env)
