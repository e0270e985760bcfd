"""Evaluations by class are written whole and read carefully."""

from __future__ import annotations

from pathlib import Path

import pytest

from synapse_hooks.errors import RunError
from synapse_hooks.journal.evaluation import Confusion, Evaluation, log_evaluation, read_evaluation
from synapse_hooks.testing import recording_session


def test_an_evaluation_is_read_as_it_was_logged(tmp_path: Path) -> None:
    session, recorded = recording_session('any', tmp_path)
    written = Evaluation({'cat': {'precision': 0.5, 'recall': float('nan')}}, Confusion(['cat'], [[3.0]]))
    log_evaluation(session, '../a name', written)
    (event,) = recorded.of('artifact', role='evaluation')
    path = tmp_path / event['path']
    assert path.parent == tmp_path / 'evaluations'
    assert read_evaluation(path) == Evaluation({'cat': {'precision': 0.5}}, Confusion(['cat'], [[3.0]]))


@pytest.mark.parametrize(
    'content',
    [
        '',
        '[]',
        '{"v": 1, "classes": [{"metrics": {}}]}',
        '{"v": 1, "classes": [{"name": "cat", "metrics": {"precision": "high"}}]}',
        '{"v": 1, "confusion": {"labels": ["cat"], "matrix": [[1, 2]]}}',
        '{"v": 1, "confusion": {"labels": ["cat"], "matrix": []}}',
    ],
)
def test_what_is_not_an_evaluation_is_an_error_that_names_the_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / 'train.json'
    path.write_text(content, encoding='utf-8')
    with pytest.raises(RunError, match=r'train\.json'):
        read_evaluation(path)
