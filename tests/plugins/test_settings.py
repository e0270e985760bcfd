"""Flags, then environment, then project: who may take part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from synapse_hooks.errors import ConfigError, PluginBlocked, PluginBroken
from synapse_hooks.plugins import Plugin, Settings, build, load_settings

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
    with pytest.raises(ConfigError, match='built-in stages cannot be blocked'):
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


def test_a_project_plugin_that_is_broken_refuses_unless_the_project_goes_on_without_it(tmp_path: Path) -> None:
    (tmp_path / 'hooks.py').write_text('import no_such_module_anywhere\n')
    (tmp_path / 'good.py').write_text(
        'from synapse_hooks import hookimpl\n@hookimpl\ndef cleanup(outcome):\n    pass\n'
    )
    table = 'plugins = ["hooks.py", "good.py"]'
    with pytest.raises(PluginBroken, match='ModuleNotFoundError') as caught:
        build(load_settings(project(tmp_path, table), env={}), installed=[])
    assert caught.value.exit_code == 2
    assert 'allow_broken = ["hooks.py"]' in caught.value.hint
    allowed = load_settings(tmp_path, env={'SYNAPSE_HOOKS_ALLOW_BROKEN': 'hooks.py'})
    with pytest.warns(UserWarning, match=r"plugin 'hooks.py'.*is broken: ModuleNotFoundError"):
        build(allowed, installed=[])
    settings = load_settings(project(tmp_path, f'{table}\nallow_broken = ["hooks.py"]'), env={})
    with pytest.warns(UserWarning, match=r"plugin 'hooks.py'.*is broken: ModuleNotFoundError"):
        plugins = build(settings, installed=[])
    (out,) = plugins.left_out()
    assert (out['name'], out['state'], out['distribution']) == ('hooks.py', 'broken', None)
    assert 'no_such_module_anywhere' in out['reason']
    assert [record.state for record in plugins.records[:2]] == ['broken', 'active']
    assert isinstance(plugins.records[0].error, Exception)
    assert isinstance(plugins.records[0].error.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(('said', 'better'), [('my.py:Mine', 'my:Mine'), ('./tools/my.py:Mine', 'tools.my:Mine')])
def test_a_class_in_a_file_is_named_by_its_module(tmp_path: Path, said: str, better: str) -> None:
    with pytest.raises(PluginBroken) as caught:
        build(load_settings(project(tmp_path, f'plugins = ["{said}"]'), env={}), installed=[])
    assert f'write "{better}"' in caught.value.hint


def test_every_broken_plugin_of_the_project_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(PluginBroken, match=r"'one\.py'") as caught:
        build(load_settings(project(tmp_path, 'plugins = ["one.py", "two.py"]'), env={}), installed=[])
    assert "plugin 'two.py'" in caught.value.__notes__[0]


def test_a_pinned_plugin_that_is_broken_refuses_a_run(tmp_path: Path) -> None:
    project(tmp_path, 'pin.formats.voc = "acme-voc"')
    voc = Plugin('voc', 'format', 'installed', 'no_such_module_anywhere:Voc', 'acme-voc', '0.4')
    plugins = build(load_settings(tmp_path, env={}), installed=[voc])
    with pytest.raises(PluginBroken, match=r'acme-voc 0\.4'):
        plugins.check_pinned()
    project(tmp_path, 'pin.formats.voc = "acme-voc"\nallow_broken = ["acme-voc"]')
    build(load_settings(tmp_path, env={}), installed=[voc]).check_pinned()


@pytest.mark.parametrize('value', ['0', 'true', '-1', '"many"', '10.5', '99999999'])
def test_the_limit_of_attempts_is_a_number(value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='max_attempts must be a whole number from 1'):
        load_settings(project(tmp_path, f'max_attempts = {value}'), env={})
    with pytest.raises(ConfigError, match='SYNAPSE_HOOKS_MAX_ATTEMPTS must be a whole number'):
        load_settings(tmp_path.parent, env={'SYNAPSE_HOOKS_MAX_ATTEMPTS': value.strip('"')})


def test_the_limit_of_attempts_of_the_environment_goes_first(tmp_path: Path) -> None:
    project(tmp_path, 'max_attempts = 3')
    assert load_settings(tmp_path, env={}).max_attempts == 3
    assert load_settings(tmp_path, env={'SYNAPSE_HOOKS_MAX_ATTEMPTS': '5'}).max_attempts == 5
    assert Settings().max_attempts == 10


TIMING = Plugin('timing', 'plugin', 'installed', 'no_such_module:timing', 'acme-timing', '1')


def test_where_trust_is_listed_only_named_distributions_are_imported(tmp_path: Path) -> None:
    settings = load_settings(project(tmp_path, 'trust = "listed"\nplugins = ["hooks.py"]'), env={})
    reason = f'`trust` in {tmp_path / "pyproject.toml"}'
    assert settings.blocked_by(VOC) == settings.blocked_by(TIMING) == reason
    assert settings.blocked_by(YOLO) is None
    assert settings.blocked_by(Plugin('hooks.py', 'plugin', 'project', 'hooks.py')) is None
    (tmp_path / 'hooks.py').write_text(
        'from synapse_hooks import hookimpl\n@hookimpl\ndef cleanup(outcome):\n    pass\n'
    )
    built = build(settings, installed=[replace(VOC), replace(TIMING)])
    assert [plugin.state for plugin in built.records if plugin.rank == 'installed'] == ['blocked', 'blocked']
    with pytest.raises(PluginBlocked, match='blocked by `trust`') as caught:
        built.catalogues['format'].select('voc')
    assert caught.value.hint.endswith('pin.formats.voc = "acme-voc"')


@pytest.mark.parametrize('way', ['only = ["acme-voc"]', 'pin.formats.voc = "ACME_VOC"'])
def test_a_plugin_is_listed_by_only_or_by_a_pin(way: str, tmp_path: Path) -> None:
    assert load_settings(project(tmp_path, f'trust = "listed"\n{way}'), env={}).blocked_by(VOC) is None
    other = replace(VOC, distribution='evil-voc')
    assert load_settings(tmp_path, env={}).blocked_by(other) is not None


def test_the_line_that_is_suggested_lets_the_plugin_in_and_nobody_out(tmp_path: Path) -> None:
    hooks = Plugin('hooks.py', 'plugin', 'project', 'hooks.py')
    for plugin in (VOC, TIMING, replace(VOC, name='a b')):
        table = 'trust = "listed"\nplugins = ["hooks.py"]'
        settings = load_settings(project(tmp_path, table), env={})
        line = settings.how_to_allow(plugin).partition('[tool.synapse_hooks] ')[2]
        settings = load_settings(project(tmp_path, f'{table}\n{line}'), env={})
        assert settings.blocked_by(plugin) is settings.blocked_by(hooks) is None


def test_the_name_of_a_plugin_is_not_enough_as_anybody_may_have_it(tmp_path: Path) -> None:
    settings = load_settings(project(tmp_path, 'trust = "listed"\nonly = ["voc"]'), env={})
    assert settings.blocked_by(VOC) is not None


def test_no_flag_adds_to_the_list_and_naming_another_plugin_is_an_error(tmp_path: Path) -> None:
    settings = load_settings(project(tmp_path, 'trust = "listed"'), only=['acme-timing'], env={})
    with pytest.raises(PluginBlocked, match='acme-timing 1') as caught:
        build(settings, installed=[replace(TIMING)])
    assert 'only = ["acme-timing"]' in caught.value.hint
    by_variable = load_settings(tmp_path, env={'SYNAPSE_HOOKS_ONLY': 'acme-timing'})
    assert by_variable.blocked_by(TIMING) is not None


def test_a_variable_replaces_trust(tmp_path: Path) -> None:
    assert load_settings(tmp_path, env={'SYNAPSE_HOOKS_TRUST': 'listed'}).blocked_by(VOC) == 'SYNAPSE_HOOKS_TRUST'
    project(tmp_path, 'trust = "listed"')
    assert load_settings(tmp_path, env={'SYNAPSE_HOOKS_TRUST': 'all'}).blocked_by(VOC) is None
    with pytest.raises(ConfigError, match="SYNAPSE_HOOKS_TRUST must be 'listed' or 'all', got 'lisetd'"):
        load_settings(tmp_path, env={'SYNAPSE_HOOKS_TRUST': 'lisetd'})
    with pytest.raises(ConfigError, match='trust must be'):
        load_settings(project(tmp_path, 'trust = true'), env={})


def test_how_much_is_kept_of_conversions(tmp_path: Path) -> None:
    project(tmp_path, 'keep_conversions = "1.5G"')
    assert load_settings(tmp_path, env={}).keep_conversions == 1_500_000_000
    assert load_settings(tmp_path, env={'SYNAPSE_HOOKS_KEEP_CONVERSIONS': '0'}).keep_conversions == 0
    project(tmp_path, 'keep_conversions = 0')
    assert load_settings(tmp_path, env={}).keep_conversions == 0
    assert load_settings(tmp_path, env={'SYNAPSE_HOOKS_KEEP_CONVERSIONS': ''}).keep_conversions == 0
    assert Settings().keep_conversions is None
    with pytest.raises(ConfigError, match="SYNAPSE_HOOKS_KEEP_CONVERSIONS: expected a size, got 'lots'"):
        load_settings(tmp_path, env={'SYNAPSE_HOOKS_KEEP_CONVERSIONS': 'lots'})


@pytest.mark.parametrize('value', ['true', '"much"', '-1', '["1G"]'])
def test_what_is_not_a_size_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match='keep_conversions: expected a size'):
        load_settings(project(tmp_path, f'keep_conversions = {value}'), env={})
