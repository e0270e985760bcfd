"""Runs of synapse-hooks in Weights & Biases.

plugin.py  ->  client.py  --pipe-->  helper.py  ->  tracked_run.py     wandb is imported by a process of its own only
                                         |
                               rows.py, settings.py                    what an event of a run is in wandb
"""

from __future__ import annotations

from synapse_hooks_wandb.plugin import WandbPlugin

__all__ = ['WandbPlugin', 'plugin']

plugin = WandbPlugin()
"""What the entry point names. It starts the helper process when the first event comes."""
