"""The formats that are here, each with its state and origin. Nothing is imported for it: `plugins` does that."""

from __future__ import annotations

import argparse

from synapse_hooks.cli.common import Answer
from synapse_hooks.cli.inspection import list_kind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing besides what every command has."""


def run(options: argparse.Namespace) -> Answer:
    """List the formats."""
    return list_kind(options, 'format', 'formats')
