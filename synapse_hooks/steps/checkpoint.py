"""Finding the model to start from, before the first step."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from synapse_hooks.context import Checkpoint, TrainContext
from synapse_hooks.errors import StepFailed, WrongAnswer, summary
from synapse_hooks.journal import RunDirectory
from synapse_hooks.plugins import Plugins, culprit
from synapse_hooks.steps.inputs import StageInputs, digest_of, same_use
from synapse_hooks.steps.reads import Params
from synapse_hooks.steps.state import plain
from synapse_hooks.storage import follow, publish


def resolve_checkpoint(
    context: TrainContext, plugins: Plugins, directory: RunDirectory, inputs: StageInputs, *, keep: bool = False
) -> None:
    """Ask for the checkpoint, and keep it in the run directory; a resumed run takes the one it has.

    It asks again when the parameters that were used, or those who answer, have changed.

    Args:
        context: The run.
        plugins: Who answers.
        directory: Where it is kept.
        inputs: What goes into the answer.
        keep: Take the one that is there in any case, as the training is done.

    Raises:
        StepFailed: With `step='checkpoint'`, from what went wrong.
    """
    record = directory.read()
    kept, of = record.get('checkpoint'), record.get('checkpoint_of') or {}
    same = keep or inputs.same_checkpoint(of, context.params)
    if kept is not None and Path(kept['path']).exists() and same:
        context.checkpoint = cast(Checkpoint, {**kept, 'path': Path(kept['path'])})
        return
    staged = directory.staging('checkpoint')
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    context.output_dir = staged
    given = dict(context.params)
    params = context.params = Params(given)
    try:
        checkpoint = checked_checkpoint(context.hooks.resolve_checkpoint(context=context))
        if any(staged.iterdir()):
            final = directory.path / 'stages' / 'checkpoint'
            final.parent.mkdir(exist_ok=True)
            publish(staged, final, replace=True)
            checkpoint = cast('Checkpoint | None', follow(checkpoint, staged, final))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise anything, asyncio.CancelledError for one
        if isinstance(error, WrongAnswer):
            plugins.blame_answerer(error)
        plugin = culprit(error)
        raise StepFailed(
            f'the checkpoint cannot be had: {summary(error)}',
            hint='change `checkpoint`; `synapse-hooks workspace list` shows the models',
            step='checkpoint',
            attempt=1,
            plugin=plugin.name if plugin else None,
            distribution=plugin.distribution if plugin else None,
            run_dir=str(directory.path),
        ) from error
    context.checkpoint = checkpoint
    if inputs.uses_all_for_checkpoint():
        params.use_all()
    used = inputs.checkpoint(same_use(dict.fromkeys(sorted(params.used)), given))
    directory.update(checkpoint=plain(checkpoint), checkpoint_of={**used, 'digest': digest_of(used)})


def checked_checkpoint(answer: Any, hook: str = 'resolve_checkpoint') -> Checkpoint | None:
    """A plugin's answer as a `Checkpoint` with all of its keys; None stays None.

    Raises:
        WrongAnswer: It is something else, or nothing is at its path.
    """
    if answer is None:
        return None
    if not isinstance(answer, Mapping) or 'path' not in answer:
        raise WrongAnswer(
            f'the answer to {hook!r} is not a checkpoint: {answer!r}',
            hint="return {'path': folder, 'category': ..., 'id': ..., 'name': ...} or None",
            hook=hook,
        )
    path = Path(answer['path'])
    if not path.exists():
        raise WrongAnswer(f'there is no checkpoint at {path}', hook=hook, path=str(path))
    # All four keys are always there, so that an action may rely on them.
    return cast(Checkpoint, {'category': None, 'id': None, 'name': path.name, **answer, 'path': path})
