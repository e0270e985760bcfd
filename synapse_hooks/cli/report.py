"""Report on runs: what went wrong, how each step went, the last metrics; of several runs, what differs.

With --html a page with curves, results and everything else, in one file that loads nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.errors import ConfigError

_SUFFIXES: Final = ('.html', '.htm')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The runs, and the page."""
    parser.add_argument(
        'runs',
        metavar='RUN',
        nargs='*',
        default=['last'],
        help='a name, a unique beginning of one, the id or name of a model, `last` (the default), or a run directory',
    )
    parser.add_argument('--workspace', metavar='DIR', type=Path, help='where the runs are')
    parser.add_argument(
        '--html',
        metavar='FILE',
        type=Path,
        nargs='?',
        const=Path(),
        help='write a page; without FILE it is report-RUN.html in the working directory',
    )


def run(options: argparse.Namespace) -> CommandResult:
    """Read the runs, print the report or write the page."""
    from synapse_hooks.cli.report_text import report_text
    from synapse_hooks.report import RunContents, report_page
    from synapse_hooks.report.data import report_data
    from synapse_hooks.runs import Runs
    from synapse_hooks.storage import disk_errors, write_atomic

    runs = Runs(options.workspace)
    found = [runs.find(wanted) for wanted in options.runs]
    page = None if options.html is None else _page(options.html, [run.path.name for run in found])
    contents = [RunContents.of(run.path) for run in found]
    text = report_text(contents)
    if page is not None:
        with disk_errors(page):
            write_atomic(page, report_page(contents))
        text = str(page)
    return CommandResult({**report_data(contents), 'html': page and str(page)}, text)


def _page(given: Path, names: list[str]) -> Path:
    """The file of the page."""
    from synapse_hooks.storage import safe_name

    if given == Path():
        more = f'-and-{len(names) - 1}-more' if len(names) > 1 else ''
        return Path(safe_name(f'report-{names[0]}{more}') + '.html')
    if given.suffix.lower() not in _SUFFIXES:
        # `report --html RUN RUN` would take the first run for the file.
        raise ConfigError(
            f'--html {given} must be a file that ends in .html',
            hint='name the runs first: `synapse-hooks report RUN RUN --html FILE.html`',
        )
    if given.is_dir():
        raise ConfigError(f'--html {given} is a folder', hint=f'name a file: {given / "report.html"}')
    if given.exists() and not given.is_file():
        raise ConfigError(f'--html {given} is not a regular file', hint='name another file')
    return given
