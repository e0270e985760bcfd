"""The parameters of a search: what all trials have is validated, and the space is checked against the action's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from synapse_hooks.actions.params import BaseTrainParams, validated
from synapse_hooks.errors import ParamsError, suggest
from synapse_hooks.searches import Search, search_of
from synapse_hooks.searches.faults import Faults

P = TypeVar('P', bound=BaseTrainParams)


def search_params(
    model: type[P],
    form: Any,
    values: Mapping[str, Any] | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    models: str = 'best',
    defaults: Mapping[str, Any] | None = None,
) -> tuple[Search, P]:
    """A search, and parameters that a trial of it may have.

    Args:
        model: The action's parameters.
        form: What a backend sends: `hyperparameters`, `tune_config` and parameters; or the list `hyperparameters`.
        values: Parameters that take precedence over those of the form.
        config: Fields of `tune_config` that take precedence.
        models: Which trials' models are uploaded: `best`, `all` or `none`.
        defaults: Parameters of less precedence.

    Raises:
        ParamsError: Every fault of the form; else of the space; else of the parameters.

    Example:
        >>> from pydantic import Field
        >>> class TrainParams(BaseTrainParams):
        ...     epochs: int = Field(default=10, ge=1)
        >>> form = [{'name': 'epochs', 'type': 'choice', 'options': [5, 0]}]
        >>> try:
        ...     search_params(TrainParams, form, config={'metric': 'mAP50', 'mode': 'max'})
        ... except ParamsError as error:
        ...     print(error.problem)
        the search: hyperparameters[0].options[1]: Input should be greater than or equal to 1, and it is 0
    """
    whole = {**form, **(values or {})} if isinstance(form, Mapping) else {'hyperparameters': form, **(values or {})}
    search, params = search_of(whole, config, models=models)
    given = {name: value for name, value in {**(defaults or {}), **params}.items() if name not in search.names}
    _check(model, search, given)
    return search, validated(model, {**given, **search.example}, strict=True)


def _check(model: type[BaseModel], search: Search, given: Mapping[str, Any]) -> None:
    """Refuse parameters that the model does not have, and values that they cannot have."""
    faults = Faults()
    names = [*model.model_fields, *(field.alias for field in model.model_fields.values() if field.alias)]
    is_open = model.model_config.get('extra') == 'allow'
    for place, param in enumerate(search.space):
        field = f'hyperparameters[{place}]'
        if param.name not in names and not is_open:
            near = suggest(param.name, names)
            faults.add(f'{field}.name', param.name, f'there is no such parameter{f"; {near}" if near else ""}')
            continue
        for key, value in param.examples:
            if rule := _refusal(model, {**search.example, **given, param.name: value}, param.name):
                if key == 'type':
                    faults.add(f'{field}.type', param.type, f'has values such as {value:.4g}: {rule}')
                else:
                    faults.add(f'{field}.{key}', value, rule)
                    break
    faults.check(f'the parameters are {", ".join(model.model_fields)}')


def _refusal(model: type[BaseModel], values: Mapping[str, Any], name: str) -> str:
    """Why the model does not take a value; empty where it does."""
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        rules = (fault['msg'] for fault in error.errors() if fault['loc'][:1] == (name,))
        return '; '.join(rule.removeprefix('Value error, ') for rule in rules)
    except ParamsError:
        return ''
    return ''
