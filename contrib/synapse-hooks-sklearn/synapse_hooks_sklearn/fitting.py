"""What is logged of one fit, one search over parameters, and one cross-validation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.autologgers.values import json_value
from synapse_hooks_sklearn.values import curves_of, params_of, table

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession, TrainingLog

SCORED: Final = 100_000
"""The largest number of samples for which the score of the training data is calculated."""


def is_model(estimator: Any) -> bool:
    """Whether it predicts: a scaler or a vectorizer does not, nor does a pipeline of such."""
    return any(hasattr(estimator, name) for name in ('predict', 'fit_predict'))


class Fitting:
    """One fit of an estimator, which no other fit has called."""

    def __init__(self, session: AutologSession, log: TrainingLog) -> None:
        self.session = session
        self.log = log

    def begin(self, estimator: Any) -> None:
        """The fit begins."""
        self.log.log_params(params_of(estimator))
        self.log.set_progress(0, 1)

    def end(self, estimator: Any, data: tuple[Any, ...], named: dict[str, Any]) -> None:
        """The fit is done."""
        if hasattr(estimator, 'cv_results_'):
            with self.session.guard('logging a search'):
                self._search(estimator)
        with self.session.guard('logging learning curves'):
            for phase, name, values in curves_of(getattr(estimator, 'best_estimator_', estimator)):
                for step, value in enumerate(values, 1):
                    self.log.log_metrics({name: value}, phase=phase, step=step)
        with self.session.guard('scoring the training data'):
            self._score(estimator, data, named)
        with self.session.guard('ending'):
            self.log.set_progress(1, 1)
            self.log.finish()

    def _search(self, search: Any) -> None:
        found = search.cv_results_
        scores = [name for name in found if name.startswith(('mean_test_', 'mean_train_'))]
        for place in range(len(found['params'])):
            self.log.log_metrics({name: found[name][place] for name in scores}, phase='val', step=place + 1)
        if hasattr(search, 'best_score_'):
            self.log.log_metrics({'best_score': search.best_score_}, phase='final', step=int(search.best_index_) + 1)
            self.log.log_params({'best_params': json_value(search.best_params_)})
        log_table(self.session, self.log, 'cv_results', table(found))

    def _score(self, estimator: Any, data: tuple[Any, ...], named: dict[str, Any]) -> None:
        if not hasattr(estimator, 'score') or not data:
            return
        rows = getattr(data[0], 'shape', None) or (len(data[0]),)
        if rows[0] > SCORED:
            self.log.log_message(f'the score of the training data was not calculated: it has {rows[0]} samples')
            return
        weights = {'sample_weight': named['sample_weight']} if named.get('sample_weight') is not None else {}
        self.log.log_metrics({'score': estimator.score(*data, **weights)}, phase='train', step=1)


def log_cross_validation(session: AutologSession, estimator: Any, results: dict[str, Any]) -> None:
    """Log what `cross_validate` returned: the scores of each fold, their means, a table."""
    log = session.log_for('cross_validate')
    log.log_params(params_of(estimator))
    columns = {name: list(values) for name, values in results.items() if name not in ('estimator', 'indices')}
    scores = [name for name in columns if name.startswith(('test_', 'train_'))]
    for fold in range(len(columns['fit_time'])):
        log.log_metrics({name: columns[name][fold] for name in scores}, phase='val', step=fold + 1)
    means = {f'mean_{name}': sum(columns[name]) / len(columns[name]) for name in scores}
    log.log_metrics(means, phase='final')
    log_table(session, log, 'cross_validate', table(columns))


def log_table(session: AutologSession, log: TrainingLog, name: str, content: str) -> None:
    """Write a CSV file into the run directory, and log it."""
    file = Path(session.run_dir) / 'sklearn' / log.name / f'{name}.csv'
    file.parent.mkdir(parents=True, exist_ok=True)
    # Others read it while the run goes on: never half of it.
    unfinished = file.with_suffix('.part')
    unfinished.write_text(content, encoding='utf-8')
    unfinished.replace(file)
    log.log_artifact(file, kind='table', role=name)
