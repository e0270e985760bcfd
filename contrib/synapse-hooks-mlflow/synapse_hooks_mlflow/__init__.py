"""Runs of synapse-hooks in MLflow: a sink for what they log, and an upload into the model registry.

settings.py  ->  tracked_run.py  ->  plugin.py     one run: its MLflow run, and what is sent to it
                     |
                 names.py, failures.py, files.py   keys and limits of MLflow, its errors, its artifacts
"""

from __future__ import annotations

from synapse_hooks_mlflow.plugin import MlflowPlugin

__all__ = ['MlflowPlugin', 'plugin']

plugin = MlflowPlugin()
"""What the entry point names. It imports MLflow when the first event comes."""
