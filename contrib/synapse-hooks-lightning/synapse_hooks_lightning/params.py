"""The parameters of a training: hyperparameters of the module and of the data, of the trainer, of the optimizers."""

from __future__ import annotations

from typing import Any, Final

from synapse_hooks.autologgers.values import json_value

_OF_TRAINER: Final = (
    'max_epochs',
    'max_steps',
    'accumulate_grad_batches',
    'gradient_clip_val',
    'precision',
    'num_devices',
    'num_nodes',
    'world_size',
    'log_every_n_steps',
)
_OF_OPTIMIZER: Final = ('lr', 'weight_decay', 'momentum', 'betas', 'eps', 'nesterov', 'amsgrad')


def params_of(trainer: Any) -> dict[str, Any]:
    """What `save_hyperparameters()` kept, and `trainer`, `model`, `optimizers`."""
    module, data = trainer.lightning_module, trainer.datamodule
    found: dict[str, Any] = {}
    for owner in (data, module):
        found |= json_value(dict(getattr(owner, 'hparams_initial', None) or {}))
    optimizers = [
        {'name': type(optimizer).__name__}
        | {key: json_value(optimizer.param_groups[0][key]) for key in _OF_OPTIMIZER if key in optimizer.param_groups[0]}
        for optimizer in trainer.optimizers
    ]
    return found | {
        'model': type(module).__name__,
        'trainable_parameters': sum(one.numel() for one in module.parameters() if one.requires_grad),
        'trainer': {name: json_value(getattr(trainer, name, None)) for name in _OF_TRAINER}
        | {'strategy': type(trainer.strategy).__name__, 'accelerator': type(trainer.accelerator).__name__},
        'optimizers': optimizers,
    }
