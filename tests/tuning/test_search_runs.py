"""A search is a run whose training is a search: its stages run once, and each trial is a run of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from synapse_hooks.backends import Workspace
from synapse_hooks.errors import ConfigError, ParamsError, PluginMissing, StepFailed
from synapse_hooks.journal import RunDirectory, read_events
from tests.support.waiting import until
from tests.tuning.conftest import Searches

Calls = Callable[[], list[str]]


def record(folder: Path) -> dict:  # type: ignore[type-arg]
    return RunDirectory.open(folder).read()


def test_the_dataset_is_exported_once_and_the_best_model_is_uploaded_once(
    searching: Searches, calls: Calls, tmp_path: Path
) -> None:
    action = searching()
    assert action.run()['lr'] == 0.3
    each = [word for lr in (0.1, 0.3, 0.2) for word in ('pre_execute', f'execute {lr}')]
    assert calls() == ['export 7', *each, 'upload 0.3']
    whole = record(tmp_path / 'search')
    assert (whole['status'], whole['metrics']['score']) == ('succeeded', 0.6)
    assert [(t['id'], t['status'], t['params'], t['metrics']['score']) for t in whole['search']['trials']] == [
        ('0001', 'succeeded', {'lr': 0.1}, 0.2),
        ('0002', 'succeeded', {'lr': 0.3}, 0.6),
        ('0003', 'succeeded', {'lr': 0.2}, 0.4),
    ]
    [model] = Workspace(tmp_path / 'workspace').list_models()
    assert model['id'] == whole['model']['id']
    assert model['params']['lr'] == 0.3
    assert (Path(model['path']) / 'best.pt').read_text() == 'weights 0.3'
    for id in ('0001', '0002', '0003'):
        trial = record(tmp_path / f'search-{id}')
        assert trial['trial'] == {'search': 'search', 'id': id}
        assert (trial['status'], trial['until'], trial['model']) == ('succeeded', 'execute', None)
        # What the search has made is neither copied nor made again.
        assert trial['dataset']['path'].startswith(str(tmp_path / 'search' / 'stages'))
    texts = [event['text'] for event in read_events(tmp_path / 'search', types=('message',))]
    assert 'trial 0002 succeeded: lr=0.3, score 0.6' in texts
    assert 'the best trial is 0002: lr=0.3, score 0.6' in texts


def test_a_stage_that_uses_a_searched_parameter_runs_in_each_trial(
    searching: Searches, calls: Calls, project: Path, tmp_path: Path
) -> None:
    file = project / 'exporter.py'
    file.write_text(file.read_text().replace('["dataset"]', '["lr"]'))
    searching().run()
    assert [line for line in calls() if line.startswith('export')] == [f'export {lr}' for lr in (0.1, 0.1, 0.3, 0.2)]
    texts = [event['text'] for event in read_events(tmp_path / 'search', types=('message',))]
    assert 'stage export uses lr, which is searched: it runs in each trial' in texts


def test_trials_find_data_that_were_given_by_a_relative_path(
    searching: Searches, calls: Calls, project: Path, tmp_path: Path
) -> None:
    (project / 'data').mkdir()
    (project / 'data' / 'a.txt').write_text('data')
    assert searching({'data_path': 'data', 'dataset': None}).run()['lr'] == 0.3
    assert 'export 7' not in calls()
    assert record(tmp_path / 'search-0001')['params']['data_path'] == str(project / 'data')


def test_trials_get_secrets_that_are_recorded_nowhere(searching: Searches, project: Path, tmp_path: Path) -> None:
    file = project / 'train.py'
    text = file.read_text().replace('    size: int = 8\n', "    size: int = 8\n    key: SecretStr = SecretStr('')\n")
    text = text.replace('import Field\n', 'import Field, SecretStr\n')
    text = text.replace("note('pre_execute')", "assert self.params.key.get_secret_value() == 'hidden-value'")
    file.write_text(text)
    assert searching({'key': 'hidden-value'}).run()['lr'] == 0.3
    assert record(tmp_path / 'search-0001')['params']['key'] == '**********'
    for path in tmp_path.glob('search*/**/*'):
        assert not path.is_file() or b'hidden-value' not in path.read_bytes()


def test_a_trial_that_fails_does_not_end_the_search(searching: Searches, tmp_path: Path) -> None:
    action = searching({'fails_at': 0.3})
    assert action.run()['lr'] == 0.2
    failed = record(tmp_path / 'search-0002')
    assert failed['error']['message'].startswith("step 'execute' failed: ValueError: no luck")
    [trial] = [t for t in record(tmp_path / 'search')['search']['trials'] if t['status'] == 'failed']
    assert trial['error']['cause'].startswith('ValueError: no luck')


def test_a_search_without_a_result_fails_with_the_error_of_a_trial(searching: Searches) -> None:
    with pytest.raises(StepFailed, match='no trial of 1 has a result: trial 0001 failed: ValueError: no luck'):
        searching(
            {'fails_at': 0.5}, form={'hyperparameters': [{'name': 'lr', 'type': 'choice', 'options': [0.5]}]}
        ).run()


def test_a_metric_that_never_comes_ends_the_search_and_names_those_that_came(searching: Searches, calls: Calls) -> None:
    with pytest.raises(StepFailed) as caught:
        searching(config={'metric': 'scores'}).run()
    assert "has not logged the metric 'scores' for any epoch; it logged loss, score" in str(caught.value)
    assert "did you mean 'score'?" in str(caught.value)
    assert calls() == ['export 7', 'pre_execute', 'execute 0.1']


def test_the_models_of_all_trials_or_of_none_are_uploaded(searching: Searches, calls: Calls, tmp_path: Path) -> None:
    searching(models='all').run()
    assert [line for line in calls() if line.startswith('upload')] == ['upload 0.1', 'upload 0.3', 'upload 0.2']
    assert record(tmp_path / 'search')['model'] == record(tmp_path / 'search-0002')['model']
    searching(models='none', run_dir=tmp_path / 'other').run()
    assert not [line for line in calls() if line.startswith('upload')]
    assert record(tmp_path / 'other')['status'] == 'succeeded'
    # A trial that has ended with its training goes on to its upload if it is resumed.
    assert len(Workspace(tmp_path / 'workspace').list_models()) == 3


def test_a_trial_that_was_stopped_early_can_be_the_best_one_with_its_checkpoint(
    searching: Searches, project: Path, tmp_path: Path
) -> None:
    def stop() -> None:
        until((project / 'waiting').exists)
        (project / 'stop').touch()

    stopper = threading.Thread(target=stop)
    stopper.start()
    space = [{'name': 'lr', 'type': 'choice', 'options': [0.5]}]
    assert searching({'waits': True}, form={'hyperparameters': space}).run() is None
    stopper.join()
    stopped = record(tmp_path / 'search-0001')
    assert (stopped['status'], stopped['stopped']) == ('cancelled', 'by the scheduler after 1 epoch')
    assert stopped['error'] is None
    [model] = Workspace(tmp_path / 'workspace').list_models()
    assert [file.read_text() for file in Path(model['path']).iterdir()] == ['epoch 1']
    texts = [event['text'] for event in read_events(tmp_path / 'search', types=('message',))]
    assert 'trial 0001 stopped early by the scheduler after 1 epoch: lr=0.5, score 1' in texts
    assert any(text.startswith('the best trial 0001 was stopped early') for text in texts)


def test_the_backend_gets_the_metrics_of_each_trial_and_the_best_one(searching: Searches, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / 'workspace')
    job = workspace.create_job(action='train')['id']
    searching(job_id=job).run()
    kept = workspace.get_job(job)
    assert kept['best_trial'] == {'trial_id': '0002', 'lr': 0.3}
    assert (kept['status'], kept['result']['model']['id']) == ('SUCCEEDED', workspace.list_models()[0]['id'])
    entries = workspace.read_logs(job, 0)
    entries = entries['results'] if isinstance(entries, dict) else entries
    points = [entry['data'] for entry in entries if entry['event'] == 'metric' and 'trial_id' in entry['data']]
    assert {(p['trial_id'], p['value']) for p in points} == {(f'000{t}', e) for t in (1, 2, 3) for e in (1, 2)}
    statuses = [entry for entry in entries if entry['event'] == 'message' and 'trial 000' in entry['data']['content']]
    assert len(statuses) == 3


def test_a_space_that_does_not_fit_the_action_is_refused_before_anything_runs(searching: Searches) -> None:
    space = [
        {'name': 'epoch', 'type': 'randint', 'min': 1, 'max': 3},
        {'name': 'epochs', 'type': 'randint', 'min': 0, 'max': 3},
        {'name': 'size', 'type': 'uniform', 'min': 1.0, 'max': 4.0},
        {'name': 'lr', 'type': 'choice', 'options': [0.1, 'high']},
    ]
    with pytest.raises(ParamsError) as caught:
        searching(form={'hyperparameters': space})
    assert {fault['field']: fault['rule'].split(',')[0] for fault in caught.value.faults} == {
        'hyperparameters[0].name': "there is no such parameter; did you mean 'epochs'?",
        'hyperparameters[1].min': 'Input should be greater than or equal to 1',
        'hyperparameters[2].type': 'has values such as 1.955: Input should be a valid integer',
        'hyperparameters[3].options[1]': 'Input should be a valid number',
    }


def test_a_launcher_that_cannot_search_is_refused_before_anything_is_made(
    searching: Searches, project: Path, tmp_path: Path, calls: Calls
) -> None:
    def refuse(problems: dict[str | None, str]) -> None:
        for launcher, problem in problems.items():
            with pytest.raises(PluginMissing, match=problem) as caught:
                searching(launcher=launcher).run()
            assert 'pip install "synapse-hooks-ray[tune]"' in caught.value.hint
        assert not (tmp_path / 'search').exists()
        assert calls() == []

    wrong = "no launcher 'seriall'; there are: local, .*plain, .*serial"
    refuse({'local': "'local' cannot search", 'seriall': wrong, 'plain': "'plain' cannot search"})
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugins = ["exporter", "launchers:Plain"]\n')
    refuse({None: 'no launcher that can search', 'serial': "no launcher 'serial'"})
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks]\n')
    refuse({'raj': "no launcher 'raj'", None: 'no launcher that can search'})


def test_the_only_launcher_of_the_project_that_searches_is_found(searching: Searches, project: Path) -> None:
    assert searching(launcher=None).run()['lr'] == 0.3
    (project / 'pyproject.toml').write_text(
        '[tool.synapse_hooks]\nplugins = ["exporter", "launchers:Serial", "launchers:Other"]\n'
    )
    with pytest.raises(ConfigError, match='several launchers that search: other, serial') as caught:
        searching(launcher=None).run()
    assert caught.value.hint == 'add `--launcher other`'


def test_parameters_of_a_search_are_no_parameters_of_a_run(searching: Searches) -> None:
    action = searching()
    with pytest.raises(ParamsError, match='is_tune') as caught:
        type(action)({'dataset': 7, 'is_tune': True, 'hyperparameters': []})
    assert 'pip install "synapse-hooks-ray[tune]"' in caught.value.hint


def test_a_preview_says_what_a_search_would_do(searching: Searches) -> None:
    stages = {stage['stage']: stage for stage in searching().preview()['stages']}
    assert list(stages) == ['export', 'convert', 'execute', 'upload']
    assert stages['execute']['step'].endswith('SearchStep')


def test_what_the_launcher_cannot_do_is_refused_before_anything_runs(searching: Searches, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="launcher 'serial' cannot search like this: there is no scheduler 'asha'"):
        searching(config={'scheduler': 'asha'}).run()
    assert not (tmp_path / 'search').exists()
