"""The built-in answers to the stage hooks: the last plugin that is called, after all others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse_hooks.context import LocalDatasets
from synapse_hooks.errors import BackendError, ConfigError, ParamsError, WrongAnswer
from synapse_hooks.hookspecs import hookimpl
from synapse_hooks.journal import without_secrets

if TYPE_CHECKING:
    from synapse_hooks.context import Checkpoint, Dataset, Model, Step, StepResult, TrainContext


def no_data_error() -> ParamsError:
    """The error for a run without a dataset."""
    return ParamsError(
        'there is nothing to train on: no `dataset` and no `data_path`',
        hint='give `dataset` (an id or a name of the backend) or `data_path` (a file or folder that is here)',
    )


class Stages:
    """Export, checkpoint and upload through the context's client; a step is run by calling it."""

    @hookimpl.resolve_checkpoint(trylast=True)
    def resolve_checkpoint(self, context: TrainContext) -> Checkpoint | None:
        """`ctx.checkpoint`, then `params.checkpoint` through the client."""
        given = context.runtime_ctx.checkpoint
        if given is not None:
            if not isinstance(given, Mapping) or 'path' not in given:
                raise ConfigError(
                    f'ctx.checkpoint must be a dict with a path, got {given!r}', hint="give {'path': folder, ...}"
                )
            path = Path(given['path'])
            if not path.exists():
                raise BackendError(f'ctx.checkpoint: there is nothing at {path}', path=str(path))
            return {**given, 'path': path}
        wanted = context.params.get('checkpoint')
        if wanted is None:
            return None
        context.client.get_model(wanted)
        return context.client.fetch_model(wanted, context.output_dir)

    @hookimpl.export(trylast=True)
    def export(self, context: TrainContext) -> Dataset:
        """The dataset that `params.dataset` names, through the client."""
        dataset = context.params.get('dataset')
        if dataset is None:
            raise no_data_error()
        client, splits = context.client, context.params.get('splits')
        if context.may_read_in_place and isinstance(client, LocalDatasets) and not _exports_otherwise(client):
            stored = client.dataset_in_place(dataset, splits=splits)
            if stored is not None:
                return stored
        export = partial(client.export_dataset, dataset, splits=splits, progress=partial(_progress, context))
        out, early = context.output_dir, context.early_conversion
        if early is None or 'arrived' not in signature(client.export_dataset).parameters:
            return export(out)
        with early.exporting(context, {'path': out, 'format': 'dm'}) as arrived:
            # An optional part of the protocol, which `BackendClient` cannot express.
            return export(out, arrived=arrived)  # type: ignore[call-arg]

    @hookimpl.run_step(trylast=True)
    def run_step(self, context: TrainContext, step: Step) -> StepResult:
        """Call the step."""
        result = step.execute(context)
        if result is None:
            raise WrongAnswer(
                f'step {step.name!r} returned None', hint='end its execute() with `return StepResult(success=True)`'
            )
        return result

    @hookimpl.upload(trylast=True)
    def upload(self, context: TrainContext, result: Any) -> Model | None:
        """`context.model_path`, through the client."""
        if context.model_path is None:
            return None
        return context.client.create_model(Path(context.model_path), **upload_fields(context))


def _exports_otherwise(client: LocalDatasets) -> bool:
    """Whether a subclass or an object has an `export_dataset` of its own, which must be called.

    So has an object that passes every call on to another one by `__getattr__`, for all that can be seen of it.
    """
    namespaces = [getattr(client, '__dict__', {}), *map(vars, type(client).__mro__)]
    nearest: Mapping[str, Any] = next((n for n in namespaces if n.keys() & {'export_dataset', 'dataset_in_place'}), {})
    return 'dataset_in_place' not in nearest


def _progress(context: TrainContext, done: int, total: int, received: int = 0) -> None:
    context.set_progress(done, total, 'export', transferred=received)


def upload_fields(context: TrainContext) -> dict[str, Any]:
    """What is stored with a model besides its files: where it comes from."""
    checkpoint: Mapping[str, Any] = context.checkpoint or {}
    # The model of a search has the parameters of its best trial.
    best: Mapping[str, Any] = context.values.get('best_trial') or {}
    # Another backend makes a name of the run's and the content, by which it recognises an upload that is tried again.
    is_local = isinstance(context.client, LocalDatasets)
    return {
        'name': context.runtime_ctx.run_name if is_local else None,
        'key': f'{context.run_dir.name}:upload',
        'category': checkpoint.get('category'),
        'dataset': context.params.get('dataset'),
        'checkpoint': checkpoint.get('id'),
        'params': without_secrets({**context.params, **best.get('params', {})}, os.environ),
        'run': context.run_dir.name,
    }
