"""`synapse-hooks check` of folders and of what is installed: everything is built, installed, loaded and tested."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.checking.generated import held_kind
from synapse_hooks.checking.plugin_tests import (
    Entry,
    Outcome,
    add_outcome,
    generated_tests,
    own_contracts,
    read_results,
    readable,
)
from synapse_hooks.checking.report_card import ReportCard
from synapse_hooks.formats.coco import CocoFormat
from synapse_hooks.formats.imagefolder import ImageFolderFormat
from synapse_hooks.testing import PluginProject
from tests.support.environments import DISTS, Environments

CONTRIB = Path(__file__).parents[2] / 'contrib'


def by_name(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f'{check["section"]}: {check["name"]}': check for check in card['checks']}


def test_what_is_not_there_is_a_usage_error(plugin_project: PluginProject) -> None:
    missing = plugin_project.hooks('check', 'no-such-thing', code=2)
    assert "there is no folder, file or installed distribution 'no-such-thing'" in missing.err
    (plugin_project.folder / 'empty').mkdir()
    assert './empty has no pyproject.toml' in plugin_project.hooks('check', './empty', code=2).err
    assert 'empty has no pyproject.toml' in plugin_project.hooks('check', 'empty', code=2).err
    assert "there is no folder, file or installed distribution ''" in plugin_project.hooks('check', '', code=2).err
    for name in ('acme-1.0.tar.gz', 'acme.zip'):
        (plugin_project.folder / name).touch()
        refused = plugin_project.hooks('check', name, code=2).err
        assert f'{name} cannot be unpacked' in refused
        assert 'expected an sdist (.tar.gz), a wheel (.whl)' in refused
    with tarfile.open(plugin_project.folder / 'other.tar.gz', 'w:gz') as archive:
        archive.add(plugin_project.folder / 'empty', 'other-1.0')
    assert 'does not have one folder with' in plugin_project.hooks('check', 'other.tar.gz', code=2).err


def test_a_file_that_is_not_a_wheel_fails(plugin_project: PluginProject) -> None:
    (plugin_project.folder / 'acme-1.0-py3-none-any.whl').write_bytes(b'PK')
    ended = plugin_project.hooks('check', 'acme-1.0-py3-none-any.whl', code=1)
    assert 'FAIL  wheel installs' in ended.out


def test_a_folder_that_cannot_be_built_fails(plugin_project: PluginProject) -> None:
    plugin_project.write(
        {
            'acme/pyproject.toml': """
                [build-system]
                requires = ["hatchling"]
                build-backend = "hatchling.build"

                [project]
                name = "acme\\u001b[31m"
                version = "1.0"
            """
        }
    )
    ended = plugin_project.hooks('check', 'acme', code=1)
    assert 'FAIL  sdist builds' in ended.out
    assert '→ see the error: python -m build --sdist' in ended.out
    assert '\x1b' not in ended.out
    badge = plugin_project.hooks('check', 'acme', '--badge', code=1).json
    assert (badge['schemaVersion'], badge['message'], badge['color']) == (1, 'F', 'red')


def test_names_and_targets_of_others_are_texts_in_generated_tests() -> None:
    hostile = "a'\nimport os  # "
    module = generated_tests(
        [
            Entry(hostile, 'format', hostile, ()),
            Entry('b', 'plugin', 'b:c', ('log_metrics',)),
            Entry('d', 'plugin', 'd', ()),
        ]
    )
    compile(module, 'generated', 'exec')
    assert 'import os' not in [line.strip() for line in module.splitlines()]
    assert 'class Test1(generated.GeneratedSink)' in module
    assert 'class Test2(generated.GeneratedHooks)' in module


def test_the_contracts_of_own_tests_are_found(tmp_path: Path) -> None:
    (tmp_path / 'test_a.py').write_text('class TestA(testing.FormatConformance): ...\n')
    (tmp_path / 'test_b.py').write_text('class TestB(SinkConformance, Other): ...\n')
    (tmp_path / 'test_c.py').write_text('class (\n')
    assert own_contracts(tmp_path) == {'FormatConformance': {'TestA'}, 'SinkConformance': {'TestB'}}
    assert readable('test_splits_are_kept') == 'splits are kept'


def test_the_report_of_pytest_is_read(tmp_path: Path) -> None:
    report = tmp_path / 'report.xml'
    report.write_text(
        '<testsuites><testsuite>'
        '<testcase classname="tests.test_a.TestA" name="test_one"/>'
        '<testcase classname="tests.test_a.TestA" name="test_two"><skipped message="only read">a: b</skipped>'
        '</testcase>'
        '<testcase classname="tests.test_a.TestA" name="test_3"><failure message="AssertionError: no&#10;more"/>'
        '</testcase>'
        '<testcase classname="" name="tests.test_b"><skipped message="collection skipped">'
        "('/b.py', 3, &quot;Skipped: could not import 'acme'&quot;)</skipped></testcase>"
        '</testsuite></testsuites>'
    )
    results = read_results(report)
    assert results['TestA'] == Outcome(1, 1, [('test_3', 'AssertionError: no\nmore')], 'only read')
    assert results['test_b'].reason == "could not import 'acme'"
    card = ReportCard('acme')
    for name, outcome in results.items():
        add_outcome(card, 'tests', name, outcome, 'pytest tests')
    assert [(one.name, one.status, one.detail) for one in card.checks] == [
        ('TestA: 3', 'failed', 'no'),
        ('TestA', 'ok', '1 passed, 1 skipped'),
        ('test_b', 'not run', "0 passed, 1 skipped: could not import 'acme'"),
    ]


def test_one_fault_is_one_line() -> None:
    failures = [(f'test_{name}', f"OSError: '/tmp/{name}/a.png' exists") for name in ('one', 'two', 'three', 'four')]
    card = ReportCard('acme')
    add_outcome(card, 'kit', 'format', Outcome(0, 0, [*failures, ('test_five', 'KeyError')]), 'fix it')
    assert [one.name for one in card.checks] == ['format: one; two; and 2 more tests', 'format: five']


def test_samples_are_of_a_kind_that_the_format_holds() -> None:
    assert held_kind(CocoFormat()) is None
    assert held_kind(ImageFolderFormat()) == 'classification'


@pytest.mark.e2e
def test_a_good_folder_has_the_grade_a(plugin_project: PluginProject) -> None:
    shutil.copytree(CONTRIB / 'synapse-hooks-createml', plugin_project.folder / 'createml')
    card = plugin_project.hooks('check', './createml', '--json', timeout=300).json
    assert (card['grade'], card['name']) == ('A', 'synapse-hooks-createml'), card
    checks = by_name(card)
    assert checks['packaging: wheel builds from the sdist']['status'] == 'ok'
    assert checks["kit: format 'createml': FormatConformance"]['detail'] == 'its own tests have it'
    assert 'passed' in checks['tests: TestCreateml']['detail']


@pytest.mark.e2e
@pytest.mark.parametrize(
    ('name', 'check', 'detail'),
    [
        ('acme-typo', "entry points: plugin 'typo'", "there is no hook 'pre_excute'; did you mean 'pre_execute'?"),
        ('acme-broken', "entry points: format 'shards'", "No module named 'acme_lost_dependency'"),
        ('acme-future', 'packaging: Requires-Dist synapse-hooks', '>=99 does not contain'),
        ('acme-csv', 'packaging: README', 'there is none'),
    ],
)
def test_a_bad_folder_fails_with_what_to_do(name: str, check: str, detail: str, plugin_project: PluginProject) -> None:
    shutil.copytree(DISTS / name, plugin_project.folder / name)
    card = plugin_project.hooks('check', f'./{name}', '--json', code=1, timeout=300).json
    found = by_name(card)[check]
    assert found['status'] == 'failed'
    assert detail in found['detail']
    assert all(one['hint'] for one in card['checks'] if one['status'] != 'ok')


@pytest.mark.e2e
def test_an_sdist_and_a_wheel_are_checked(
    plugin_project: PluginProject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = CONTRIB / 'synapse-hooks-createml'
    wheel = Environments(tmp_path_factory.mktemp('environments')).wheel(source)
    checks = by_name(plugin_project.hooks('check', str(wheel), '--json', timeout=300).json)
    assert checks['packaging: wheel installs']['status'] == 'ok'
    assert 'passed' in checks["kit: format 'createml'"]['detail']
    assert not [name for name in checks if name.startswith('tests:')]
    with tarfile.open(plugin_project.folder / 'createml.tar.gz', 'w:gz') as archive:
        archive.add(source, 'synapse_hooks_createml-0.1.0')
    card = plugin_project.hooks('check', 'createml.tar.gz', '--json', timeout=300).json
    assert card['name'] == 'synapse-hooks-createml'
    assert 'passed' in by_name(card)['tests: TestCreateml']['detail']


@pytest.mark.e2e
def test_what_is_installed_is_checked(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    environments = Environments(tmp_path_factory.mktemp('environments'))
    environment = environments.of('acme-csv', 'acme-timing').at(tmp_path)
    timing = by_name(environment.hooks('check', 'acme-timing', '--json', code=1).json)
    assert timing["kit: plugin 'timing'"]['detail'] == '9 passed, 2 skipped'
    csv = environment.hooks('check', 'acme-csv', code=1).out
    # One fault is one line, however many tests it fails.
    assert csv.count('FileExistsError') == 1
    assert 'more tests: FileExistsError' in csv
