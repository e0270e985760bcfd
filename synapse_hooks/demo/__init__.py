"""The demo: handwritten digits composed into scenes, a detector trained on them, and a picture of its predictions.

`scenes` makes the data, `base` the untrained model, `action` trains, `evaluation` scores, `sheet` draws.
"""

from __future__ import annotations

from synapse_hooks.demo.base import write_base_model
from synapse_hooks.demo.evaluation import evaluate
from synapse_hooks.demo.scenes import CLASSES, write_scenes
from synapse_hooks.demo.sheet import contact_sheet

__all__ = ['CLASSES', 'contact_sheet', 'evaluate', 'write_base_model', 'write_scenes']
