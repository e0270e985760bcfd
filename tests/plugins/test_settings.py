"""Flags, then environment, then project: who may take part."""

from __future__ import annotations

from pathlib import Path

import pytest

from synapse_hooks.errors import ConfigError
from synapse_hooks.plugins import Plugin, PluginWarning, Settings, build, load_settings

VOC = Plugin('voc', 'format', 'installed', 'acme_voc:Voc', 'acme-voc', '0.4')
YOLO = Plugin('yolo', 'format', 'built-in', 'synapse_hooks.formats.yolo:YoloFormat', 'synapse-hooks', '0.1.0')


def project(folder: Path, table: str) -> Path:
    (folder / 'pyproject.toml').write_text(f'[tool.synapse_hooks]\n{table}\n')
    return folder


@pytest.mark.parametrize('name', ['voc', 'acme-voc', 'ACME_VOC'])
def test_a_plugin_is_blocked_by_its_name_or_its_distribution(name: str, tmp_path: Path) -> None:
    assert load_settings(tmp_path, block=[name], env={}).blocked_by(VOC) == '--block'
    assert load_settings(tmp_path, env={'SYNAPSE_HOOKS_BLOCK': f'x, {name}'}).blocked_by(VOC) == 'SYNAPSE_HOOKS_BLOCK'
    settings = load_settings(project(tmp_path, f'block = ["{name}"]'), env={})
    assert settings.blocked_by(VOC) == f'`block` in {tmp_path / "pyproject.toml"}'


def test_a_flag_goes_before_the_environment_and_that_before_the_project(tmp_path: Path) -> None:
    project(tmp_path, 'block = ["voc"]')
    assert load_settings(tmp_path, only=['voc'], env={'SYNAPSE_HOOKS_BLOCK': 'voc'}).blocked_by(VOC) is None
    assert load_settings(tmp_path, env={'SYNAPSE_HOOKS_ONLY': 'voc'}).blocked_by(VOC) is None
    assert load_settings(tmp_path, block=['voc'], env={'SYNAPSE_HOOKS_ONLY': 'voc'}).blocked_by(VOC) == '--block'


def test_only_keeps_all_others_out_but_the_built_in_ones(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, only=['other'], env={})
    assert settings.blocked_by(VOC) == '--only'
    assert settings.blocked_by(YOLO) is None


def test_a_flag_that_names_nobody_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, block=['ylo'], env={})
    with pytest.raises(ConfigError, match="there is no plugin or distribution called 'ylo'") as caught:
        build(settings, installed=[])
    assert "did you mean 'yolo'?" in str(caught.value)


def test_the_nearest_pyproject_counts(tmp_path: Path) -> None:
    project(tmp_path, 'plugins = ["outer.py"]')
    inner = tmp_path / 'a' / 'b'
    inner.mkdir(parents=True)
    assert load_settings(inner, env={}).plugins == ('outer.py',)
    project(tmp_path / 'a', 'plugins = ["hooks.py", "package.module"]')
    settings = load_settings(inner, env={})
    assert settings.plugins == ('hooks.py', 'package.module')
    assert settings.root == tmp_path / 'a'


@pytest.mark.parametrize(
    ('table', 'message'),
    [
        ('plugin = ["hooks.py"]', "has no key 'plugin'"),
        ('plugins = "hooks.py"', 'plugins must be a list of strings'),
        ('settings = 3', 'must hold one table for each name'),
        ('pin.format.yolo = "acme"', "has no table 'format'"),
        ('plugins = [', 'cannot be read'),
    ],
)
def test_a_table_that_is_wrong_names_the_file_and_the_key(table: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings(project(tmp_path, table), env={})
    assert str(tmp_path / 'pyproject.toml') in str(caught.value)


def test_settings_of_plugins_are_handed_through(tmp_path: Path) -> None:
    settings = load_settings(project(tmp_path, 'settings.acme = { registry = "x" }'), env={})
    assert settings.settings['acme']['registry'] == 'x'


def test_the_stages_cannot_be_kept_out() -> None:
    from synapse_hooks.plugins.settings import Level

    settings = Settings(levels=(Level('--block', '--only', block=('stages',)),))
    with pytest.raises(ConfigError, match='built-in stages cannot be kept out'):
        build(settings, installed=[])


def test_a_projects_own_file_is_listed_under_the_string_written_there(tmp_path: Path) -> None:
    (tmp_path / 'hooks.py').write_text(
        'from synapse_hooks import hookimpl\n@hookimpl\ndef cleanup(outcome):\n    pass\n'
    )
    plugins = build(load_settings(project(tmp_path, 'plugins = ["hooks.py"]'), env={}), installed=[])
    record = plugins.records[0]
    assert (record.name, record.rank, record.state, record.hooks) == ('hooks.py', 'project', 'active', ('cleanup',))
    assert record.path == str(tmp_path / 'hooks.py')
    assert record.import_ms is not None


def test_a_project_plugin_that_is_broken_is_skipped_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / 'hooks.py').write_text('import no_such_module_anywhere\n')
    (tmp_path / 'good.py').write_text(
        'from synapse_hooks import hookimpl\n@hookimpl\ndef cleanup(outcome):\n    pass\n'
    )
    settings = load_settings(project(tmp_path, 'plugins = ["hooks.py", "good.py"]'), env={})
    with pytest.warns(UserWarning, match=r"plugin 'hooks.py'.*is broken: ModuleNotFoundError"):
        plugins = build(settings, installed=[])
    assert [record.state for record in plugins.records[:2]] == ['broken', 'active']
    assert isinstance(plugins.records[0].error, Exception)
    assert isinstance(plugins.records[0].error.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(('said', 'better'), [('my.py:Mine', 'my:Mine'), ('./tools/my.py:Mine', 'tools.my:Mine')])
def test_a_class_in_a_file_is_named_by_its_module(tmp_path: Path, said: str, better: str) -> None:
    with pytest.warns(PluginWarning):
        plugins = build(load_settings(project(tmp_path, f'plugins = ["{said}"]'), env={}), installed=[])
    (mine,) = [plugin for plugin in plugins.records if plugin.rank == 'project']
    assert mine.error is not None
    assert f'write "{better}"' in mine.error.hint
