"""Finding the model to start from, before the first step."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from synapse_hooks.context import Checkpoint, TrainContext
from synapse_hooks.errors import StepFailed, WrongAnswer
from synapse_hooks.journal import RunDirectory
from synapse_hooks.plugins import Plugins, culprit
from synapse_hooks.safe_text import summary
from synapse_hooks.steps.inputs import StageInputs, chosen, digest_of
from synapse_hooks.steps.state import plain
from synapse_hooks.steps.tracked_params import TrackedParams
from synapse_hooks.storage import check_pickles, publish, relocate
from synapse_hooks.storage.pickles import SUFFIXES


def resolve_checkpoint(
    context: TrainContext, plugins: Plugins, directory: RunDirectory, inputs: StageInputs, *, keep: bool = False
) -> None:
    """Call `resolve_checkpoint`, and keep the answer in the run directory; a resumed run takes the one it has.

    The hook is called again when the parameters that were used, or the plugins, have changed. Pickles in it are checked
    before anything may load them. Those from which this run's own training goes on are not: they are beside run.json,
    which names the code of the action, so that an attacker who can write there needs no pickle to have code run.

    Args:
        context: The run.
        plugins: The plugins of the run.
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
        context.checkpoint = _with_paths(kept)
        if not keep:
            with _as_failure(plugins, directory):
                # It may be outside of the run directory, and have been changed since.
                check_pickles(context.checkpoint['path'], context.runtime_ctx.allow_pickle)
        return
    staged = directory.staging('checkpoint')
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    context.output_dir = staged
    given = dict(context.params)
    params = context.params = TrackedParams(given)
    with _as_failure(plugins, directory):
        checkpoint = checked_checkpoint(
            context.hooks.resolve_checkpoint(context=context), context.runtime_ctx.allow_pickle
        )
        if any(staged.iterdir()):
            final = directory.path / 'stages' / 'checkpoint'
            final.parent.mkdir(exist_ok=True)
            publish(staged, final, replace=True)
            checkpoint = cast('Checkpoint | None', relocate(checkpoint, staged, final))
    context.checkpoint = checkpoint
    if inputs.uses_all_for_checkpoint():
        params.use_all()
    used = inputs.checkpoint(chosen(sorted(params.used), given))
    directory.update(checkpoint=plain(checkpoint), checkpoint_of={**used, 'digest': digest_of(used)})


@contextmanager
def _as_failure(plugins: Plugins, directory: RunDirectory) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may raise anything, asyncio.CancelledError for one
        if isinstance(error, WrongAnswer):
            plugins.blame_answerer(error)
        plugin = culprit(error)
        raise StepFailed(
            f'the checkpoint cannot be used: {summary(error)}',
            # The hint of the cause is more specific, where it has one: what there is at the backend, what to allow.
            hint='' if getattr(error, 'hint', '') else 'choose another model: `-p checkpoint=ID`',
            step='checkpoint',
            attempt=1,
            plugin=plugin.name if plugin else None,
            distribution=plugin.distribution if plugin else None,
            run_dir=str(directory.path),
        ) from error


def checked_checkpoint(
    answer: object, allow_pickle: Collection[str], hook: str = 'resolve_checkpoint'
) -> Checkpoint | None:
    """A plugin's answer as a `Checkpoint` with all of its keys; None stays None.

    Raises:
        WrongAnswer: It is something else, or nothing is at its path.
        PickleRefused: It would run code when it is loaded.
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
    check_pickles(path, allow_pickle)
    # All keys are always there, so that an action may rely on them.
    return _with_paths({'category': None, 'id': None, 'name': path.name, **answer, 'path': path})


def _with_paths(answer: Mapping[str, Any]) -> Checkpoint:
    path = Path(answer['path'])
    return cast(Checkpoint, {**answer, 'path': path, 'weights': preferred_weights(path)})


def preferred_weights(place: Path) -> Path | None:
    """The file of a model that is best loaded: safetensors before pickles, as loading them runs nothing.

    Of several of a kind it is the one called `best`; without one it is ambiguous.

    Args:
        place: A folder, or a file, which is the answer itself.

    Example:
        >>> folder = getfixture('tmp_path')
        >>> for name in ('best.pt', 'model.safetensors', 'labels.txt'):
        ...     _ = (folder / name).write_bytes(b'')
        >>> preferred_weights(folder).name
        'model.safetensors'
    """
    if not place.is_dir():
        return place
    files = sorted(file for file in place.iterdir() if file.is_file())
    for suffixes in (frozenset(('.safetensors',)), SUFFIXES):
        weights = [file for file in files if file.suffix.lower() in suffixes]
        best = [file for file in weights if file.stem == 'best'] or weights
        if weights:
            return best[0] if len(best) == 1 else None
    return None
