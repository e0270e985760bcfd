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
from synapse_hooks.steps.state import follow, plain
from synapse_hooks.storage import publish


def resolve_checkpoint(context: TrainContext, plugins: Plugins, directory: RunDirectory) -> None:
    """Ask for the checkpoint, and keep it in the run directory; a resumed run takes the one it has.

    Raises:
        StepFailed: With `step='checkpoint'`, from what went wrong.
    """
    kept = directory.read().get('checkpoint')
    if kept is not None and Path(kept['path']).exists():
        context.checkpoint = cast(Checkpoint, {**kept, 'path': Path(kept['path'])})
        return
    staged = directory.staging('checkpoint')
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    context.output_dir = staged
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
    directory.update(checkpoint=plain(checkpoint))


def checked_checkpoint(answer: Any, hook: str = 'resolve_checkpoint') -> Checkpoint | None:
    """A plugin's answer as a `Checkpoint` with all of its keys; None stays None.

    Raises:
        WrongAnswer: It is something else, or nothing is at its path.
    """
    if answer is None:
        return None
    if not isinstance(answer, Mapping) or 'path' not in answer:
        raise WrongAnswer(
            f'the answer to {hook!r} is no checkpoint: {answer!r}',
            hint="return {'path': folder, 'category': ..., 'id': ..., 'name': ...} or None",
            hook=hook,
        )
    path = Path(answer['path'])
    if not path.exists():
        raise WrongAnswer(f'there is no checkpoint at {path}', hook=hook, path=str(path))
    # All four keys are always there, so that an action may rely on them.
    return cast(Checkpoint, {'category': None, 'id': None, 'name': path.name, **answer, 'path': path})
