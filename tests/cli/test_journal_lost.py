"""A journal that cannot be written: said at once, in the record, and by the exit code."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.environments import Environment


def test_a_journal_without_room_is_reported_and_ends_no_training(
    bare: Environment, project: Path, data: Path, full: Path
) -> None:
    run = project / 'run'
    words = ('train', 'actions:Failing', '-p', f'data_path={data}', '--run-dir', run)
    bare.hooks(*words, code=1)
    record = json.loads((run / 'run.json').read_text())
    (run / 'run.json').write_text(json.dumps({**record, 'target': 'actions:Count'}))
    (run / 'events.jsonl').unlink()
    (run / 'events.jsonl').symlink_to(full)
    ended = bare.hooks('resume', run, '--json', code=1)
    journal = run / 'events.jsonl'
    assert ended.err.startswith(f'warning: {journal} cannot be written: No space left on device\n')
    assert f'error: {journal} lacks ' in ended.err
    assert ended.json['outcome'] == 'succeeded'
    assert ended.json['model']['id']
    assert ended.json['error']['type'] == 'JournalIncomplete'
    record = json.loads((run / 'run.json').read_text())
    assert (record['status'], record['attempts']) == ('succeeded', 2)
    assert record['journal'] == {'lost': ended.json['error']['lost'], 'reason': 'No space left on device'}
    assert record['journal']['lost'] > 5
    assert full.is_char_device()


def test_a_run_that_fails_fails_for_its_own_reason(bare: Environment, project: Path, data: Path) -> None:
    (project / 'actions.py').write_text(
        (project / 'actions.py').read_text()
        + '\n\nclass Blind(Count):\n'
        + '    def pre_execute(self, context):\n'
        + '        context.recorder.record("message", {"text": "kept", "level": "info"})\n'
        + '        (context.run_dir / "events.jsonl").rename(context.run_dir / "kept")\n'
        + '        (context.run_dir / "events.jsonl").mkdir()\n'
        + '        context.recorder._recorder.close()\n'
        + '    def execute(self, data_path, checkpoint):\n'
        + '        raise ValueError("the moon")\n'
    )
    run = project / 'run'
    ended = bare.hooks('train', 'actions:Blind', '-p', f'data_path={data}', '--run-dir', run, '--json', code=1)
    assert ended.json['error']['type'] == 'StepFailed'
    assert any('lacks' in note and 'Is a directory' in note for note in ended.json['error']['notes'])
    assert json.loads((run / 'run.json').read_text())['journal']['reason'] == 'Is a directory'
