"""Automatic logging for ultralytics 8.4.50 and later: YOLO and RT-DETR, every task.

    self.autolog('ultralytics')          # in an action; or, anywhere:
    with UltralyticsAutologger().autolog('ultralytics', session):
        YOLO('yolo11n.yaml').train(data='dataset.yaml', epochs=3)

What is recorded, under the names of ultralytics' own results.csv:

| event | when | content |
| --- | --- | --- |
| params | a training starts | every argument, as ultralytics resolved it |
| metrics, phase `train` | each epoch | mean losses (`train/box_loss`, ...; the names vary by model) and `lr/pg0`, ... |
| metrics, phase `val` | each validated epoch | `metrics/mAP50(B)`, `val/box_loss`, ... |
| metrics, phase `final` | once, at the end | the evaluation of the best weights; `step` is their epoch, if known |
| metrics, phase `val` | each `model.val()` on its own | the same without a step, under the name `val`, `val2`, ... |
| progress | at most twice a second | epochs done, with the fraction of the current one |
| checkpoint | each epoch but the last | an atomic copy of last.pt, `<run_dir>/checkpoints/TRAINING/last.pt` |
| artifact | at the end, also after a failure | plots, results.csv, args.yaml, best.pt and last.pt |

Every event has the name of its training: the `name` that the user gives, else `train`, then `train2`. A training that
is resumed from its checkpoint keeps its name, and where the run directory was moved or copied, the paths in the
checkpoint move along.

Output that was given no `project` or `save_dir` goes to `<run_dir>/ultralytics/train` (then `train-2`; `val`,
`predict`, ...). The user's ultralytics settings are neither changed nor written.

A model made before `autolog` is logged too; a bare *trainer* made before is not. Trainings that ultralytics starts in
processes of its own (several GPUs; `data=[...]` in some versions) are read from their results.csv when the block ends:
metrics and artifacts arrive, live progress and checkpoints do not. `YOLO.tune()` is not logged.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from synapse_hooks.autologgers.ultralytics.attach import Attachment
from synapse_hooks.autologgers.ultralytics.files import resumable
from synapse_hooks.hookspecs import hookimpl

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession

__all__ = ['UltralyticsAutologger', 'resumable']


class UltralyticsAutologger:
    """The plugin: answers `autolog` for the framework `ultralytics`."""

    @hookimpl.autolog
    def autolog(self, framework: str, session: AutologSession) -> AbstractContextManager[Any] | None:
        """A context manager that logs every training inside it to `session`; None for any other framework.

        Raises:
            ConfigError: On entering, when ultralytics is not installed or cannot be imported.

        Example:
            >>> UltralyticsAutologger().autolog('keras', None) is None
            True
        """
        return Attachment(session) if framework == 'ultralytics' else None
