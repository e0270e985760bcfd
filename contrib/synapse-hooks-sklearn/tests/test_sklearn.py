"""Real fits: what is logged, what is a part of another fit, and that nothing is left behind."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.testing import AutologConformance, Recording, recording_session

pytest.importorskip('sklearn')

from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate, learning_curve
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from synapse_hooks_sklearn import SklearnAutologger
from synapse_hooks_sklearn.fitting import SCORED

X, Y = make_classification(60, random_state=0)


class TestConformance(AutologConformance):
    """The contract of autologgers."""

    autologger = SklearnAutologger()
    framework = 'sklearn'
    metrics = ('score',)

    def train(self, folder: Path) -> Any:
        """One fit."""
        return LogisticRegression().fit(X, Y)


@pytest.fixture
def session(tmp_path: Path) -> Any:
    return recording_session('sklearn', tmp_path / 'run')


def attach(session: Any) -> Any:
    return SklearnAutologger().autolog('sklearn', session[0])


def trainings(log: Recording) -> list[str]:
    return [event['training'] for event in log.of('training', status='started')]


def params(log: Recording) -> dict[str, Any]:
    return {name: value for event in log.of('params') for name, value in event['values'].items()}


def test_a_fit_has_its_parameters_and_its_score(session: Any) -> None:
    with attach(session):
        model = LogisticRegression(C=0.5).fit(X, y=Y)
    log = session[1]
    assert params(log)['estimator'] == 'LogisticRegression'
    assert params(log)['C'] == 0.5
    (metrics,) = log.of('metrics')
    assert metrics['values'] == {'score': model.score(X, Y)}
    assert (metrics['phase'], metrics['step']) == ('train', 1)
    assert [event['status'] for event in log.of('training')] == ['started', 'finished']


def test_iterations_are_steps(session: Any) -> None:
    with attach(session):
        model = MLPClassifier((3,), max_iter=5, random_state=0).fit(X, Y)
    losses = [e['values']['loss'] for e in session[1].of('metrics') if 'loss' in e['values']]
    assert losses == model.loss_curve_
    assert [e['step'] for e in session[1].of('metrics') if 'loss' in e['values']] == [1, 2, 3, 4, 5]


def test_a_pipeline_is_one_training(session: Any) -> None:
    with attach(session):
        make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(X, Y)
        StandardScaler().fit(X)
    assert trainings(session[1]) == ['train']
    assert params(session[1])['logisticregression__C'] == 0.5


@pytest.mark.parametrize('jobs', [None, 2])
def test_a_search_has_all_its_candidates_and_the_best_of_them(session: Any, jobs: int | None) -> None:
    with attach(session):
        search = GridSearchCV(Ridge(), {'alpha': [0.1, 10.0, 1000.0]}, cv=3, n_jobs=jobs).fit(X, Y)
    log = session[1]
    assert trainings(log) == ['train']
    found = {e['step']: e['values']['mean_test_score'] for e in log.of('metrics', phase='val')}
    assert list(found.values()) == list(search.cv_results_['mean_test_score'])
    (final,) = log.of('metrics', phase='final')
    assert final['values'] == {'best_score': search.best_score_}
    assert found[final['step']] == search.best_score_
    assert params(log)['best_params'] == search.best_params_
    (table,) = log.of('artifact', kind='table')
    rows = list(csv.DictReader((session[0].run_dir / table['path']).open()))
    assert [float(row['param_alpha']) for row in rows] == [0.1, 10.0, 1000.0]


@pytest.mark.parametrize('jobs', [None, 2])
def test_a_cross_validation_imported_by_name_has_its_folds(session: Any, jobs: int | None) -> None:
    with attach(session):
        results = cross_validate(LogisticRegression(C=0.5), X, Y, cv=3, return_train_score=True, n_jobs=jobs)
    log = session[1]
    assert not trainings(log)
    assert [e['values']['test_score'] for e in log.of('metrics', phase='val')] == list(results['test_score'])
    (final,) = log.of('metrics', phase='final')
    assert final['values']['mean_test_score'] == pytest.approx(results['test_score'].mean())
    assert params(log)['C'] == 0.5
    assert cross_val_score(LogisticRegression(), X, Y, cv=3).shape == (3,)


def test_what_only_fits_many_times_is_not_logged(session: Any) -> None:
    with attach(session):
        learning_curve(LogisticRegression(), X, Y, cv=3)
    assert not session[1].events


@pytest.mark.parametrize(
    'model',
    [
        VotingClassifier([('a', LogisticRegression()), ('b', RandomForestClassifier(3))], n_jobs=2),
        BaggingClassifier(LogisticRegression(), 3, n_jobs=2),
    ],
    ids=lambda model: type(model).__name__,
)
def test_fits_in_the_threads_of_a_fit_are_a_part_of_it(session: Any, model: Any) -> None:
    from joblib import parallel_config

    with attach(session), parallel_config('threading'):
        clone(model).fit(X, Y)
    assert trainings(session[1]) == ['train']


def test_fits_in_threads_of_the_user_are_trainings(session: Any) -> None:
    with attach(session):
        threads = [threading.Thread(target=lambda: LogisticRegression().fit(X, Y)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(trainings(session[1])) == ['train', 'train2', 'train3']
    assert len(session[1].of('training', status='finished')) == 3


def test_clusters_need_no_labels(session: Any) -> None:
    with attach(session):
        KMeans(2, n_init=1).fit_predict(X)
    assert trainings(session[1]) == ['train']
    assert session[1].metrics['score'] < 0


def test_a_class_defined_meanwhile_is_logged_and_restored(session: Any) -> None:
    with attach(session):

        class Mine(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
            def fit(self, X: Any, y: Any) -> Any:
                self.classes_ = [0, 1]
                return self

            def predict(self, X: Any) -> Any:
                return [0] * len(X)

        Mine().fit(X, Y)
    assert trainings(session[1]) == ['train']
    assert params(session[1])['estimator'] == 'Mine'
    Mine().fit(X, Y)
    assert trainings(session[1]) == ['train']
    assert not hasattr(Mine.fit, '__wrapped__')
    assert '__init_subclass__' not in vars(BaseEstimator)


def test_a_fit_that_fails_is_not_finished(session: Any) -> None:
    with attach(session):
        with pytest.raises(ValueError, match='inconsistent'):
            LogisticRegression().fit(X, Y[:-1])
        LogisticRegression().fit(X, Y)
    log = session[1]
    assert trainings(log) == ['train', 'train2']
    assert [event['training'] for event in log.of('training', status='finished')] == ['train2']
    assert not log.warnings


def test_the_score_of_large_data_is_left_out(session: Any) -> None:
    rows = SCORED + 1
    with attach(session):
        Ridge().fit([[0.0]] * rows, [0.0] * rows)
    assert not session[1].of('metrics')
    assert str(rows) in session[1].of('message')[0]['text']


def test_a_class_of_a_script_goes_to_processes_of_joblib(tmp_path: Path) -> None:
    (tmp_path / 'script.py').write_text(
        """
from pathlib import Path
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import GridSearchCV
from synapse_hooks_sklearn import SklearnAutologger
from synapse_hooks.testing import recording_session

class Mine(RegressorMixin, BaseEstimator):
    def __init__(self, value=0):
        self.value = value
    def fit(self, X, y):
        return self
    def predict(self, X):
        return [self.value] * len(X)

if __name__ == '__main__':
    session, log = recording_session('sklearn', Path('run'))
    with SklearnAutologger().autolog('sklearn', session):
        search = GridSearchCV(Mine(), {'value': [1, 2]}, cv=2, n_jobs=2).fit([[0]] * 8, [1, 2] * 4)
    assert len(log.of('metrics', phase='val')) == 2, log.events
    assert not log.warnings
""",
        encoding='utf-8',
    )
    run([sys.executable, 'script.py'], tmp_path)


def test_nothing_is_imported_before_it_is_entered(tmp_path: Path) -> None:
    code = """
import sys
from synapse_hooks_sklearn import SklearnAutologger
SklearnAutologger().autolog('keras', None)
assert 'sklearn' not in sys.modules
"""
    run([sys.executable, '-c', code], tmp_path)


def run(words: list[str], folder: Path) -> None:
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
