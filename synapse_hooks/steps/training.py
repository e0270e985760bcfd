"""The steps around the training: pre_execute, execute and upload."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

from pydantic import BaseModel, ValidationError

from synapse_hooks.autologgers.restricted import restricted_loading
from synapse_hooks.context import Model, StepResult, TrainContext
from synapse_hooks.errors import WrongAnswer
from synapse_hooks.steps.base import BaseStep
from synapse_hooks.steps.checkpoint import checked_checkpoint
from synapse_hooks.steps.dataset import data_path_of
from synapse_hooks.storage import disk_errors, sync_below


class PreExecuteStep(BaseStep[TrainContext]):
    """Lets every plugin check, seed and make last edits, through the hook `pre_execute`."""

    @property
    def name(self) -> str:
        """`pre_execute`."""
        return 'pre_execute'

    @property
    def progress_weight(self) -> float:
        """1 % of the default pipeline."""
        return 0.01

    def execute(self, context: TrainContext) -> StepResult:
        """Call all plugins, and apply their changes."""
        context.data_path = data_path_of(context)
        changes: Mapping[str, Any] = context.hooks.pre_execute(context=context) or {}
        for key, value in changes.items():
            if key == 'data_path':
                context.data_path = None if value is None else Path(value)
                if context.data_path is not None and not context.data_path.exists():
                    raise WrongAnswer(
                        f'pre_execute returned a data_path where nothing is: {value}',
                        hook='pre_execute',
                        path=str(value),
                    )
            elif key == 'checkpoint':
                context.checkpoint = checked_checkpoint(value, context.runtime_ctx.allow_pickle, 'pre_execute')
            else:
                raise WrongAnswer(
                    f'pre_execute may return data_path and checkpoint, not {key!r}', hook='pre_execute', field=key
                )
        return StepResult(data={'changed': sorted(changes)})


class ExecuteStep(BaseStep[TrainContext]):
    """Trains, through the hook `execute`.

    Args:
        result_model: The pydantic model that a returned dict must fit; None takes what comes.
    """

    hooks: ClassVar[tuple[str, ...]] = ('execute',)
    """See `BaseStep.hooks`."""

    def __init__(self, result_model: type[BaseModel] | None = None) -> None:
        self.result_model = result_model

    @property
    def name(self) -> str:
        """`execute`."""
        return 'execute'

    @property
    def progress_weight(self) -> float:
        """70 % of the default pipeline."""
        return 0.7

    def execute(self, context: TrainContext) -> StepResult:
        """Call the hook `execute`, and check its answer."""
        if context.data_path is None:
            context.data_path = data_path_of(context)
        # Ultralytics does not know what the run allows.
        is_foreign = context.checkpoint is not None and not context.runtime_ctx.allow_pickle
        with restricted_loading(is_foreign):
            result = context.hooks.execute(context=context, data_path=context.data_path, checkpoint=context.checkpoint)
        context.result = self.validated(result)
        weights = weights_of(context.result)
        if weights is not None:
            if not weights.exists():
                raise WrongAnswer(
                    f'execute returned {weights} as the weights, and nothing is there',
                    hint='return the file or folder that the training wrote as `weights_path`',
                    hook='execute',
                    path=str(weights),
                )
            context.model_path = str(weights.absolute())
            # Before the training is recorded as done: it cannot be repeated in a minute.
            with disk_errors(weights):
                sync_below(weights.absolute(), context.run_dir)
        return StepResult(data={'weights_path': context.model_path})

    def validated(self, result: object) -> object:
        """The result as an instance of the result model, where there is one.

        Raises:
            WrongAnswer: It does not fit.
        """
        if self.result_model is None or result is None or isinstance(result, self.result_model):
            return result
        values = result.model_dump() if isinstance(result, BaseModel) else result
        try:
            return self.result_model.model_validate(values)
        except ValidationError as error:
            faults = '; '.join(
                f'{".".join(map(str, fault["loc"])) or "result"}: {fault["msg"]}' for fault in error.errors()
            )
            raise WrongAnswer(
                f'what execute returned does not fit {self.result_model.__name__}: {faults}', hook='execute'
            ) from error


class UploadStep(BaseStep[TrainContext]):
    """Publishes the trained model, through the hook `upload`, unless `create_model` did so already."""

    hooks = ('upload',)

    @property
    def name(self) -> str:
        """`upload`."""
        return 'upload'

    @property
    def progress_weight(self) -> float:
        """4 % of the default pipeline."""
        return 0.04

    def execute(self, context: TrainContext) -> StepResult:
        """Call the hook `upload`, and report the model to all plugins."""
        if context.model is not None:
            return StepResult(skipped=True, data={'reason': f'model {context.model["id"]} was uploaded already'})
        if context.model_path is None:
            context.log_message(
                'nothing was uploaded: the result of execute has no weights_path', level='warning', code='no-weights'
            )
            return StepResult(skipped=True, data={'reason': 'no weights_path'})
        model = context.hooks.upload(context=context, result=context.result)
        if model is None:
            context.log_message('nothing was uploaded: no plugin uploaded the model', level='warning', code='no-upload')
            return StepResult(skipped=True, data={'reason': 'no plugin uploaded the model'})
        publish_model(context, model)
        return StepResult(data={'model': context.model})


def publish_model(context: TrainContext, model: object) -> None:
    """Take an uploaded model over into the run, and report it to all plugins.

    Args:
        context: The run's.
        model: What the upload returned: a mapping with an `id`.

    Raises:
        WrongAnswer: It has no id.
    """
    if not isinstance(model, Mapping) or model.get('id') is None:
        raise WrongAnswer(
            f"the answer to 'upload' is not a model: {model!r}", hint="return {'id': ..., 'name': ...}", hook='upload'
        )
    uploaded = context.model = cast(Model, dict(model))
    context.recorder.record('model', {'id': uploaded['id'], 'name': uploaded.get('name')})
    context.hooks.uploaded(context=context, model=uploaded)


def weights_of(result: object) -> Path | None:
    """The `weights_path` of a result, or None where it has none.

    Raises:
        WrongAnswer: It is not a path.
    """
    value = result.get('weights_path') if isinstance(result, Mapping) else getattr(result, 'weights_path', None)
    if value is None:
        return None
    if not isinstance(value, str | os.PathLike):
        raise WrongAnswer(
            f'the weights_path of what execute returned is {value!r}; a path was expected', hook='execute'
        )
    return Path(value)
