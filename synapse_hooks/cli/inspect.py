"""Look at a dataset: what it holds, and what is wrong with it.

Whatever is found is not a failure: the exit code is 1 when the dataset cannot be read, or for --strict.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from synapse_hooks.cli.common import Answer, one_thread_for_numpy
from synapse_hooks.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which dataset, and what to make of it."""
    parser.add_argument(
        'dataset',
        metavar='DATASET',
        type=Path,
        help='its folder, main file or archive (zip, tar), or its name or id in the workspace',
    )
    parser.add_argument('--from', metavar='FORMAT', dest='source_format', help='guessed when it is left out')
    parser.add_argument('--workspace', metavar='DIR', type=Path, help='where to look for a name that is not a path')
    parser.add_argument('--html', metavar='FILE', type=Path, help='write a page with plots and pictures too')
    parser.add_argument('--strict', action='store_true', help='exit with 1 for errors and warnings; notes do not count')


def run(options: argparse.Namespace) -> Answer:
    """Look, tell, write."""
    one_thread_for_numpy()
    from synapse_hooks.cli.findings import findings
    from synapse_hooks.cli.reading import find_source
    from synapse_hooks.cli.voice import voice
    from synapse_hooks.conversion.reader import open_reader, reading
    from synapse_hooks.insight import inspect_dataset, page
    from synapse_hooks.insight.page import PICTURES
    from synapse_hooks.plugins import build, load_settings
    from synapse_hooks.storage import disk_errors, write_atomic

    if options.html is not None:
        with disk_errors(options.html):
            _check_free(options.html)
    plugins = build(load_settings(block=options.block, only=options.only))
    with (
        find_source(plugins, options.dataset, options.source_format, options.workspace) as source,
        voice() as said,
        reading(source.dataset['path']),
    ):
        if source.remark:
            said.say([{'level': 'info', 'text': source.remark}])
        reader = open_reader(plugins.calls, source.dataset)
        found = inspect_dataset(reader, source.dataset, shown=PICTURES if options.html else 0, progress=said.progress)
        found.name = options.dataset.resolve().name
        text = findings(found)
        if options.html is not None:
            said.progress('writing the page', 0, None)
            write_atomic(options.html, page(found))
            text += f'\n\n{options.html}'
    failed = options.strict and found.problems.serious
    data = {**found.to_dict(), 'guessed': source.guessed, 'html': options.html and str(options.html)}
    return Answer(data, text, exit_code=1 if failed else 0)


def _check_free(page: Path) -> None:
    if page.is_dir():
        raise ConfigError(f'--html {page} is a folder', hint=f'name a file: {page / "dataset.html"}')
    if page.exists() and not page.is_file():
        # It would be renamed over, a device for every program.
        raise ConfigError(f'--html {page} is not a regular file', hint='name another file')
