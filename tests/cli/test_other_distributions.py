"""Plugins of other distributions, installed with pip, used by name from the command line without any change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.environments import Ended, Environment, Environments


def train(environment: Environment, dataset: str, format: str, *words: str, code: int | None = 0) -> Ended:
    """Train `actions:Count` on a dataset in a format."""
    words = ('train', 'actions:Count', '-p', f'dataset={dataset}', *words, '--json')
    return environment.hooks(*words, code=code, TARGET_FORMAT=format)


def configure(project: Path, table: str) -> None:
    (project / 'pyproject.toml').write_text(f'[tool.synapse_hooks]\n{table}\n', encoding='utf-8')


# -- what works ------------------------------------------------------------------------------------------------------


def test_a_bare_function_becomes_a_format_by_pip_install(
    environments: Environments, bare: Environment, project: Path, dataset: str, tmp_path: Path
) -> None:
    before = train(bare, dataset, 'names', code=2)
    assert before.json['error']['type'] == 'PluginMissing'

    own = environments.fresh(tmp_path / 'venv', 'acme-names').at(project)
    after = train(own, dataset, 'names')
    assert after.json['outcome'] == 'succeeded'
    assert after.json['result']['seen'].startswith('by acme-names')
    assert after.json['dataset']['format'] == 'names'
    record = json.loads((Path(after.json['run_dir']) / 'run.json').read_text())
    assert record['plugins']['format:names'] == 'acme-names 0.4'
    stage = next(stage for stage in record['stages'] if stage['name'] == 'convert')
    assert stage['answered_by'] == "acme-names 0.4 (plugin 'names')"


def test_a_format_class_reads_writes_and_is_recognised(
    good: Environment, project: Path, data: Path, dataset: str
) -> None:
    assert train(good, dataset, 'boxes-csv').json['result']['seen'].startswith('image,label,x,y,w,h')
    good.hooks('convert', data, 'table', '--to', 'boxes-csv')
    made = good.hooks('convert', 'table', 'coco', '--to', 'coco', '--json').json
    assert made['from'] == 'boxes-csv'
    assert made['dataset']['classes'] == ['car']
    assert json.loads((project / 'coco' / 'annotations.json').read_text())['annotations'][0]['bbox'] == [10, 10, 20, 20]
    assert good.hooks('workspace', 'import', 'table', '--name', 'table', '--json').json['count'] == 4


def test_a_general_plugin_wraps_every_step_and_cleans_up(good: Environment, dataset: str) -> None:
    run = good.hooks('train', 'actions:Count', '-p', f'dataset={dataset}', '--json').json
    timing = json.loads((Path(run['run_dir']) / 'timing.json').read_text())
    assert timing['outcome'] == 'succeeded'
    assert list(timing['seconds']) == ['export', 'pre_execute', 'execute', 'upload']

    run = good.hooks('train', 'actions:Failing', '-p', f'dataset={dataset}', '--json', code=1).json
    assert json.loads((Path(run['run_dir']) / 'timing.json').read_text())['outcome'] == 'failed'


def test_an_autologger_is_found_by_its_framework(good: Environment, data: Path) -> None:
    words = ('train', 'actions:Autologged', '-p', f'data_path={data}', '-p', 'epochs=4', '--json')
    run = good.hooks(*words, FRAMEWORK='acme-fit').json
    assert run['metrics'] == {'train/loss': 0.25}
    assert run['result'] == {'attached': 0}

    ended = good.hooks(*words, FRAMEWORK='acme-fitt', code=2)
    assert ended.json['error']['cause']['type'] == 'PluginMissing'
    assert "there is no autologger 'acme-fitt'; there are: acme-fit, ultralytics" in ended.err
    assert "did you mean 'acme-fit'?" in ended.err


# -- what is imported, and when --------------------------------------------------------------------------------------


def test_a_plugin_is_imported_only_when_somebody_asks_for_its_name(
    good: Environment, project: Path, data: Path, dataset: str, tmp_path: Path
) -> None:
    trace = tmp_path / 'trace'
    own = good.at(project, ACME_SLOW_TRACE=str(trace))
    own.hooks('--help')
    own.hooks('hooks', 'convert')
    own.hooks('autologgers')
    listed = {entry['name']: entry for entry in own.hooks('formats', '--json').json['formats']}
    assert listed['slow']['state'] == 'available'
    assert train(own, dataset, 'yolo').json['dataset']['format'] == 'yolo'
    own.hooks('convert', data, 'coco', '--to', 'coco', '--from', 'dm')
    assert not trace.exists()

    # It prints while it is imported, and stdout is the answer alone nevertheless.
    assert train(own, dataset, 'slow').json['dataset']['format'] == 'slow'
    assert trace.exists()


def test_the_listing_of_plugins_imports_everything_and_says_how_long_it_took(good: Environment) -> None:
    plugins = good.hooks('plugins', '--json').json['plugins']
    slow = next(plugin for plugin in plugins if plugin['name'] == 'slow')
    assert slow['state'] == 'active'
    assert slow['import_ms'] >= 300
    assert slow['hooks'] == ['convert']
    assert slow['path'].endswith('acme_slow.py')
    assert (slow['distribution'], slow['version'], slow['rank']) == ('acme-slow', '1.1', 'installed')


# -- five ways not to be there ---------------------------------------------------------------------------------------


def test_a_broken_plugin_is_reported_and_does_not_stop_others(bad: Environment, dataset: str) -> None:
    run = train(bad, dataset, 'boxes-csv')
    assert run.err.count("acme-broken 1.3 (plugin 'shards-watch') is broken: RuntimeError: the licence") == 1

    ended = train(bad, dataset, 'shards', code=2)
    assert "error: acme-broken 1.3 (plugin 'shards') is broken: ModuleNotFoundError" in ended.err
    assert '→ upgrade or uninstall acme-broken, or keep it out: `--block shards`' in ended.err
    error = ended.json['error']
    assert (error['type'], error['distribution']) == ('PluginBroken', 'acme-broken')
    assert error['cause'] == {'type': 'ModuleNotFoundError', 'message': "No module named 'acme_lost_dependency'"}
    assert ended.json['run_dir'] is None, 'it is known before anything begins'


def test_a_broken_format_is_named_where_no_other_recognises_a_dataset(bad: Environment, tmp_path: Path) -> None:
    (tmp_path / 'unknown').mkdir()
    (tmp_path / 'unknown' / 'a.shard').write_text('x')
    said = bad.hooks('inspect', tmp_path / 'unknown', code=1).err
    assert "not asked: acme-broken 1.3 (plugin 'shards') is broken: ModuleNotFoundError" in said


def test_the_order_of_calls_says_who_is_missing(bad: Environment) -> None:
    for words in (['hooks'], ['hooks', 'convert']):
        assert 'shards-watch is broken: RuntimeError: the licence' in bad.hooks(*words).out


def test_a_plugin_that_somebody_insists_on_must_not_be_broken(bad: Environment) -> None:
    assert "(plugin 'shards-watch') is broken" in bad.hooks('hooks', '--only', 'shards-watch', code=2).err
    bad.hooks('hooks', '--only', 'boxes-csv')


def test_every_misspelling_is_reported_at_once(bad: Environment, dataset: str) -> None:
    warned = bad.hooks('train', 'actions:Count', '-p', f'dataset={dataset}').err
    assert (
        "acme-typo 0.9 (plugin 'typo') is broken: (1) there is no hook 'pre_excute'; did you mean 'pre_execute'?"
        in (warned)
    )
    assert "(2) upload: the hook has no argument 'contxt'; did you mean 'context'?" in warned
    assert '(3) run_finished takes no wrappers' in warned


def test_what_asks_for_another_version_is_not_even_imported(bad: Environment, dataset: str) -> None:
    states = {entry['name']: entry['state'] for entry in bad.hooks('plugins', '--json').json['plugins']}
    assert states['future'] == states['future-watch'] == 'incompatible'
    assert 'future' not in [entry['name'] for entry in bad.hooks('hooks', 'convert', '--json').json['order']]
    ended = train(bad, dataset, 'future', code=2)
    assert ended.json['error']['type'] == 'PluginIncompatible'
    assert ended.json['error']['requirement'] == 'synapse-hooks>=99'
    assert 'it requires synapse-hooks >=99, and this is ' in ended.err
    assert '→ `pip install --upgrade synapse-hooks acme-future`' in ended.err


@pytest.mark.parametrize('winner', ['acme-names', 'other-names'])
def test_two_of_one_name_are_ambiguous_until_the_line_that_the_error_shows_is_written(
    winner: str, bad: Environment, project: Path, dataset: str
) -> None:
    ended = train(bad, dataset, 'names', code=2)
    assert ended.json['error']['type'] == 'PluginAmbiguous'
    assert "error: the format 'names' is provided by acme-names 0.4 and other-names 2.0" in ended.err
    assert '→ pin one in pyproject.toml: [tool.synapse_hooks] pin.formats.names = "acme-names"' in ended.err
    listed = bad.hooks('formats', '--json').json['formats']
    assert [entry['state'] for entry in listed if entry['name'] == 'names'] == ['ambiguous', 'ambiguous']

    configure(project, f'pin.formats.names = "{winner}"')
    assert train(bad, dataset, 'names').json['result']['seen'].startswith(f'by {winner}')
    order = bad.hooks('hooks', 'convert', '--json').json['order']
    assert [entry['distribution'] for entry in order if entry['name'] == 'names'] == [winner]
    # To block one settles it as well.
    loser = {'acme-names': 'other-names', 'other-names': 'acme-names'}[winner]
    configure(project, '')
    assert train(bad, dataset, 'names', '--block', loser).json['result']['seen'].startswith(f'by {winner}')


def test_a_built_in_format_is_not_replaced_in_silence(bad: Environment, project: Path, dataset: str) -> None:
    ended = train(bad, dataset, 'yolo', code=2)
    assert "the format 'yolo' is provided by fast-yolo 5.0 and synapse-hooks " in ended.err
    assert 'pin.formats.yolo = "fast-yolo"' in ended.err
    configure(project, 'pin.formats.yolo = "fast-yolo"')
    assert train(bad, dataset, 'yolo').json['result']['seen'] == '# by fast-yolo\n'
    configure(project, 'pin.formats.yolo = "synapse-hooks"')
    assert 'names:' in train(bad, dataset, 'yolo').json['result']['seen']
    configure(project, 'pin.formats.yolo = "slow-yolo"')
    ended = train(bad, dataset, 'yolo', code=2)
    assert (
        "'yolo' is pinned to the distribution 'slow-yolo', which does not provide it; fast-yolo, synapse-hooks does"
        in (ended.err)
    )


def test_a_blocked_plugin_is_reported_with_the_setting(good: Environment, project: Path, dataset: str) -> None:

    def blocked(*words: str, **env: str) -> str:
        ended = train(good.at(project, **env), dataset, 'names', *words, code=2)
        assert ended.json['error']['type'] == 'PluginBlocked'
        return ended.err

    start = "error: the format 'names' of acme-names 0.4 (plugin 'names') is blocked by"
    assert f'{start} --block\n  → take it out of --block' in blocked('--block', 'names')
    assert f'{start} --block' in blocked('--block', 'acme-names')
    assert f'{start} --only\n  → add it to --only' in blocked('--only', 'slow')
    assert f'{start} SYNAPSE_HOOKS_BLOCK' in blocked(SYNAPSE_HOOKS_BLOCK='slow,acme-names')
    assert f'{start} SYNAPSE_HOOKS_ONLY' in blocked(SYNAPSE_HOOKS_ONLY='slow')
    configure(project, 'block = ["acme-names"]')
    assert f'{start} `block` in {project / "pyproject.toml"}' in blocked()
    # What is nearer to the command decides.
    assert train(good, dataset, 'names', '--only', 'names').json['outcome'] == 'succeeded'


def test_an_unknown_name_is_reported_with_the_nearest_one(good: Environment, data: Path, dataset: str) -> None:
    ended = train(good, dataset, 'nmaes', code=2)
    assert "error: there is no format 'nmaes'; there are: boxes-csv, coco, dm, imagefolder, moody, names, " in ended.err
    assert "→ did you mean 'names'? `synapse-hooks formats` lists them" in ended.err
    assert "did you mean 'names'?" in good.hooks('convert', data, 'out', '--to', 'nmaes', code=2).err
    assert "did you mean 'names'?" in good.hooks('convert', data, 'out', '--to', 'coco', '--from', 'namse', code=2).err
    ended = good.hooks('formats', '--block', 'acme-name', code=2)
    assert "--block: there is no plugin or distribution called 'acme-name'\n  → did you mean 'acme-names'?" in ended.err


def test_reading_a_format_that_only_writes_is_an_error(good: Environment, project: Path, data: Path) -> None:
    good.hooks('convert', data, 'names', '--to', 'names')
    ended = good.hooks('convert', 'names', 'coco', '--to', 'coco', '--from', 'names', code=2)
    assert "the format 'names' of acme-names 0.4 (plugin 'names') cannot be read" in ended.err
    assert not (project / 'coco').exists()


# -- who is to blame -------------------------------------------------------------------------------------------------


def test_a_plugin_that_raises_is_named_with_its_own_frames(
    good: Environment, project: Path, data: Path, dataset: str
) -> None:
    note = "raised by acme-moody 0.7 (plugin 'moody') in hook 'convert'"
    ended = train(good, dataset, 'moody', code=1)
    assert note in ended.err
    assert 'acme_moody.py", line' in ended.err
    assert 'pluggy' not in ended.err, 'the plumbing between strangers is of no use to them'
    assert "error: step 'convert' failed: RuntimeError: not on a Monday\n  → synapse-hooks resume " in ended.err
    error = ended.json['error']
    assert (error['type'], error['step'], error['plugin'], error['distribution'], error['attempt']) == (
        'StepFailed', 'convert', 'moody', 'acme-moody', 1
    )  # fmt: skip
    assert error['cause'] == {'type': 'RuntimeError', 'message': 'not on a Monday'}
    assert error['notes'] == [note]
    assert ended.json['outcome'] == 'failed'

    ended = good.hooks('convert', data, 'out', '--to', 'moody', '--json', code=1)
    assert note in ended.err
    assert ended.json['error']['notes'] == [note]
    assert not (project / 'out').exists()


def test_a_plugin_with_a_wrong_answer_is_named(good: Environment, data: Path, dataset: str) -> None:
    note = "raised by acme-moody 0.7 (plugin 'vague') in hook 'convert'"
    for ended in (
        train(good, dataset, 'vague', code=1),
        good.hooks('convert', data, 'out', '--to', 'vague', '--json', code=1),
    ):
        assert "the answer to 'convert' is not a dataset: 'somewhere'" in ended.err
        assert "→ return {'path': folder" in ended.err
        assert ended.json['error']['notes'] == [note]


# -- the doctor ------------------------------------------------------------------------------------------------------


def test_the_doctor_names_every_patient_and_the_cure(bad: Environment, project: Path) -> None:
    ended = bad.hooks('doctor', code=1)
    assert '7 of these need attention' in ended.out
    checks = {check['name']: check for check in bad.hooks('doctor', '--json', code=1).json['checks']}
    for name, cure in {
        'plugin shards-watch': 'upgrade or uninstall acme-broken',
        'format shards': 'upgrade or uninstall acme-broken',
        'plugin typo': 'upgrade or uninstall acme-typo',
        'plugin future-watch': 'pip install --upgrade synapse-hooks acme-future',
        'format future': 'pip install --upgrade synapse-hooks acme-future',
        'format names': 'pin.formats.names = "acme-names"',
        'format yolo': 'pin.formats.yolo = "fast-yolo"',
    }.items():
        assert not checks[name]['ok']
        assert cure in checks[name]['fix']
        assert cure in ended.out
    # The cures work.
    configure(
        project, 'block = ["acme-broken", "typo", "acme-future", "other-names"]\npin.formats.yolo = "synapse-hooks"'
    )
    assert 'no problems found' in bad.hooks('doctor').out


def test_doctor_without_problems_reports_that(bare: Environment) -> None:
    ended = bare.hooks('doctor', '--json')
    assert ended.json['ok'] is True
    assert {'python', 'synapse-hooks', 'workspace', 'workspace: disk space'} <= {
        check['name'] for check in ended.json['checks']
    }


def test_the_doctor_reports_settings_that_cannot_be_used(bare: Environment, project: Path) -> None:
    configure(project, 'plugins = "hooks.py"')
    ended = bare.hooks('doctor', code=1)
    assert 'plugins must be a list of strings' in ended.out
    assert '→ write plugins = ["..."]' in ended.out
