"""Runs of synapse-hooks in TensorBoard: a sink that writes event files.

run_log.py  ->  event_file.py     one run: a folder for each of its curves' axes, and the files in it
    |
summaries.py                      what an event of a run is in TensorBoard
"""

from __future__ import annotations

from synapse_hooks_tensorboard.plugin import TensorBoardPlugin

__all__ = ['TensorBoardPlugin', 'plugin']

plugin = TensorBoardPlugin()
"""What the entry point names. It imports TensorBoard's protocol when the first event comes."""
