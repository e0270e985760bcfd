"""The demo: real handwriting composed into scenes, a small detector trained on them, and a picture of what it learned.

`scenes` makes the data and `base` the model to start from, `action` trains, `judge` scores, `sheet` draws.
"""

from __future__ import annotations

from synapse_hooks.demo.base import write_base_model
from synapse_hooks.demo.judge import evaluate
from synapse_hooks.demo.scenes import CLASSES, write_scenes
from synapse_hooks.demo.sheet import contact_sheet

__all__ = ['CLASSES', 'contact_sheet', 'evaluate', 'write_base_model', 'write_scenes']
