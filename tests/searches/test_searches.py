"""The form of a search: what a backend sends is read, and everything that is wrong with it is reported at once."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synapse_hooks.errors import ParamsError
from synapse_hooks.searches import TYPES, Search, SearchOutcome, Trial, best_trial, search_of

CONFIG = {'metric': 'mAP50', 'mode': 'max', 'num_samples': 3}
ENTRIES: dict[str, dict[str, Any]] = {
    'choice': {'options': [2, 4, 8]},
    'uniform': {'min': 0.1, 'max': 0.5},
    'quniform': {'min': 0.5, 'max': 2.0, 'q': 0.5},
    'loguniform': {'min': 0.001, 'max': 0.1, 'base': 10},
    'qloguniform': {'min': 0.5, 'max': 64.0, 'base': 2, 'q': 0.5},
    'randn': {'mean': 3.0, 'sd': 0.5},
    'qrandn': {'mean': 3.0, 'sd': 0.5, 'q': 0.25},
    'randint': {'min': 5, 'max': 10},
    'qrandint': {'min': 4, 'max': 16, 'q': 4},
    'lograndint': {'min': 1, 'max': 100, 'base': 10},
    'qlograndint': {'min': 2, 'max': 64, 'base': 2, 'q': 2},
    'grid_search': {'options': [0.1, 0.2]},
}
WHOLE = {
    'dataset': 176,
    'is_tune': True,
    'hyperparameters': [{'name': type, 'type': type, **fields} for type, fields in ENTRIES.items()],
    'tune_config': {
        **CONFIG,
        'max_concurrent_trials': 2,
        'search_alg': {'name': 'OptunaSearch', 'options': {'seed': 1}},
        'scheduler': 'ASHA',
    },
}


def faults_of(form: Any, config: dict[str, Any] | None = None) -> dict[str, str]:
    with pytest.raises(ParamsError) as caught:
        search_of(form, config)
    return {fault['field']: fault['rule'] for fault in caught.value.faults}


def test_the_form_of_a_backend_is_read_with_all_types() -> None:
    search, params = search_of(WHOLE)
    assert params == {'dataset': 176}
    assert search.names == list(TYPES) == list(ENTRIES)
    assert [param.to_dict() for param in search.space] == WHOLE['hyperparameters']
    assert search.config.search_alg is not None
    assert search.config.search_alg.to_dict() == {'name': 'optunasearch', 'options': {'seed': 1}}
    assert search.config.scheduler is not None
    assert search.config.scheduler.to_dict() == {'name': 'asha', 'options': {}}


def test_a_search_and_how_it_ended_survive_pickling_and_json() -> None:
    search, _ = search_of(WHOLE, models='all')
    trials = (Trial('0001', {'choice': 2}, 'succeeded', {'mAP50': 0.5}), Trial('0002', error={'type': 'OSError'}))
    outcome = SearchOutcome('succeeded', trials, trials[0])
    for value in (search, outcome):
        assert pickle.loads(pickle.dumps(value)) == value
        assert type(value).from_dict(json.loads(json.dumps(value.to_dict()))) == value


def test_the_list_alone_is_a_form_and_options_take_precedence() -> None:
    search, params = search_of(WHOLE['hyperparameters'], CONFIG | {'num_samples': 7})
    assert (search.config.num_samples, search.config.scheduler, params) == (7, None, {})


def test_fields_that_are_missing_have_their_usual_values() -> None:
    entries = [{'name': 'a', 'type': 'qrandint', 'min': 1, 'max': 9}, {'name': 'b', 'type': 'qrandn', 'step': 2}]
    entries.append({'name': 'c', 'type': 'loguniform', 'min': 1, 'max': 9, 'base': None})
    space = [param.to_dict() for param in search_of(entries, CONFIG)[0].space]
    assert space[0]['q'] == 1
    assert space[1] == {'name': 'b', 'type': 'qrandn', 'mean': 0, 'sd': 1, 'q': 2}
    assert space[2]['base'] == 10


def test_all_that_is_wrong_is_reported_at_once() -> None:
    form = {
        'hyperparameters': [
            {'name': 'a', 'type': 'randint', 'min': 5, 'max': 5},
            {'name': 'a', 'type': 'uniform', 'min': 0.1},
            {'name': 'b', 'type': 'unifrom', 'min': 0, 'max': 1},
            {'name': 'c', 'type': 'loguniform', 'min': 0, 'max': 1, 'base': 1},
            {'name': 'd', 'type': 'quniform', 'min': 0.0, 'max': 1.0, 'q': 0.3},
            {'name': 'e', 'type': 'choice', 'option': [1]},
            {'type': 'randn', 'sd': 0},
            'epochs',
        ],
        'tune_config': {'metric': ' ', 'mode': 'up', 'num_samples': 0, 'schedular': 'asha', 'search_alg': 3},
    }
    assert faults_of(form) == {
        'hyperparameters[0].max': 'must be more than min, which is 5',
        'hyperparameters[1].name': 'is hyperparameters[0] already',
        'hyperparameters[1].max': 'must be a number',
        'hyperparameters[2].type': f"must be one of {', '.join(TYPES)}; did you mean 'uniform'?",
        'hyperparameters[3].min': 'must be more than 0, as the scale is logarithmic',
        'hyperparameters[3].base': 'must be more than 1',
        'hyperparameters[4].max': 'must be a multiple of q, which is 0.3',
        'hyperparameters[5].option': "there is no such field; did you mean 'options'?",
        'hyperparameters[5].options': 'must be a list of at least one value',
        'hyperparameters[6].name': 'must be the name of a parameter',
        'hyperparameters[6].sd': 'must be more than 0',
        'hyperparameters[7]': 'must be a mapping with name and type',
        'tune_config.schedular': "there is no such field; did you mean 'scheduler'?",
        'tune_config.metric': 'must be the name of the metric that trials are compared by',
        'tune_config.mode': 'must be `max` if larger values of the metric are better, or `min`',
        'tune_config.num_samples': 'must be a whole number of at least 1',
        'tune_config.search_alg': 'must be a name, or {name: ..., options: {...}}',
    }


@pytest.mark.parametrize('form', [None, [], {}, 'epochs', 3, {'hyperparameters': {}}, {'hyperparameters': [None]}])
def test_what_is_not_a_space_is_refused(form: Any) -> None:
    assert any(field.startswith('hyperparameters') for field in faults_of(form, CONFIG))


def test_a_parameter_is_searched_or_has_a_value() -> None:
    form = {**WHOLE, 'randint': 7}
    assert faults_of(form) == {'randint': 'is searched, so it cannot have a value'}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    entries=st.lists(
        st.sampled_from(list(TYPES)).flatmap(
            lambda type: st.fixed_dictionaries(
                {'name': st.sampled_from('abc') | ANYTHING, 'type': st.just(type) | ANYTHING},
                optional={name: st.integers(-9, 9) | st.floats() | ANYTHING for name in TYPES[type]},
            )
        ),
        max_size=3,
    ),
    config=st.fixed_dictionaries(
        {'metric': st.just('m') | ANYTHING, 'mode': st.sampled_from(['min', 'max']) | ANYTHING}
    ),
)
def test_any_form_is_read_or_refused_with_its_fields(entries: list[Any], config: dict[str, Any]) -> None:
    form = {'hyperparameters': entries, 'tune_config': config}
    refused: list[dict[str, Any]] | None = None
    try:
        search, _ = search_of(form)
    except ParamsError as error:
        refused = error.faults
    if refused is not None:
        assert refused
        assert all(fault['field'] and fault['rule'] for fault in refused)
        return
    assert Search.from_dict(json.loads(json.dumps(search.to_dict()))) == search
    assert set(search.example) == set(search.names)
    for param in search.space:
        for _, value in param.examples:
            assert param.min is None or param.min <= value <= (param.max or 0)


@pytest.mark.parametrize(('mode', 'best'), [('max', '0002'), ('min', '0001')])
def test_the_best_trial_is_the_first_with_the_best_value_that_did_not_fail(mode: str, best: str) -> None:
    config = search_of(WHOLE, {'mode': mode})[0].config
    trials = [
        Trial('0005', status='failed', metrics={'mAP50': 0.0}),
        Trial('0006', status='failed', metrics={'mAP50': 1.0}),
        Trial('0007', status='cancelled', metrics={'mAP50': 1.0}),
        Trial('0003', status='succeeded', metrics={'mAP50': 0.9}),
        Trial('0002', status='cancelled', stopped='by the scheduler', metrics={'mAP50': 0.9}),
        Trial('0001', status='succeeded', metrics={'mAP50': 0.1}),
        Trial('0008', status='succeeded', metrics={'mAP50': float('nan')}),
        Trial('0009', status='succeeded', metrics={'loss': 5.0}),
    ]
    found = best_trial(trials, config)
    assert found is not None
    assert found.id == best
    assert best_trial(trials[:3], config) is None
