"""The steps that provide the data: export and convert."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synapse_hooks.context import Dataset, StepResult, TrainContext
from synapse_hooks.errors import WrongAnswer
from synapse_hooks.steps.base import BaseStep


class ExportDatasetStep(BaseStep[TrainContext]):
    """Fetches the dataset that `params.dataset` names, through the hook `export`, into `context.dataset`.

    It is skipped when `params.data_path` is given instead.
    """

    hooks = ('export',)

    @property
    def name(self) -> str:
        """`export`."""
        return 'export'

    @property
    def progress_weight(self) -> float:
        """15 % of the default pipeline."""
        return 0.15

    def can_skip(self, context: TrainContext) -> bool:
        """Whether the data are here already."""
        return context.params.get('data_path') is not None

    def execute(self, context: TrainContext) -> StepResult:
        """Call the hook `export`, and check its answer."""
        dataset = checked_dataset(context.hooks.export(context=context), 'export')
        context.dataset = dataset
        return StepResult(data={'dataset': dataset})


class ConvertDatasetStep(BaseStep[TrainContext]):
    """Turns `context.dataset` into another format, through the hook `convert`.

    Args:
        target_format: The name of the format; None leaves the dataset as it is.
    """

    hooks = ('convert', 'open_dataset')

    def __init__(self, target_format: str | None = None) -> None:
        self.target_format = target_format

    @property
    def name(self) -> str:
        """`convert`."""
        return 'convert'

    @property
    def progress_weight(self) -> float:
        """10 % of the default pipeline."""
        return 0.1

    def can_skip(self, context: TrainContext) -> bool:
        """Whether no conversion is wanted, or the data did not come from a dataset."""
        return self.target_format is None or context.params.get('data_path') is not None

    def execute(self, context: TrainContext) -> StepResult:
        """Call the hook `convert`, and check its answer."""
        if context.dataset is None:
            raise WrongAnswer(
                'step convert: there is no dataset to convert', hint='register ExportDatasetStep() before it'
            )
        # A step of the user, or an edited run.json, may have left anything there.
        dataset = context.dataset = checked_dataset(context.dataset, 'export')
        converted = context.hooks.convert(context=context, dataset=dataset, target_format=str(self.target_format))
        context.dataset = checked_dataset(converted, 'convert')
        return StepResult(data={'dataset': context.dataset})


def checked_dataset(answer: object, hook: str) -> Dataset:
    """A plugin's answer as a `Dataset` whose paths are `Path`s and exist.

    Args:
        answer: What the plugin returned.
        hook: The hook that it answers: `export` or `convert`.

    Raises:
        WrongAnswer: It is something else; the message says what was expected.
    """
    if not isinstance(answer, Mapping) or 'path' not in answer or 'format' not in answer:
        raise WrongAnswer(
            f'the answer to {hook!r} is not a dataset: {answer!r}',
            hint="return {'path': folder, 'format': name, 'config_path': file or None}",
            hook=hook,
        )
    dataset: dict[str, Any] = dict(answer)
    for key in ('path', 'config_path'):
        value = dataset.get(key)
        if key == 'config_path' and value is None:
            continue
        path = Path(str(value))
        if not path.exists():
            raise WrongAnswer(
                f'the answer to {hook!r} names a {key} that does not exist: {path}',
                hint='write into context.output_dir and return the path in there',
                hook=hook,
                path=str(path),
            )
        dataset[key] = path
    return dataset  # type: ignore[return-value]


def data_path_of(context: TrainContext) -> Path | None:
    """What `execute` gets: the dataset's config file, else its folder, else `params.data_path`, else None."""
    if context.dataset is not None:
        return Path(context.dataset.get('config_path') or context.dataset['path'])
    given = context.params.get('data_path')
    return None if given is None else Path(given)
