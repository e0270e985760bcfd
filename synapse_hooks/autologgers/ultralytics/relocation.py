"""A run directory that was moved or copied: ultralytics keeps absolute paths in its checkpoints.

A checkpoint has the arguments of its training: `data`, `save_dir`, `project` and others. Taken as they are, a copy of a
run would train into the original, and a moved run would find neither its data nor its folder. So the arguments of a
training that is resumed are changed to where the run directory is; and weights are rewritten, since a model that is
loaded from them validates on the data that they name.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse_hooks.storage import relocate, safe_name, write_atomic

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession


def relocate_args(args: Any, session: AutologSession) -> None:
    """Rewrite arguments with paths to the former place of the run directory. Others stay: the user's own, and data
    that never were in the run directory.
    """
    for name, value in vars(args).items():
        setattr(args, name, _relocated(value, session))


def keep_in_run(args: Any, session: AutologSession) -> None:
    """Give a training that goes on in another run a folder there. So it is in a copy of a run, whose training had its
    folder elsewhere: that is the original's; and in a trial that got the checkpoint of another trial. A run that was
    moved, and has no original any more, continues where it was.
    """
    save_dir = Path(getattr(args, 'save_dir', None) or session.run_dir)
    run_dir = session.run_dir.resolve()
    if save_dir.resolve().is_relative_to(run_dir):
        return
    if Path(args.resume).resolve().is_relative_to(run_dir) and any(
        (p / 'run.json').is_file() for p in save_dir.parents
    ):
        # A new folder in this run is chosen, without weights of what was trained here before.
        args.save_dir = args.project = None
        session.log_message(f'the checkpoint {args.resume} is of the training in {save_dir}, which stays as it is')
        return
    state = next((state for state in session.trainings.values() if state.folder == save_dir), None)
    original = next((place for place in session.moved_from if (place / 'run.json').is_file()), None)
    if state is not None and original is not None:
        args.save_dir = str(run_dir / 'ultralytics' / safe_name(state.name))
        session.log_message(f'{save_dir} belongs to {original} too; the training continues in {args.save_dir}')


def rewrite_weights(session: AutologSession) -> None:
    """Rewrite the paths in the weights of earlier trainings, where they are in a run directory that was moved.

    Raises:
        StorageError: A file cannot be written; it is as it was.
    """
    if not session.moved_from:
        return
    folders = [state.folder / 'weights' for state in session.trainings.values() if state.folder is not None]
    inside = [folder for folder in folders if folder.resolve().is_relative_to(session.run_dir.resolve())]
    files = {file for folder in (*inside, session.run_dir / 'checkpoints') for file in folder.rglob('*.pt')}
    for file in sorted(files):
        # Strings are stored as they are: to look for one is faster than to load a model.
        content = file.read_bytes()
        if any(str(place).encode() in content for place in session.moved_from):
            _rewrite(file, session)


def _rewrite(file: Path, session: AutologSession) -> None:
    import torch
    from ultralytics.utils.patches import torch_load

    checkpoint = torch_load(file, map_location='cpu')
    checkpoint['train_args'] = _relocated(checkpoint.get('train_args', {}), session)
    for model in (checkpoint.get('model'), checkpoint.get('ema')):
        args = getattr(model, 'args', None)
        if isinstance(args, dict):
            model.args = _relocated(args, session)
        elif hasattr(args, '__dict__'):
            relocate_args(args, session)
    content = io.BytesIO()
    torch.save(checkpoint, content)
    write_atomic(file, content.getvalue())


def _relocated(value: Any, session: AutologSession) -> Any:
    """`value` with every path that leads to where the run directory was."""
    here = session.run_dir.absolute()
    for place in session.moved_from:
        # A copy inside of the original: what leads there already is not led there again.
        if here.is_relative_to(place) and isinstance(value, str | Path) and Path(value).is_relative_to(here):
            continue
        value = relocate(value, place, here)
    return value
