"""The autologgers that are installed, each with its state and origin. None is imported; `plugins` imports them."""

from __future__ import annotations

import argparse

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.plugin_listing import list_kind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options besides those of every command."""


def run(options: argparse.Namespace) -> CommandResult:
    """List the autologgers."""
    return list_kind(options, 'autologger', 'autologgers')
