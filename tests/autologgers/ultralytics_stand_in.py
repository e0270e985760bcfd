"""A stand-in for ultralytics: the loop of its trainer, event by event, in the shapes of its versions, without torch."""

from __future__ import annotations

import copy
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np


@dataclass
class Listing:
    """A recorder that keeps events in a list."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def record(self, type: str, payload: Mapping[str, Any]) -> None:
        self.events.append({'type': type, **payload})

    def of(self, type: str, **fields: Any) -> list[dict[str, Any]]:
        found = [event for event in self.events if event['type'] == type]
        return [event for event in found if all(event[name] == value for name, value in fields.items())]


class Tensor:
    """A number whose reading would wait for the GPU: how often it is read is counted."""

    reads = 0

    def __init__(self, value: float) -> None:
        self.value = value

    def __float__(self) -> float:
        Tensor.reads += 1
        return self.value


@dataclass(frozen=True)
class Shape:
    """What differs between versions."""

    losses_are: type = dict
    """`tuple` (a tensor) up to 8.4.103, then `dict`."""
    final_epoch_moves: bool = True
    """Since 8.4.52 the final evaluation counts as one epoch more."""
    names: tuple[str, ...] = ('box_loss', 'cls_loss', 'dfl_loss')


V50 = Shape(tuple, False)
V52 = Shape(tuple, True)
V104 = Shape(dict, True)
V104_26 = Shape(dict, True, ('box_loss', 'cls_loss', 'l1_loss'))


class Metrics:
    """What a validator has found, by class; in the shape of `DetMetrics.summary()`."""

    def summary(self) -> list[dict[str, Any]]:
        return [
            {'Class': 'cat', 'Images': 3, 'Box-P': 0.25, 'mAP50': 0.5, 'note': None},
            {'Class': 'dog', 'Box-P': 0.75},
        ]


class Validator:
    """The validator of a trainer. The columns of its confusion matrix are true classes, and the last is background."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        matrix = np.array([[5.0, 1.0, 2.0], [0.0, 7.0, 0.0], [3.0, 0.0, 0.0]])
        self.confusion_matrix = SimpleNamespace(matrix=matrix, names={0: 'cat', 1: 'dog'})


class Trainer:
    """As `ultralytics.engine.trainer.BaseTrainer`: names, order and numbering are its own, the arithmetic is not."""

    def __init__(self, callbacks: Mapping[str, list[Any]], shape: Shape = V104, **args: Any) -> None:
        defaults = {'epochs': 3, 'project': None, 'name': None, 'save_dir': None, 'val': True, 'task': 'detect'}
        self.args = SimpleNamespace(**{**defaults, 'mode': 'train', 'exist_ok': False, **args})
        self.shape = shape
        self.save_dir = sys.modules['ultralytics.engine.trainer'].get_save_dir(self.args)
        self.args.save_dir = str(self.save_dir)
        weights = self.save_dir / 'weights'
        weights.mkdir(parents=True, exist_ok=True)
        self.last, self.best = weights / 'last.pt', weights / 'best.pt'
        (self.save_dir / 'args.yaml').write_text('{}')
        self.epochs = self.args.epochs
        self.start_epoch = 0
        self.stop_after = self.epochs
        self.callbacks: dict[str, list[Any]] = defaultdict(list, {k: list(v) for k, v in callbacks.items()})
        sys.modules['ultralytics.utils.callbacks'].add_integration_callbacks(self)
        self.train_loader = range(4)
        self.fitness = self.best_fitness = None
        self.metrics: dict[str, float] | None = None
        self.stop = False
        self.validator = Validator()

    def run(self, event: str) -> None:
        for callback in self.callbacks.get(event, []):
            callback(self)

    def label_loss_items(self, loss_items: Any = None, prefix: str = 'train') -> dict[str, float]:
        values = loss_items.values() if isinstance(loss_items, dict) else loss_items
        return {f'{prefix}/{name}': float(value) for name, value in zip(self.shape.names, values, strict=True)}

    def losses(self) -> Any:
        values = [Tensor(10.0 * (self.epoch + 1) + n) for n in range(3)]
        return values if self.shape.losses_are is tuple else dict(zip(self.shape.names, values, strict=True))

    def validate(self, final: bool = False) -> None:
        # The second epoch is the best.
        self.fitness = 0.9 if final or self.epoch == 1 else 0.5 + self.epoch / 100
        self.best_fitness = max(self.best_fitness or 0, self.fitness)
        self.metrics = {'metrics/mAP50(B)': self.fitness}
        if not final:
            self.metrics['val/box_loss'] = float(self.epoch)

    def train(self) -> SimpleNamespace:
        self.metrics = {'metrics/mAP50(B)': 0, 'val/box_loss': 0}
        self.run('on_train_start')
        for epoch in range(self.start_epoch, self.epochs):
            self.epoch = epoch
            self.run('on_train_epoch_start')
            for _ in self.train_loader:
                self.tloss = self.losses()
                self.run('on_train_batch_end')
            self.lr = {'lr/pg0': 0.1 / (self.epoch + 1)}
            self.run('on_train_epoch_end')
            final_epoch = self.epoch + 1 >= self.stop_after
            if self.args.val or final_epoch:
                self.validate()
            self.stop = final_epoch
            self.last.write_bytes(f'epoch {self.epoch}'.encode())
            self.best.write_bytes(b'best')
            self.run('on_model_save')
            self.run('on_fit_epoch_end')
            if self.stop:
                break
        self.validate(final=True)
        self.epoch += self.shape.final_epoch_moves
        self.run('on_fit_epoch_end')
        self.epoch -= self.shape.final_epoch_moves
        for name in ('results.png', 'train_batch0.jpg', 'results.csv'):
            (self.save_dir / name).write_bytes(b'x')
        self.run('on_train_end')
        return SimpleNamespace(save_dir=self.save_dir)


class YOLO:
    """A model: it copies the default callbacks when it is made, and hands them to each trainer."""

    def __init__(self, shape: Shape = V104) -> None:
        self.callbacks = copy.deepcopy(sys.modules['ultralytics.utils.callbacks'].default_callbacks)
        self.shape = shape

    def trainer(self, **args: Any) -> Trainer:
        return Trainer(self.callbacks, self.shape, **args)

    def train(self, **args: Any) -> SimpleNamespace:
        return self.trainer(**args).train()
