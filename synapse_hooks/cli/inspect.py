"""Examine a dataset: what it holds, and what is wrong with it.

The exit code is 0 even if there are problems; it is 1 if the dataset cannot be read, or with --strict.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from synapse_hooks.cli.common import CommandResult, limit_numpy_threads
from synapse_hooks.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The dataset, and the output."""
    parser.add_argument(
        'dataset',
        metavar='DATASET',
        type=Path,
        help='its folder, main file or archive (zip, tar), or its name or id in the workspace',
    )
    parser.add_argument(
        '--from', metavar='FORMAT', dest='source_format', help='the format of DATASET; guessed if it is not given'
    )
    parser.add_argument('--workspace', metavar='DIR', type=Path, help='where to look for a name that is not a path')
    parser.add_argument('--html', metavar='FILE', type=Path, help='write an HTML page with plots and pictures too')
    parser.add_argument('--strict', action='store_true', help='exit with 1 for errors and warnings; notes do not count')


def run(options: argparse.Namespace) -> CommandResult:
    """Inspect the dataset, print the report, write the page."""
    limit_numpy_threads()
    from synapse_hooks.cli.input_dataset import find_input
    from synapse_hooks.cli.inspection_report import inspection_report
    from synapse_hooks.cli.reporter import open_reporter
    from synapse_hooks.conversion.reader import explain_os_errors, open_reader
    from synapse_hooks.insight import inspect_dataset, page
    from synapse_hooks.insight.page import PICTURES
    from synapse_hooks.plugins import build, load_settings
    from synapse_hooks.storage import disk_errors, write_atomic

    if options.html is not None:
        with disk_errors(options.html):
            _check_page(options.html)
    plugins = build(load_settings(block=options.block, only=options.only))
    with (
        find_input(plugins, options.dataset, options.source_format, options.workspace) as source,
        open_reporter() as reporter,
        explain_os_errors(source.dataset['path']),
    ):
        if source.note:
            reporter.messages([{'level': 'info', 'text': source.note}])
        reader = open_reader(plugins.calls, source.dataset)
        inspection = inspect_dataset(
            reader, source.dataset, shown=PICTURES if options.html else 0, progress=reporter.progress
        )
        inspection.name = options.dataset.resolve().name
        text = inspection_report(inspection)
        if options.html is not None:
            reporter.progress('writing the page', 0, None)
            write_atomic(options.html, page(inspection))
            text += f'\n\n{options.html}'
    failed = options.strict and inspection.problems.serious
    data = {**inspection.to_dict(), 'guessed': source.guessed, 'html': options.html and str(options.html)}
    return CommandResult(data, text, exit_code=1 if failed else 0)


def _check_page(page: Path) -> None:
    if page.is_dir():
        raise ConfigError(f'--html {page} is a folder', hint=f'name a file: {page / "dataset.html"}')
    if page.exists() and not page.is_file():
        # The page would replace it by a rename, and a device is used by every program.
        raise ConfigError(f'--html {page} is not a regular file', hint='name another file')
