"""The page: whole, safe, complete, for runs of any state."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from synapse_hooks.journal import RunDirectory
from synapse_hooks.journal.evaluation import Confusion, Evaluation, log_evaluation
from synapse_hooks.runs import Run, Runs
from synapse_hooks.testing import recording_session
from synapse_hooks.testing.samples import png
from tests.report.report_kit import Event, make_run, metrics, read_page, step, text_of_page

HOSTILE = '</title><script>alert(1)</script>"\'><img src=x onerror=alert(1)>\x00\ud800'
EPOCHS = [metrics(epoch, loss=1 / epoch) for epoch in range(1, 6)]


def stage(name: str, status: str = 'succeeded', **fields: object) -> dict[str, object]:
    return {'name': name, 'status': status, 'seconds': 1.5, 'data': {}, 'context': {}, **fields}


@pytest.fixture
def failed(tmp_path: Path) -> Path:
    """A run with two attempts, both of which failed."""
    events: list[Event] = [
        step('export', 'running'),
        step('export', 'succeeded', seconds=1.0),
        step('execute', 'running'),
        ('training', {'training': 'fold1', 'status': 'started'}),
        *EPOCHS,
        ('message', {'level': 'info', 'text': 'the loss explodes'}),
        step('execute', 'failed', seconds=2.0),
        ('run_end', {'status': 'failed'}),
    ]
    error = {
        'type': 'StepFailed', 'message': 'the training diverged', 'step': 'execute', 'plugin': 'voc',
        'distribution': 'acme-voc 0.4', 'attempt': 2, 'hint': 'lower lr',
    }  # fmt: skip
    stages = [stage('export', answered_by='acme-voc 0.4'), stage('execute', 'failed')]
    return make_run(tmp_path / 'failed', events, events, status='failed', error=error, stages=stages)


def test_what_went_wrong_is_said_with_the_culprit_the_hint_and_the_messages_before(failed: Path) -> None:
    text = ' '.join(read_page(failed).text)
    for words in ('What went wrong', 'the training diverged', 'acme-voc 0.4', 'lower lr', 'the loss explodes'):
        assert words in text


def test_every_attempt_has_a_timeline_and_the_last_is_open(failed: Path) -> None:
    page = read_page(failed)
    attempts = [attributes for attributes in page.of('details') if 'attempt' in str(attributes.get('class'))]
    assert ['open' in attributes for attributes in attempts] == [False, True]
    assert page.text.count('execute') >= 2
    assert 'not finished' in page.text


def test_nothing_of_a_run_is_markup(tmp_path: Path) -> None:
    events: list[Event] = [
        ('metrics', {'phase': HOSTILE, 'axis': HOSTILE, 'step': epoch, 'values': {HOSTILE: epoch}, 'training': HOSTILE})
        for epoch in (1, 2)
    ]
    events += [
        ('message', {'level': HOSTILE, 'text': HOSTILE}),
        ('message', {'level': 'warning', 'text': HOSTILE}),
        ('params', {'values': {HOSTILE: HOSTILE}, 'training': HOSTILE}),
        ('training', {'status': HOSTILE, 'training': HOSTILE}),
        ('artifact', {'kind': 'image', 'role': HOSTILE, 'path': f'{HOSTILE[:20]}.png'.replace('/', '')}),
        step(HOSTILE, HOSTILE),
        ('run_end', {'status': HOSTILE}),
    ]
    loss = {'kind': HOSTILE, 'reason': HOSTILE, 'count': 1, 'examples': [{'file': HOSTILE}]}
    losses = {'from': HOSTILE, 'to': HOSTILE, 'written': {HOSTILE: 1}, 'dropped': [loss], 'attributes': {HOSTILE: 1}}
    make_run(
        tmp_path / 'run', events,
        params={HOSTILE: HOSTILE}, note=HOSTILE, plugins={HOSTILE: HOSTILE}, git={'sha': HOSTILE, 'dirty': True},
        environment={'python': HOSTILE}, dataset={'format': HOSTILE, 'splits': {HOSTILE: 1}, 'classes': [HOSTILE]},
        error={'type': HOSTILE, 'message': HOSTILE, 'hint': HOSTILE, 'cause': HOSTILE, 'traceback': HOSTILE},
        status='failed', left_out=[HOSTILE], model={'id': 1, 'name': HOSTILE}, target=HOSTILE,
        stages=[stage(HOSTILE, answered_by=HOSTILE, losses=losses)],
    )  # fmt: skip
    session, _ = recording_session('any', tmp_path / 'run')
    log_evaluation(session, 'train', Evaluation({HOSTILE: {HOSTILE: 0.5}}, Confusion([HOSTILE], [[1.0]])))
    page = read_page(tmp_path / 'run', tmp_path / 'run')
    names = {name for name, _ in page.elements}
    assert not names & {'script', 'iframe', 'object', 'form', 'link', 'base'}
    assert page.of('img') == []
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith('on')]


def test_the_page_loads_nothing(failed: Path) -> None:
    page = read_page(failed)
    links = [value for _, attributes in page.elements for name, value in attributes.items() if name in ('src', 'href')]
    assert all(str(value).startswith(('data:', '#')) for value in links)
    assert "default-src 'none'" in str(page.of('meta'))
    assert 'url(' not in text_of_page(failed)


def test_every_link_leads_to_a_part_of_the_page(failed: Path) -> None:
    for page in (read_page(failed), read_page(failed, failed)):
        ids = [attributes['id'] for _, attributes in page.elements if 'id' in attributes]
        assert len(ids) == len(set(ids))
        links = {str(link['href']).removeprefix('#') for link in page.of('a')}
        assert links
        assert links <= set(ids)


def test_a_hundred_thousand_points_are_a_small_page_that_says_so(tmp_path: Path) -> None:
    path = make_run(tmp_path / 'run', status='succeeded')
    lines = [
        {'v': 1, 'type': 'metrics', 'attempt': 1, 'phase': 'train', 'axis': 'batch', 'step': number,
         'values': {'loss': 99.0 if number == 30_000 else (number * 7919 % 1000) / 1000, 'lr': 1 / number}}
        for number in range(1, 50_001)
    ]  # fmt: skip
    (path / 'events.jsonl').write_text('\n'.join(map(json.dumps, lines)) + '\n', encoding='utf-8')
    text = text_of_page(path)
    assert len(text) < 500_000
    assert re.search(r'[\d,]+ of 100,000 points are shown', text)
    assert '99 at 30,000' in text


def test_a_killed_run_whose_journal_is_torn(tmp_path: Path) -> None:
    events = [step('execute', 'running'), *EPOCHS]
    path = make_run(tmp_path / 'run', events, status='running', stages=[stage('execute', 'running')])
    with (path / 'events.jsonl').open('a', encoding='utf-8') as file:
        file.write('{"type":"message","te\n{"v":1,"type":"mess')
    text = ' '.join(read_page(path).text)
    assert 'killed' in text
    assert 'Lines of the journal that cannot be read, and are left out: 1' in text


@pytest.mark.parametrize('content', ['{"v": 1, "status": "succeeded"}', '{"v": 1,', '{"v": 1, "stages": [{}]}'])
def test_a_run_without_a_journal_or_with_a_damaged_record(tmp_path: Path, content: str) -> None:
    (tmp_path / 'run.json').write_text(content, encoding='utf-8')
    page = read_page(tmp_path)
    assert tmp_path.name in page.text


def test_a_run_that_was_copied_from_elsewhere(tmp_path: Path) -> None:
    events: list[Event] = [*EPOCHS, ('artifact', {'kind': 'image', 'role': 'sample', 'path': 'images/sample.png'})]
    path = make_run(tmp_path / 'here' / 'run', events, status='succeeded')
    (path / 'images').mkdir()
    (path / 'images' / 'sample.png').write_bytes(png(40, 30))
    shutil.move(path, tmp_path / 'elsewhere')
    page = read_page(tmp_path / 'elsewhere')
    assert len(page.of('img')) == 1
    assert str(tmp_path / 'here') not in page.text


def test_images_outside_of_the_run_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / 'secret.png'
    secret.write_bytes(png(40, 30))
    paths = ['../secret.png', str(secret), 'link.png']
    events: list[Event] = [('artifact', {'kind': 'image', 'role': path, 'path': path}) for path in paths]
    path = make_run(tmp_path / 'run', events)
    (path / 'link.png').symlink_to(secret)
    assert read_page(path).of('img') == []


def test_truth_stands_beside_predictions(tmp_path: Path) -> None:
    roles = ['val_batch0_pred', 'val_batch0_labels', 'BoxPR_curve']
    events: list[Event] = [
        ('artifact', {'kind': 'image', 'role': role, 'path': f'{role}.png', 'training': 'train'}) for role in roles
    ]
    path = make_run(tmp_path / 'run', events)
    for role in roles:
        (path / f'{role}.png').write_bytes(png(40, 30))
    names = [image['alt'] for image in read_page(path).of('img')]
    assert names == ['val_batch0: truth', 'val_batch0: predictions', 'BoxPR_curve']


def test_results_by_class_and_the_confusion_matrix(tmp_path: Path) -> None:
    path = make_run(tmp_path / 'run', EPOCHS)
    session, recorded = recording_session('any', path)
    classes = {'cat': {'precision': 0.25}, 'dog': {'precision': 0.5}}
    log_evaluation(session, 'train', Evaluation(classes, Confusion(['cat', 'dog'], [[7.0, 1.0], [0.0, 1234.0]])))
    with (path / 'events.jsonl').open('a', encoding='utf-8') as file:
        file.writelines(json.dumps({'attempt': 1, **event}) + '\n' for event in recorded.events)
    text = read_page(path).text
    assert {'Confusion matrix', '0.25', '1,234', 'true \\ predicted'} <= set(text)


def test_logged_images_are_shown_with_step_and_caption_the_last_step_first(tmp_path: Path) -> None:
    path = make_run(tmp_path / 'run')
    session, recorded = recording_session('any', path)
    for number in (1, 2):
        session.log_image('predictions', png(40, 30), step=number, caption=f'epoch {number}')
    with (path / 'events.jsonl').open('a', encoding='utf-8') as file:
        file.writelines(json.dumps({'attempt': 1, **event}) + '\n' for event in recorded.events)
    page = read_page(path)
    captions = [text for text in page.text if text.startswith('predictions')]
    assert captions == ['predictions · step 2 · epoch 2', 'predictions · step 1 · epoch 1']


def test_what_the_machine_did_has_charts(tmp_path: Path) -> None:
    events: list[Event] = [
        ('system', {'seconds': seconds, 'values': {'cpu_percent': 50.0, 'process_memory': 2e9}}) for seconds in (15, 30)
    ]
    page = read_page(make_run(tmp_path / 'run', events))
    assert {'in use, %', 'memory, GB', 'cpu_percent'} <= set(page.text)


def test_what_differs_between_runs_is_a_table(tmp_path: Path) -> None:
    for name, lr in (('a', 0.1), ('b', 0.5)):
        make_run(tmp_path / name, EPOCHS, params={'lr': lr, 'seed': 7}, status='succeeded')
    text = read_page(tmp_path / 'a', tmp_path / 'b').text
    assert {'Differences', 'params.lr', '0.1', '0.5'} <= set(text)
    assert text.index('params.lr') < text.index('params.seed')


def test_several_runs_share_charts_and_have_a_legend(failed: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / 'other', EPOCHS, status='succeeded', params={'lr': 0.5})
    page = read_page(failed, other)
    figures = [attributes for attributes in page.of('svg') if attributes.get('role') == 'img']
    assert len(figures) == 1
    assert {'failed train', 'other train'} <= set(page.text)


def test_secrets_of_the_environment_do_not_reach_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_run(
        tmp_path / 'run', [('message', {'level': 'warning', 'text': 'token hunter2hunter2'})], note='hunter2hunter2'
    )
    monkeypatch.setenv('SYNAPSE_ACCESS_TOKEN', 'hunter2hunter2')
    text = text_of_page(path)
    assert 'hunter2' not in text
    assert '&lt;redacted&gt;' in text


def test_secrets_in_names_of_metrics_and_classes_do_not_reach_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = 'hunter2hunter2'
    path = make_run(tmp_path / 'run', [metrics(n, **{secret: n / 2}, loss=1.0) for n in range(3)])
    session, recorded = recording_session('any', path)
    evaluation = Evaluation(
        {name: {secret: 0.5} for name in (secret, 'dog')}, Confusion([secret, 'dog'], [[1, 2], [3, 4]])
    )
    log_evaluation(session, 'train', evaluation)
    with (path / 'events.jsonl').open('a', encoding='utf-8') as file:
        file.writelines(json.dumps({'attempt': 1, **event}) + '\n' for event in recorded.events)
    assert secret in text_of_page(path)
    monkeypatch.setenv('SYNAPSE_ACCESS_TOKEN', secret)
    run = Run(path)
    shown = [run._repr_html_(), run.metrics()._repr_html_(), Runs(tmp_path)._repr_html_(), text_of_page(path)]
    assert [secret in text for text in shown] == [False] * 4


def test_a_run_that_goes_on_is_running(tmp_path: Path) -> None:
    path = make_run(tmp_path / 'run', [step('execute', 'running'), *EPOCHS])
    directory = RunDirectory.open(path)
    with directory.locked():
        directory.update(status='running', stages=[stage('execute', 'running')])
        text = read_page(path).text
    assert 'running (execute)' in text
    assert 'killed' not in text
