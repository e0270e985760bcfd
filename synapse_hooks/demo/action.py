"""The training action of the demo: the code that an author writes.

The other stages are provided: the checkpoint is fetched, the dataset is exported and converted to YOLO, and afterwards
the files at `weights_path` are uploaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, Field

from synapse_hooks.actions.train import BaseTrainAction, BaseTrainParams
from synapse_hooks.demo.time_budget import TimeBudget, use_one_core

TUNING: Final[dict[str, Any]] = {
    # An optimizer step for every batch; ultralytics would accumulate 64 images for one, and there are few.
    'nbs': 8,
    'optimizer': 'AdamW',
    'lr0': 0.004,
    'warmup_epochs': 1,
    'close_mosaic': 4,
    # A mirrored digit is not a digit.
    'fliplr': 0.0,
}
"""Hyperparameters with which a small model learns a small dataset within a minute."""
MACHINE: Final[dict[str, Any]] = {'device': 'cpu', 'workers': 0, 'plots': True}


class TrainParams(BaseTrainParams):
    """The parameters of `synapse-hooks train synapse_hooks.demo.action:YOLOTrainAction -p NAME=VALUE`."""

    dataset: int | str = Field(description='The dataset, by id or name')
    splits: dict[str, Any] | None = Field(default=None, description='Which images are train, valid and test')
    epochs: int = Field(default=16, ge=1, le=1000, description='Passes over the training images')
    batch_size: int = Field(default=8, ge=1, description='Images in a batch')
    image_size: int = Field(default=128, ge=32, description='Width and height of the network input, in pixels')
    seconds: float = Field(default=150, gt=0, description='Time limit: the number of epochs is reduced')


class TrainResult(BaseModel):
    """The result of a training."""

    weights_path: str
    final_mAP: float | None = None
    mAP50: float | None = None


class YOLOTrainAction(BaseTrainAction[TrainParams]):
    """Trains an ultralytics detector on the CPU, and continues an interrupted training."""

    action_name = 'train'
    target_format = 'yolo'
    result_model = TrainResult

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> TrainResult:
        """Train on the YOLO dataset at `data_path`, from `best.pt` of the checkpoint.

        Raises:
            ValueError: There is no checkpoint to start from.
        """
        from ultralytics import YOLO

        self.autolog('ultralytics')
        if checkpoint is None:
            raise ValueError('no model to start from: give `-p checkpoint=ID`, see `synapse-hooks workspace list`')
        interrupted = self.context.resume_from
        model = YOLO(interrupted or checkpoint['path'] / 'best.pt')
        model.add_callback('on_train_start', use_one_core)
        TimeBudget(self.params.seconds, self.log_message).attach(model)
        if interrupted:
            results = model.train(resume=True, data=str(data_path), **MACHINE)
        else:
            results = model.train(
                data=str(data_path),
                epochs=self.params.epochs,
                batch=self.params.batch_size,
                imgsz=self.params.image_size,
                amp=False,
                **TUNING,
                **MACHINE,
            )
        return TrainResult(
            weights_path=str(results.save_dir / 'weights'),
            final_mAP=results.results_dict.get('metrics/mAP50-95(B)'),
            mAP50=results.results_dict.get('metrics/mAP50(B)'),
        )
